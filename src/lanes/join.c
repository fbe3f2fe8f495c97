/* The call lanes: the calls of each end's socket, placed on the axis by the sum of what earlier calls moved,
 * and held against the wire. A lane that contradicts the wire is left out, and a note says why. */

#include "base/i18n.h"
#include "lanes/model.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "lanes/spans.h"

/* What a stream's two ends are. */
struct join_ends {
    struct lanes_socket *socket[2];
    bool conflict[2]; /* more than one socket claims this end */
};

static const char *side_name(enum flow_side side)
{
    return side == FLOW_CLIENT ? _("client") : _("server");
}

static const char *lane_name(enum lanes_lane lane)
{
    return lane == LANES_SEND ? "send()" : "recv()";
}

static int compare_calls(const void *a, const void *b)
{
    const struct lanes_span *left = a, *right = b;
    if (left->offset != right->offset)
        return left->offset < right->offset ? -1 : 1;
    if (left->exit_ns != right->exit_ns)
        return left->exit_ns < right->exit_ns ? -1 : 1;
    return left->time_ns < right->time_ns ? -1 : left->time_ns > right->time_ns;
}

/* Offsets of more than this are no stream's: a damaged or hostile record. */
#define MOST_OFFSET (UINT64_C(1) << 60)

static int add_call(struct lanes_spans *spans, const struct call *call, uint64_t offset)
{
    struct lanes_span *span = spans_add(spans);
    if (span == NULL)
        return -ENOMEM;
    span->offset = offset;
    span->length = call_moved(call);
    span->time_ns = call->enter_ns;
    span->exit_ns = call->exit_ns;
    span->call = call;
    return 0;
}

/* Number a lane's spans and let its axis begin at `base`. False where they overlap: no axis has that. */
static bool number_spans(struct lanes_spans *spans, uint64_t base)
{
    bool sane = true;
    uint64_t end = 0;
    for (size_t i = 0; i < spans->count; i++) {
        struct lanes_span *span = &spans->at[i];
        span->offset -= base;
        span->n = (uint32_t)i + 1;
        sane = sane && span->offset >= end;
        end = span_end(span);
    }
    return sane;
}

/* The spans of one socket's sends or recvs. *sane: they can stand side by side on an axis. A call that moved
 * bytes and has no offset is one that the recorder could not place. */
static int collect(struct lanes_direction *d, enum lanes_lane lane, const struct lanes_socket *socket,
                   bool *sane)
{
    struct lanes_spans *spans = &d->lane[lane];
    const enum call_op op = lane == LANES_SEND ? CALL_SEND : CALL_RECV;
    uint64_t end = 0;
    for (size_t i = 0; i < socket->call_count; i++) {
        const struct call *call = socket->calls[i];
        const uint64_t moved = call_moved(call);
        if (call->op != op || call->peeked)
            continue;
        *sane = moved == 0 || (call->has_offset && moved <= MOST_OFFSET && call->offset <= MOST_OFFSET);
        if (!*sane)
            return 0;
        if (moved > 0 && call->offset + moved > end)
            end = call->offset + moved;
        int failed = 0;
        if (moved > 0)
            failed = add_call(spans, call, call->offset);
        else if (lane == LANES_RECV)
            failed = add_call(&d->waits, call, end);
        if (failed != 0)
            return failed;
    }
    if (spans->count > 1)
        qsort(spans->at, spans->count, sizeof *spans->at, compare_calls);
    const uint64_t base = socket->reconnected && spans->count > 0 ? spans->at[0].offset : 0;
    *sane = number_spans(spans, base);
    for (size_t i = 0; i < d->waits.count && lane == LANES_RECV; i++)
        d->waits.at[i].offset -= d->waits.at[i].offset >= base ? base : d->waits.at[i].offset;
    return 0;
}

static uint64_t end_of(const struct lanes_spans *spans)
{
    return spans->count > 0 ? span_end(&spans->at[spans->count - 1]) : 0;
}

static uint64_t sum_of(const struct lanes_spans *spans)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < spans->count; i++)
        sum += spans->at[i].length;
    return sum;
}

/* Does a call contradict the wire? No byte can be on the wire before the send that brought it was entered,
 * nor be returned before the wire carried it; and where the record holds a digest, it is that of the wire's
 * bytes. */
static bool contradicts(const struct lanes_direction *d, const struct lanes_span *span, enum lanes_lane lane)
{
    static const struct hash_key zero;
    const struct lanes_span *wire =
        lane_at(d, LANES_WIRE, lane == LANES_SEND ? span->offset : span_end(span) - 1);
    if (span->call->ambiguous)
        return false; /* its place is proved by its bytes, or said to be unknown */
    if (wire != NULL && lane == LANES_SEND && wire->time_ns + CLOCK_SLACK_NS < span->time_ns)
        return true;
    if (wire != NULL && lane == LANES_RECV && wire->time_ns > span->exit_ns + CLOCK_SLACK_NS)
        return true;
    if (!span->call->has_digest || span_end(span) > d->payload_len)
        return false;
    return hash_bytes(&zero, d->payload + span->offset, (size_t)span->length) != span->call->digest;
}

