/* sticky and split: where the reader's recvs cut the messages; merged: where no messages are known, and a
 * recv holds the bytes of several sends. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/i18n.h"
#include "lanes/findings.h"
#include "lanes/spans.h"
#include "lanes/words.h"

/* When the bytes [begin, end) were on the wire in the copies that arrived. */
struct arrival {
    uint64_t first_ns, last_ns;
    uint32_t last_n; /* the segment that came last */
    bool known;      /* none is missing */
};

static struct arrival arrival_of(const struct lanes_direction *d, uint64_t begin, uint64_t end)
{
    const struct lanes_span *wire = d->lane[LANES_WIRE].at;
    struct arrival arrival = {.first_ns = UINT64_MAX, .known = d->unique > 0};
    uint64_t at = begin;
    for (size_t i = spans_after(wire, d->unique, begin); i < d->unique && wire[i].offset < end; i++) {
        const struct lanes_span *copy = wire_delivering(d, wire[i].offset > begin ? wire[i].offset : begin);
        arrival.known = arrival.known && copy != NULL && wire[i].offset <= at;
        at = span_end(&wire[i]);
        if (copy == NULL)
            continue;
        if (copy->time_ns < arrival.first_ns)
            arrival.first_ns = copy->time_ns;
        if (copy->time_ns >= arrival.last_ns) {
            arrival.last_ns = copy->time_ns;
            arrival.last_n = copy->n;
        }
    }
    arrival.known = arrival.known && at >= end;
    return arrival;
}

static void say_apart(const struct lanes_direction *d, uint64_t boundary, struct buf *why)
{
    const struct lanes_span *before = wire_delivering(d, boundary - 1), *after = wire_delivering(d, boundary);
    if (before == NULL || after == NULL || before->n == after->n)
        return;
    buf_printf(why,
               _("; the wire kept them apart (#%" PRIu32 " and #%" PRIu32
                 " are two segments): TCP_NODELAY would change nothing"),
               before->n, after->n);
}

static void say_queued(const struct lanes_direction *d, const struct lanes_span *recv, uint64_t boundary,
                       struct buf *why)
{
    const struct arrival arrival = arrival_of(d, recv->offset, span_end(recv));
    const bool counted = recv->call->has_tcpi && recv->call->tcpi.inq >= 0;
    const struct word waiting = word_bytes(counted ? (uint64_t)recv->call->tcpi.inq : recv->length);
    if (arrival.known && arrival.last_ns <= recv->time_ns)
        buf_printf(why,
                   _("the reader came late: %s were waiting when recv #%" PRIu32
                     " was called, %s after segment #%" PRIu32 " was on the wire"),
                   waiting.text, recv->n, word_time(recv->time_ns - arrival.last_ns).text, arrival.last_n);
    else
        buf_printf(why, _("the reader came late: %s were waiting when recv #%" PRIu32 " was called"),
                   waiting.text, recv->n);
    say_apart(d, boundary, why);
}

static void say_hole(const struct lanes_direction *d, uint64_t boundary, const struct arrival *before,
                     const struct arrival *after, struct buf *why)
{
    buf_printf(why,
               _("bytes behind byte %" PRIu64 " were there first: segment #%" PRIu32
                 " came %s after them and closed the gap, so TCP handed over all of it at once"),
               boundary, before->last_n, word_time(before->last_ns - after->first_ns).text);
    const struct lanes_span *first = lane_at(d, LANES_WIRE, boundary - 1);
    if (first != NULL && span_lost(first))
        buf_printf(why, _(" (the wire: segment #%" PRIu32 " was %s)"), first->n, word_fate(first->fate).text);
}

/* Were these bytes sent again? Then a capture that does not tell which copy arrived leaves open how they
 * came. */
static bool sent_again(const struct lanes_direction *d, uint64_t offset)
{
    const struct lanes_spans *wire = &d->lane[LANES_WIRE];
    for (size_t i = d->unique; i < wire->count; i++) {
        if (wire->at[i].offset <= offset && span_end(&wire->at[i]) > offset)
            return true;
    }
    return false;
}

