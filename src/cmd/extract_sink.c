/* From segments to files. Bytes are written where they belong as they come, so that nothing waits in memory
 * for what comes late; what never came is known when the stream closes, from the ranges that its direction
 * kept. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/json.h"
#include "cmd/cmd.h"
#include "cmd/extract.h"

enum {
    MAX_CUTS = 4096, /* a direction: places whose bytes the capture cut off */
    GATHER = 64 << 10,
};

struct span {
    uint64_t begin, end;
};

struct side {
    struct extract_file *file; /* NULL: no byte yet */
    struct span *cuts;
    size_t cut_count, cut_cap;
    uint64_t cut_unlisted; /* bytes */
    uint64_t written;
    uint64_t origin; /* offset of the file's first byte */
};

struct wanted {
    struct side side[2];
};

static const char *const side_names[2] = {"client", "server"};

static void fail(struct extract_sink *sink, int failed)
{
    if (sink->failed == 0 && failed != 0)
        sink->failed = failed;
}

/* ---- payload ---- */

static bool is_wanted(const struct extract_sink *sink, uint64_t number)
{
    for (size_t i = 0; i < sink->number_count; i++) {
        if (sink->numbers[i] == number)
            return true;
    }
    return sink->number_count == 0;
}

static void note_nearest(struct extract_sink *sink, uint64_t number)
{
    if (sink->number_count == 0)
        return;
    if (number < sink->numbers[0] && number > sink->nearest[0])
        sink->nearest[0] = number;
    if (number > sink->numbers[0] && (sink->nearest[1] == 0 || number < sink->nearest[1]))
        sink->nearest[1] = number;
}

static int add_cut(struct side *side, uint64_t begin, uint64_t end)
{
    struct span *last = side->cut_count > 0 ? &side->cuts[side->cut_count - 1] : NULL;
    if (last != NULL && last->end == begin) {
        last->end = end;
        return 0;
    }
    if (side->cut_count == MAX_CUTS) {
        side->cut_unlisted += end - begin;
        return 0;
    }
    if (side->cut_count == side->cut_cap) {
        const size_t cap = side->cut_cap == 0 ? 8 : side->cut_cap * 2;
        struct span *cuts = reallocarray(side->cuts, cap, sizeof *cuts);
        if (cuts == NULL)
            return -ENOMEM;
        side->cuts = cuts;
        side->cut_cap = cap;
    }
    side->cuts[side->cut_count++] = (struct span){begin, end};
    return 0;
}

static int take_piece(struct extract_sink *sink, struct side *side, const struct packet *packet,
                      const struct tcp_piece *piece)
{
    const uint64_t at = piece->offset - side->origin;
    const uint32_t captured = packet->payload_captured > piece->at ? packet->payload_captured - piece->at : 0;
    const uint32_t here = captured < piece->length ? captured : piece->length;
    int failed = 0;
    if (here > 0)
        failed = extract_file_write(side->file, at, packet->payload + piece->at, here, &sink->err);
    side->written += here;
    if (failed == 0 && here < piece->length)
        failed = add_cut(side, at + here, at + piece->length);
    return failed;
}

static void take_segment(void *context, struct flow_stream *stream, enum flow_side from,
                         const struct tcp_segment *segment)
{
    struct extract_sink *sink = context;
    if (segment->piece_count == 0 || sink->failed != 0 || !is_wanted(sink, stream->number))
        return;
    if (stream->user == NULL)
        stream->user = calloc(1, sizeof(struct wanted));
    struct wanted *wanted = stream->user;
    if (wanted == NULL) {
        fail(sink, sd_fail_errno(&sink->err, ENOMEM, "extract"));
        return;
    }
    struct side *side = &wanted->side[from];
    if (side->file == NULL)
        side->origin = stream->direction[from].origin;
    if (side->file == NULL)
        side->file = extract_file_new(sink->files, stream->number, side_names[from]);
    int failed = side->file == NULL ? sd_fail_errno(&sink->err, ENOMEM, "extract") : 0;
    for (size_t i = 0; i < segment->piece_count && failed == 0; i++) {
        /* Of a direction that was joined midway, what comes from before the first bytes has no place. */
        if (segment->pieces[i].is_new && segment->pieces[i].offset >= side->origin)
            failed = take_piece(sink, side, segment->packet, &segment->pieces[i]);
    }
    fail(sink, failed);
}

/* ---- the index ---- */

int extract_index_flush(struct extract_sink *sink)
{
    int failed = sink->index.failed ? -ENOMEM : 0;
    if (failed == 0 && sink->index.len > 0 && !sink->index_cut) {
        if (!extract_files_take(sink->files, sink->index.len))
            sink->index_cut = true;
        else
            failed = io_write_all(sink->index_fd, sink->index.data, sink->index.len);
    }
    if (failed != 0)
        return sd_fail_errno(&sink->err, -failed, "cannot write the index");
    if (sink->json)
        failed = cmd_write_stdout(sink->index.data, sink->index.len);
    sink->index.len = 0;
    return failed == -EPIPE ? 0 : failed;
}

