#ifndef SOCKDIAG_CRAFT_RTT_H
#define SOCKDIAG_CRAFT_RTT_H

#include <stdbool.h>
#include <stdint.h>

/* Round-trip times in nanoseconds, and what is to be said of many. Safe against any pair of stamps: a reply
 * from the past, from the year 2500, a clock that was set back. */

/* received - sent; false where that is no round-trip time: negative, or longer than RTT_LONGEST_NS. */
#define RTT_LONGEST_NS (UINT64_C(86400) * 1000000000)
bool rtt_between(uint64_t sent_ns, uint64_t received_ns, uint64_t *rtt_ns);
/* Can it be, when so much passed by a clock that nobody sets? No, where the stamps' clock was set between. */
bool rtt_is_credible(uint64_t rtt_ns, uint64_t passed_ns);

/* Zero-initialise, rtt_add, rtt_free. Exact over all samples: count, min, max, mean, deviation (128-bit
 * sums); exact over the last RTT_KEPT: percentiles. */
#define RTT_KEPT 65536
struct rtt {
    uint64_t count, min_ns, max_ns;
    __extension__ unsigned __int128 sum, sum_of_squares;
    uint64_t *kept; /* ring, grows up to RTT_KEPT */
    uint32_t kept_count, kept_next, kept_room;
};
/* One longer than RTT_LONGEST_NS counts as that. false: memory is out (the sample counts, but for
 * percentiles). */
bool rtt_add(struct rtt *rtt, uint64_t rtt_ns);
void rtt_free(struct rtt *rtt);

uint64_t rtt_mean(const struct rtt *rtt);      /* 0 without samples */
uint64_t rtt_deviation(const struct rtt *rtt); /* sqrt(mean of squares - square of mean), as ping's mdev */

/* Nearest-rank percentiles (0 < p <= 100) of what is kept, for `count` values of p at once. false: no samples
 * or no memory. */
bool rtt_percentiles(const struct rtt *rtt, const double *p, uint64_t *out, unsigned count);

/* The last `count` samples, oldest first; how many there are. */
unsigned rtt_last(const struct rtt *rtt, uint64_t *out, unsigned count);

#endif