struct finding_cause sticky_cause(const struct lanes_direction *d, const struct lanes_span *recv,
                                  uint64_t boundary, struct buf *why)
{
    const struct lanes_span *before = wire_delivering(d, boundary - 1), *after = wire_delivering(d, boundary);
    const struct arrival early = arrival_of(d, recv->offset, boundary);
    const struct arrival late = arrival_of(d, boundary, span_end(recv));
    const int64_t inq = recv->call->has_tcpi ? recv->call->tcpi.inq : -1;
    if (before != NULL && after != NULL && before->n == after->n) {
        buf_printf(why,
                   _("segment #%" PRIu32 " already carried the boundary at byte %" PRIu64
                     ": no reader could have received the two apart by timing"),
                   after->n, boundary);
        const bool open = !span_known(after) && (sent_again(d, boundary - 1) || sent_again(d, boundary));
        return (struct finding_cause){"coalesced-on-wire", open};
    }
    if (inq >= 0 && (uint64_t)inq >= recv->length) {
        say_queued(d, recv, boundary, why);
        return (struct finding_cause){"queued-before-recv", false};
    }
    if (early.known && late.known && early.last_ns > late.first_ns) {
        say_hole(d, boundary, &early, &late, why);
        return (struct finding_cause){"hole-filled", false};
    }
    if (inq < 0 && early.known && late.known && late.last_ns <= recv->time_ns) {
        say_queued(d, recv, boundary, why);
        return (struct finding_cause){"queued-before-recv", true};
    }
    buf_printf(why, _("what was missing came while recv #%" PRIu32 " was running"), recv->n);
    if (inq >= 0)
        buf_printf(why, _(" (%" PRId64 " B were waiting when it was called)"), inq);
    say_apart(d, boundary, why);
    return (struct finding_cause){"arrived-during-recv", inq < 0};
}

struct finding_cause split_cause(const struct lanes_direction *d, const struct lanes_span *recv,
                                 struct buf *why)
{
    const struct lanes_span *next = wire_delivering(d, span_end(recv));
    const int64_t inq = recv->call->has_tcpi ? recv->call->tcpi.inq : -1;
    if (recv->length >= recv->call->asked) {
        buf_printf(
            why,
            _("recv #%" PRIu32 " asked for %s and got them: the buffer was full before the message ended"),
            recv->n, word_bytes(recv->call->asked).text);
        return (struct finding_cause){"small-buffer", false};
    }
    buf_printf(why, _("recv #%" PRIu32 " asked for %s and got what was there"), recv->n,
               word_bytes(recv->call->asked).text);
    if (inq > 0)
        buf_printf(why, " (inq %" PRId64 ")", inq);
    if (next != NULL && next->time_ns > recv->exit_ns)
        buf_printf(why, _("; segment #%" PRIu32 " with the next bytes was on the wire only %s later"),
                   next->n, word_time(next->time_ns - recv->exit_ns).text);
    const bool proved =
        (next != NULL && next->time_ns > recv->exit_ns) || (inq > 0 && (uint64_t)inq <= recv->length);
    return (struct finding_cause){"not-yet-arrived", !proved};
}

/* ---- sticky ---- */

static bool is_garbage(const struct lanes_span *message)
{
    return strcmp(message->name, "garbage") == 0;
}

/* The first end of a message strictly inside the recv, with another one behind it; 0: none. */
static uint64_t boundary_in(const struct lanes_direction *d, const struct lanes_span *recv)
{
    const struct lanes_spans *messages = &d->lane[LANES_MESSAGE];
    const size_t i = spans_after(messages->at, messages->count, recv->offset);
    if (i + 1 >= messages->count || messages->at[i].offset > recv->offset || is_garbage(&messages->at[i + 1]))
        return 0;
    return messages->at[i + 1].offset < span_end(recv) ? messages->at[i + 1].offset : 0;
}

