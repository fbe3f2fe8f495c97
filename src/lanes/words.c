#include "lanes/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "lanes/spans.h"

#define NARROW_SPACE "\u202f"

void words_count(struct buf *out, uint64_t count)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, count);
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            buf_text(out, NARROW_SPACE);
        buf_char(out, digits[i]);
    }
}

void words_bytes(struct buf *out, uint64_t bytes)
{
    words_count(out, bytes);
    buf_text(out, NARROW_SPACE "B");
}

void words_time(struct buf *out, uint64_t ns)
{
    if (ns >= NS_PER_S)
        buf_printf(out, "%.2f" NARROW_SPACE "s", (double)ns / NS_PER_S);
    else if (ns >= NS_PER_MS)
        buf_printf(out, "%.1f" NARROW_SPACE "ms", (double)ns / NS_PER_MS);
    else
        buf_printf(out, "%" PRIu64 NARROW_SPACE "µs", ns / NS_PER_US);
}

void words_message(struct buf *out, const struct lanes_direction *d, const struct lanes_span *message)
{
    const struct lanes_spans *messages = &d->lane[LANES_MESSAGE];
    size_t same = 0, number = 0;
    /* Neighbours of the same name repeat within a few spans; two are enough to need a number. */
    for (size_t i = 0; i < messages->count && (same < 2 || messages->at[i].n <= message->n); i++) {
        same += strcmp(messages->at[i].name, message->name) == 0;
        if (&messages->at[i] == message)
            number = same;
    }
    if (same > 1)
        buf_printf(out, "%s #%zu", message->name, number);
    else
        buf_printf(out, "the %s", message->name);
}

static void part_of(struct buf *out, const struct lanes_direction *d, const struct lanes_span *message,
                    uint64_t begin, uint64_t end)
{
    const uint64_t from = begin > message->offset ? begin : message->offset;
    const uint64_t to = end < span_end(message) ? end : span_end(message);
    if (from == message->offset && to == span_end(message)) {
        words_message(out, d, message);
        buf_text(out, " (");
        words_bytes(out, message->length);
        buf_char(out, ')');
        return;
    }
    if (from == message->offset)
        buf_text(out, "the first ");
    else if (to == span_end(message))
        buf_text(out, "the last ");
    words_bytes(out, to - from);
    buf_text(out, from != message->offset && to != span_end(message) ? " from the middle of " : " of ");
    words_message(out, d, message);
}

#define PARTS_MAX 3

void words_parts(struct buf *out, const struct lanes_direction *d, uint64_t begin, uint64_t end)
{
    const struct lanes_spans *messages = &d->lane[LANES_MESSAGE];
    const size_t first = spans_after(messages->at, messages->count, begin);
    size_t last = first;
    while (last < messages->count && messages->at[last].offset < end)
        last++;
    const size_t count = last - first, shown = count > PARTS_MAX ? PARTS_MAX - 1 : count;
    for (size_t i = 0; i < shown; i++) {
        if (i > 0)
            buf_text(out, i + 1 == count ? " and " : ", ");
        part_of(out, d, &messages->at[first + i], begin, end);
    }
    if (count > shown) {
        buf_text(out, " and ");
        words_count(out, count - shown);
        buf_text(out, " further messages");
    }
}

void words_segments(struct buf *out, const struct lanes_direction *d, uint64_t begin, uint64_t end)
{
    const struct lanes_span *wire = d->lane[LANES_WIRE].at;
    size_t i = spans_after(wire, d->unique, begin);
    uint32_t low = UINT32_MAX, high = 0, count = 0, last = 0;
    for (; i < d->unique && wire[i].offset < end; i++) {
        count += wire[i].n != last;
        last = wire[i].n;
        low = last < low ? last : low;
        high = last > high ? last : high;
    }
    if (count == 0)
        buf_text(out, "no captured segment");
    else if (count == 1)
        buf_printf(out, "segment #%" PRIu32, low);
    else
        buf_printf(out, "segments #%" PRIu32 " %s #%" PRIu32, low, count == 2 ? "and" : "to", high);
}

void words_payload(struct buf *out, const struct lanes_direction *d, uint64_t offset, uint64_t end,
                   size_t most)
{
    if (end > d->payload_len)
        end = d->payload_len;
    if (offset >= end)
        return;
    size_t len = end - offset < most ? (size_t)(end - offset) : most;
    /* Do not cut a character in two. */
    while (len > 0 && offset + len < end && (d->payload[offset + len] & 0xc0) == 0x80)
        len--;
    buf_char(out, '"');
    text_escape(out, d->payload + offset, len);
    buf_text(out, offset + len < end ? "…\"" : "\"");
}
