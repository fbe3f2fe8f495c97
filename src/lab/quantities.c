#include <errno.h>

#include "base/clock.h"
#include "lab/rules.h"
#include "lab/scan.h"

/* Rates and delays of the wire, as people write them. */

#define RATE_LEAST 1000U         /* less, and one frame takes longer than anybody waits */
#define RATE_MOST 1000000000000U /* bits per second */
#define DELAY_MOST (60ULL * NS_PER_S)

int lab_rate_parse(uint64_t *rate_bps, const char *text, struct sd_err *err)
{
    static const struct scan_unit units[] = {
        {"", 1},           {"bit", 1},        {"bps", 1},           {"k", 1000},
        {"kbit", 1000},    {"kbps", 1000},    {"m", 1000000},       {"mbit", 1000000},
        {"mbps", 1000000}, {"g", 1000000000}, {"gbit", 1000000000}, {"gbps", 1000000000},
    };
    const char *at = text;
    if (!scan_quantity(&at, "", units, sizeof units / sizeof units[0], RATE_MOST, rate_bps) ||
        *rate_bps < RATE_LEAST)
        return sd_fail(err, EINVAL,
                       "'%.60s' is no rate: write 1mbit, 500kbit, 2.5Mbps, or bits per second as 64000 (from "
                       "1kbit to 1000gbit)",
                       text);
    return 0;
}

static bool take_time(const char **at, const char *ends, uint64_t *ns)
{
    static const struct scan_unit units[] = {
        {"", NS_PER_MS}, {"ms", NS_PER_MS}, {"us", NS_PER_US}, {"ns", 1}, {"s", NS_PER_S},
    };
    return scan_quantity(at, ends, units, sizeof units / sizeof units[0], DELAY_MOST, ns);
}

int lab_delay_parse(uint64_t *delay_ns, uint64_t *jitter_ns, uint64_t *seed, const char *text,
                    struct sd_err *err)
{
    const char *at = text;
    bool good = take_time(&at, "~", delay_ns);
    *jitter_ns = 0;
    *seed = 1;
    if (good && *at == '~') {
        at++;
        good = take_time(&at, "@", jitter_ns);
        if (good && *at == '@') {
            at++;
            good = scan_number(&at, UINT64_MAX, seed);
        }
    }
    if (!good || *at != '\0')
        return sd_fail(
            err, EINVAL,
            "'%.60s' is no delay: write 20 (milliseconds), 1.5ms, 300us, 1s, or with jitter 5ms~20ms "
            "or 5ms~20ms@7 (7: the seed); 60s at most",
            text);
    return 0;
}
