/* coalesced and segmented: what TCP made of the sends. Both are normal; they show that a stream has no
 * message boundaries. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/i18n.h"
#include "lanes/findings.h"
#include "lanes/spans.h"
#include "lanes/words.h"

/* What made the front of a segment wait until the bytes of a later send joined it: what the kernel knew when
 * that send was entered. */
struct held {
    const struct call_tcpi *tcpi;          /* NULL: no snapshot */
    const struct lanes_span *first, *last; /* the sends whose bytes waited */
    const struct lanes_span *joined;       /* the one that met them */
    uint64_t waiting;                      /* bytes of the segment that were in the queue by then */
    uint64_t mss;
    bool proved; /* the snapshot shows bytes of this very segment that were not yet on the wire */
};

static struct finding_cause because(const char *word, bool likely)
{
    return (struct finding_cause){word, likely};
}

static bool congestion_full(const struct call_tcpi *t)
{
    return t->cwnd > 0 && t->unacked >= t->cwnd;
}

static bool window_full(const struct call_tcpi *t, uint64_t waiting)
{
    if (t->rwnd < 0 || t->outq < 0 || t->notsent < 0)
        return false;
    const uint64_t in_flight = t->outq > t->notsent ? (uint64_t)(t->outq - t->notsent) : 0;
    return in_flight + waiting > (uint64_t)t->rwnd;
}

static struct finding_cause full_cause(const struct held *h, struct buf *why)
{
    const struct call_tcpi *t = h->tcpi;
    if (congestion_full(t))
        buf_printf(why,
                   _("the congestion window was full when send #%" PRIu32 " was called (%" PRId64
                     " of %" PRId64 " segments in flight): what was sent had to wait, and was joined"),
                   h->joined->n, t->unacked, t->cwnd);
    else
        buf_printf(why,
                   _("the receiver's window was full when send #%" PRIu32 " was called (it allowed %" PRId64
                     " B): what was sent had to wait, and was joined"),
                   h->joined->n, t->rwnd);
    return because("queue", false);
}

static struct finding_cause nagle_cause(const struct held *h, struct buf *why)
{
    const struct word bytes = word_bytes(h->waiting);
    const struct word sends = word_sends(h->first->n, h->last->n);
    const unsigned long flying = (unsigned long)h->tcpi->unacked;
    buf_printf(
        why,
        h->proved
            ? ngettext("Nagle's algorithm: TCP_NODELAY was not set, %" PRId64
                       " segment was in flight, and the %s of %s are less than a full segment: they waited, "
                       "and send #%" PRIu32 " joined them",
                       "Nagle's algorithm: TCP_NODELAY was not set, %" PRId64
                       " segments were in flight, and the %s of %s are less than a full segment: they "
                       "waited, and send #%" PRIu32 " joined them",
                       flying)
            : ngettext("Nagle's algorithm fits: TCP_NODELAY was not set, %" PRId64
                       " segment was in flight, and the %s of %s are less than a full segment: they waited, "
                       "and send #%" PRIu32 " joined them",
                       "Nagle's algorithm fits: TCP_NODELAY was not set, %" PRId64
                       " segments were in flight, and the %s of %s are less than a full segment: they "
                       "waited, and send #%" PRIu32 " joined them",
                       flying),
        h->tcpi->unacked, bytes.text, sends.text, h->joined->n);
    return because("nagle", !h->proved);
}

static struct finding_cause queue_cause(const struct held *h, struct buf *why)
{
    buf_printf(why,
               _("%" PRId64 " B were not yet on the wire when send #%" PRIu32
                 " was called: the kernel's own queue held them, and it joins what waits"),
               h->tcpi->notsent, h->joined->n);
    return because(h->tcpi->nodelay == 1 ? "autocork" : "queue", true);
}

static struct finding_cause held_cause(const struct held *h, struct buf *why)
{
    const struct call_tcpi *t = h->tcpi;
    if (h->first->call->flags != NULL && strstr(h->first->call->flags, "MSG_MORE") != NULL) {
        buf_printf(why, _("send #%" PRIu32 " said MSG_MORE: TCP waits for more"), h->first->n);
        return because("more", false);
    }
    if (t == NULL) {
        buf_text(why, _("what made the earlier bytes wait is not recorded"));
        return because("unknown", true);
    }
    if (t->cork == 1) {
        buf_text(why, _("TCP_CORK was set: TCP sends only full segments until it is pulled"));
        return because("cork", false);
    }
    if (h->proved && (congestion_full(t) || window_full(t, h->waiting)))
        return full_cause(h, why);
    if (t->nodelay == 0 && t->unacked > 0 && h->waiting < h->mss)
        return nagle_cause(h, why);
    if (h->proved)
        return queue_cause(h, why);
    buf_text(why, _("nothing is recorded that would have made the earlier bytes wait"));
    return because("unknown", true);
}

