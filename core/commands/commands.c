/* The command words and the two that need no file of their own: help and version. Main thread. */
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "commands/commands_private.h"

static int help(int argc, char **argv);
static int version(int argc, char **argv);

static const struct command {
    const char *word;
    int (*run)(int argc, char **argv);
    const char *help;
} COMMANDS[] = {
    {"serve", tb_command_serve, "run the bridge; settings come from the environment"},
    {"check", tb_command_check, "look at settings, network, Hummingbot API, store and plugins"},
    {"plugin", tb_command_plugin,
     "plugin TOOL: check, test, plan and run plugins; `plugin` lists all"},
    {"token", tb_command_token,
     "token create --role ROLE --name NAME [--bot ID]… [--expires TIME]"},
    {"backup", tb_command_backup, "backup FILE.tar|DIR: copy the store, also of a running bridge"},
    {"restore", tb_command_restore,
     "restore FILE.tar|DIR: put a backup into the empty place BRIDGE_STORE"},
    {"simulate", tb_command_simulate, "run a stand-in Hummingbot API, for trials without money"},
    {"health", tb_command_health, "ask the bridge on this machine whether it serves"},
    {"generate", tb_command_generate, "generate DIR: write the documents that follow from tables"},
    {"version", version, "print the version"},
    {"help", help, "print this"},
};

#define COUNT (sizeof COMMANDS / sizeof COMMANDS[0])

static void print_help(FILE *out)
{
    fputs("usage: trading-bridge COMMAND\n\n", out);
    for (size_t i = 0; i < COUNT; i++)
        fprintf(out, "  %-9s %s\n", COMMANDS[i].word, COMMANDS[i].help);
    fputs("\nSettings are environment variables; docs/settings.md lists them.\n", out);
}

static int help(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    print_help(stdout);
    return 0;
}

static int version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    puts("trading-bridge " TB_VERSION);
    return 0;
}

int tb_commands_run(int argc, char **argv)
{
    const char *words[COUNT + 1] = {0};
    const char *word = argc > 1 ? argv[1] : NULL;
    if (!word) {
        print_help(stderr);
        return 2;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        word = "help";
    if (strcmp(word, "--version") == 0)
        word = "version";
    for (size_t i = 0; i < COUNT; i++) {
        words[i] = COMMANDS[i].word;
        if (strcmp(COMMANDS[i].word, word) == 0)
            return COMMANDS[i].run(argc - 1, argv + 1);
    }
    const char *near = tb_nearest(word, words);
    fprintf(stderr, "trading-bridge: there is no command `%s`%s%s%s\n", word,
            near ? "; did you mean `" : "", near ? near : "", near ? "`?" : "");
    print_help(stderr);
    return 2;
}

bool command_settings(struct settings *s)
{
    bool good = settings_load(s);
    for (size_t i = 0; i < s->problems; i++)
        fprintf(stderr, "%s: %s; %s\n",
                s->problem[i].severity == SETTING_WARNING ? "warning" : "error", s->problem[i].what,
                s->problem[i].remedy);
    return good;
}