static int sticky(struct lanes_stream *stream, const struct lanes_direction *d, const struct lanes_span *recv)
{
    const uint64_t boundary = boundary_in(d, recv), end = span_end(recv);
    if (boundary == 0 || findings_full(stream))
        return 0;
    struct buf what = {0}, why = {0};
    const struct finding_cause cause = sticky_cause(d, recv, boundary, &why);
    struct lanes_finding *f = finding_add(stream, d, "sticky", cause.word, recv->offset, recv->length);
    if (f == NULL || finding_evidence(f, LANES_RECV, recv->n) != 0 ||
        finding_overlapping(f, d, LANES_SEND, recv->offset, end) != 0 ||
        finding_overlapping(f, d, LANES_WIRE, recv->offset, end) != 0 ||
        finding_overlapping(f, d, LANES_MESSAGE, recv->offset, end) != 0) {
        buf_free(&why);
        return -ENOMEM;
    }
    f->likely = cause.likely;
    f->is_problem = stream->broken_from == d->from && stream->broken_at == boundary;
    buf_printf(&what, _("recv #%" PRIu32 " returned %s together"), recv->n,
               word_parts(d, recv->offset, end).text);
    if (finding_take(&f->what, &what) != 0 || finding_take(&f->why, &why) != 0)
        return -ENOMEM;
    const bool framed = stream->framing != NULL && stream->framing->breaks == NULL;
    return finding_say(
        &f->advice,
        framed ? N_("the framing tells where each message ends: a reader takes exactly that many bytes, and "
                    "this recv asked for more")
               : N_("frame the messages: a length before each one, and a reader that takes exactly "
                    "that many bytes"));
}

/* ---- split ---- */

/* The recvs that ended inside a message, and why the first of each sort did. */
struct splits {
    uint32_t recvs, full, short_of;
    const struct lanes_span *first_full, *first_short;
};

static struct splits splits_of(const struct lanes_direction *d, const struct lanes_span *message)
{
    const struct lanes_spans *recvs = &d->lane[LANES_RECV];
    struct splits s = {0};
    for (size_t i = spans_after(recvs->at, recvs->count, message->offset);
         i < recvs->count && recvs->at[i].offset < span_end(message); i++) {
        const struct lanes_span *recv = &recvs->at[i];
        s.recvs++;
        if (span_end(recv) >= span_end(message))
            continue;
        if (recv->length >= recv->call->asked) {
            s.full++;
            s.first_full = s.first_full == NULL ? recv : s.first_full;
        } else {
            s.short_of++;
            s.first_short = s.first_short == NULL ? recv : s.first_short;
        }
    }
    return s;
}

static int split(struct lanes_stream *stream, const struct lanes_direction *d,
                 const struct lanes_span *message)
{
    const struct splits s = splits_of(d, message);
    if (s.recvs < 2 || s.full + s.short_of == 0 || findings_full(stream))
        return 0;
    struct buf what = {0}, why = {0};
    const struct finding_cause cause =
        split_cause(d, s.full >= s.short_of ? s.first_full : s.first_short, &why);
    if (s.full + s.short_of > 1)
        buf_printf(&why,
                   _(" (of %" PRIu32 " such ends, %" PRIu32 " for a full buffer, %" PRIu32
                     " because no more was there)"),
                   s.full + s.short_of, s.full, s.short_of);
    struct lanes_finding *f = finding_add(stream, d, "split", cause.word, message->offset, message->length);
    if (f == NULL || finding_evidence(f, LANES_MESSAGE, message->n) != 0 ||
        finding_overlapping(f, d, LANES_RECV, message->offset, span_end(message)) != 0 ||
        finding_overlapping(f, d, LANES_WIRE, message->offset, span_end(message)) != 0) {
        buf_free(&why);
        return -ENOMEM;
    }
    f->likely = cause.likely;
    f->is_problem = stream->broken_from == d->from && stream->broken_at > message->offset &&
                    stream->broken_at < span_end(message);
    buf_printf(&what, _("%s (%s) needed %" PRIu32 " recvs, #%" PRIu32 " to #%" PRIu32),
               word_message(d, message).text, word_bytes(message->length).text, s.recvs, f->recvs[0],
               f->recvs[f->recv_count - 1]);
    if (finding_take(&f->what, &what) != 0 || finding_take(&f->why, &why) != 0)
        return -ENOMEM;
    return finding_say(
        &f->advice,
        f->is_problem ? N_("read in a loop until the whole message is there; its length must be known first")
                      : N_("nothing is wrong as long as the reader loops until the whole message is there"));
}

