/* The bytes seen of a direction: an ordered list of disjoint ranges. A segment is cut at their edges into
 * pieces, new and old by turns, and then joins the ranges it touches. In order, that is one range that
 * grows. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/tcp_private.h"

static struct tcp_range *ranges_of(struct tcp_direction *d)
{
    return d->range_cap > 0 ? d->range.list : d->range.inlined;
}

/* Index of the first range that ends at `offset` or behind it. */
static size_t find_range(const struct tcp_direction *d, uint64_t offset)
{
    const struct tcp_range *ranges = tcp_ranges(d);
    size_t low = 0, high = d->range_count;
    if (high > 0 && ranges[high - 1].end <= offset)
        return ranges[high - 1].end == offset ? high - 1 : high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ranges[middle].end < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Room for one range more. */
static int reserve_range(struct tcp_direction *d, struct tcp_scratch *scratch)
{
    const size_t had = d->range_cap, room = had > 0 ? had : TCP_INLINE_RANGES;
    if (d->range_count < room)
        return 0;
    const size_t cap = room * 2;
    struct tcp_range *grown = realloc(had > 0 ? d->range.list : NULL, cap * sizeof *grown);
    if (grown == NULL)
        return -ENOMEM;
    if (had == 0)
        memcpy(grown, d->range.inlined, sizeof d->range.inlined);
    d->range.list = grown;
    d->range_cap = (uint16_t)cap;
    scratch->held += (cap - had) * sizeof *grown;
    return 0;
}

/* Give the oldest holes up, a quarter of all at a time: that moves the rest seldom. */
static int give_up_oldest(struct tcp_direction *d, struct tcp_scratch *scratch)
{
    struct tcp_range *ranges = ranges_of(d);
    struct tcp_odd *odd = tcp_odd_of(d, scratch);
    const size_t joined = d->range_count / 4;
    if (odd == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < joined; i++)
        odd->given_up_bytes += ranges[i + 1].begin - ranges[i].end;
    odd->given_up += joined;
    ranges[joined].begin = ranges[0].begin;
    memmove(ranges, ranges + joined, (d->range_count - joined) * sizeof *ranges);
    d->range_count = (uint16_t)(d->range_count - joined);
    return 0;
}

/* Add [begin, end), which touches or overlaps the ranges [first, last). Room for one range is reserved. */
static int merge_range(const struct tcp_context *c, uint64_t begin, uint64_t end, size_t first, size_t last)
{
    struct tcp_direction *d = c->d;
    struct tcp_range *ranges = ranges_of(d);
    if (first == last) {
        memmove(ranges + first + 1, ranges + first, (d->range_count - first) * sizeof *ranges);
        ranges[first] = (struct tcp_range){begin, end};
        d->range_count++;
        return d->range_count > TCP_MAX_RANGES ? give_up_oldest(d, c->scratch) : 0;
    }
    if (ranges[first].begin < begin)
        begin = ranges[first].begin;
    if (ranges[last - 1].end > end)
        end = ranges[last - 1].end;
    ranges[first] = (struct tcp_range){begin, end};
    memmove(ranges + first + 1, ranges + last, (d->range_count - last) * sizeof *ranges);
    d->range_count = (uint16_t)(d->range_count - (last - first - 1));
    return 0;
}

static void add_piece(const struct tcp_context *c, uint64_t origin, uint64_t begin, uint64_t end, bool is_new)
{
    c->scratch->pieces[c->segment->piece_count++] = (struct tcp_piece){
        .offset = begin,
        .length = (uint32_t)(end - begin),
        .at = (uint32_t)(begin - origin),
        .is_new = is_new,
    };
}

static int reserve_pieces(struct tcp_scratch *scratch, size_t most)
{
    if (scratch->cap >= most)
        return 0;
    struct tcp_piece *grown = realloc(scratch->pieces, most * 2 * sizeof *grown);
    if (grown == NULL)
        return -ENOMEM;
    scratch->pieces = grown;
    scratch->cap = most * 2;
    return 0;
}

static int take_odd_place(const struct tcp_context *c, uint64_t begin, uint64_t end, uint64_t origin)
{
    struct tcp_direction *d = c->d;
    if (d->range_count >= TCP_MAX_RANGES && tcp_direction_settle(d, c->scratch) != 0)
        return -ENOMEM;
    const struct tcp_range *ranges = tcp_ranges(d);
    size_t first = find_range(d, begin), last = first;
    while (last < d->range_count && ranges[last].begin <= end)
        last++;
    if (reserve_pieces(c->scratch, 2 * (last - first) + 1) != 0 || reserve_range(d, c->scratch) != 0)
        return -ENOMEM;
    ranges = tcp_ranges(d);
    uint64_t at = begin;
    for (size_t i = first; i < last; i++) {
        uint64_t old_begin = ranges[i].begin > at ? ranges[i].begin : at;
        uint64_t old_end = ranges[i].end < end ? ranges[i].end : end;
        if (old_begin > at)
            add_piece(c, origin, at, old_begin, true);
        if (old_end > old_begin)
            add_piece(c, origin, old_begin, old_end, false);
        at = old_end > at ? old_end : at;
    }
    if (at < end)
        add_piece(c, origin, at, end, true);
    c->segment->pieces = c->scratch->pieces;
    return merge_range(c, begin, end, first, last);
}

int tcp_ranges_take(const struct tcp_context *c, uint64_t begin, uint64_t end, uint32_t skipped)
{
    struct tcp_direction *d = c->d;
    struct tcp_range *last = d->range_count > 0 ? &ranges_of(d)[d->range_count - 1] : NULL;
    if (last == NULL || last->end != begin || c->scratch->cap == 0)
        return take_odd_place(c, begin, end, begin - skipped);
    last->end = end;
    add_piece(c, begin - skipped, begin, end, true);
    c->segment->pieces = c->scratch->pieces;
    return 0;
}

bool tcp_ranges_lack(const struct tcp_direction *d, uint64_t begin, uint64_t end)
{
    const size_t at = find_range(d, begin);
    return begin < end &&
           (at >= d->range_count || tcp_ranges(d)[at].begin > begin || tcp_ranges(d)[at].end < end);
}

/* ---- corrupted packets ---- */

static struct tcp_doubt *doubt_of(const struct tcp_context *c)
{
    struct tcp_odd *odd = tcp_odd_of(c->d, c->scratch);
    if (odd == NULL)
        return NULL;
    if (odd->doubt == NULL) {
        odd->doubt = calloc(1, sizeof *odd->doubt);
        if (odd->doubt == NULL)
            return NULL;
        odd->doubt->unverified_begin = UINT64_MAX;
        c->scratch->held += sizeof *odd->doubt;
    }
    return odd->doubt;
}

int tcp_ranges_doubt(const struct tcp_context *c, uint64_t begin, uint64_t end)
{
    struct tcp_doubt *doubt = doubt_of(c);
    if (doubt == NULL)
        return -ENOMEM;
    if (doubt->count == TCP_DOUBTS && tcp_direction_settle(c->d, c->scratch) != 0)
        return -ENOMEM;
    if (doubt->count == TCP_DOUBTS) /* none was acknowledged: the oldest hardly will be */
        memmove(doubt->place, doubt->place + 1, --doubt->count * sizeof *doubt->place);
    doubt->place[doubt->count++] = (struct tcp_range){begin, end};
    return 0;
}

int tcp_ranges_doubt_fin(const struct tcp_context *c, uint64_t offset)
{
    struct tcp_doubt *doubt = doubt_of(c);
    if (doubt == NULL)
        return -ENOMEM;
    doubt->has_fin = true;
    doubt->fin_offset = offset;
    return 0;
}

bool tcp_ranges_are_doubted(const struct tcp_direction *d, uint64_t begin, uint64_t end)
{
    const struct tcp_doubt *doubt = d->odd != NULL ? d->odd->doubt : NULL;
    for (size_t i = 0; doubt != NULL && i < doubt->count; i++) {
        if (doubt->place[i].begin < end && begin < doubt->place[i].end)
            return true;
    }
    return false;
}

/* Take [begin, end), as far as it is missing. */
static int take_unverified(struct tcp_direction *d, struct tcp_scratch *scratch, uint64_t begin, uint64_t end)
{
    struct tcp_segment segment = {0};
    const struct tcp_context c = {.d = d, .scratch = scratch, .segment = &segment};
    struct tcp_doubt *doubt = d->odd->doubt;
    if (take_odd_place(&c, begin, end, begin) != 0)
        return -ENOMEM;
    for (size_t i = 0; i < segment.piece_count; i++) {
        const struct tcp_piece *piece = &segment.pieces[i];
        if (!piece->is_new)
            continue;
        d->unique_bytes += piece->length;
        d->wire_bytes += piece->length;
        doubt->unverified += piece->length;
        if (piece->offset < doubt->unverified_begin)
            doubt->unverified_begin = piece->offset;
    }
    if (end > d->next)
        d->next = end;
    return 0;
}

int tcp_direction_settle(struct tcp_direction *d, struct tcp_scratch *scratch)
{
    struct tcp_doubt *doubt = d->odd != NULL ? d->odd->doubt : NULL;
    if (doubt == NULL || doubt->count == 0 || !d->has_acked)
        return 0;
    struct tcp_range place[TCP_DOUBTS];
    const size_t count = doubt->count;
    int failed = 0;
    memcpy(place, doubt->place, count * sizeof *place);
    doubt->count = 0;
    for (size_t i = 0; i < count && failed == 0; i++) {
        const uint64_t end = place[i].end < d->acked ? place[i].end : d->acked;
        const uint64_t begin =
            place[i].begin > d->origin ? place[i].begin : d->origin; /* it may have moved */
        const uint64_t rest = end > begin ? end : begin;
        if (begin < end)
            failed = take_unverified(d, scratch, begin, end);
        if (tcp_ranges_lack(d, rest, place[i].end))
            doubt->place[doubt->count++] = (struct tcp_range){rest, place[i].end};
    }
    return failed;
}

uint64_t tcp_direction_unverified(const struct tcp_direction *d)
{
    return d->odd != NULL && d->odd->doubt != NULL ? d->odd->doubt->unverified : 0;
}

uint64_t tcp_direction_verified_end(const struct tcp_direction *d)
{
    return d->odd != NULL && d->odd->doubt != NULL ? d->odd->doubt->unverified_begin : UINT64_MAX;
}

/* ---- what is missing ---- */

uint64_t tcp_direction_missing(const struct tcp_direction *d)
{
    return d->started ? d->next - d->origin - d->unique_bytes : 0;
}

uint64_t tcp_direction_given_up(const struct tcp_direction *d)
{
    return d->odd != NULL ? d->odd->given_up : 0;
}

uint64_t tcp_direction_gaps(const struct tcp_direction *d)
{
    if (d->range_count == 0)
        return 0;
    const bool at_start = tcp_ranges(d)[0].begin > d->origin;
    return d->range_count - 1U + at_start + tcp_direction_given_up(d);
}

uint64_t tcp_direction_unseen_end(const struct tcp_direction *d)
{
    return d->has_acked && d->acked > d->next ? d->acked - d->next : 0;
}
