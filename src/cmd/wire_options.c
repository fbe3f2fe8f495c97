#include "cmd/wire_options.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/i18n.h"

#define LEAST_MTU 576
#define MOST_MTU 65535
#define BARE_RULE                                                                                            \
    "data:2" /* the first segment of a transfer is its header; the second has something to overtake */

const char wire_options_notes[] = N_(
    "SPEC says which frames a fault falls on, and means the same ones in every run:\n"
    "data:3  data:3-5  data:2,4\tTCP segments with payload from the client (repeats count as further ones)\n"
    "reply:1\tthe same from the server\n"
    "syn:1  fin:1  ack:2\tSYNs, FINs, bare ACKs; of either side\n"
    "frame:7\tframes of any kind, of either side\n"
    "larger:1000\tall IP packets of more than 1000 bytes: a black hole\n"
    "2%  2.5%@7\teach frame with that probability, by a seed\n"
    "MS is 20, 1.5ms, 300us, 1s, or with jitter 5ms~20ms@7; BPS is 1mbit, 500kbit, 64000.\n"
    "Exit status: that of CMD; 2 for errors of the lab; 3 if CMD ended well and a recording is not whole.");

static int parse_delay(void *target, const char *argument, struct sd_err *err)
{
    struct lab_wire *wire = target;
    return lab_delay_parse(&wire->delay_ns, &wire->jitter_ns, &wire->jitter_seed, argument, err);
}

static int parse_rate(void *target, const char *argument, struct sd_err *err)
{
    return lab_rate_parse(target, argument, err);
}

static int parse_rule(void *target, const char *argument, struct sd_err *err)
{
    return lab_rule_parse(target, argument != NULL ? argument : BARE_RULE, err);
}

size_t wire_options_rows(struct wire_options *options, const char *delay_help,
                         struct option_row rows[WIRE_OPTION_ROWS])
{
    struct lab_wire *wire = &options->wire;
    const struct option_row made[WIRE_OPTION_ROWS] = {
        {0, "mtu", N_("N"), N_("largest IP packet on the wire (1500; under 1280 there is no IPv6)"),
         OPTION_NUMBER, &options->mtu, LEAST_MTU, MOST_MTU, NULL, NULL},
        {0, "delay", N_("MS"), delay_help, OPTION_CUSTOM, wire, 0, 0, parse_delay, NULL},
        {0, "rate", N_("BPS"), N_("each way, in bits per second (no limit)"), OPTION_CUSTOM, &wire->rate_bps,
         0, 0, parse_rate, NULL},
        {0, "drop", N_("SPEC"), N_("lose frames"), OPTION_CUSTOM, &wire->drop, 0, 0, parse_rule, NULL},
        {0, "dup", N_("[SPEC]"), N_("deliver frames twice (data:2)"), OPTION_CUSTOM, &wire->duplicate, 0, 0,
         parse_rule, lab_rule_looks_like},
        {0, "reorder", N_("[SPEC]"), N_("let the next frame overtake (data:2)"), OPTION_CUSTOM,
         &wire->reorder, 0, 0, parse_rule, lab_rule_looks_like},
        {0, "corrupt", N_("[SPEC]"), N_("flip a bit of the payload (data:2)"), OPTION_CUSTOM, &wire->corrupt,
         0, 0, parse_rule, lab_rule_looks_like},
    };
    memcpy(rows, made, sizeof made);
    return WIRE_OPTION_ROWS;
}

int wire_options_check(const struct wire_options *options, bool ipv6, struct sd_err *err)
{
    if (ipv6 && options->mtu != 0 && options->mtu < 1280)
        return sd_fail(err, EINVAL,
                       "IPv6 needs an MTU of at least 1280, not %" PRIu64
                       " (RFC 8200, section 5): use IPv4 or "
                       "a larger --mtu",
                       options->mtu);
    return 0;
}