int findings_reader(struct lanes_stream *stream, const struct lanes_direction *d)
{
    const struct lanes_spans *recvs = &d->lane[LANES_RECV], *messages = &d->lane[LANES_MESSAGE];
    int failed = 0;
    for (size_t i = 0; i < recvs->count && messages->count > 0 && failed == 0; i++)
        failed = sticky(stream, d, &recvs->at[i]);
    for (size_t i = 0; i < messages->count && failed == 0; i++) {
        if (!is_garbage(&messages->at[i]))
            failed = split(stream, d, &messages->at[i]);
    }
    return failed;
}

/* ---- merged ---- */

/* The first end of a send strictly inside the recv, where another send's bytes follow; 0: none. */
static uint64_t send_ends_in(const struct lanes_direction *d, const struct lanes_span *recv)
{
    const struct lanes_spans *sends = &d->lane[LANES_SEND];
    const size_t i = spans_after(sends->at, sends->count, recv->offset);
    if (i + 1 >= sends->count || sends->at[i].offset > recv->offset)
        return 0;
    const uint64_t end = span_end(&sends->at[i]);
    return end == sends->at[i + 1].offset && end < span_end(recv) ? end : 0;
}

static int merged(struct lanes_stream *stream, const struct lanes_direction *d, const struct lanes_span *recv)
{
    const uint64_t boundary = send_ends_in(d, recv), end = span_end(recv);
    if (boundary == 0 || findings_full(stream))
        return 0;
    struct buf what = {0}, why = {0};
    const struct finding_cause cause = sticky_cause(d, recv, boundary, &why);
    struct lanes_finding *f = finding_add(stream, d, "merged", cause.word, recv->offset, recv->length);
    if (f == NULL || finding_evidence(f, LANES_RECV, recv->n) != 0 ||
        finding_overlapping(f, d, LANES_SEND, recv->offset, end) != 0 ||
        finding_overlapping(f, d, LANES_WIRE, recv->offset, end) != 0) {
        buf_free(&why);
        return -ENOMEM;
    }
    f->likely = cause.likely;
    buf_printf(
        &what,
        f->send_count == 2
            ? _("recv #%" PRIu32 " (%s) returned bytes of sends #%" PRIu32 " and #%" PRIu32 " together")
            : _("recv #%" PRIu32 " (%s) returned bytes of sends #%" PRIu32 " to #%" PRIu32 " together"),
        recv->n, word_bytes(recv->length).text, f->sends[0], f->sends[f->send_count - 1]);
    if (finding_take(&f->what, &what) != 0 || finding_take(&f->why, &why) != 0)
        return -ENOMEM;
    return finding_say(
        &f->advice, "a bug if the reader takes one recv for one send: TCP keeps no boundaries between them. "
                    "Frame the messages: a length before each one, and a reader that takes exactly that "
                    "many bytes");
}

int findings_merged(struct lanes_stream *stream, const struct lanes_direction *d)
{
    const struct lanes_spans *recvs = &d->lane[LANES_RECV];
    int failed = 0;
    for (size_t i = 0; stream->framing == NULL && i < recvs->count && failed == 0; i++)
        failed = merged(stream, d, &recvs->at[i]);
    return failed;
}
