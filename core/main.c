/* Entry of the program: one command word, handed over. */
#include <signal.h>

#include "commands/commands.h"

int main(int argc, char **argv)
{
    /* A client that goes away is an error of write(2), not the end of the process. */
    signal(SIGPIPE, SIG_IGN);
    return tb_commands_run(argc, argv);
}
