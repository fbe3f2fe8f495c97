/* From segments to files. Each direction's bytes are put in order and go to its file as they come; gaps are
 * kept until the stream closes, for only then it is known what was acknowledged. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/json.h"
#include "capture/reassembly.h"
#include "cmd/cmd.h"
#include "cmd/extract.h"

enum {
    MAX_GAPS = 4096,     /* a direction: that are listed */
    WAITING = 4 << 20,   /* bytes that may wait for others, a direction */
    WINDOW = 32 << 10,   /* bytes back to which versions are compared */
    FREE_OF_CARE = 4096, /* what a direction may take, however many there are */
    SHOWN = 32,          /* bytes of a conflict that the index has */
    GATHER = 64 << 10,
};

struct gap {
    uint64_t begin, end;
    enum reassembly_gap why;
};

struct side {
    struct extract_sink *sink;
    uint64_t stream;
    enum flow_side from;
    struct reassembly *reassembly; /* NULL: no byte yet, or given up */
    struct extract_file file;
    bool begun; /* a byte came */
    struct gap *gaps;
    size_t gap_count, gap_cap;
    uint64_t end;                   /* of what was put in order */
    uint64_t written;               /* bytes that were captured */
    uint64_t forgone;               /* bytes that came after the direction was given up */
    uint64_t too_early;             /* bytes left out, see reassembly_too_early() */
    uint64_t conflicts, unverified; /* places */
    bool given_up;
};

struct wanted {
    struct side side[2];
};

enum {
    STREAM_COST = sizeof(struct wanted) + 16, /* with what an allocator adds */
};

static const char *const side_names[2] = {"client", "server"};

static void fail(struct extract_sink *sink, int failed)
{
    if (sink->failed == 0 && failed != 0)
        sink->failed = failed;
}

/* ---- payload ---- */

