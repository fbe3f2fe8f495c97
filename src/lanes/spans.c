#include "lanes/spans.h"

#include <stdlib.h>
#include <string.h>

struct lanes_span *spans_add(struct lanes_spans *spans)
{
    if (spans->count == spans->cap) {
        size_t cap = spans->cap == 0 ? 4 : spans->cap * 2;
        struct lanes_span *at = reallocarray(spans->at, cap, sizeof *at);
        if (at == NULL)
            return NULL;
        spans->at = at;
        spans->cap = cap;
    }
    struct lanes_span *span = &spans->at[spans->count++];
    *span = (struct lanes_span){0};
    return span;
}

void spans_trim(struct lanes_spans *spans)
{
    if (spans->count == spans->cap || spans->count == 0)
        return;
    struct lanes_span *at = reallocarray(spans->at, spans->count, sizeof *at);
    if (at == NULL)
        return;
    spans->at = at;
    spans->cap = spans->count;
}

void spans_free(struct lanes_spans *spans)
{
    free(spans->at);
    *spans = (struct lanes_spans){0};
}

size_t spans_after(const struct lanes_span *at, size_t count, uint64_t offset)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (span_end(&at[middle]) > offset)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

size_t lane_count(const struct lanes_direction *d, enum lanes_lane lane)
{
    return lane == LANES_WIRE ? d->unique : d->lane[lane].count;
}

const struct lanes_span *lane_at(const struct lanes_direction *d, enum lanes_lane lane, uint64_t offset)
{
    const size_t count = lane_count(d, lane);
    const size_t i = spans_after(d->lane[lane].at, count, offset);
    const struct lanes_span *span = i < count ? &d->lane[lane].at[i] : NULL;
    return span != NULL && span->offset <= offset ? span : NULL;
}

bool fate_is_loss(const char *fate)
{
    return fate != NULL &&
           (strncmp(fate, "dropped", strlen("dropped")) == 0 || strstr(fate, "corrupted") != NULL);
}

bool span_lost(const struct lanes_span *span)
{
    return fate_is_loss(span->fate);
}

bool span_known(const struct lanes_span *span)
{
    return span->fate != NULL;
}

#define LOOK_AT_REPEATS 4096 /* behind a lost segment, for the copy that arrived */

/* Of the retransmissions, the first that came after segment `n`. */
static size_t repeats_after(const struct lanes_direction *d, uint32_t n)
{
    const struct lanes_spans *wire = &d->lane[LANES_WIRE];
    size_t low = d->unique, high = wire->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (wire->at[middle].n > n)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

const struct lanes_span *wire_delivering(const struct lanes_direction *d, uint64_t offset)
{
    const struct lanes_span *first = lane_at(d, LANES_WIRE, offset);
    if (first == NULL || !span_lost(first))
        return first;
    const struct lanes_spans *wire = &d->lane[LANES_WIRE];
    const size_t begin = repeats_after(d, first->n);
    for (size_t i = begin; i < wire->count && i - begin < LOOK_AT_REPEATS; i++) {
        const struct lanes_span *span = &wire->at[i];
        if (span->offset <= offset && offset < span_end(span) && !span_lost(span))
            return span;
    }
    return NULL;
}
