/* One function a command word; argv[0] is the word itself. The result is the exit status. */
#ifndef TB_COMMANDS_COMMANDS_H
#define TB_COMMANDS_COMMANDS_H

int tb_command_simulate(int argc, char **argv);

#endif
