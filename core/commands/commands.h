/* What the program can be told to do: one function a command word, listed in commands.c. argv[0]
 * is the word itself; the result is the exit status (0 good, 1 failed, 2 wrong usage). */
#ifndef TB_COMMANDS_COMMANDS_H
#define TB_COMMANDS_COMMANDS_H

/* Finds the word and hands over. */
int tb_commands_run(int argc, char **argv);

int tb_command_serve(int argc, char **argv);
int tb_command_check(int argc, char **argv);
int tb_command_plugin(int argc, char **argv);
int tb_command_token(int argc, char **argv);
int tb_command_simulate(int argc, char **argv);
int tb_command_generate(int argc, char **argv);
int tb_command_backup(int argc, char **argv);
int tb_command_restore(int argc, char **argv);
int tb_command_health(int argc, char **argv);

#endif
