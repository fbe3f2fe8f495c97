#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "cmd/ping.h"

#define MAX_SECONDS 1000000U
#define MAX_PAYLOAD 65507

static const struct command_help help = {
    .name = "ping",
    .usage = N_("ping [options] HOST…\nping [options] --file FILE"),
    .summary = N_("is a host there, and how far? Echo requests through raw sockets"),
    .examples = N_("sockdiag ping 10.77.0.2\tone probe a second until Ctrl-C\n"
                   "sockdiag ping -c 3 -v ::1\tand draw the headers sent and received\n"
                   "sockdiag ping -c 1 --diff 10.77.0.2\twhat the kernel changed, why the answer is one\n"
                   "sockdiag ping -c 3 --tcp 443 example.org\tby TCP, where echo is filtered\n"
                   "sockdiag ping -q -c 2 --file hosts.txt\tmany hosts at once; - is stdin\n"
                   "sockdiag lab -- sockdiag ping 10.77.0.2\tin a network of two hosts, without root"),
    .notes = N_(
        "Round-trip times are the kernel's: from the time stamp of sending to that of receiving; time~ says "
        "that one of them was missing. Ctrl-\\ prints the counts so far.\n"
        "Exit status: 0 every host answered; 1 one did not, or not -c times within -w; 2 a host is not "
        "known or cannot be reached, usage or system error."),
};

/* ---- values ---- */

/* "1", "0.2", ".5": the decimal point is a point in every locale. */
static int parse_seconds(void *target, const char *argument, struct sd_err *err)
{
    struct ping_seconds *seconds = target;
    uint64_t ns = 0, unit = NS_PER_S;
    const char *at = argument;
    for (; *at >= '0' && *at <= '9' && ns <= MAX_SECONDS * (uint64_t)NS_PER_S; at++)
        ns = ns * 10 + (uint64_t)(*at - '0') * NS_PER_S;
    const bool whole = at > argument;
    const char *point = at;
    if (*at == '.') {
        for (at++; *at >= '0' && *at <= '9'; at++) {
            unit /= 10;
            ns += (uint64_t)(*at - '0') * unit;
        }
    }
    if (*at != '\0' || (!whole && at <= point + 1) || ns > MAX_SECONDS * (uint64_t)NS_PER_S)
        return sd_fail(err, EINVAL, "'%s' is no time: seconds, such as 1 or 0.2, at most %u", argument,
                       MAX_SECONDS);
    *seconds = (struct ping_seconds){true, ns};
    return 0;
}

static int parse_tos(void *target, const char *argument, struct sd_err *err)
{
    char *end = NULL;
    errno = 0;
    const unsigned long value = strtoul(argument, &end, 0);
    if (argument[0] < '0' || argument[0] > '9' || *end != '\0' || errno != 0 || value > 255)
        return sd_fail(err, EINVAL, "--tos takes a byte, such as 16 or 0x10, not '%s'", argument);
    *(int *)target = (int)value;
    return 0;
}

static int parse_pmtudisc(void *target, const char *argument, struct sd_err *err)
{
    static const struct {
        const char *word;
        int value;
    } words[] = {{"do", IP_PMTUDISC_DO},
                 {"want", IP_PMTUDISC_WANT},
                 {"dont", IP_PMTUDISC_DONT},
                 {"probe", IP_PMTUDISC_PROBE}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(argument, words[i].word) == 0) {
            *(int *)target = words[i].value;
            return 0;
        }
    }
    return sd_fail(err, EINVAL, "--pmtudisc takes do, want, dont or probe, not '%s'", argument);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int parse_pattern(void *target, const char *argument, struct sd_err *err)
{
    struct ping_options *options = target;
    const size_t len = strlen(argument);
    if (len == 0 || len > 2 * PROBE_PATTERN)
        return sd_fail(err, EINVAL, "--pattern takes up to %d bytes in hexadecimal", PROBE_PATTERN);
    for (size_t i = 0; i < len; i += 2) {
        /* An odd digit at the end is a byte of its own, as in ping. */
        const int high = i + 1 < len ? hex_digit(argument[i]) : 0;
        const int low = hex_digit(argument[i + 1 < len ? i + 1 : i]);
        if (high < 0 || low < 0)
            return sd_fail(err, EINVAL, "--pattern takes hexadecimal digits, not '%s'", argument);
        options->pattern[i / 2] = (uint8_t)(high << 4 | low);
    }
    options->pattern_len = (uint8_t)((len + 1) / 2);
    return 0;
}

