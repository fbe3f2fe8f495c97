#include "lanes/words.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/text.h"
#include "lanes/spans.h"

#define NARROW_SPACE "\u202f"

/* ---- words as values ---- */

static struct word word_of(struct buf *text)
{
    struct word word;
    const char *whole = buf_cstr(text);
    const size_t len = strlen(whole);
    size_t most = len < sizeof word.text ? len : sizeof word.text - 1;
    while (most > 0 && most < len && ((uint8_t)whole[most] & 0xc0) == 0x80)
        most--;
    memcpy(word.text, whole, most);
    word.text[most] = '\0';
    buf_free(text);
    return word;
}

struct word word_bytes(uint64_t bytes)
{
    struct buf text = {0};
    words_bytes(&text, bytes);
    return word_of(&text);
}

struct word word_time(uint64_t ns)
{
    struct buf text = {0};
    words_time(&text, ns);
    return word_of(&text);
}

struct word word_parts(const struct lanes_direction *d, uint64_t begin, uint64_t end)
{
    struct buf text = {0};
    words_parts(&text, d, begin, end);
    return word_of(&text);
}

struct word word_message(const struct lanes_direction *d, const struct lanes_span *message)
{
    struct buf text = {0};
    words_message(&text, d, message);
    return word_of(&text);
}

struct word word_segments(const struct lanes_direction *d, uint64_t begin, uint64_t end)
{
    struct buf text = {0};
    words_segments(&text, d, begin, end);
    return word_of(&text);
}

struct word word_payload(const struct lanes_direction *d, uint64_t offset, uint64_t end, size_t most)
{
    struct buf text = {0};
    words_payload(&text, d, offset, end, most);
    return word_of(&text);
}

struct word word_printf(const char *format, ...)
{
    struct word word;
    va_list args;
    va_start(args, format);
    vsnprintf(word.text, sizeof word.text, format, args);
    va_end(args);
    return word;
}

struct word word_sends(uint32_t first, uint32_t last)
{
    struct buf text = {0};
    if (first == last)
        buf_printf(&text, _("send #%" PRIu32), first);
    else
        buf_printf(&text, _("sends #%" PRIu32 " to #%" PRIu32), first, last);
    return word_of(&text);
}

/* The wire's comments, as lab/schedule.c writes them into the file: texts, and those with a figure in them.
 */
static const char *const fates[] = {N_("delivered"), N_("dropped"), N_("dropped: the wire's queue is full"),
                                    N_("duplicated"), N_("held behind the next frame")};

static void put_fate(struct buf *out, const char *part, size_t len)
{
    static const char delayed[] = "delayed ", corrupted[] = "corrupted at byte ";
    const size_t figure = strcspn(part + (len > sizeof delayed ? sizeof delayed - 1 : 0), " ");
    for (size_t i = 0; i < sizeof fates / sizeof fates[0]; i++) {
        if (strlen(fates[i]) == len && memcmp(fates[i], part, len) == 0) {
            buf_text(out, _(fates[i]));
            return;
        }
    }
    if (len > sizeof delayed && memcmp(part, delayed, sizeof delayed - 1) == 0)
        buf_printf(out, _("delayed %.*s ms"), (int)figure, part + sizeof delayed - 1);
    else if (len > sizeof corrupted && memcmp(part, corrupted, sizeof corrupted - 1) == 0)
        buf_printf(out, _("corrupted at byte %.*s"), (int)(len + 1 - sizeof corrupted),
                   part + sizeof corrupted - 1);
    else
        buf_append(out, part, len);
}

struct word word_fate(const char *fate)
{
    struct buf text = {0};
    while (*fate != '\0') {
        const size_t len = strcspn(fate, ",");
        if (text.len > 0)
            buf_text(&text, _(", "));
        put_fate(&text, fate, len);
        fate += len;
        fate += strspn(fate, ", ");
    }
    return word_of(&text);
}

/* ---- words ---- */

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
        buf_printf(out, _("%s #%zu"), _(message->name), number);
    else
        buf_printf(out, _("the %s"), _(message->name));
}

static void part_of(struct buf *out, const struct lanes_direction *d, const struct lanes_span *message,
                    uint64_t begin, uint64_t end)
{
    const uint64_t from = begin > message->offset ? begin : message->offset;
    const uint64_t to = end < span_end(message) ? end : span_end(message);
    const struct word name = word_message(d, message), bytes = word_bytes(to - from);
    if (from == message->offset && to == span_end(message))
        buf_printf(out, _("%s (%s)"), name.text, bytes.text);
    else if (from == message->offset)
        buf_printf(out, _("the first %s of %s"), bytes.text, name.text);
    else if (to == span_end(message))
        buf_printf(out, _("the last %s of %s"), bytes.text, name.text);
    else
        buf_printf(out, _("%s from the middle of %s"), bytes.text, name.text);
}

static struct word part(const struct lanes_direction *d, const struct lanes_span *message, uint64_t begin,
                        uint64_t end)
{
    struct buf text = {0};
    part_of(&text, d, message, begin, end);
    return word_of(&text);
}

void words_parts(struct buf *out, const struct lanes_direction *d, uint64_t begin, uint64_t end)
{
    const struct lanes_spans *messages = &d->lane[LANES_MESSAGE];
    const size_t first = spans_after(messages->at, messages->count, begin);
    size_t last = first;
    while (last < messages->count && messages->at[last].offset < end)
        last++;
    const struct lanes_span *at = &messages->at[first];
    const size_t count = last - first;
    if (count == 0)
        return;
    const struct word one = part(d, at, begin, end);
    const struct word two = count > 1 ? part(d, at + 1, begin, end) : one;
    if (count == 1)
        buf_text(out, one.text);
    else if (count == 2)
        buf_printf(out, _("%s and %s"), one.text, two.text);
    else if (count == 3)
        buf_printf(out, _("%s, %s and %s"), one.text, two.text, part(d, at + 2, begin, end).text);
    else
        buf_printf(out, _("%s, %s and %zu further messages"), one.text, two.text, count - 2);
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
        buf_text(out, _("no captured segment"));
    else if (count == 1)
        buf_printf(out, _("segment #%" PRIu32), low);
    else if (count == 2)
        buf_printf(out, _("segments #%" PRIu32 " and #%" PRIu32), low, high);
    else
        buf_printf(out, _("segments #%" PRIu32 " to #%" PRIu32), low, high);
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
