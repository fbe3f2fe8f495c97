#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "cmd/route.h"

enum {
    UDP_PORT = 33434, /* where nobody listens, by custom */
    TCP_PORT = 443,
    MAX_HOPS = 30,
    SIZE = 32,
    LEAST_SIZE = 10, /* of echo and UDP: the balance of the checksum, and the cookie */
    MOST_SIZE = 65000,
    MOST_SECONDS = 3600,
    /* A router says "host unreachable" when it has asked for its neighbour for three seconds. */
    WAIT_MS = 3500,
};

static const struct command_help help = {
    .name = "route",
    .usage = N_("route [options] HOST"),
    .summary = N_("the hops to a host, the MTU of the path, and what loss on the way means"),
    .examples = N_("sudo sockdiag route example.com\thops, and the path MTU with the hop where it falls\n"
                   "sudo sockdiag route --tcp 443 example.com\tby TCP SYNs, which firewalls let pass\n"
                   "sudo sockdiag route --watch example.com\tgoes on, with counts that grow (q ends)\n"
                   "sudo sockdiag route --probes 50 example.com\twhere is the loss?\n"
                   "sockdiag lab -- sockdiag route 10.77.0.2\tin a private network: without root"),
    .notes =
        N_("All probes are one flow to the routers (addresses, ports and checksum stay the same), so that "
           "they take the way of one connection.\n"
           "Exit status: 0 the target answered; 1 it did not, or a black hole was found; 2 usage or system "
           "error; 3 packets were lost on this machine, or could not be sent."),
};

static int parse_ns(void *target, const char *argument, struct sd_err *err)
{
    char *end = NULL;
    errno = 0;
    const double seconds = strtod(argument, &end);
    if (argument[strspn(argument, "0123456789.")] != '\0' || end == argument || *end != '\0' || errno != 0 ||
        !(seconds >= 0.01 && seconds <= MOST_SECONDS))
        return sd_fail(err, EINVAL, "'%s' is no time: seconds from 0.01 to %d, such as 1 or 0.2", argument,
                       MOST_SECONDS);
    *(uint64_t *)target = (uint64_t)(seconds * NS_PER_S);
    return 0;
}

/* --udp and --tcp: both write here. */
struct method {
    struct route_options *options;
    enum probe_method method;
    uint16_t port; /* the default */
    bool *given;
};

static int parse_method(void *target, const char *argument, struct sd_err *err)
{
    const struct method *method = target;
    char *end = NULL;
    *method->given = true;
    method->options->method = method->method;
    method->options->port = method->port;
    if (argument == NULL)
        return 0;
    const unsigned long port = strtoul(argument, &end, 10);
    if (argument[0] < '0' || argument[0] > '9' || *end != '\0' || port == 0 || port > UINT16_MAX)
        return sd_fail(err, EINVAL, "'%s' is no port: a number from 1 to 65535", argument);
    method->options->port = port;
    return 0;
}

/* A word of digits behind --udp is its port; a host made of digits only is none that anybody means. */
static bool is_number(const char *word)
{
    return word[0] != '\0' && word[strspn(word, "0123456789")] == '\0';
}

static const char *contradiction(const struct route_options *o, bool udp, bool tcp)
{
    if (udp && tcp)
        return N_("--udp and --tcp: choose one");
    if (o->ipv4 && o->ipv6)
        return N_("-4 and -6: choose one");
    if (o->method != PROBE_TCP && o->size < LEAST_SIZE)
        return N_("a payload under 10 bytes has no room for what makes the probes one flow and tells their "
                  "answers");
    return NULL;
}

static int take_host(struct route_options *o, int argc, char **argv, int first, struct sd_err *err)
{
    if (argc - first != 1)
        return sd_fail(err, EINVAL, argc == first ? "which host?" : "one host, not %d", argc - first);
    o->host = argv[first];
    return 0;
}

int route_options_parse(struct route_options *o, int argc, char **argv, struct sd_err *err)
{
    bool udp = false, tcp = false;
    struct method by_udp = {o, PROBE_UDP, UDP_PORT, &udp}, by_tcp = {o, PROBE_TCP, TCP_PORT, &tcp};
    struct option_row rows[20] = {
        {0, "udp", N_("[PORT]"), N_("UDP datagrams to a port (33434) instead of ICMP echo"), OPTION_CUSTOM,
         &by_udp, 0, 0, parse_method, is_number},
        {0, "tcp", N_("[PORT]"), N_("TCP SYNs to a port (443)"), OPTION_CUSTOM, &by_tcp, 0, 0, parse_method,
         is_number},
        {0, "probes", N_("N"), N_("probes to each hop (3); with --watch: end after so many"), OPTION_NUMBER,
         &o->probes, 1, 1000000, NULL, NULL},
        {'m', "max-hops", N_("N"), N_("look no farther (30)"), OPTION_NUMBER, &o->max_hops, 1, HOPS_MAX, NULL,
         NULL},
        {'W', "wait", N_("SECONDS"),
         N_("give a probe up after so long (3.5); less where the answers are soon there"), OPTION_CUSTOM,
         &o->wait_ns, 0, 0, parse_ns, NULL},
        {'i', "interval", N_("SECONDS"), N_("from one round of probes to the next (0.2; with --watch 1)"),
         OPTION_CUSTOM, &o->interval_ns, 0, 0, parse_ns, NULL},
        {0, "watch", NULL, N_("go on and draw the table again and again"), OPTION_FLAG, &o->watch, 0, 0, NULL,
         NULL},
        {'4', "ipv4", NULL, N_("IPv4 only"), OPTION_FLAG, &o->ipv4, 0, 0, NULL, NULL},
        {'6', "ipv6", NULL, N_("IPv6 only"), OPTION_FLAG, &o->ipv6, 0, 0, NULL, NULL},
        {'I', "interface", N_("IF|ADDR"), N_("leave by this interface, or from this address"), OPTION_TEXT,
         &o->source, 0, 0, NULL, NULL},
        {'s', "size", N_("BYTES"), N_("payload of the probes (32; TCP 0)"), OPTION_NUMBER, &o->size, 0,
         MOST_SIZE, NULL, NULL},
        {'n', "numeric", NULL, N_("no names"), OPTION_FLAG, &o->numeric, 0, 0, NULL, NULL},
        {0, "no-mtu", NULL, N_("do not look for the path MTU"), OPTION_FLAG, &o->no_mtu, 0, 0, NULL, NULL},
    };
    size_t count = 13;
    int first = 0;
    count += screen_option_rows(&o->screen, rows + count);
    o->max_hops = MAX_HOPS;
    o->size = UINT64_MAX;
    o->wait_ns = (uint64_t)WAIT_MS * NS_PER_MS;
    int failed = options_parse(argc, argv, rows, count, &o->common, false, &first, err);
    if (failed == 0 && o->common.help) {
        options_help(&help, rows, count);
        return 0;
    }
    if (o->size == UINT64_MAX)
        o->size = o->method == PROBE_TCP ? 0 : SIZE;
    if (o->interval_ns == 0)
        o->interval_ns = o->watch ? NS_PER_S : 200 * (uint64_t)NS_PER_MS;
    if (failed == 0)
        failed = take_host(o, argc, argv, first, err);
    if (failed == 0 && contradiction(o, udp, tcp) != NULL)
        failed = sd_fail(err, EINVAL, "%s", contradiction(o, udp, tcp));
    return failed;
}