static int leave_out(struct lanes_stream *stream, struct lanes_direction *d, enum lanes_lane lane,
                     const char *why)
{
    spans_free(&d->lane[lane]);
    if (lane == LANES_SEND) {
        d->has_sends = false;
    } else {
        spans_free(&d->waits);
        d->has_recvs = false;
    }
    enum flow_side side = lane == LANES_SEND ? d->from : (enum flow_side)(1 - d->from);
    return model_note(stream, "the %s lane of the %s is left out: %s", lane_name(lane), side_name(side), why);
}

static int hold_against_wire(struct lanes_stream *stream, struct lanes_direction *d, enum lanes_lane lane)
{
    const struct lanes_spans *spans = &d->lane[lane];
    char why[400];
    for (size_t i = 0; i < spans->count; i++) {
        const struct lanes_span *span = &spans->at[i];
        if (!contradicts(d, span, lane))
            continue;
        snprintf(
            why, sizeof why,
            _("call #%" PRIu32 " would stand at byte %" PRIu64
              ", but the wire's bytes there are not its bytes; a program that was not recorded used this "
              "connection too, or calls are missing from the file"),
            span->n, span->offset);
        return leave_out(stream, d, lane, why);
    }
    return 0;
}

static int note_calls_lost(struct lanes_stream *stream, const struct lanes_direction *d, enum lanes_lane lane)
{
    const struct lanes_spans *spans = &d->lane[lane];
    const uint64_t missing = end_of(spans) - sum_of(spans);
    if (missing == 0)
        return 0;
    return model_note(stream,
                      "%" PRIu64 " B of the %s's axis were moved by %s calls that are not in the file",
                      missing, side_name(d->from), lane_name(lane));
}

/* Bytes at the end that were on the wire and not captured: the other program received them, or its ACKs or
 * the FIN count them. Where the FIN itself was missed, its ACK counts one more: it is no byte of a send. */
static int note_uncaptured(struct lanes_stream *stream, struct lanes_direction *d)
{
    uint64_t end = d->has_sends && d->sent < d->reached ? d->sent : d->reached;
    if (!d->has_sends || end < d->received)
        end = d->received;
    d->uncaptured = end > d->bytes ? end - d->bytes : 0;
    if (d->uncaptured == 0)
        return 0;
    return model_note(
        stream,
        d->received > d->bytes
            ? N_("%" PRIu64 " B that the %s received are not in the capture: packets at the end "
                 "are missing")
            : N_("%" PRIu64 " B that the %s acknowledged are not in the capture: packets at the "
                 "end are missing"),
        d->uncaptured, side_name((enum flow_side)(1 - d->from)));
}

/* What the sums of the calls say against the wire's. */
static int balance(struct lanes_stream *stream, struct lanes_direction *d)
{
    int failed = note_uncaptured(stream, d);
    if (d->has_sends && failed == 0) {
        d->unsent = d->sent > d->bytes + d->uncaptured ? d->sent - d->bytes - d->uncaptured : 0;
        if (d->sent < d->bytes)
            failed = model_note(stream,
                                "the last %" PRIu64
                                " B that the %s put on the wire belong to no recorded send(): one "
                                "that never returned, or another program's",
                                d->bytes - d->sent, side_name(d->from));
    }
    if (d->has_recvs)
        d->unread = d->bytes > d->received ? d->bytes - d->received : 0;
    return failed;
}

static int fill_lane(struct lanes *lanes, struct lanes_stream *stream, struct lanes_direction *d,
                     enum lanes_lane lane, const struct lanes_socket *socket)
{
    bool sane = true;
    if (collect(d, lane, socket, &sane) != 0)
        return -ENOMEM;
    if (!sane)
        return leave_out(stream, d, lane,
                         _("the recorder could not tell where the bytes of each call stand"));
    int failed = order_calls(lanes, stream, d, lane);
    if (failed == 0 && d->has_wire)
        failed = hold_against_wire(stream, d, lane);
    return failed != 0 ? failed : note_calls_lost(stream, d, lane);
}

static int fill_direction(struct lanes *lanes, struct lanes_stream *stream, struct lanes_direction *d,
                          const struct join_ends *ends)
{
    const struct lanes_socket *sender = ends->socket[d->from], *receiver = ends->socket[1 - d->from];
    if (d->partial) {
        if (sender == NULL && receiver == NULL)
            return 0;
        return model_note(
            stream,
            "the capture began after the connection: the %s's bytes on the wire cannot be numbered as "
            "the calls number them, so its call lanes are left out",
            side_name(d->from));
    }
    int failed = 0;
    d->has_sends = sender != NULL;
    d->has_recvs = receiver != NULL;
    if (sender != NULL)
        failed = fill_lane(lanes, stream, d, LANES_SEND, sender);
    if (receiver != NULL && failed == 0)
        failed = fill_lane(lanes, stream, d, LANES_RECV, receiver);
    d->sent = end_of(&d->lane[LANES_SEND]);
    d->received = end_of(&d->lane[LANES_RECV]);
    return failed != 0 || !d->has_wire ? failed : balance(stream, d);
}

