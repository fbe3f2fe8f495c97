#include "cmd/sockets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "cmd/cmd.h"

const char sockets_name[] = "sockets";

enum {
    MOST_SECONDS = 3600
};

static const struct command_help help = {
    .name = sockets_name,
    .usage = N_("sockets [--json]\nsockets --list [options]\nsockets --problems [options]"),
    .summary =
        N_("the kinds of socket that this machine has; which sockets are open, and what is wrong with them"),
    .examples = N_("sockdiag sockets\twhich kinds there are, and what each keeps and loses\n"
                   "sockdiag sockets --list\topen sockets: state, queues, timers, process\n"
                   "sockdiag sockets --list -tl\tTCP sockets that listen\n"
                   "sudo sockdiag sockets --problems\twhat is wrong with the open ones, and the proof\n"
                   "sockdiag sockets --problems --watch 2\tlooks twice: what lasts is proved"),
    .notes = N_(
        "Processes of other users are seen by root only.\n"
        "Exit status: 0 done, and no problem; 1 --problems found one; 2 usage or system error; 3 this kernel "
        "does not tell of some of the sockets."),
};

static int parse_seconds(void *target, const char *argument, struct sd_err *err)
{
    char *end = NULL;
    errno = 0;
    const double seconds = strtod(argument, &end);
    if (argument[strspn(argument, "0123456789.")] != '\0' || end == argument || *end != '\0' || errno != 0 ||
        !(seconds >= 0.1 && seconds <= MOST_SECONDS))
        return sd_fail(err, EINVAL, "'%s' is no time: seconds from 0.1 to %d, such as 1 or 0.5", argument,
                       MOST_SECONDS);
    *(uint64_t *)target = (uint64_t)(seconds * NS_PER_S);
    return 0;
}

static const char *contradiction(const struct sockets_options *o)
{
    const bool filtered = o->tcp || o->udp || o->unix_domain || o->raw || o->listen || o->port != 0;
    if (o->list && o->problems)
        return N_("--list and --problems: choose one");
    if (filtered && !o->list && !o->problems)
        return N_("--tcp, --udp, --unix, --raw, --listen and --port choose among open sockets: say --list or "
                  "--problems");
    if (o->watch_ns != 0 && !o->problems)
        return N_("--watch goes with --problems");
    return NULL;
}

int sockets_options_parse(struct sockets_options *o, int argc, char **argv, struct sd_err *err)
{
    enum {
        ROWS = 9
    };
    struct option_row rows[ROWS + SCREEN_OPTION_ROWS] = {
        {0, "list", NULL, N_("the open sockets"), OPTION_FLAG, &o->list, 0, 0, NULL, NULL},
        {0, "problems", NULL, N_("what is wrong with the open sockets"), OPTION_FLAG, &o->problems, 0, 0,
         NULL, NULL},
        {'t', "tcp", NULL, N_("TCP sockets (with others: these, too)"), OPTION_FLAG, &o->tcp, 0, 0, NULL,
         NULL},
        {'u', "udp", NULL, N_("UDP sockets"), OPTION_FLAG, &o->udp, 0, 0, NULL, NULL},
        {'x', "unix", NULL, N_("unix sockets"), OPTION_FLAG, &o->unix_domain, 0, 0, NULL, NULL},
        {'w', "raw", NULL, N_("raw sockets"), OPTION_FLAG, &o->raw, 0, 0, NULL, NULL},
        {'l', "listen", NULL, N_("only those that wait for others: listening, or bound and not connected"),
         OPTION_FLAG, &o->listen, 0, 0, NULL, NULL},
        {'p', "port", N_("N"), N_("only those with this port, on either side"), OPTION_NUMBER, &o->port, 1,
         UINT16_MAX, NULL, NULL},
        {0, "watch", N_("SECONDS"), N_("with --problems: look a second time after so long"), OPTION_CUSTOM,
         &o->watch_ns, 0, 0, parse_seconds, NULL},
    };
    int first = 0;
    const size_t count = ROWS + screen_option_rows(&o->screen, rows + ROWS);
    int failed = options_parse(argc, argv, rows, count, &o->common, false, &first, err);
    if (failed != 0)
        return failed;
    if (o->common.help) {
        options_help(&help, rows, count);
        return 0;
    }
    if (first < argc)
        return sd_fail(err, EINVAL, "'%s': sockets takes no operands", argv[first]);
    const char *wrong = contradiction(o);
    return wrong != NULL ? sd_fail(err, EINVAL, "%s", _(wrong)) : 0;
}

int sockets_write(struct buf *out, int status)
{
    if (out->failed)
        status = cmd_fail(sockets_name, "out of memory");
    else if (out->len > 0) {
        const int failed = cmd_write_stdout(out->data, out->len);
        status = failed == 0 || failed == -EPIPE ? status : CMD_ERROR;
    }
    buf_free(out);
    return status;
}

int cmd_sockets(int argc, char **argv)
{
    struct sockets_options options = {0};
    struct sd_err err = {0};
    if (sockets_options_parse(&options, argc, argv, &err) != 0)
        return cmd_usage(sockets_name, err.text);
    if (options.common.help)
        return CMD_OK;
    if (options.list)
        return sockets_list_run(&options);
    return options.problems ? sockets_problems_run(&options) : sockets_kinds_run(&options);
}
