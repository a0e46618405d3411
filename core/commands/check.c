/* `trading-bridge check`. Main thread. */
#include "commands/commands_private.h"

int tb_command_check(int argc, char **argv)
{
    struct settings s;
    (void)argc;
    (void)argv;
    bool good = command_settings(&s);
    settings_free(&s);
    return !good;
}