static struct json begin_line(struct extract_sink *sink, const char *type, uint64_t number, int side)
{
    struct json j = json_begin(&sink->index);
    json_text(&j, "type", type);
    json_u64(&j, "stream", number);
    json_text(&j, "from", side_names[side]);
    return j;
}

static void put_gap(struct extract_sink *sink, uint64_t number, int side, struct span gap, const char *why,
                    bool acknowledged)
{
    struct json j = begin_line(sink, "gap", number, side);
    json_u64(&j, "offset", gap.begin);
    json_u64(&j, "length", gap.end - gap.begin);
    json_text(&j, "why", why);
    json_bool(&j, "acknowledged", acknowledged);
    json_end_line(&j);
}

/* A gap whose beginning only was acknowledged is two. */
static int take_gap(struct extract_sink *sink, const struct flow_stream *stream, int side, struct span gap,
                    const char *why)
{
    struct wanted *wanted = stream->user;
    const uint64_t origin = wanted->side[side].origin, end = stream->direction[side].acked;
    const uint64_t acked = end > origin ? end - origin : 0;
    sink->gaps++;
    sink->gap_bytes += gap.end - gap.begin;
    const uint64_t middle = acked <= gap.begin ? gap.begin : acked < gap.end ? acked : gap.end;
    if (middle > gap.begin)
        put_gap(sink, stream->number, side, (struct span){gap.begin, middle}, why, true);
    if (middle < gap.end)
        put_gap(sink, stream->number, side, (struct span){middle, gap.end}, why, false);
    return extract_file_fill(wanted->side[side].file, gap.begin, gap.end - gap.begin, &sink->err);
}

static int take_gaps(struct extract_sink *sink, const struct flow_stream *stream, int side)
{
    const struct tcp_direction *d = &stream->direction[side];
    const struct side *s = &((struct wanted *)stream->user)->side[side];
    uint64_t at = 0;
    int failed = 0;
    for (size_t i = 0; i < d->range_count && failed == 0; i++) {
        const struct tcp_range *range = &tcp_ranges(d)[i];
        if (range->end <= s->origin)
            continue;
        if (range->begin > s->origin + at)
            failed =
                take_gap(sink, stream, side, (struct span){at, range->begin - s->origin}, "not captured");
        at = range->end - s->origin;
    }
    for (size_t i = 0; i < s->cut_count && failed == 0; i++)
        failed = take_gap(sink, stream, side, s->cuts[i], "cut off by the capture");
    sink->unlisted += s->cut_unlisted;
    return failed;
}

static int close_side(struct extract_sink *sink, const struct flow_stream *stream, int side)
{
    const struct tcp_direction *d = &stream->direction[side];
    struct side *s = &((struct wanted *)stream->user)->side[side];
    const char *name = NULL;
    if (s->file == NULL)
        return 0;
    int failed = take_gaps(sink, stream, side);
    if (failed == 0)
        failed = extract_file_finish(s->file, d->next - s->origin, &name, &sink->err);
    if (failed != 0)
        return failed;
    char endpoint[PACKET_ENDPOINT_TEXT];
    packet_endpoint_text(&stream->endpoint[side].address, stream->endpoint[side].port, endpoint);
    struct json j = begin_line(sink, "file", stream->number, side);
    json_text(&j, "name", name);
    json_text(&j, "sender", endpoint);
    json_u64(&j, "length", d->next - s->origin);
    json_u64(&j, "captured", s->written);
    json_u64(&j, "refused", extract_file_refused(s->file));
    json_bool(&j, "partial", d->partial);
    json_end_line(&j);
    return 0;
}

static void take_closed(void *context, struct flow_stream *stream)
{
    struct extract_sink *sink = context;
    struct wanted *wanted = stream->user;
    note_nearest(sink, stream->number);
    if (wanted == NULL)
        return;
    for (int side = 0; side < 2 && sink->failed == 0; side++)
        fail(sink, close_side(sink, stream, side));
    sink->streams++;
    if (sink->failed == 0 && sink->index.len >= GATHER)
        fail(sink, extract_index_flush(sink));
    for (int side = 0; side < 2; side++) {
        extract_file_free(wanted->side[side].file);
        free(wanted->side[side].cuts);
    }
    free(wanted);
    stream->user = NULL;
}

struct flow_observer extract_observer(struct extract_sink *sink)
{
    return (struct flow_observer){.context = sink, .segment = take_segment, .closed = take_closed};
}