/* An interface, an address, or both: "fe80::1%eth0", or one -I after the other. */
static int parse_source(void *target, const char *argument, struct sd_err *err)
{
    struct ping_source *source = target;
    struct packet_address address = {0};
    char text[INET6_ADDRSTRLEN] = "";
    const char *percent = strchr(argument, '%'), *interface = percent != NULL ? percent + 1 : NULL;
    const size_t len = percent != NULL ? (size_t)(percent - argument) : strlen(argument);
    if (len < sizeof text)
        memcpy(text, argument, len);
    if (percent == NULL && inet_pton(AF_INET, text, address.bytes) == 1)
        address.family = 4;
    else if (inet_pton(AF_INET6, text, address.bytes) == 1)
        address.family = 6;
    else
        interface = argument;
    if (interface != NULL && (strlen(interface) >= IF_NAMESIZE || if_nametoindex(interface) == 0))
        return sd_fail(err, EINVAL, "-I: '%s' is neither an address nor an interface of this machine",
                       interface);
    if (address.family != 0)
        source->address = address;
    if (interface != NULL)
        source->interface = interface;
    return 0;
}

/* ---- the table ---- */

enum {
    OWN_ROWS = 28
};

/* What is sent, and where. */
static size_t make_probe_rows(struct ping_options *o, struct option_row *rows)
{
    const struct option_row own[] = {
        {'4', "ipv4", NULL, N_("IPv4 only"), OPTION_FLAG, &o->ipv4, 0, 0, NULL, NULL},
        {'6', "ipv6", NULL, N_("IPv6 only"), OPTION_FLAG, &o->ipv6, 0, 0, NULL, NULL},
        {'c', "count", N_("N"), N_("end after N probes to each host"), OPTION_NUMBER, &o->count, 1,
         UINT32_MAX / 2, NULL, NULL},
        {'i', "interval", N_("SECONDS"), N_("between two probes to a host (1)"), OPTION_CUSTOM, &o->interval,
         0, 0, parse_seconds, NULL},
        {'s', "size", N_("BYTES"), N_("of payload (56; TCP and UDP: 0 and 32)"), OPTION_NUMBER, &o->size, 0,
         MAX_PAYLOAD, NULL, NULL},
        {'t', "ttl", N_("N"), N_("time to live, hop limit (64)"), OPTION_NUMBER, &o->ttl, 1, 255, NULL, NULL},
        {'W', "timeout", N_("SECONDS"), N_("wait so long for each answer; a later one is late"),
         OPTION_CUSTOM, &o->timeout, 0, 0, parse_seconds, NULL},
        {'w', "deadline", N_("SECONDS"), N_("end after so long, or when -c answers came"), OPTION_CUSTOM,
         &o->deadline, 0, 0, parse_seconds, NULL},
        {'I', "interface", N_("IF|ADDRESS"), N_("send from this interface or address"), OPTION_CUSTOM,
         &o->source, 0, 0, parse_source, NULL},
        {'M', "pmtudisc", N_("HOW"),
         N_("do (never fragment), want, dont (may be fragmented) or probe (never, and ignore what is known "
            "of "
            "the path)"),
         OPTION_CUSTOM, &o->pmtudisc, 0, 0, parse_pmtudisc, NULL},
        {'Q', "tos", N_("BYTE"), N_("type of service, traffic class"), OPTION_CUSTOM, &o->tos, 0, 0,
         parse_tos, NULL},
        {'p', "pattern", N_("HEX"), N_("fill the payload with up to 16 bytes"), OPTION_CUSTOM, o, 0, 0,
         parse_pattern, NULL},
    };
    memcpy(rows, own, sizeof own);
    return sizeof own / sizeof own[0];
}

/* How fast, to whom, and what is shown. */
static size_t make_other_rows(struct ping_options *o, struct option_row *rows)
{
    const struct option_row own[] = {
        {'f', "flood", NULL,
         N_("as fast as answers come, at least 100/s; a dot a probe, taken back by its answer"), OPTION_FLAG,
         &o->flood, 0, 0, NULL, NULL},
        {'A', "adaptive", NULL, N_("send as soon as an answer came"), OPTION_FLAG, &o->adaptive, 0, 0, NULL,
         NULL},
        {'l', "preload", N_("N"), N_("send N probes at once, before the first wait"), OPTION_NUMBER,
         &o->preload, 1, 65536, NULL, NULL},
        {0, "rate", N_("PPS"), N_("probes a second, to all hosts together"), OPTION_NUMBER, &o->rate, 1,
         10000000, NULL, NULL},
        {0, "busy", NULL, N_("spin instead of sleeping: shorter times, a whole CPU"), OPTION_FLAG, &o->busy,
         0, 0, NULL, NULL},
        {0, "tcp", N_("PORT"), N_("probe by a TCP SYN to this port"), OPTION_NUMBER, &o->tcp, 1, 65535, NULL,
         NULL},
        {0, "udp", N_("PORT"), N_("probe by a UDP datagram to this port"), OPTION_NUMBER, &o->udp, 1, 65535,
         NULL, NULL},
        {0, "file", N_("FILE"), N_("hosts from a file, one a line, # begins a comment; - is stdin"),
         OPTION_TEXT, &o->file, 0, 0, NULL, NULL},
        {'b', "broadcast", NULL, N_("allow a broadcast address"), OPTION_FLAG, &o->broadcast, 0, 0, NULL,
         NULL},
        {'n', "numeric", NULL, N_("addresses only, no names"), OPTION_FLAG, &o->numeric, 0, 0, NULL, NULL},
        {'D', "timestamps", NULL, N_("put the time of day before each line"), OPTION_FLAG, &o->stamps, 0, 0,
         NULL, NULL},
        {'a', "audible", NULL, N_("ring the bell for each answer"), OPTION_FLAG, &o->audible, 0, 0, NULL,
         NULL},
        {'O', "outstanding", NULL, N_("before the next probe, say that the last has no answer yet"),
         OPTION_FLAG, &o->outstanding, 0, 0, NULL, NULL},
        {0, "diff", NULL, N_("field by field: asked for, sent, came back, and why it matched"), OPTION_FLAG,
         &o->diff, 0, 0, NULL, NULL},
    };
    memcpy(rows, own, sizeof own);
    return sizeof own / sizeof own[0];
}

