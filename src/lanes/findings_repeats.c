/* retransmitted: segments sent again, and what had become of the earlier copy. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/i18n.h"
#include "lanes/findings.h"
#include "lanes/spans.h"
#include "lanes/words.h"

/* The earlier copies of a retransmission's first byte. None where its first carrier is not known. */
struct earlier {
    const struct lanes_span *last;      /* the one sent last before it */
    const struct lanes_span *delivered; /* one that is known to have arrived; NULL: none */
};

static void look_at(struct earlier *earlier, const struct lanes_span *copy)
{
    earlier->last = copy;
    if (span_known(copy) && !span_lost(copy) && earlier->delivered == NULL)
        earlier->delivered = copy;
}

static struct earlier find_earlier(const struct lanes_direction *d, size_t at)
{
    const struct lanes_span *wire = d->lane[LANES_WIRE].at;
    const uint64_t offset = wire[at].offset;
    struct earlier earlier = {0};
    const struct lanes_span *first = lane_at(d, LANES_WIRE, offset);
    if (first == NULL)
        return earlier;
    look_at(&earlier, first);
    for (size_t i = d->unique; i < at; i++) {
        if (wire[i].offset <= offset && offset < span_end(&wire[i]))
            look_at(&earlier, &wire[i]);
    }
    return earlier;
}

static struct finding_cause repeat_cause(const struct earlier *earlier, struct buf *why)
{
    const struct lanes_span *copy = earlier->delivered;
    if (copy != NULL) {
        const bool held = strncmp(copy->fate, "held", 4) == 0,
                   delayed = strncmp(copy->fate, "delayed", 7) == 0;
        buf_printf(why,
                   held      ? _("not needed: segment #%" PRIu32
                                 " did arrive (the wire: %s); it was overtaken, and "
                                      "the sender took it for lost")
                   : delayed ? _("not needed: segment #%" PRIu32 " did arrive (the wire: %s); its "
                                 "acknowledgement did not come back in time")
                             : _("not needed: segment #%" PRIu32 " did arrive (the wire: %s); the sender did "
                                 "not know it yet"),
                   copy->n, word_fate(copy->fate).text);
        return (struct finding_cause){held ? "reordered" : delayed ? "delayed" : "spurious", false};
    }
    copy = earlier->last;
    if (span_lost(copy)) {
        buf_printf(why, _("segment #%" PRIu32 " did not arrive (the wire: %s)"), copy->n,
                   word_fate(copy->fate).text);
        return (struct finding_cause){strncmp(copy->fate, "dropped", 7) == 0 ? "dropped" : "corrupted",
                                      false};
    }
    buf_printf(
        why,
        _("segment #%" PRIu32 " or its acknowledgement was lost or late; the capture does not tell which"),
        copy->n);
    return (struct finding_cause){"loss", true};
}

static const char *repeat_advice(const struct lanes_direction *d, const struct lanes_span *span, bool in_vain)
{
    if (in_vain)
        return N_("nothing to do in the program: the other side threw the second copy away");
    if (span_lost(span) && wire_delivering(d, span->offset) == NULL)
        return N_("no copy of these bytes arrived, so that nothing behind them can be read: look for what "
                  "swallows them ('sockdiag route' finds the size that gets through)");
    return N_("nothing to do in the program: TCP repaired it; what it cost is time, and bytes that came "
              "behind the gap waited for it");
}

static int repeated(struct lanes_stream *stream, const struct lanes_direction *d, size_t at)
{
    const struct lanes_span *span = &d->lane[LANES_WIRE].at[at];
    const struct earlier earlier = find_earlier(d, at);
    if (earlier.last == NULL)
        return 0;
    struct buf what = {0}, why = {0};
    const struct finding_cause cause = repeat_cause(&earlier, &why);
    struct lanes_finding *finding =
        finding_add(stream, d, "retransmitted", cause.word, span->offset, span->length);
    if (finding == NULL || finding_evidence(finding, LANES_WIRE, earlier.last->n) != 0 ||
        finding_evidence(finding, LANES_WIRE, span->n) != 0) {
        buf_free(&why);
        return -ENOMEM;
    }
    finding->likely = cause.likely;
    const uint64_t later_ns =
        span->time_ns > earlier.last->time_ns ? span->time_ns - earlier.last->time_ns : 0;
    buf_printf(
        &what, _("%s at byte %" PRIu64 " were sent again: segment #%" PRIu32 ", then #%" PRIu32 " %s later"),
        word_bytes(span->length).text, span->offset, earlier.last->n, span->n, word_time(later_ns).text);
    if (finding_take(&finding->what, &what) != 0 || finding_take(&finding->why, &why) != 0)
        return -ENOMEM;
    return finding_say(&finding->advice, repeat_advice(d, span, earlier.delivered != NULL));
}

int findings_repeats(struct lanes_stream *stream, const struct lanes_direction *d)
{
    const struct lanes_spans *wire = &d->lane[LANES_WIRE];
    for (size_t i = d->unique; i < wire->count; i++) {
        if (findings_full(stream))
            continue;
        int failed = repeated(stream, d, i);
        if (failed != 0)
            return failed;
    }
    return 0;
}
