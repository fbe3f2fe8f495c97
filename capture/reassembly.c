#include "capture/reassembly.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/linux_queue.h"
#include "capture/recent.h"

/* In order, bytes go straight from the packet to the consumer. Others wait as chunks: disjoint, in axis
 * order, each a part of one segment. Which segment Linux takes its bytes from is remembered with each: it
 * need not be the chunk's own (capture/linux_queue.h). */

enum {
    CHUNK_COST = 64, /* of keeping a chunk, beside its bytes */
};

struct chunk {
    uint64_t begin, end;
    uint64_t packet;
    struct linux_held queued;
    uint8_t bytes[];
};

struct reassembly {
    struct reassembly_config config;
    bool started;    /* `origin` and `next` are known */
    bool cut;        /* of what waits, or had to, the capture cut some off */
    uint64_t origin; /* internal offset of the consumer's 0; before `started`, as far as is known */
    uint64_t next;   /* internal offset up to which all was given out */
    struct chunk **chunks;
    size_t chunk_count, chunk_cap;
    struct chunk **doubted; /* of wrong checksums, in the order they came; NULL: there was none yet */
    size_t doubted_count;
    size_t held;          /* bytes, with CHUNK_COST for each chunk */
    struct recent recent; /* up to `next` */
    uint64_t uncompared, given_up;
};

/* The bytes of a segment that are the stream's and were captured. */
struct fresh {
    uint64_t begin, end;
    const uint8_t *bytes;
    uint64_t packet;
    uint64_t sent_end; /* with what the capture cut off, and a FIN */
};

struct reassembly *reassembly_new(const struct reassembly_config *config)
{
    struct reassembly *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->config = *config;
    return r;
}

void reassembly_free(struct reassembly *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->chunk_count; i++)
        free(r->chunks[i]);
    for (size_t i = 0; i < r->doubted_count; i++)
        free(r->doubted[i]);
    free(r->doubted);
    free(r->chunks);
    recent_fini(&r->recent);
    free(r);
}

size_t reassembly_memory(const struct reassembly *r)
{
    const size_t doubted = r->doubted != NULL ? REASSEMBLY_MAX_DOUBTED + 1 : 0;
    return sizeof *r + r->held + (r->chunk_cap + doubted) * sizeof(struct chunk *) +
           recent_memory(&r->recent);
}

uint64_t reassembly_uncompared(const struct reassembly *r)
{
    return r->uncompared;
}

uint64_t reassembly_given_up(const struct reassembly *r)
{
    return r->given_up;
}

uint64_t reassembly_too_early(const struct reassembly *r, const struct tcp_direction *d)
{
    return r->started && d->origin < r->origin ? r->origin - d->origin : 0;
}

/* ---- conflicts ---- */

/* Compare `len` bytes of the axis from `begin` on; report from the first to the last that differs. */
static void compare(const struct reassembly *r, uint64_t begin, const uint8_t *first, const uint8_t *second,
                    size_t len, struct reassembly_conflict conflict)
{
    if (r->config.conflict == NULL || memcmp(first, second, len) == 0)
        return;
    size_t from = 0, to = len;
    while (first[from] == second[from])
        from++;
    while (first[to - 1] == second[to - 1])
        to--;
    conflict.offset = begin + from - r->origin;
    conflict.length = (uint32_t)(to - from);
    conflict.first = first + from;
    conflict.second = second + from;
    if (conflict.first_packet == 0)
        conflict.first_packet = recent_source(&r->recent, begin + from);
    r->config.conflict(r->config.context, &conflict);
}

/* What was given out already: Linux has taken it, too, unless it waits yet for a hole that was given up. */
static void compare_recent(struct reassembly *r, const struct tcp_direction *d, const struct fresh *fresh)
{
    const uint64_t window_begin = r->next - r->recent.len;
    const uint64_t end = fresh->end < r->next ? fresh->end : r->next;
    const uint64_t begin = fresh->begin > window_begin ? fresh->begin : window_begin;
    if (begin >= end) {
        r->uncompared += end - fresh->begin;
        return;
    }
    r->uncompared += begin - fresh->begin;
    const bool taken = r->given_up == 0 || (d->has_acked && end <= d->acked);
    compare(r, begin, r->recent.bytes + (begin - window_begin), fresh->bytes + (begin - fresh->begin),
            (size_t)(end - begin),
            (struct reassembly_conflict){
                .second_packet = fresh->packet,
                .linux_keeps = taken ? REASSEMBLY_LINUX_FIRST : REASSEMBLY_LINUX_UNKNOWN,
            });
}

