#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "cmd/cmd.h"

#ifndef SOCKDIAG_VERSION
#error "SOCKDIAG_VERSION comes from the Makefile"
#endif

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"demo", cmd_demo, N_("a transfer between two hosts: what each send, segment and recv carried")},
    {"lesson", cmd_lesson, N_("lessons on live traffic: predict, run, look, understand, try")},
    {"show", cmd_show, N_("draw the lanes of a capture file")},
    {"streams", cmd_streams,
     N_("one line for each TCP connection: who, how much, how it ended, what was wrong")},
    {"extract", cmd_extract, N_("the payload of each direction of TCP streams to files")},
    {"record", cmd_record, N_("run any program and record its socket calls, and the wire")},
    {"send", cmd_send, N_("craft packets, send them, show the answers")},
    {"route", cmd_route, N_("the hops to a host, the MTU of the path, and what loss on the way means")},
    {"capture", cmd_capture, N_("packets of an interface or a file, to the terminal or a file")},
    {"ping", cmd_ping, N_("is a host there, and how far? Echo, TCP or UDP probes through raw sockets")},
    {"sockets", cmd_sockets,
     N_("which kinds of socket there are; which are open, and what is wrong with them")},
    {"doctor", cmd_doctor,
     N_("what works on this machine and what does not, and the one command that helps")},
    {"lab", cmd_lab, N_("a shell or a command in a private network of two hosts")},
    {"ftp", cmd_ftp, N_("the demo file transfer by hand: serve, put, get, ls")},
};

#define COMMAND_COLUMNS 37
#define NAME_COLUMNS 9

static const struct {
    const char *line, *meaning;
} beginnings[] = {
    {"sockdiag demo", N_("see it once: a transfer, its calls and its packets")},
    {"sockdiag record -o f.pcapng -- CMD", N_("record your own program")},
    {"sockdiag show f.pcapng", N_("and look at it")},
};

static void usage(FILE *out)
{
    fprintf(out, "%s\n\n", _("sockdiag shows what happens between send() and recv()."));
    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++)
        fprintf(out, "  %-*s%s\n", COMMAND_COLUMNS, beginnings[i].line, _(beginnings[i].meaning));
    fprintf(out, "\n%s\n", _("Commands ('sockdiag COMMAND --help' tells more):"));
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        fprintf(out, "  %-*s %s\n", NAME_COLUMNS, commands[i].name, _(commands[i].help));
}

/* What stdio still holds is written here: a full disk must not pass for success. */
static int finish(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    fprintf(stderr, _("sockdiag: cannot write the output: %s\n"), sd_errno_text(errno));
    return CMD_ERROR;
}

static int run(int argc, char **argv)
{
    const int taken = cmd_language(argc, argv);
    if (taken < 0)
        return CMD_ERROR;
    argc -= taken;
    argv += taken;
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
    cmd_say(_("sockdiag: there is no command '%s'; 'sockdiag --help' lists them\n"), argv[1]);
    return CMD_ERROR;
}

int main(int argc, char **argv)
{
    if (cmd_begin() != CMD_OK)
        return CMD_ERROR;
    return finish(run(argc, argv));
}
