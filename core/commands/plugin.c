/* `trading-bridge plugin TOOL`: the tools for plugin authors, one row each. They run plugins in the
 * same sandbox as the bridge. Main thread. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/nearest.h"
#include "commands/plugin_private.h"

static const struct tool {
    const char *word;
    int (*run)(int argc, char **argv);
    const char *arguments, *help;
} TOOLS[] = {
    {"new", plugin_new, "NAME [--connector CONNECTOR] [--controller TYPE/NAME]",
     "a plugin's first files, from the fields of a controller class, with a test"},
    {"check", plugin_check, "[NAME]", "load the plugins and show their problems"},
    {"test", plugin_test, "[NAME] [--watch] [--bless] [--junit FILE]",
     "run the plugins' own tests; --bless writes the golden files anew"},
    {"plan", plugin_plan, "PLUGIN STRATEGY [FORM.json] [--live] [--watch] [--json]",
     "what a form becomes, in the market of the tests or (--live) of the Hummingbot API"},
    {"run", plugin_run, "PLUGIN HOOK [--live] < IN.json",
     "one hook with one document, as the bridge calls it"},
    {"diff-bots", plugin_diff_bots, "PLUGIN [--generation HASH]",
     "which living bots of the running bridge the draft, or another version, builds differently"},
    {"repl", plugin_repl, "PLUGIN [--live]", "a prompt in the plugin's sandbox"},
    {"fixture", plugin_fixture, "PLUGIN 'hb.GROUP.NAME { … }'",
     "an answer of the Hummingbot API as JSON, keys and addresses replaced, for a test's world"},
    {"jail", plugin_jail, "[DIR]",
     "the attempts of ./tests/jail, or of DIR, to break out of the sandbox"},
};

#define COUNT (sizeof TOOLS / sizeof TOOLS[0])

static int usage(void)
{
    fputs("usage: trading-bridge plugin TOOL\n\n", stderr);
    for (size_t i = 0; i < COUNT; i++)
        fprintf(stderr, "  %s %s\n          %s\n", TOOLS[i].word, TOOLS[i].arguments,
                TOOLS[i].help);
    fputs("\nThe folder is BRIDGE_PLUGINS, else ./plugins, else the installed one.\n", stderr);
    return 2;
}

int tb_command_plugin(int argc, char **argv)
{
    const char *words[COUNT + 1] = {0};
    struct tb_error err = {0};
    /* What the host logs, the tools tell themselves. */
    if (!tb_log_configure("text,error", &err))
        fprintf(stderr, "plugin: %s\n", err.detail);
    for (size_t i = 0; i < COUNT; i++) {
        words[i] = TOOLS[i].word;
        if (argc < 2 || strcmp(TOOLS[i].word, argv[1]) != 0)
            continue;
        int status = TOOLS[i].run(argc - 1, argv + 1);
        if (status == 2)
            fprintf(stderr, "usage: trading-bridge plugin %s %s\n", TOOLS[i].word,
                    TOOLS[i].arguments);
        return status;
    }
    const char *near = argc > 1 ? tb_nearest(argv[1], words) : NULL;
    if (argc > 1)
        fprintf(stderr, "plugin: there is no tool `%s`%s%s%s\n", argv[1],
                near ? "; did you mean `" : "", near ? near : "", near ? "`?" : "");
    return usage();
}