/* ---- giving out ---- */

static int give(struct reassembly *r, uint64_t begin, uint64_t end, const uint8_t *bytes, uint64_t packet)
{
    r->config.data(r->config.context, begin - r->origin, bytes, (size_t)(end - begin));
    r->next = end;
    return recent_take(&r->recent, r->config.window, begin, bytes, (size_t)(end - begin), packet);
}

static void give_gap(struct reassembly *r, uint64_t end, enum reassembly_gap why)
{
    r->given_up += why == REASSEMBLY_GIVEN_UP && end > r->next;
    if (r->config.gap != NULL && end > r->next)
        r->config.gap(r->config.context, r->next - r->origin, end - r->next, why);
    r->next = end;
    recent_forget(&r->recent);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Where what a doubted chunk has may be used up to. */
static uint64_t usable_end(const struct chunk *chunk, const struct tcp_direction *d)
{
    return d->has_acked ? least(chunk->end, d->acked) : 0;
}

/* A hole that ends at `end`: bytes of segments with wrong checksums, and gaps. */
static int give_hole(struct reassembly *r, const struct tcp_direction *d, uint64_t end,
                     enum reassembly_gap why)
{
    int failed = 0;
    while (r->next < end && failed == 0) {
        const struct chunk *found = NULL;
        uint64_t gap_end = end;
        for (size_t i = 0; i < r->doubted_count && found == NULL; i++) {
            const struct chunk *chunk = r->doubted[i];
            if (usable_end(chunk, d) <= r->next)
                continue;
            if (chunk->begin <= r->next)
                found = chunk;
            else
                gap_end = least(gap_end, chunk->begin);
        }
        if (found == NULL) {
            give_gap(r, gap_end, why);
            continue;
        }
        const uint64_t begin = r->next, stop = least(end, usable_end(found, d));
        failed = give(r, begin, stop, found->bytes + (begin - found->begin), found->packet);
        if (r->config.unverified != NULL)
            r->config.unverified(r->config.context, begin - r->origin, stop - begin, found->packet);
    }
    return failed;
}

/* What nobody will bring any more: some of it may have been there, and cut off. */
static int give_up(struct reassembly *r, const struct tcp_direction *d, uint64_t end,
                   enum reassembly_gap unseen)
{
    const struct tcp_range *ranges = tcp_ranges(d);
    int failed = 0;
    for (size_t i = 0; i < d->range_count && r->next < end && failed == 0; i++) {
        if (ranges[i].end <= r->next)
            continue;
        if (ranges[i].begin > r->next)
            failed = give_hole(r, d, least(ranges[i].begin, end), unseen);
        if (failed == 0)
            failed = give_hole(r, d, least(ranges[i].end, end), REASSEMBLY_CUT);
    }
    return failed == 0 ? give_hole(r, d, end, unseen) : failed;
}

/* Give out the chunks whose turn it is. */
static int drain(struct reassembly *r)
{
    size_t done = 0;
    int failed = 0;
    while (done < r->chunk_count && r->chunks[done]->begin == r->next && failed == 0) {
        struct chunk *chunk = r->chunks[done++];
        failed = give(r, chunk->begin, chunk->end, chunk->bytes, chunk->packet);
        r->held -= (size_t)(chunk->end - chunk->begin) + CHUNK_COST;
        free(chunk);
    }
    if (done == 0)
        return 0;
    r->chunk_count -= done;
    memmove(r->chunks, r->chunks + done, r->chunk_count * sizeof *r->chunks);
    return failed;
}

/* The axis begins at `origin` for good. */
static int begin_at(struct reassembly *r, uint64_t origin)
{
    r->started = true;
    r->origin = r->next = origin;
    return drain(r);
}

/* ---- waiting ---- */

static struct chunk *new_chunk(struct reassembly *r, uint64_t begin, uint64_t end, const struct fresh *fresh)
{
    const size_t len = (size_t)(end - begin);
    struct chunk *chunk = malloc(sizeof *chunk + len);
    if (chunk == NULL)
        return NULL;
    *chunk = (struct chunk){.begin = begin, .end = end, .packet = fresh->packet};
    memcpy(chunk->bytes, fresh->bytes + (begin - fresh->begin), len);
    r->held += len + CHUNK_COST;
    return chunk;
}

static int place_chunk(struct reassembly *r, size_t at, struct chunk *chunk)
{
    if (chunk == NULL)
        return -ENOMEM;
    memmove(r->chunks + at + 1, r->chunks + at, (r->chunk_count - at) * sizeof *r->chunks);
    r->chunks[at] = chunk;
    r->chunk_count++;
    return 0;
}

static int reserve_chunk(struct reassembly *r)
{
    if (r->chunk_count < r->chunk_cap)
        return 0;
    const size_t cap = r->chunk_cap > 0 ? r->chunk_cap * 2 : 8;
    struct chunk **grown = reallocarray(r->chunks, cap, sizeof *grown);
    if (grown == NULL)
        return -ENOMEM;
    r->chunks = grown;
    r->chunk_cap = cap;
    return 0;
}

static int insert_chunk(struct reassembly *r, size_t at, uint64_t begin, uint64_t end,
                        const struct fresh *fresh, const struct linux_held *queued)
{
    if (reserve_chunk(r) != 0 || place_chunk(r, at, new_chunk(r, begin, end, fresh)) != 0)
        return -ENOMEM;
    r->chunks[at]->queued = *queued;
    return 0;
}

/* Cut chunk `i` in two at `offset`. */
static int split_chunk(struct reassembly *r, size_t i, uint64_t offset)
{
    struct chunk *chunk = r->chunks[i];
    const struct fresh whole = {chunk->begin, chunk->end, chunk->bytes, chunk->packet, chunk->end};
    if (insert_chunk(r, i + 1, offset, chunk->end, &whole, &chunk->queued) != 0)
        return -ENOMEM;
    r->held -= (size_t)(chunk->end - offset);
    chunk->end = offset;
    return 0;
}

/* Index of the first chunk that ends behind `offset`. */
static size_t find_chunk(const struct reassembly *r, uint64_t offset)
{
    size_t low = 0, high = r->chunk_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (r->chunks[middle]->end <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- what Linux has ---- */

/* How far the other side has all bytes, whether they were captured or not. */
static uint64_t taken_end(const struct reassembly *r, const struct tcp_direction *d)
{
    uint64_t end = r->started ? r->next : 0;
    if (!d->has_acked || d->acked <= end)
        return end;
    end = d->acked;
    for (size_t i = find_chunk(r, end); i < r->chunk_count && r->chunks[i]->begin <= end; i++)
        end = r->chunks[i]->end;
    return end;
}

struct arrival {
    const struct fresh *fresh;
    struct linux_held queued;
    uint64_t taken; /* taken_end() when it came */
    bool unsure;    /* what is in order is not known: it began before the capture, or is not all there */
    uint64_t run_end, most_end; /* of the chunks that were looked at last: see find_run() */
};

static struct arrival arrive(const struct reassembly *r, const struct tcp_direction *d,
                             const struct fresh *fresh)
{
    const size_t i = find_chunk(r, fresh->begin);
    const struct chunk *before = i > 0 ? r->chunks[i - 1] : NULL;
    const struct chunk *there = i < r->chunk_count ? r->chunks[i] : NULL;
    return (struct arrival){
        .fresh = fresh,
        .queued = linux_queue_arrival(fresh->begin, fresh->sent_end,
                                      before != NULL && before->end == fresh->begin ? &before->queued : NULL,
                                      there != NULL && there->begin <= fresh->begin ? &there->queued : NULL),
        .taken = taken_end(r, d),
        .unsure = !r->started || r->cut || r->given_up > 0,
    };
}

/* The chunks from `i` on that may belong to one segment, all joined: where they end, and where it does. */
static void find_run(const struct reassembly *r, size_t i, struct arrival *arrival)
{
    const struct chunk *chunk = r->chunks[i];
    uint64_t end = chunk->queued.end;
    for (i++; i < r->chunk_count && r->chunks[i]->begin == chunk->end &&
              r->chunks[i]->queued.least_begin <= chunk->queued.begin;
         i++) {
        chunk = r->chunks[i];
        end = chunk->queued.end > end ? chunk->queued.end : end;
    }
    arrival->run_end = chunk->end;
    arrival->most_end = end > chunk->end ? end : chunk->end;
}

static enum linux_verdict judge(const struct reassembly *r, size_t i, struct arrival *arrival)
{
    const struct chunk *chunk = r->chunks[i];
    enum linux_verdict verdict = LINUX_TAKES;
    if (chunk->begin < arrival->taken)
        return LINUX_KEEPS;
    if (arrival->queued.begin > arrival->taken) {
        if (chunk->begin >= arrival->run_end && arrival->queued.begin == chunk->queued.least_begin)
            find_run(r, i, arrival);
        verdict = linux_queue_judge(&chunk->queued, arrival->most_end, &arrival->queued);
    }
    return verdict == LINUX_TAKES && arrival->unsure ? LINUX_UNKNOWN : verdict;
}

/* Compare with chunk `i`; the part of it that the segment has may be taken from that now. */
static int compare_chunk(struct reassembly *r, size_t i, struct arrival *arrival)
{
    static const enum reassembly_linux keeps[] = {
        [LINUX_KEEPS] = REASSEMBLY_LINUX_FIRST,
        [LINUX_TAKES] = REASSEMBLY_LINUX_SECOND,
        [LINUX_UNKNOWN] = REASSEMBLY_LINUX_UNKNOWN,
    };
    struct chunk *chunk = r->chunks[i];
    const struct fresh *fresh = arrival->fresh;
    const uint64_t begin = fresh->begin > chunk->begin ? fresh->begin : chunk->begin;
    const uint64_t end = least(fresh->end, chunk->end);
    const enum linux_verdict verdict = judge(r, i, arrival);
    compare(r, begin, chunk->bytes + (begin - chunk->begin), fresh->bytes + (begin - fresh->begin),
            (size_t)(end - begin),
            (struct reassembly_conflict){
                .first_packet = chunk->packet,
                .second_packet = fresh->packet,
                .linux_keeps = keeps[verdict],
            });
    if (verdict == LINUX_KEEPS)
        return 0;
    if (end < chunk->end && split_chunk(r, i, end) != 0)
        return -ENOMEM;
    chunk->queued = linux_queue_take(&chunk->queued, &arrival->queued, verdict);
    return 0;
}

/* Keep what is not there yet of the bytes from `at` on; compare what is. */
static int keep(struct reassembly *r, const struct tcp_direction *d, const struct fresh *fresh, uint64_t at)
{
    struct arrival arrival = arrive(r, d, fresh);
    int failed = 0;
    for (size_t i = find_chunk(r, at); at < fresh->end && failed == 0; i++) {
        const struct chunk *next = i < r->chunk_count ? r->chunks[i] : NULL;
        const uint64_t free_end = next != NULL ? least(next->begin, fresh->end) : fresh->end;
        if (at < free_end)
            failed = insert_chunk(r, i, at, free_end, fresh, &arrival.queued);
        else
            failed = compare_chunk(r, i, &arrival);
        if (failed == 0)
            at = r->chunks[i]->end;
    }
    return failed;
}

static void forget_doubted(struct reassembly *r, size_t i)
{
    r->held -= (size_t)(r->doubted[i]->end - r->doubted[i]->begin) + CHUNK_COST;
    free(r->doubted[i]);
    memmove(r->doubted + i, r->doubted + i + 1, (--r->doubted_count - i) * sizeof *r->doubted);
}

/* Was all of it given out, or has come right? */
static bool is_needless(const struct reassembly *r, const struct chunk *doubted)
{
    uint64_t at = r->started && r->next > doubted->begin ? r->next : doubted->begin;
    for (size_t i = find_chunk(r, at); i < r->chunk_count && r->chunks[i]->begin <= at; i++)
        at = r->chunks[i]->end;
    return at >= doubted->end;
}

static void forget_needless(struct reassembly *r)
{
    for (size_t i = r->doubted_count; i > 0; i--) {
        if (is_needless(r, r->doubted[i - 1]))
            forget_doubted(r, i - 1);
    }
}

static int give_up_first_hole(struct reassembly *r, const struct tcp_direction *d)
{
    if (give_up(r, d, r->chunks[0]->begin, REASSEMBLY_GIVEN_UP) != 0 || drain(r) != 0)
        return -ENOMEM;
    forget_needless(r);
    return 0;
}

static bool is_full(const struct reassembly *r)
{
    return r->held > r->config.limit || r->chunk_count > REASSEMBLY_MAX_CHUNKS;
}

/* While too much waits, the first hole is given up, or what was doubted first. A hole that was acknowledged
 * is not worth waiting for: only what nobody needs would still fill it. */
static int make_room(struct reassembly *r, const struct tcp_direction *d)
{
    const bool many = r->doubted_count > REASSEMBLY_MAX_DOUBTED;
    int failed = 0;
    if (many || is_full(r))
        forget_needless(r);
    if (is_full(r) && !r->started)
        failed = begin_at(r, d->origin);
    while (failed == 0 && r->doubted_count > REASSEMBLY_MAX_DOUBTED) {
        if (r->started && r->chunk_count > 0 && d->has_acked && r->chunks[0]->begin <= d->acked)
            failed = give_up_first_hole(r, d);
        else
            forget_doubted(r, 0);
    }
    while (failed == 0 && is_full(r)) {
        if (r->chunk_count > 0)
            failed = give_up_first_hole(r, d);
        else
            forget_doubted(r, 0);
    }
    return failed;
}

/* ---- segments ---- */

static int take(struct reassembly *r, const struct tcp_direction *d, const struct fresh *fresh)
{
    uint64_t at = fresh->begin;
    if (r->started && at < r->next) {
        compare_recent(r, d, fresh);
        at = r->next;
    }
    if (at >= fresh->end)
        return 0;
    if (r->started && at == r->next && r->chunk_count == 0)
        return give(r, at, fresh->end, fresh->bytes + (at - fresh->begin), fresh->packet);
    if (keep(r, d, fresh, at) != 0 || (r->started && drain(r) != 0))
        return -ENOMEM;
    return make_room(r, d);
}

/* A segment with a wrong checksum, which may be all that there is. */
static int take_doubted(struct reassembly *r, const struct tcp_direction *d,
                        const struct tcp_segment *segment)
{
    const struct packet *packet = segment->packet;
    const uint64_t begin = segment->offset;
    const uint32_t there =
        segment->doubted < packet->payload_captured ? segment->doubted : packet->payload_captured;
    const struct fresh fresh = {begin, begin + there, packet->payload, packet->number, begin + there};
    if (there == 0 || (r->started && fresh.end <= r->next))
        return 0;
    if (r->doubted == NULL)
        r->doubted = calloc(REASSEMBLY_MAX_DOUBTED + 1, sizeof(struct chunk *));
    struct chunk *chunk = r->doubted != NULL ? new_chunk(r, fresh.begin, fresh.end, &fresh) : NULL;
    if (chunk == NULL)
        return -ENOMEM;
    r->doubted[r->doubted_count++] = chunk;
    return make_room(r, d);
}

/* Where the axis begins is known for good: a SYN told it, or the first bytes were acknowledged, so that none
 * from before them is on its way. */
static bool is_settled(const struct tcp_direction *d)
{
    return d->started &&
           (!d->partial || (d->has_acked && d->range_count > 0 && d->acked > tcp_ranges(d)[0].begin));
}

int reassembly_feed(struct reassembly *r, const struct tcp_direction *d, const struct tcp_segment *segment)
{
    int failed = 0;
    if (!r->started)
        r->origin = d->origin;
    if (!r->started && d->started && !d->partial)
        failed = begin_at(r, d->origin);
    if (failed == 0 && segment->doubted > 0)
        failed = take_doubted(r, d, segment);
    if (failed == 0 && segment->piece_count > 0 && (segment->marks & TCP_BIT(TCP_MARK_KEEP_ALIVE)) == 0) {
        const struct packet *packet = segment->packet;
        const struct tcp_piece *first = &segment->pieces[0], *last = first + segment->piece_count - 1;
        const uint32_t there =
            packet->payload_captured > first->at ? packet->payload_captured - first->at : 0;
        struct fresh fresh = {
            .begin = first->offset,
            .end = last->offset + last->length,
            .bytes = packet->payload + first->at,
            .packet = packet->number,
            .sent_end = last->offset + last->length + ((packet->tcp.flags & TCP_FIN) != 0),
        };
        r->cut = r->cut || fresh.end - fresh.begin > there;
        if (fresh.end - fresh.begin > there)
            fresh.end = fresh.begin + there;
        if (there > 0)
            failed = take(r, d, &fresh);
    }
    if (failed == 0 && !r->started && is_settled(d))
        failed = begin_at(r, d->origin);
    return failed;
}

void reassembly_finish(struct reassembly *r, const struct tcp_direction *d)
{
    if (!r->started)
        (void)begin_at(r, d->origin);
    while (r->chunk_count > 0) {
        (void)give_up(r, d, r->chunks[0]->begin, REASSEMBLY_NOT_CAPTURED);
        (void)drain(r);
    }
    (void)give_up(r, d, d->next, REASSEMBLY_NOT_CAPTURED);
}
