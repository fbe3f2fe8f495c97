/* needs: craft/track.c craft/rtt.c */
#include <stdint.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "craft/rtt.h"
#include "craft/track.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROBES_MOST 3000

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Stamps of every size: small ones, the largest, and what lies around the longest time. */
static uint64_t choose_time(struct bytes *left)
{
    uint8_t kind = 0;
    uint32_t value = 0;
    bytes_u8(left, &kind);
    bytes_be32(left, &value);
    switch (kind % 5) {
    case 0:
        return value;
    case 1:
        return UINT64_MAX - value;
    case 2:
        return RTT_LONGEST_NS + value - 0x80000000U;
    case 3:
        return (uint64_t)value << 32;
    default:
        return UINT64_C(1700000000000000000) + value;
    }
}

static void check_rtt(const struct rtt *rtt)
{
    static const double p[] = {0.1, 10, 50, 90, 99, 99.9, 100};
    uint64_t out[7];
    require(rtt_mean(rtt) >= rtt->min_ns && rtt_mean(rtt) <= rtt->max_ns);
    require(rtt_deviation(rtt) <= rtt->max_ns - rtt->min_ns);
    require(rtt->max_ns <= RTT_LONGEST_NS && rtt->kept_count <= RTT_KEPT);
    require(rtt_percentiles(rtt, p, out, 7) == (rtt->kept_count > 0));
    if (rtt->kept_count == 0)
        return;
    for (int i = 1; i < 7; i++)
        require(out[i - 1] <= out[i]);
    require(out[0] >= rtt->min_ns && out[6] == rtt->max_ns);
    require(rtt_last(rtt, out, 7) == (rtt->kept_count < 7 ? rtt->kept_count : 7));
}

static void check_track(const struct track *track)
{
    uint64_t waiting = 0, first = UINT64_MAX;
    for (uint32_t n = track->first; n != track->next; n++) {
        const struct track_probe *probe = &track->ring[n & (track->room - 1)];
        require(probe->number == n && !(probe->answered && probe->lost));
        if (probe->answered || probe->lost)
            continue;
        waiting++;
        first = probe->deadline_ns < first ? probe->deadline_ns : first;
    }
    require(waiting == track_waiting(track) && first == track_deadline(track));
    require(track->sent == track->answered + track->late + track->lost + waiting);
    require(track->room <= TRACK_KEPT);
}

static void answer(struct track *track, struct rtt *rtt, struct bytes *left, uint8_t op)
{
    uint32_t number = 0;
    bytes_be32(left, &number);
    const unsigned bits = op >> 3 & 1 ? 32 : op >> 4;
    struct track_probe *probe = track_find(track, number, bits);
    if (probe != NULL) {
        const uint32_t mask = bits >= 32 ? UINT32_MAX : (UINT32_C(1) << bits) - 1;
        require(((probe->number ^ number) & mask) == 0);
    }
    if (op % 2 == 0) {
        track_error(track, probe);
        return;
    }
    uint64_t rtt_ns;
    if (track_answer(track, probe) == TRACK_ANSWERED &&
        rtt_between(probe->asked_ns, choose_time(left), &rtt_ns))
        rtt_add(rtt, rtt_ns);
}

/* A row of events: sendings, answers, errors, time that passes, each with stamps of its own. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes left = bytes_of(data, size);
    struct track track = {0};
    struct rtt rtt = {0};
    uint8_t op;
    if (bytes_u8(&left, &op) && op % 2 == 1)
        track.first = track.next = track.oldest_waiting = UINT32_MAX - op;
    for (unsigned sent = 0; sent < PROBES_MOST && bytes_u8(&left, &op);) {
        if (op % 8 < 3) {
            const uint64_t asked = choose_time(&left);
            require(track_send(&track, asked, choose_time(&left)) != NULL);
            sent++;
        } else if (op % 8 < 6) {
            answer(&track, &rtt, &left, op);
        } else if (op % 8 == 6) {
            const uint64_t now = choose_time(&left);
            struct track_probe *probe, *before = NULL;
            while ((probe = track_expire(&track, now)) != NULL) {
                require(probe->lost && probe->deadline_ns <= now);
                require(before == NULL || probe->number - before->number < UINT32_MAX / 2);
                before = probe;
            }
            require(track_deadline(&track) > now || track_waiting(&track) == 0);
        } else {
            rtt_add(&rtt, choose_time(&left));
        }
        if (op >= 0xf0)
            check_track(&track);
    }
    check_track(&track);
    check_rtt(&rtt);
    track_free(&track);
    rtt_free(&rtt);
    return 0;
}
