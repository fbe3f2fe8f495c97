#include "craft/rtt.h"

#include <stdlib.h>
#include <string.h>

__extension__ typedef unsigned __int128 wide;

#define ROOM_AT_FIRST 64
#define ROUGHLY_NS 1000000U

bool rtt_between(uint64_t sent_ns, uint64_t received_ns, uint64_t *rtt_ns)
{
    if (received_ns < sent_ns || received_ns - sent_ns > RTT_LONGEST_NS)
        return false;
    *rtt_ns = received_ns - sent_ns;
    return true;
}

bool rtt_is_credible(uint64_t rtt_ns, uint64_t passed_ns)
{
    /* NTP makes the one clock faster than the other by 1/2000 at most. */
    const uint64_t more = passed_ns / 1000 + ROUGHLY_NS;
    return rtt_ns <= passed_ns || rtt_ns - passed_ns <= more;
}

/* A place for one more sample: the oldest one's where the ring is full. */
static uint64_t *next_place(struct rtt *rtt)
{
    if (rtt->kept_count == rtt->kept_room && rtt->kept_room < RTT_KEPT) {
        /* Not full before, so the ring never turned: the samples stand from 0 on. */
        uint32_t room = rtt->kept_room == 0 ? ROOM_AT_FIRST : rtt->kept_room * 2;
        uint64_t *kept = realloc(rtt->kept, room * sizeof *kept);
        if (kept == NULL)
            return NULL;
        rtt->kept = kept;
        rtt->kept_room = room;
        rtt->kept_next = rtt->kept_count;
    }
    uint64_t *place = &rtt->kept[rtt->kept_next];
    rtt->kept_next = (rtt->kept_next + 1) % rtt->kept_room;
    if (rtt->kept_count < rtt->kept_room)
        rtt->kept_count++;
    return place;
}

bool rtt_add(struct rtt *rtt, uint64_t rtt_ns)
{
    /* Squares of at most 94 bits: the sums have room for 2^34 samples of a whole day each. */
    if (rtt_ns > RTT_LONGEST_NS)
        rtt_ns = RTT_LONGEST_NS;
    if (rtt->count == 0 || rtt_ns < rtt->min_ns)
        rtt->min_ns = rtt_ns;
    if (rtt_ns > rtt->max_ns)
        rtt->max_ns = rtt_ns;
    rtt->count++;
    rtt->sum += rtt_ns;
    rtt->sum_of_squares += (wide)rtt_ns * rtt_ns;
    uint64_t *place = next_place(rtt);
    if (place == NULL)
        return false;
    *place = rtt_ns;
    return true;
}

void rtt_free(struct rtt *rtt)
{
    free(rtt->kept);
    *rtt = (struct rtt){0};
}

uint64_t rtt_mean(const struct rtt *rtt)
{
    return rtt->count == 0 ? 0 : (uint64_t)(rtt->sum / rtt->count);
}

/* The largest integer whose square is not over `value`. */
static uint64_t root_of(wide value)
{
    uint64_t root = 0;
    for (uint64_t bit = UINT64_C(1) << 63; bit != 0; bit >>= 1) {
        uint64_t with = root | bit;
        if ((wide)with * with <= value)
            root = with;
    }
    return root;
}

/* With the mean rounded down to m and the rest r = sum - n m, the squares of the distances from m add up to
 * S = sum_of_squares - n m^2 - 2 m r, all in integers; the variance is S/n - (r/n)^2, and the last term is
 * under 1. */
uint64_t rtt_deviation(const struct rtt *rtt)
{
    if (rtt->count == 0)
        return 0;
    wide mean = rtt->sum / rtt->count, rest = rtt->sum % rtt->count;
    wide taken = rtt->count * mean * mean + 2 * mean * rest;
    return taken > rtt->sum_of_squares ? 0 : root_of((rtt->sum_of_squares - taken) / rtt->count);
}

static int compare(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Nearest rank: the smallest sample that p percent of the samples do not exceed. */
static uint32_t rank_of(double p, uint32_t count)
{
    double exact = p * count / 100;
    if (!(exact > 1)) /* NaN too */
        return 1;
    if (exact >= count)
        return count;
    uint32_t rank = (uint32_t)exact;
    return rank + (rank < exact ? 1 : 0);
}

bool rtt_percentiles(const struct rtt *rtt, const double *p, uint64_t *out, unsigned count)
{
    if (rtt->kept_count == 0)
        return false;
    uint64_t *sorted = malloc(rtt->kept_count * sizeof *sorted);
    if (sorted == NULL)
        return false;
    memcpy(sorted, rtt->kept, rtt->kept_count * sizeof *sorted);
    qsort(sorted, rtt->kept_count, sizeof *sorted, compare);
    for (unsigned i = 0; i < count; i++)
        out[i] = sorted[rank_of(p[i], rtt->kept_count) - 1];
    free(sorted);
    return true;
}

unsigned rtt_last(const struct rtt *rtt, uint64_t *out, unsigned count)
{
    unsigned n = count < rtt->kept_count ? count : rtt->kept_count;
    for (unsigned i = 0; i < n; i++)
        out[i] = rtt->kept[(rtt->kept_next + rtt->kept_room - n + i) % rtt->kept_room];
    return n;
}