#define LOOK_AT_SENDS 64 /* that joined, for one whose snapshot proves a cause; and back to what it met */

/* Of the sends before number `joined`, the last that had returned when that one was entered: whatever the
 * order of overlapping calls, its bytes and all before them were in the queue. `joined` itself: not known. */
static size_t last_queued(const struct lanes_spans *sends, size_t joined)
{
    for (size_t i = joined; i > 0 && joined - i < LOOK_AT_SENDS; i--) {
        if (sends->at[i - 1].exit_ns <= sends->at[joined].time_ns)
            return i - 1;
    }
    return joined;
}

/* A snapshot with `notsent` tells that the last bytes of the queue were waiting. A segment leaves as a whole:
 * where the queue ended in this one, its bytes were. Of several sends that joined, the first whose snapshot
 * tells so is the proof; of threads that were in send() at once, the later ones may have been looked at
 * before the bytes of the others were in the queue. */
static struct held find_held(const struct lanes_direction *d, const struct lanes_span *segment, size_t first)
{
    const struct lanes_spans *sends = &d->lane[LANES_SEND];
    const struct lanes_span *later = &sends->at[first + 1];
    struct held held = {.tcpi = later->call->has_tcpi ? &later->call->tcpi : NULL,
                        .first = later - 1,
                        .last = later - 1,
                        .joined = later,
                        .waiting = later->offset - segment->offset,
                        .mss = d->mss != 0 ? d->mss : segment->length};
    for (size_t i = first + 1; i < sends->count && i <= first + LOOK_AT_SENDS; i++) {
        const struct lanes_span *send = &sends->at[i];
        const size_t queued = last_queued(sends, i);
        if (send->offset >= span_end(segment))
            break;
        if (queued == i || span_end(&sends->at[queued]) <= segment->offset || !send->call->has_tcpi ||
            send->call->tcpi.notsent <= 0)
            continue;
        held.tcpi = &send->call->tcpi;
        held.last = &sends->at[queued];
        held.joined = send;
        held.waiting = span_end(held.last) - segment->offset;
        held.proved = true;
        break;
    }
    return held;
}

static int tell_coalesced(struct lanes_stream *stream, const struct lanes_direction *d,
                          const struct lanes_span *segment, struct finding_cause cause, struct buf *why)
{
    struct buf what = {0};
    struct lanes_finding *finding =
        finding_add(stream, d, "coalesced", cause.word, segment->offset, segment->length);
    if (finding == NULL || finding_evidence(finding, LANES_WIRE, segment->n) != 0 ||
        finding_overlapping(finding, d, LANES_SEND, segment->offset, span_end(segment)) != 0) {
        buf_free(why);
        return -ENOMEM;
    }
    finding->likely = cause.likely;
    buf_printf(&what,
               finding->send_count == 2
                   ? _("segment #%" PRIu32 " (%s) carries bytes of sends #%" PRIu32 " and #%" PRIu32)
                   : _("segment #%" PRIu32 " (%s) carries bytes of sends #%" PRIu32 " to #%" PRIu32),
               segment->n, word_bytes(segment->length).text, finding->sends[0],
               finding->sends[finding->send_count - 1]);
    if (finding_take(&finding->what, &what) != 0 || finding_take(&finding->why, why) != 0)
        return -ENOMEM;
    return finding_say(&finding->advice,
                       "TCP keeps no boundaries between sends: the reader must find them by the "
                       "framing; TCP_NODELAY makes this rarer, never impossible");
}

/* The first send that begins inside the span, after its first byte; NULL: none. */
static const struct lanes_span *second_send(const struct lanes_direction *d, const struct lanes_span *segment)
{
    const struct lanes_spans *sends = &d->lane[LANES_SEND];
    const size_t i = spans_after(sends->at, sends->count, segment->offset);
    if (i + 1 >= sends->count || sends->at[i + 1].offset >= span_end(segment))
        return NULL;
    return &sends->at[i + 1];
}

static int coalesced(struct lanes_stream *stream, const struct lanes_direction *d,
                     const struct lanes_span *segment)
{
    const struct lanes_span *later = second_send(d, segment);
    if (later == NULL || findings_full(stream))
        return 0;
    struct buf why = {0};
    const size_t first = (size_t)(later - d->lane[LANES_SEND].at) - 1;
    const struct held held = find_held(d, segment, first);
    return tell_coalesced(stream, d, segment, held_cause(&held, &why), &why);
}

