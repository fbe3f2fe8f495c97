#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "cmd/send.h"

static const struct command_help help = {
    .name = "send",
    .usage = N_("send [options] EXPR…"),
    .summary =
        N_("packets of your own making: every header field in your hand; answers are matched and shown"),
    .examples = N_(
        "sudo sockdiag send 'ip(dst=10.0.0.2)/icmp()/\"hello\"'\tan echo request, and its answer\n"
        "sudo sockdiag send 'ip(dst=10.0.0.2)/tcp(dport=[22,80,443],flags=S)'\tthree SYNs: who answers what\n"
        "sudo sockdiag send 'ip(dst=8.8.8.8,ttl=1-10)/udp(dport=33434)'\ta traceroute by hand\n"
        "sudo sockdiag send -i eth0 'arp(pdst=192.168.1.1)'\twho has this address?\n"
        "sockdiag send --dry-run 'ip(dst=10.0.0.2)/udp(dport=53)'\tprint what would be sent; needs no root\n"
        "sockdiag send -w f.pcapng 'ip(dst=10.0.0.2,id=1-9)/icmp()'\tto a file instead\n"
        "sockdiag lab -- sockdiag send --no-rst 'ip(dst=10.77.0.2)/tcp(dport=80)'\tin a private network: "
        "try anything"),
    .notes = N_(
        "EXPR: layers with a / between them, outermost first; a layer's fields in parentheses. Ranges (1-5), "
        "lists ([80,443]), prefixes (10.0.0.0/24) and random stand for many packets. Lengths, checksums and "
        "what else is not given are filled in; given values are sent as they are, also wrong ones. A wrong "
        "word is answered with the right ones; --layers lists all of them.\n"
        "More than 1,000 packets/s to anything but this machine or a lab takes --i-may.\n"
        "Exit status: 0 done; 1 nothing was answered within --wait; 2 usage or system error, nothing was "
        "sent; 3 some packets could not be sent."),
};

/* "max", or packets/s; 0 is max, too. */
static int parse_rate(void *target, const char *argument, struct sd_err *err)
{
    char *end = NULL;
    errno = 0;
    const uint64_t value = strtoull(argument, &end, 10);
    if (strcmp(argument, "max") == 0) {
        *(uint64_t *)target = 0;
        return 0;
    }
    if (argument[0] < '0' || argument[0] > '9' || *end != '\0' || errno != 0 || value > NS_PER_S)
        return sd_fail(err, EINVAL, "--rate takes packets a second, up to %u, or max; not '%s'", NS_PER_S,
                       argument);
    *(uint64_t *)target = value;
    return 0;
}

/* Seconds with decimals. */
static int parse_wait(void *target, const char *argument, struct sd_err *err)
{
    struct send_wait *wait = target;
    char *end = NULL;
    const double value = strtod(argument, &end);
    const bool begins = (argument[0] >= '0' && argument[0] <= '9') || argument[0] == '.';
    if (!begins || *end != '\0' || !(value >= 0 && value <= 86400))
        return sd_fail(err, EINVAL, "--wait takes seconds, up to 86400, not '%s'", argument);
    wait->given = true;
    wait->ns = (uint64_t)(value * NS_PER_S);
    return 0;
}

/* What contradicts itself; NULL if nothing does. */
static const char *contradiction(const struct send_options *o)
{
    const bool to_stdout = o->write != NULL && strcmp(o->write, "-") == 0;
    if (o->raw && o->link)
        return N_(
            "--raw hands IP datagrams to the kernel and --link whole frames to an interface: choose one");
    if (send_is_dry(o) && o->count == 0)
        return N_("--count 0 never ends: it is for sending");
    if (send_is_dry(o) && o->no_rst)
        return N_("--no-rst is for sending");
    if (send_is_dry(o) && o->wait.given && o->wait.ns > 0)
        return N_("-w, --hex and --dry-run send nothing: there is nothing to --wait for");
    if (to_stdout && (o->hex || o->dry_run || o->common.json || o->common.verbose))
        return N_("stdout is for packets (-w -) or for lines, not for both");
    return NULL;
}

