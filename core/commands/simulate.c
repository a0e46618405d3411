/* `trading-bridge simulate`: runs the simulator until SIGTERM or SIGINT. One thread of its own,
 * which waits for the signal; the server's threads have the signals blocked. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/commands_private.h"
#include "simulator/simulator.h"

static const char usage[] =
    "usage: trading-bridge simulate [--port P] [--bots N] [--seed S] [--world default|fresh]\n"
    "                               [--log FILE]\n";

static bool number(const char *text, unsigned long long max, unsigned long long *out)
{
    char *end;
    *out = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && *out <= max;
}

static bool option(struct tb_simulator_config *config, const char *name, const char *value)
{
    unsigned long long n;
    if (strcmp(name, "--port") == 0 && number(value, 65535, &n))
        config->port = (int)n;
    else if (strcmp(name, "--bots") == 0 && number(value, 1000, &n))
        config->bots = (unsigned)n;
    else if (strcmp(name, "--seed") == 0 && number(value, UINT64_MAX, &n))
        config->seed = n;
    else if (strcmp(name, "--world") == 0 &&
             (strcmp(value, "fresh") == 0 || strcmp(value, "default") == 0))
        config->fresh = strcmp(value, "fresh") == 0;
    else if (strcmp(name, "--log") == 0)
        config->log = value;
    else
        return false;
    return true;
}

int tb_command_simulate(int argc, char **argv)
{
    struct tb_simulator_config config = {.seed = 1};
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 >= argc || !option(&config, argv[i], argv[i + 1])) {
            fprintf(stderr, "simulate: %s is not an option, or its value is missing or wrong\n%s",
                    argv[i], usage);
            return 2;
        }
    }
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    struct tb_error err;
    struct tb_simulator *simulator = tb_simulator_start(&config, &err);
    if (simulator == NULL) {
        fprintf(stderr, "simulate: %s\n", err.detail);
        return 1;
    }
    printf("simulator ready on http://127.0.0.1:%d\n", tb_simulator_port(simulator));
    fflush(stdout);
    int got;
    sigwait(&signals, &got);
    tb_simulator_stop(simulator);
    return 0;
}