/* A repeated segment that joins what were two segments at first. */
static int merged_again(struct lanes_stream *stream, const struct lanes_direction *d,
                        const struct lanes_span *segment)
{
    const struct lanes_span *later = second_send(d, segment);
    if (later == NULL)
        return 0;
    const struct lanes_span *before = lane_at(d, LANES_WIRE, later->offset - 1);
    const struct lanes_span *after = lane_at(d, LANES_WIRE, later->offset);
    if (before == NULL || after == NULL || before->n == after->n || findings_full(stream))
        return 0;
    struct buf why = {0};
    buf_printf(&why,
               _("the first copies went out as segments #%" PRIu32 " and #%" PRIu32
                 "; when TCP had to repeat them, it sent them in one"),
               before->n, after->n);
    return tell_coalesced(stream, d, segment, because("retransmission-merge", false), &why);
}

/* ---- segmented ---- */

/* Did the segment end because it was full? Without the MSS the longest one tells, likely. */
static bool is_full(const struct lanes_direction *d, const struct lanes_span *segment, uint64_t longest)
{
    return d->mss != 0 ? segment->length >= d->mss : segment->length == longest;
}

struct cuts {
    uint32_t segments; /* distinct segments that carried the send */
    bool all_full;
};

static struct cuts cuts_of(const struct lanes_direction *d, const struct lanes_span *send, uint64_t longest)
{
    const struct lanes_span *wire = d->lane[LANES_WIRE].at;
    struct cuts cuts = {0, true};
    uint32_t last = 0;
    for (size_t i = spans_after(wire, d->unique, send->offset);
         i < d->unique && wire[i].offset < span_end(send); i++) {
        cuts.segments += wire[i].n != last;
        last = wire[i].n;
        if (span_end(&wire[i]) < span_end(send) && !is_full(d, &wire[i], longest))
            cuts.all_full = false;
    }
    return cuts;
}

static struct finding_cause cut_cause(const struct lanes_direction *d, const struct lanes_span *send,
                                      bool all_full, uint64_t longest, struct buf *why)
{
    const struct call_tcpi *t = send->call->has_tcpi ? &send->call->tcpi : NULL;
    if (all_full) {
        buf_printf(why, _("a segment carries at most %s here"),
                   word_bytes(d->mss != 0 ? d->mss : longest).text);
        return because("mss", d->mss == 0);
    }
    if (t != NULL && window_full(t, send->length)) {
        buf_printf(
            why,
            _("the receiver's window allowed %" PRId64 " B when the send was called: TCP sent what fitted"),
            t->rwnd);
        return because("window", true);
    }
    if (t != NULL && t->cwnd > 0 && t->unacked >= 0 && d->mss != 0 && t->cwnd > t->unacked &&
        send->length > (uint64_t)(t->cwnd - t->unacked) * d->mss) {
        buf_printf(why, _("the congestion window had room for %" PRId64 " segments when the send was called"),
                   t->cwnd - t->unacked);
        return because("window", true);
    }
    buf_text(why, _("a segment was cut before it was full; what made TCP send it then is not recorded"));
    return because("unknown", true);
}

static int segmented(struct lanes_stream *stream, const struct lanes_direction *d,
                     const struct lanes_span *send, uint64_t longest)
{
    const struct cuts cuts = cuts_of(d, send, longest);
    if (cuts.segments < 2 || findings_full(stream))
        return 0;
    struct buf what = {0}, why = {0};
    const struct finding_cause cause = cut_cause(d, send, cuts.all_full, longest, &why);
    struct lanes_finding *finding =
        finding_add(stream, d, "segmented", cause.word, send->offset, send->length);
    if (finding == NULL || finding_evidence(finding, LANES_SEND, send->n) != 0 ||
        finding_overlapping(finding, d, LANES_WIRE, send->offset, span_end(send)) != 0) {
        buf_free(&why);
        return -ENOMEM;
    }
    finding->likely = cause.likely;
    buf_printf(&what, _("send #%" PRIu32 " (%s) crosses %" PRIu32 " segments: %s"), send->n,
               word_bytes(send->length).text, cuts.segments,
               word_segments(d, send->offset, span_end(send)).text);
    if (finding_take(&finding->what, &what) != 0 || finding_take(&finding->why, &why) != 0)
        return -ENOMEM;
    return finding_say(&finding->advice,
                       "nothing is wrong: one send is not one packet, so one recv need not return all of it");
}

int findings_wire(struct lanes_stream *stream, const struct lanes_direction *d)
{
    const struct lanes_spans *wire = &d->lane[LANES_WIRE], *sends = &d->lane[LANES_SEND];
    uint64_t longest = 0;
    for (size_t i = 0; i < wire->count; i++) {
        int failed =
            i < d->unique ? coalesced(stream, d, &wire->at[i]) : merged_again(stream, d, &wire->at[i]);
        if (failed != 0)
            return failed;
        if (wire->at[i].length > longest)
            longest = wire->at[i].length;
    }
    for (size_t i = 0; i < sends->count && wire->count > 0; i++) {
        int failed = segmented(stream, d, &sends->at[i], longest);
        if (failed != 0)
            return failed;
    }
    return 0;
}