/* What the recorder itself could not see, once each. */
#define MOST_CALL_NOTES 8

static int copy_notes(struct lanes_stream *stream, const struct lanes_socket *socket)
{
    const char *told[MOST_CALL_NOTES];
    size_t count = 0;
    for (size_t i = 0; i < socket->call_count && count < MOST_CALL_NOTES; i++) {
        const char *note = socket->calls[i]->note;
        size_t k = 0;
        while (note != NULL && k < count && strcmp(told[k], note) != 0)
            k++;
        if (note == NULL || k < count)
            continue;
        told[count++] = note;
        struct buf safe = {0};
        text_escape(&safe, note, strlen(note));
        int failed = model_note(stream, "%s", _(buf_cstr(&safe)));
        buf_free(&safe);
        if (failed != 0)
            return failed;
    }
    return 0;
}

static int note_absent(const struct lanes *lanes, struct lanes_stream *stream, const struct join_ends *ends)
{
    if (!stream->has_wire &&
        model_note(stream, "the file holds no packets of this connection: the wire lane is missing") != 0)
        return -ENOMEM;
    if (lanes->calls == 0)
        return model_note(stream, "the file holds no socket calls: the send() and recv() lanes are missing "
                                  "('sockdiag record' records them)");
    /* Where no byte moved, as in a refused connection, there is nothing that the lanes could lack. */
    if (stream->has_wire && stream->direction[0].bytes + stream->direction[1].bytes == 0)
        return 0;
    for (int side = 0; side < 2; side++) {
        const char *name = side_name((enum flow_side)side);
        int failed = 0;
        if (ends->conflict[side])
            failed = model_note(stream,
                                "two recorded sockets claim to be the %s: its call lanes are left out", name);
        else if (ends->socket[side] == NULL)
            failed =
                model_note(stream, "no calls of the %s's program were recorded: its lanes are missing", name);
        if (failed != 0)
            return failed;
    }
    return 0;
}

static int fill_stream(struct lanes *lanes, struct lanes_stream *stream, const struct join_ends *ends)
{
    if (lanes->store->only_stream != 0 && lanes->store->only_stream != stream->number)
        return 0;
    int failed = note_absent(lanes, stream, ends);
    for (int side = 0; side < 2 && failed == 0; side++)
        failed = fill_direction(lanes, stream, &stream->direction[side], ends);
    for (int side = 0; side < 2 && failed == 0; side++) {
        if (ends->socket[side] != NULL)
            failed = copy_notes(stream, ends->socket[side]);
    }
    return failed;
}

static size_t stream_index(const struct lanes *lanes, const struct lanes_stream *stream)
{
    size_t low = 0, high = lanes->stream_count; /* numbers ascend */
    while (low + 1 < high) {
        size_t middle = low + (high - low) / 2;
        if (lanes->streams[middle]->number <= stream->number)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Give each end its socket. One that moved nothing yields to one that did. */
static void claim(struct lanes *lanes, struct join_ends *ends)
{
    struct lanes_store *store = lanes->store;
    for (size_t i = 0; i < store->socket_count; i++) {
        struct lanes_socket *socket = &store->sockets[i];
        if (socket->stream == NULL)
            continue;
        struct join_ends *end = &ends[stream_index(lanes, socket->stream)];
        struct lanes_socket **holder = &end->socket[socket->side];
        if (*holder != NULL && (*holder)->moved_calls > 0 && socket->moved_calls > 0)
            end->conflict[socket->side] = true;
        if (*holder == NULL || (*holder)->moved_calls == 0)
            *holder = socket;
    }
    for (size_t i = 0; i < lanes->stream_count; i++) {
        for (int side = 0; side < 2; side++) {
            if (ends[i].conflict[side])
                ends[i].socket[side] = NULL;
        }
    }
}

static void count_unjoined(struct lanes *lanes, const struct join_ends *ends)
{
    const struct lanes_store *store = lanes->store;
    for (size_t i = 0; i < store->socket_count; i++) {
        const struct lanes_socket *socket = &store->sockets[i];
        if (socket->stream == NULL || ends[stream_index(lanes, socket->stream)].conflict[socket->side])
            lanes->unjoined_calls += socket->moved_calls;
    }
}

int join_streams(struct lanes *lanes)
{
    int failed = match_sockets(lanes);
    if (failed != 0)
        return failed;
    struct join_ends *ends = calloc(lanes->stream_count + 1, sizeof *ends);
    if (ends == NULL)
        return -ENOMEM;
    claim(lanes, ends);
    count_unjoined(lanes, ends);
    for (size_t i = 0; i < lanes->stream_count && failed == 0; i++)
        failed = fill_stream(lanes, lanes->streams[i], &ends[i]);
    free(ends);
    return failed;
}