/* Where it stands among the streams that are wanted; number_count: nowhere. */
static size_t place_of(const struct extract_sink *sink, uint64_t number)
{
    size_t low = 0, high = sink->number_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (sink->numbers[middle] < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < sink->number_count && sink->numbers[low] == number ? low : sink->number_count;
}

static bool is_wanted(const struct extract_sink *sink, uint64_t number)
{
    return sink->number_count == 0 || place_of(sink, number) < sink->number_count;
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

static void take_data(void *context, uint64_t offset, const uint8_t *bytes, size_t len)
{
    struct side *side = context;
    struct extract_sink *sink = side->sink;
    side->end = offset + len;
    side->written += len;
    if (sink->failed == 0)
        fail(sink, extract_file_write(&side->file, offset, bytes, len, &sink->err));
}

static void take_gap(void *context, uint64_t offset, uint64_t len, enum reassembly_gap why)
{
    struct side *side = context;
    struct extract_sink *sink = side->sink;
    side->end = offset + len;
    sink->gaps++;
    sink->gap_bytes += len;
    if (side->gap_count == MAX_GAPS) {
        sink->unlisted++;
        return;
    }
    if (side->gap_count == side->gap_cap) {
        const size_t cap = side->gap_cap == 0 ? 8 : side->gap_cap * 2;
        struct gap *gaps = reallocarray(side->gaps, cap, sizeof *gaps);
        if (gaps == NULL) {
            fail(sink, sd_fail_errno(&sink->err, ENOMEM, "extract"));
            return;
        }
        sink->held += (cap - side->gap_cap) * sizeof *gaps;
        side->gaps = gaps;
        side->gap_cap = cap;
    }
    side->gaps[side->gap_count++] = (struct gap){offset, offset + len, why};
}

static void put_bytes(struct json *j, const char *key, const uint8_t *bytes, size_t len)
{
    char text[2 * SHOWN + 1] = "";
    for (size_t i = 0; i < len && i < SHOWN; i++) {
        text[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    json_text_len(j, key, text, 2 * (len < SHOWN ? len : SHOWN));
}

static struct json begin_line(struct extract_sink *sink, const char *type, const struct side *side)
{
    struct json j = json_begin(&sink->index);
    json_text(&j, "type", type);
    json_u64(&j, "stream", side->stream);
    json_text(&j, "from", side_names[side->from]);
    return j;
}

static void take_conflict(void *context, const struct reassembly_conflict *c)
{
    struct side *side = context;
    struct extract_sink *sink = side->sink;
    sink->conflicts++;
    if (side->conflicts++ >= MAX_GAPS)
        return;
    static const char *const linux_words[] = {
        [REASSEMBLY_LINUX_FIRST] = "first",
        [REASSEMBLY_LINUX_SECOND] = "second",
        [REASSEMBLY_LINUX_UNKNOWN] = NULL,
    };
    struct json j = begin_line(sink, "conflict", side);
    json_u64(&j, "offset", c->offset);
    json_u64(&j, "length", c->length);
    json_u64_if(&j, "first_packet", c->first_packet != 0, c->first_packet);
    json_u64(&j, "second_packet", c->second_packet);
    put_bytes(&j, "first_bytes", c->first, c->length);
    put_bytes(&j, "second_bytes", c->second, c->length);
    json_text(&j, "written", "first");
    json_text(&j, "linux", linux_words[c->linux_keeps]);
    json_end_line(&j);
}

static void take_unverified(void *context, uint64_t offset, uint64_t len, uint64_t packet)
{
    struct side *side = context;
    if (side->unverified++ >= MAX_GAPS)
        return;
    struct json j = begin_line(side->sink, "unverified", side);
    json_u64(&j, "offset", offset);
    json_u64(&j, "length", len);
    json_u64(&j, "packet", packet);
    json_end_line(&j);
}

static void end_reassembly(struct side *side)
{
    if (side->reassembly == NULL)
        return;
    side->sink->held -= reassembly_memory(side->reassembly);
    reassembly_free(side->reassembly);
    side->reassembly = NULL;
}

static int begin_side(struct extract_sink *sink, struct side *side, uint64_t stream, enum flow_side from)
{
    const struct reassembly_config config = {
        .context = side,
        .data = take_data,
        .gap = take_gap,
        .conflict = take_conflict,
        .unverified = take_unverified,
        .limit = WAITING,
        .window = WINDOW,
    };
    side->sink = sink;
    side->stream = stream;
    side->from = from;
    side->begun = true;
    extract_file_init(&side->file, sink->files, stream, side_names[from]);
    side->reassembly = reassembly_new(&config);
    if (side->reassembly == NULL)
        return sd_fail_errno(&sink->err, ENOMEM, "extract");
    sink->held += reassembly_memory(side->reassembly);
    return 0;
}

/* Put in order what waits, and let the rest of the direction go: there is no memory for it. */
static void give_up(struct side *side, const struct tcp_direction *d)
{
    const size_t before = reassembly_memory(side->reassembly);
    reassembly_finish(side->reassembly, d);
    side->sink->held -= before - reassembly_memory(side->reassembly);
    side->too_early = reassembly_too_early(side->reassembly, d);
    end_reassembly(side);
    side->given_up = true;
    side->sink->given_up++;
}

/* Up to its FIN all of it came: for the system there is work to do meanwhile. */
static bool is_complete(const struct side *side, const struct tcp_direction *d)
{
    return d->fin_seen && side->gap_count == 0 && d->origin + side->end == d->fin_offset &&
           d->next <= d->fin_offset;
}

static void take_segment(void *context, struct flow_stream *stream, enum flow_side from,
                         const struct tcp_segment *segment)
{
    struct extract_sink *sink = context;
    struct wanted *wanted = stream->user;
    if (sink->failed != 0 || !is_wanted(sink, stream->number) ||
        (segment->piece_count == 0 && segment->doubted == 0 &&
         (wanted == NULL || wanted->side[from].reassembly == NULL)))
        return;
    if (wanted == NULL)
        wanted = calloc(1, sizeof *wanted);
    if (wanted == NULL) {
        fail(sink, sd_fail_errno(&sink->err, ENOMEM, "extract"));
        return;
    }
    sink->held += stream->user == NULL ? STREAM_COST : 0;
    stream->user = wanted;
    struct side *side = &wanted->side[from];
    if (side->given_up) {
        side->forgone += segment->packet->payload_captured;
        sink->forgone += segment->packet->payload_captured;
        return;
    }
    if (side->reassembly == NULL)
        fail(sink, begin_side(sink, side, stream->number, from));
    if (sink->failed != 0)
        return;
    const size_t before = reassembly_memory(side->reassembly);
    const int failed = reassembly_feed(side->reassembly, &stream->direction[from], segment);
    const size_t now = reassembly_memory(side->reassembly);
    sink->held += now - before;
    if (failed != 0)
        fail(sink, sd_fail_errno(&sink->err, -failed, "cannot put the stream in order"));
    else if (sink->held > sink->memory && now > FREE_OF_CARE)
        give_up(side, &stream->direction[from]);
    if (sink->failed == 0 && is_complete(side, &stream->direction[from]))
        fail(sink, extract_file_settle(&side->file, side->end, &sink->err));
    if (sink->failed == 0 && sink->index.len >= GATHER)
        fail(sink, extract_index_flush(sink));
}

/* ---- the index ---- */

/* The whole lines at the front of the index that there is room for. */
static size_t lines_that_fit(const struct extract_sink *sink)
{
    const uint64_t room = extract_files_room(sink->files);
    if (room >= sink->index.len)
        return sink->index.len;
    const uint8_t *end = memrchr(sink->index.data, '\n', (size_t)room);
    return end != NULL ? (size_t)(end - sink->index.data) + 1 : 0;
}

int extract_index_flush(struct extract_sink *sink)
{
    if (sink->index.failed)
        return sd_fail_errno(&sink->err, ENOMEM, "cannot write the index");
    int failed = 0;
    if (sink->index.len > 0 && !sink->index_cut) {
        const size_t len = lines_that_fit(sink);
        sink->index_cut = len < sink->index.len;
        failed = extract_files_append(sink->files, sink->index_fd, sink->index.data, len, &sink->err);
    }
    if (failed == 0 && sink->json) {
        failed = extract_files_wait(sink->files, &sink->err); /* a file that is named is there */
        if (failed == 0)
            failed = cmd_write_stdout(sink->index.data, sink->index.len);
    }
    sink->index.len = 0;
    return failed == -EPIPE ? 0 : failed;
}

static void put_gap(struct side *side, struct gap gap, bool acknowledged)
{
    static const char *const why[] = {
        [REASSEMBLY_NOT_CAPTURED] = "not captured",
        [REASSEMBLY_CUT] = "cut off by the capture",
        [REASSEMBLY_GIVEN_UP] = "came too late",
    };
    if (gap.begin == gap.end)
        return;
    struct json j = begin_line(side->sink, "gap", side);
    json_u64(&j, "offset", gap.begin);
    json_u64(&j, "length", gap.end - gap.begin);
    json_text(&j, "why", why[gap.why]);
    json_bool(&j, "acknowledged", acknowledged);
    json_end_line(&j);
}

/* A gap whose beginning only was acknowledged is two. */
static int list_gaps(struct side *side, const struct tcp_direction *d)
{
    const uint64_t acked = d->has_acked && d->acked > d->origin ? d->acked - d->origin : 0;
    int failed = 0;
    for (size_t i = 0; i < side->gap_count && failed == 0; i++) {
        const struct gap gap = side->gaps[i];
        const uint64_t middle = acked <= gap.begin ? gap.begin : acked < gap.end ? acked : gap.end;
        put_gap(side, (struct gap){gap.begin, middle, gap.why}, true);
        put_gap(side, (struct gap){middle, gap.end, gap.why}, false);
        failed = extract_file_fill(&side->file, gap.begin, gap.end - gap.begin, &side->sink->err);
    }
    return failed;
}

static int close_side(struct side *side, const struct flow_stream *stream)
{
    struct extract_sink *sink = side->sink;
    const struct tcp_direction *d = &stream->direction[side->from];
    char name[EXTRACT_NAME];
    if (side->reassembly != NULL) {
        reassembly_finish(side->reassembly, d);
        side->too_early = reassembly_too_early(side->reassembly, d);
    }
    int failed = sink->failed != 0 ? sink->failed : list_gaps(side, d);
    if (failed == 0)
        failed = extract_file_finish(&side->file, side->end, &sink->err);
    if (failed != 0)
        return failed;
    char endpoint[PACKET_ENDPOINT_TEXT];
    packet_endpoint_text(&stream->endpoint[side->from].address, stream->endpoint[side->from].port, endpoint);
    struct json j = begin_line(sink, "file", side);
    json_text(&j, "name", extract_file_name(&side->file, name) ? name : NULL);
    json_text(&j, "sender", endpoint);
    json_u64(&j, "length", side->end);
    json_u64(&j, "captured", side->written);
    json_u64(&j, "not_written", extract_file_refused(&side->file) + side->forgone);
    json_u64(&j, "too_early", side->too_early);
    json_u64(&j, "conflicts", side->conflicts);
    json_u64(&j, "acknowledged_behind", tcp_direction_unseen_end(d));
    json_bool(&j, "partial", d->partial);
    json_end_line(&j);
    return 0;
}

static void free_side(struct side *side)
{
    if (side->sink != NULL) {
        end_reassembly(side);
        side->sink->held -= side->gap_cap * sizeof *side->gaps;
    }
    extract_file_fini(&side->file);
    free(side->gaps);
}

static void take_closed(void *context, struct flow_stream *stream)
{
    struct extract_sink *sink = context;
    struct wanted *wanted = stream->user;
    note_nearest(sink, stream->number);
    if (wanted == NULL)
        return;
    for (int i = 0; i < 2; i++) {
        struct side *side = &wanted->side[i];
        if (side->begun && sink->failed == 0) {
            const size_t before = side->reassembly != NULL ? reassembly_memory(side->reassembly) : 0;
            fail(sink, close_side(side, stream));
            sink->held -= side->reassembly != NULL ? before - reassembly_memory(side->reassembly) : 0;
        }
        free_side(side);
    }
    sink->streams++;
    if (sink->number_count > 0)
        sink->found[place_of(sink, stream->number)] = true;
    if (sink->failed == 0 && sink->index.len >= GATHER)
        fail(sink, extract_index_flush(sink));
    free(wanted);
    sink->held -= STREAM_COST;
    stream->user = NULL;
}

struct flow_observer extract_observer(struct extract_sink *sink)
{
    return (struct flow_observer){
        .context = sink, .segment = take_segment, .closed = take_closed, .held = &sink->held};
}