static size_t make_rows(struct ping_options *o, struct option_row rows[OWN_ROWS + SCREEN_OPTION_ROWS])
{
    size_t count = make_probe_rows(o, rows);
    count += make_other_rows(o, rows + count);
    return count + screen_option_rows(&o->screen, rows + count);
}

#define SIZE_NOT_GIVEN UINT64_MAX

int ping_options_parse(struct ping_options *options, int argc, char **argv, int *first, struct sd_err *err)
{
    struct option_row rows[OWN_ROWS + SCREEN_OPTION_ROWS];
    const size_t count = make_rows(options, rows);
    options->size = SIZE_NOT_GIVEN;
    options->tos = options->pmtudisc = -1;
    int failed = options_parse(argc, argv, rows, count, &options->common, false, first, err);
    if (failed == 0 && options->common.help)
        options_help(&help, rows, count);
    if (options->size == SIZE_NOT_GIVEN)
        options->size = options->tcp != 0 ? 0 : options->udp != 0 ? 32 : 56;
    return failed;
}

/* ---- contradictions ---- */

static bool is_link_local(const struct packet_address *address)
{
    return address->family == 6 && address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80;
}

static const char *wrong_together(const struct ping_options *o, int hosts)
{
    if (o->ipv4 && o->ipv6)
        return N_("-4 and -6 exclude each other");
    if (o->source.address.family == 4 && o->ipv6)
        return N_("-I is an IPv4 address, and -6 asks for IPv6");
    if (o->source.address.family == 6 && o->ipv4)
        return N_("-I is an IPv6 address, and -4 asks for IPv4");
    if (is_link_local(&o->source.address) && o->source.interface == NULL)
        return N_("-I: an address of one link needs its interface, as in -I fe80::1%eth0");
    if (o->tcp != 0 && o->udp != 0)
        return N_("--tcp and --udp exclude each other");
    if (o->flood && o->adaptive)
        return N_("-f and -A exclude each other");
    if (o->rate != 0 && (o->flood || o->adaptive || o->interval.given))
        return N_("--rate says how fast: without -i, -f and -A");
    if (o->common.json && (o->common.verbose || o->diff))
        return N_("-v and --diff draw headers for people: without --json");
    if (o->common.quiet && (o->common.verbose || o->diff))
        return N_("-v and --diff draw headers, and -q prints only the summary");
    if (o->file == NULL && hosts == 0)
        return N_("which host?");
    if (o->file != NULL && hosts != 0)
        return N_("hosts by --file or on the command line, not both");
    if (o->count != 0 && o->preload > o->count)
        return N_("-l sends more than -c allows");
    return NULL;
}

/* What would load a network that others use is for root, as in ping. */
#define USER_INTERVAL_NS (2U * NS_PER_MS)

static const char *only_for_root(const struct ping_options *o)
{
    if (o->flood)
        return N_("-f is for root only; -A goes as fast as 500 probes a second");
    if (o->interval.given && o->interval.ns < USER_INTERVAL_NS)
        return N_("an interval under 0.002 is for root only");
    if (o->rate > NS_PER_S / USER_INTERVAL_NS)
        return N_("a rate over 500 probes a second is for root only");
    if (o->preload > 3)
        return N_("a preload over 3 is for root only");
    if (o->broadcast && o->interval.given && o->interval.ns < NS_PER_S)
        return N_("an interval under 1 to a broadcast address is for root only");
    return NULL;
}

const char *ping_options_contradiction(const struct ping_options *options, int hosts, bool is_root)
{
    const char *wrong = wrong_together(options, hosts);
    return wrong != NULL || is_root ? wrong : only_for_root(options);
}
