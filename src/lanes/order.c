/* Calls of several threads that overlapped in time on one socket: the recorder cannot know whose bytes came
 * first. The bytes can: each such call carries a digest of what it moved, and the wire has the bytes. Within
 * a cluster of such calls every order that the times allow is tried, piece by piece, and dropped at the first
 * digest that is wrong. Exactly one order left: it is the truth. Several left (calls that moved the same
 * bytes can change places): the first is drawn, for each call's bytes are right in it, and a note says which
 * calls it is about. */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "lanes/model.h"
#include "lanes/spans.h"

#define CLUSTER_MAX 128          /* calls; larger clusters keep their recorded order, and a note says so */
#define HASH_STEP 64             /* what one more try costs beside its bytes, in bytes */
#define HASH_BUDGET (256U << 20) /* bytes hashed for one cluster */
#define HASH_BUDGET_SUM (UINT64_C(1) << 30) /* for all of a file */

struct search {
    const struct lanes_direction *d;
    const struct lanes_span *span; /* the cluster, in recorded order */
    size_t count;
    size_t path[CLUSTER_MAX], found[CLUSTER_MAX];
    bool used[CLUSTER_MAX];
    unsigned solutions; /* 2: more than one */
    bool twins;         /* calls with the same bytes were taken in their recorded order */
    uint64_t hashed;
};

/* May call i come next? Not before one that had returned when it was entered. */
static bool may_come(const struct search *s, size_t i)
{
    for (size_t k = 0; k < s->count; k++) {
        if (!s->used[k] && k != i && s->span[k].exit_ns < s->span[i].time_ns)
            return false;
    }
    return true;
}

static bool digest_fits(struct search *s, size_t i, uint64_t offset)
{
    static const struct hash_key zero;
    const struct lanes_span *span = &s->span[i];
    if (span->length > s->d->payload_len || offset > s->d->payload_len - span->length)
        return false;
    s->hashed += span->length + HASH_STEP;
    return hash_bytes(&zero, s->d->payload + offset, (size_t)span->length) == span->call->digest;
}

/* Did an unused call with the same bytes stand before this one? Whichever of the two comes now, the rest is
 * the same. */
static bool has_twin_before(struct search *s, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (!s->used[k] && s->span[k].length == s->span[i].length &&
            s->span[k].call->digest == s->span[i].call->digest && may_come(s, k)) {
            s->twins = true;
            return true;
        }
    }
    return false;
}

static void search_from(struct search *s, size_t depth, uint64_t offset)
{
    if (depth == s->count) {
        if (s->solutions++ == 0)
            memcpy(s->found, s->path, sizeof s->found);
        return;
    }
    for (size_t i = 0; i < s->count && s->solutions < 2 && s->hashed < HASH_BUDGET; i++) {
        if (s->used[i] || !may_come(s, i) || has_twin_before(s, i) || !digest_fits(s, i, offset))
            continue;
        s->used[i] = true;
        s->path[depth] = i;
        search_from(s, depth + 1, offset + s->span[i].length);
        s->used[i] = false;
    }
}

/* Put the cluster into the order found. */
static void reorder(struct lanes_span *cluster, const struct search *s)
{
    struct lanes_span sorted[CLUSTER_MAX];
    uint64_t offset = cluster[0].offset;
    const uint32_t n = cluster[0].n;
    for (size_t i = 0; i < s->count; i++) {
        sorted[i] = cluster[s->found[i]];
        sorted[i].offset = offset;
        sorted[i].n = n + (uint32_t)i;
        offset += sorted[i].length;
    }
    memcpy(cluster, sorted, s->count * sizeof *cluster);
}

enum order {
    ORDER_EXACT,   /* this and no other */
    ORDER_FITS,    /* the bytes fit, and would in another order too */
    ORDER_UNKNOWN, /* as recorded: no order fits, or too many would have to be tried */
};

static enum order solve(struct lanes_store *store, const struct lanes_direction *d,
                        struct lanes_span *cluster, size_t count)
{
    struct search s = {.d = d, .span = cluster, .count = count};
    if (count > CLUSTER_MAX || store->hashed >= HASH_BUDGET_SUM)
        return ORDER_UNKNOWN;
    for (size_t i = 0; i < count; i++) {
        if (!cluster[i].call->has_digest || (i > 0 && cluster[i].offset != span_end(&cluster[i - 1])))
            return ORDER_UNKNOWN;
    }
    search_from(&s, 0, cluster[0].offset);
    store->hashed += s.hashed;
    if (s.solutions == 0)
        return ORDER_UNKNOWN;
    reorder(cluster, &s);
    return s.solutions == 1 && !s.twins && s.hashed < HASH_BUDGET ? ORDER_EXACT : ORDER_FITS;
}

/* The end of the cluster that begins at `begin`: calls that overlapped in time, directly or through others. A
 * long call stands late in the recorded order, so the look goes a little beyond the first that does not
 * overlap. */
static size_t cluster_end(const struct lanes_spans *spans, size_t begin)
{
    uint64_t until = spans->at[begin].exit_ns;
    size_t end = begin + 1;
    for (size_t i = end; i < spans->count && i < end + 4 * CLUSTER_MAX && spans->at[i].call->ambiguous; i++) {
        if (spans->at[i].time_ns > until)
            continue;
        for (; end <= i; end++) {
            if (spans->at[end].exit_ns > until)
                until = spans->at[end].exit_ns;
        }
    }
    return end;
}

static int note_order(struct lanes_stream *stream, enum lanes_lane lane, enum order order,
                      const struct lanes_span *first, const struct lanes_span *last)
{
    return model_note(stream,
                      order == ORDER_FITS
                          ? N_("the order of %s #%" PRIu32 " to #%" PRIu32
                               " is not known: they overlapped in time, and some "
                               "moved the same bytes; they are drawn in an order that fits all bytes")
                          : N_("the order of %s #%" PRIu32 " to #%" PRIu32
                               " is not known: they overlapped in time, and their "
                               "bytes do not tell; they are drawn in the order in which they returned"),
                      lane == LANES_SEND ? _("sends") : _("recvs"), first->n, last->n);
}

#define MOST_ORDER_NOTES 4

int order_calls(struct lanes *lanes, struct lanes_stream *stream, struct lanes_direction *d,
                enum lanes_lane lane)
{
    struct lanes_spans *spans = &d->lane[lane];
    unsigned unknown = 0;
    for (size_t i = 0; i < spans->count;) {
        if (!spans->at[i].call->ambiguous) {
            i++;
            continue;
        }
        const size_t end = cluster_end(spans, i);
        /* One call alone has but one place: what it overlapped with moved nothing. */
        const enum order order = end - i > 1 ? solve(lanes->store, d, &spans->at[i], end - i) : ORDER_EXACT;
        if (order != ORDER_EXACT && unknown++ < MOST_ORDER_NOTES &&
            note_order(stream, lane, order, &spans->at[i], &spans->at[end - 1]) != 0)
            return -ENOMEM;
        i = end;
    }
    if (unknown <= MOST_ORDER_NOTES)
        return 0;
    return model_note(stream, "nor is the order within %u further groups of overlapping %s",
                      unknown - MOST_ORDER_NOTES, lane == LANES_SEND ? _("sends") : _("recvs"));
}