/* Answers are waited for where people look at them: not in a flood. */
static void choose_wait(struct send_options *o)
{
    if (!o->wait.given && o->rate != 0 && o->rate <= SEND_POLITE && o->count != 0)
        o->wait.ns = NS_PER_S;
}

int send_options_parse(struct send_options *o, int argc, char **argv, int *first, struct sd_err *err)
{
    const struct option_row own[] = {
        {'c', "count", N_("N"), N_("the whole expansion N times (default 1; 0: until Ctrl-C)"), OPTION_NUMBER,
         &o->count, 0, 0, NULL, NULL},
        {0, "rate", N_("PPS"), N_("packets a second (default 1000); max: as fast as possible"), OPTION_CUSTOM,
         &o->rate, 0, 0, parse_rate, NULL},
        {0, "wait", N_("SECONDS"),
         N_("for answers, after the last packet (default 1; 0 with --count 0 or a rate above 1000)"),
         OPTION_CUSTOM, &o->wait, 0, 0, parse_wait, NULL},
        {'w', "write", N_("FILE"), N_("write pcapng, send nothing; - is stdout"), OPTION_TEXT, &o->write, 0,
         0, NULL, NULL},
        {0, "hex", NULL, N_("print the bytes, send nothing"), OPTION_FLAG, &o->hex, 0, 0, NULL, NULL},
        {0, "dry-run", NULL, N_("print each packet with everything filled in, send nothing"), OPTION_FLAG,
         &o->dry_run, 0, 0, NULL, NULL},
        {'i', "interface", N_("IF"), N_("send by this interface"), OPTION_TEXT, &o->interface, 0, 0, NULL,
         NULL},
        {0, "raw", NULL, N_("IP datagrams through the kernel (default where an expression begins with IP)"),
         OPTION_FLAG, &o->raw, 0, 0, NULL, NULL},
        {0, "link", NULL,
         N_("whole frames, past the kernel's IP; eth() is put in front (default where an expression begins "
            "with "
            "eth or arp)"),
         OPTION_FLAG, &o->link, 0, 0, NULL, NULL},
        {0, "mtu", N_("BYTES"), N_("cut IP datagrams that are longer into fragments"), OPTION_NUMBER, &o->mtu,
         28, 65535, NULL, NULL},
        {0, "seed", N_("N"), N_("what random draws from: the same seed, the same packets"), OPTION_NUMBER,
         &o->seed, 0, 0, NULL, NULL},
        {0, "no-rst", NULL, N_("in a lab: the kernel does not answer for the crafted TCP ports"), OPTION_FLAG,
         &o->no_rst, 0, 0, NULL, NULL},
        {0, "layers", NULL, N_("list the layers and fields of expressions, and end"), OPTION_FLAG, &o->layers,
         0, 0, NULL, NULL},
        {0, "i-may", NULL, N_("more than 1000 packets/s to other machines: I may do that"), OPTION_FLAG,
         &o->i_may, 0, 0, NULL, NULL},
    };
    const size_t own_count = sizeof own / sizeof own[0];
    struct option_row rows[sizeof own / sizeof own[0] + SCREEN_OPTION_ROWS];
    memcpy(rows, own, sizeof own);
    const size_t count = own_count + screen_option_rows(&o->screen, rows + own_count);
    int failed = options_parse(argc, argv, rows, count, &o->common, false, first, err);
    if (failed != 0)
        return failed;
    if (o->common.help) {
        options_help(&help, rows, count);
        return 0;
    }
    const char *wrong = contradiction(o);
    if (wrong != NULL)
        return sd_fail(err, EINVAL, "%s", wrong);
    if (*first >= argc && !o->layers)
        return sd_fail(err, EINVAL, "an expression is missing: 'ip(dst=10.0.0.2)/icmp()'");
    choose_wait(o);
    return 0;
}
