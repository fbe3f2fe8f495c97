#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"

#ifndef SOCKDIAG_VERSION
#error "SOCKDIAG_VERSION comes from the Makefile"
#endif

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"demo", cmd_demo, "a transfer between two hosts: what each send, segment and recv carried"},
    {"show", cmd_show, "draw the lanes of a capture file"},
    {"streams", cmd_streams, "one line for each TCP connection: who, how much, how it ended, what was wrong"},
    {"extract", cmd_extract, "the payload of each direction of TCP streams to files"},
    {"record", cmd_record, "run any program and record its socket calls, and the wire"},
    {"send", cmd_send, "craft packets, send them, show the answers"},
    {"route", cmd_route, "the hops to a host, the MTU of the path, and what loss on the way means"},
    {"capture", cmd_capture, "packets of an interface or a file, to the terminal or a file"},
    {"ping", cmd_ping, "is a host there, and how far? Echo, TCP or UDP probes through raw sockets"},
    {"lab", cmd_lab, "a shell or a command in a private network of two hosts"},
    {"ftp", cmd_ftp, "the demo file transfer by hand: serve, put, get, ls"},
};

static void usage(FILE *out)
{
    fputs("sockdiag shows what happens between send() and recv().\n\n"
          "  sockdiag demo                        see it once: a transfer, its calls and its packets\n"
          "  sockdiag record -o f.pcapng -- CMD   record your own program\n"
          "  sockdiag show f.pcapng               and look at it\n\n"
          "Commands ('sockdiag COMMAND --help' tells more):\n",
          out);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].help);
}

/* What stdio still holds is written here: a full disk must not pass for success. */
static int finish(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    fprintf(stderr, "sockdiag: cannot write the output: %s\n", strerror(errno));
    return CMD_ERROR;
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        usage(stderr);
        return CMD_ERROR;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        usage(stdout);
        return CMD_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("sockdiag " SOCKDIAG_VERSION);
        return CMD_OK;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    }
    fprintf(stderr, "sockdiag: there is no command '%s'; 'sockdiag --help' lists them\n", argv[1]);
    return CMD_ERROR;
}

int main(int argc, char **argv)
{
    if (cmd_begin() != CMD_OK)
        return CMD_ERROR;
    return finish(run(argc, argv));
}
