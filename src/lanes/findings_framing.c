/* framing-broken: where the reader's notion of a message's end departs from the sender's; and lucky: where a
 * framing that allows this got away with it.
 *
 * A reader is known by its recvs. Framings with a reader_buffer take what one recv returns for a header: it
 * must begin and end with the header. Bodies of a known size, and everything in a framing with lengths, are
 * read exactly: such a reader never asks for more than is left of the message. A sender is known by the
 * messages: what it announced must be what it sent. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <unistr.h>

#include "base/i18n.h"
#include "lanes/findings.h"
#include "lanes/spans.h"
#include "lanes/words.h"

struct breakage {
    uint64_t at; /* UINT64_MAX: none */
    uint64_t time_ns;
    struct finding_cause cause;
    const struct lanes_span *recv, *send, *message;
    struct buf what, why;
    const char *advice;
};

static const char advice_length[] =
    N_("frame the messages: a length before each one, and a reader that takes "
       "exactly that many bytes (framing 'length')");

static bool named(const struct lanes_span *message, const char *name)
{
    return strcmp(message->name, name) == 0;
}

/* ---- the reader ---- */

static void header_too_long(const struct lanes_direction *d, const struct lanes_span *header,
                            const struct lanes_span *recv, struct breakage *b)
{
    const uint64_t end = span_end(header);
    b->at = end;
    b->cause = sticky_cause(d, recv, end, &b->why);
    buf_printf(&b->what,
               _("the reader takes recv #%" PRIu32 " for %s, but the header ends at byte %" PRIu64
                 ": behind it the recv returned %s more, %s, which are no part of it"),
               recv->n, word_message(d, header).text, end, word_bytes(span_end(recv) - end).text,
               word_payload(d, end, span_end(recv), 24).text);
}

static void header_too_short(const struct lanes_direction *d, const struct lanes_span *header,
                             const struct lanes_span *recv, struct breakage *b)
{
    b->at = span_end(recv);
    b->cause = split_cause(d, recv, &b->why);
    buf_printf(
        &b->what,
        _("the reader takes recv #%" PRIu32 " for %s, but it returned only %s of %s; the rest begins %s"),
        recv->n, word_message(d, header).text, word_bytes(recv->length).text, word_bytes(header->length).text,
        word_payload(d, span_end(recv), span_end(header), 24).text);
}

static bool header_breaks(const struct lanes_direction *d, const struct lanes_span *header,
                          struct breakage *b)
{
    const struct lanes_span *recv = lane_at(d, LANES_RECV, header->offset);
    if (recv == NULL || recv->offset != header->offset || span_end(recv) == span_end(header))
        return false;
    if (span_end(recv) > span_end(header))
        header_too_long(d, header, recv, b);
    else
        header_too_short(d, header, recv, b);
    b->recv = recv;
    b->message = header;
    b->time_ns = recv->exit_ns;
    b->advice = advice_length;
    return true;
}

/* What a reader does in a message of known length, and right behind it. */
struct reading_on {
    const struct lanes_span *message;
    const struct lanes_span *last; /* the recv that returned its last byte */
    uint64_t next_ask;             /* what the reader of this framing asks for behind a message */
    bool asked_too_much;           /* a recv inside asked for more than was left */
};

/* Does this recv show that the reader is not aware of the message's end? It crosses it; or it goes on behind
 * it, and asks neither for what a new message begins with nor without having lost count before. One that
 * counts only what came last asks for the size less that. */
static bool is_unaware(struct reading_on *r, const struct lanes_span *recv)
{
    const uint64_t end = span_end(r->message), asked = recv->call->asked;
    if (recv->offset > r->message->offset && recv->offset < end) {
        r->asked_too_much = r->asked_too_much || asked > end - recv->offset;
        return span_end(recv) > end;
    }
    if (recv->offset != end || asked == r->next_ask || r->last == NULL)
        return false;
    return r->asked_too_much || (r->last->offset > r->message->offset && span_end(r->last) == end &&
                                 asked == r->message->length - r->last->length);
}

/* The first recv that shows it; NULL: none. `first`: the index of the message's first recv. */
static const struct lanes_span *first_unaware(const struct framing *framing, const struct lanes_direction *d,
                                              const struct lanes_span *message, size_t first)
{
    const struct lanes_spans *recvs = &d->lane[LANES_RECV], *waits = &d->waits;
    const uint64_t end = span_end(message);
    struct reading_on r = {.message = message,
                           .last = lane_at(d, LANES_RECV, end - 1),
                           .next_ask =
                               framing->reader_buffer != 0 ? framing->reader_buffer : FRAMING_PREFIX_LEN};
    for (size_t i = first; i < recvs->count && recvs->at[i].offset <= end; i++) {
        if (is_unaware(&r, &recvs->at[i]))
            return &recvs->at[i];
    }
    for (size_t i = spans_after(waits->at, waits->count, end - 1);
         i < waits->count && waits->at[i].offset == end; i++) {
        if (is_unaware(&r, &waits->at[i]))
            return &waits->at[i];
    }
    return NULL;
}

static void say_overrun(const struct lanes_direction *d, struct breakage *b)
{
    const uint64_t end = b->at;
    const struct word message = word_message(d, b->message), asked = word_bytes(b->recv->call->asked);
    const struct word left = word_bytes(end - (b->recv->offset < end ? b->recv->offset : end));
    if (b->recv->n == 0)
        buf_printf(&b->what,
                   _("%s ends at byte %" PRIu64 ", but a recv, which got nothing, asks for %s more of it"),
                   message.text, end, asked.text);
    else if (b->recv->offset >= end)
        buf_printf(&b->what, _("%s ends at byte %" PRIu64 ", but recv #%" PRIu32 " asks for %s more of it"),
                   message.text, end, b->recv->n, asked.text);
    else
        buf_printf(&b->what,
                   _("%s ends at byte %" PRIu64 ", but recv #%" PRIu32 " asks for %s where %s are left"),
                   message.text, end, b->recv->n, asked.text, left.text);
    if (span_end(b->recv) > end)
        buf_printf(&b->what, _(", and takes bytes of what follows: %s"),
                   word_payload(d, end, span_end(b->recv), 24).text);
    buf_text(&b->why, _("the reader knew the length (its first recv asked for no more than that) and lost "
                        "count of what it had"));
}

/* A reader that knows the length shows it: its first recv of the message asks for no more than that. (One
 * that asks for more keeps what is too much for later: a buffer, which is no mistake.) */
static bool reader_overruns(const struct framing *framing, const struct lanes_direction *d,
                            const struct lanes_span *message, struct breakage *b)
{
    const struct lanes_spans *recvs = &d->lane[LANES_RECV];
    const size_t first = spans_after(recvs->at, recvs->count, message->offset);
    if (!message->complete || first >= recvs->count || recvs->at[first].offset != message->offset ||
        recvs->at[first].call->asked > message->length)
        return false;
    b->recv = first_unaware(framing, d, message, first);
    if (b->recv == NULL)
        return false;
    b->at = span_end(message);
    b->message = message;
    b->time_ns = b->recv->exit_ns;
    b->cause = (struct finding_cause){"overrun", false};
    b->advice = N_("count what came: got += n, and ask for size - got");
    say_overrun(d, b);
    return true;
}

/* ---- the sender ---- */

/* A send inside [begin, end] that took less than was offered, and was not followed up. */
static const struct lanes_span *short_send(const struct lanes_direction *d, uint64_t begin, uint64_t end)
{
    const struct lanes_spans *sends = &d->lane[LANES_SEND];
    for (size_t i = spans_after(sends->at, sends->count, begin);
         i < sends->count && sends->at[i].offset < end; i++) {
        const struct lanes_span *send = &sends->at[i];
        const uint64_t rest = send->call->asked > send->length ? send->call->asked - send->length : 0;
        if (rest > 0 && (i + 1 == sends->count || sends->at[i + 1].call->asked != rest))
            return send;
    }
    return NULL;
}

/* Is the announced length the number of characters of what was sent? Tried at the end of each send behind the
 * announced end, and at the end of the stream. */
static bool announced_characters(const struct lanes_direction *d, const struct lanes_span *message)
{
    const struct lanes_spans *sends = &d->lane[LANES_SEND];
    const uint8_t *text = d->payload + message->offset;
    uint64_t characters = 0, at = message->offset;
    size_t i = spans_after(sends->at, sends->count, span_end(message));
    for (;; i++) {
        const uint64_t end = i < sends->count ? span_end(&sends->at[i]) : d->payload_len;
        if (end > d->payload_len || end <= at)
            return false;
        while (at < end) {
            int len = u8_mblen(text, (size_t)(end - at));
            if (len <= 0)
                return false;
            characters++;
            text += len;
            at += (uint64_t)len;
        }
        if (characters >= message->announced || i >= sends->count)
            return characters == message->announced;
    }
}

static void say_short_send(struct breakage *b)
{
    b->cause = (struct finding_cause){"short-send", false};
    b->advice = N_("look at what send returns, and send the rest in a loop (or use sendall)");
    buf_printf(&b->why, _("send #%" PRIu32 " offered %s, the kernel took %s, and the rest was never sent"),
               b->send->n, word_bytes(b->send->call->asked).text, word_bytes(b->send->length).text);
}

static void garbage_cause(const struct lanes_direction *d, const struct lanes_span *message,
                          struct breakage *b)
{
    b->send = short_send(d, message->offset, span_end(message) + 1);
    if (b->send != NULL) {
        say_short_send(b);
        return;
    }
    b->advice = N_("count the bytes that are sent, not the characters: encode first, then take the length");
    if (announced_characters(d, message)) {
        b->cause = (struct finding_cause){"size-chars", false};
        buf_printf(&b->why,
                   _("%" PRIu64 " is the number of characters of the text; in UTF-8 they are more bytes"),
                   message->announced);
    } else {
        b->cause = (struct finding_cause){"announced-fewer", true};
        buf_text(&b->why, _("the sender announced fewer bytes than it sent"));
    }
}

static void garbage_breaks(const struct lanes_direction *d, size_t i, struct breakage *b)
{
    const struct lanes_span *garbage = &d->lane[LANES_MESSAGE].at[i];
    const struct lanes_span *before = i > 0 ? garbage - 1 : NULL;
    b->at = garbage->offset;
    b->message = garbage;
    const struct word payload = word_payload(d, garbage->offset, span_end(garbage), 24);
    if (before != NULL && before->announced > 0 && !named(before, "length")) {
        buf_printf(
            &b->what,
            _("%s at byte %" PRIu64 " is no header; it stands right behind %s, which was announced as %s"),
            payload.text, garbage->offset, word_message(d, before).text, word_bytes(before->announced).text);
        b->message = before;
        garbage_cause(d, before, b);
        return;
    }
    buf_printf(&b->what, _("%s at byte %" PRIu64 " is no header"), payload.text, garbage->offset);
    b->cause = (struct finding_cause){"no-header", true};
    buf_text(&b->why, _("the sender does not speak this framing, or what it sent before has lost the step"));
    b->advice = N_("look whether --framing names the framing of this stream");
}

/* The sender closed before it had sent what it announced. */
static bool end_breaks(const struct lanes_direction *d, struct breakage *b)
{
    const struct lanes_spans *messages = &d->lane[LANES_MESSAGE];
    const struct lanes_span *last = messages->count > 0 ? &messages->at[messages->count - 1] : NULL;
    if (last == NULL || last->complete || last->announced <= last->length || !d->ended || d->unsent > 0 ||
        d->payload_len < d->bytes)
        return false;
    b->at = span_end(last);
    b->message = last;
    buf_printf(
        &b->what,
        _("%s was announced as %s, but the stream ends after %s of it: the reader waits for bytes that "
          "never come"),
        word_message(d, last).text, word_bytes(last->announced).text, word_bytes(last->length).text);
    b->send = short_send(d, last->offset, span_end(last) + 1);
    if (b->send != NULL) {
        say_short_send(b);
        return true;
    }
    b->cause = (struct finding_cause){"announced-more", true};
    buf_text(&b->why, _("the sender announced more bytes than it sent"));
    b->advice = N_("announce the number of bytes that are sent, and send all of them");
    return true;
}

/* ---- both ---- */

static bool message_breaks(const struct framing *framing, const struct lanes_direction *d, size_t i,
                           struct breakage *b)
{
    const struct lanes_span *message = &d->lane[LANES_MESSAGE].at[i];
    if (named(message, "garbage")) {
        garbage_breaks(d, i, b);
        return true;
    }
    if (!d->has_recvs)
        return false;
    if (named(message, "header") && framing->reader_buffer != 0)
        return header_breaks(d, message, b);
    if (framing->reader_buffer == 0 || framing->body_sized)
        return reader_overruns(framing, d, message, b);
    return false;
}

/* The first breakage of a direction. */
static bool find_breakage(const struct framing *framing, const struct lanes_direction *d, struct breakage *b)
{
    *b = (struct breakage){.at = UINT64_MAX};
    for (size_t i = 0; i < d->lane[LANES_MESSAGE].count; i++) {
        if (message_breaks(framing, d, i, b))
            break;
    }
    if (b->at == UINT64_MAX && !end_breaks(d, b))
        return false;
    if (b->time_ns == 0) {
        const struct lanes_span *wire = lane_at(d, LANES_WIRE, b->at > 0 ? b->at - 1 : 0);
        b->time_ns = wire != NULL ? wire->time_ns : UINT64_MAX;
    }
    return true;
}

static int tell_breakage(struct lanes_stream *stream, const struct lanes_direction *d, struct breakage *b)
{
    const uint64_t begin = b->recv != NULL ? b->recv->offset : b->message->offset;
    const uint64_t end = b->recv != NULL ? span_end(b->recv) : span_end(b->message);
    struct lanes_finding *f =
        finding_add(stream, d, "framing-broken", b->cause.word, b->at, end > b->at ? end - b->at : 0);
    const bool numbered = b->recv != NULL && b->recv->n != 0;
    if (f == NULL || (numbered && finding_evidence(f, LANES_RECV, b->recv->n) != 0) ||
        (b->send != NULL ? finding_evidence(f, LANES_SEND, b->send->n)
                         : finding_overlapping(f, d, LANES_SEND, begin, end)) != 0 ||
        finding_overlapping(f, d, LANES_WIRE, begin, end) != 0 ||
        finding_evidence(f, LANES_MESSAGE, b->message->n) != 0)
        return -ENOMEM;
    f->is_problem = true;
    f->likely = b->cause.likely;
    if (finding_take(&f->what, &b->what) != 0 || finding_take(&f->why, &b->why) != 0)
        return -ENOMEM;
    return finding_say(&f->advice, b->advice);
}

/* ---- lucky ---- */

/* How near it was: the header whose recv came nearest to finding more than the header. */
struct nearest {
    const struct lanes_direction *d;
    const struct lanes_span *header, *recv, *next;
    uint64_t margin_ns; /* the recv was called that long before the next bytes were on the wire; 0: after */
    uint64_t longest;   /* header */
    bool any;           /* a header was read */
};

static void look_at_header(struct nearest *nearest, const struct lanes_direction *d,
                           const struct lanes_span *header)
{
    const struct lanes_span *recv = lane_at(d, LANES_RECV, header->offset);
    if (recv == NULL || recv->offset != header->offset)
        return;
    nearest->any = true;
    if (header->length > nearest->longest)
        nearest->longest = header->length;
    const struct lanes_span *next = lane_at(d, LANES_MESSAGE, span_end(header));
    const struct lanes_span *wire = wire_delivering(d, span_end(header));
    if (next == NULL || wire == NULL)
        return;
    const uint64_t margin = wire->time_ns > recv->time_ns ? wire->time_ns - recv->time_ns : 0;
    if (nearest->header == NULL || margin < nearest->margin_ns) {
        nearest->d = d;
        nearest->header = header;
        nearest->recv = recv;
        nearest->next = next;
        nearest->margin_ns = margin;
    }
}

static void say_nearest(const struct nearest *nearest, const struct framing *framing, struct buf *why)
{
    if (framing->answers)
        buf_text(why,
                 _("the sender waited for an answer after each send, so no reader could come too late. "));
    else if (nearest->header != NULL && nearest->margin_ns > 0)
        buf_printf(why,
                   _("recv #%" PRIu32
                     " was called %s before %s was on the wire: a reader that comes that much "
                     "later gets both at once. "),
                   nearest->recv->n, word_time(nearest->margin_ns).text,
                   word_message(nearest->d, nearest->next).text);
    else if (nearest->header != NULL)
        buf_printf(why,
                   _("recv #%" PRIu32
                     " was called when %s was on the wire already and had not yet arrived: a "
                     "reader that comes a moment later gets both at once. "),
                   nearest->recv->n, word_message(nearest->d, nearest->next).text);
    buf_printf(why, _("A header longer than the reader's buffer of %s would be cut; the longest here had %s"),
               word_bytes(framing->reader_buffer).text, word_bytes(nearest->longest).text);
}

/* Did a recv wait long, and in vain? Then the run did not end well, whatever the reason. */
#define LONG_WAIT_NS 100000000U

static bool waited_in_vain(const struct lanes_direction *d)
{
    for (size_t i = 0; i < d->waits.count; i++) {
        const struct lanes_span *wait = &d->waits.at[i];
        if (wait->call->result < 0 && wait->exit_ns > wait->time_ns + LONG_WAIT_NS)
            return true;
    }
    return false;
}

static int lucky(struct lanes_stream *stream)
{
    struct nearest nearest = {0};
    if (waited_in_vain(&stream->direction[0]) || waited_in_vain(&stream->direction[1]))
        return 0;
    for (int side = 0; side < 2; side++) {
        const struct lanes_direction *d = &stream->direction[side];
        for (size_t i = 0; i < d->lane[LANES_MESSAGE].count; i++) {
            if (named(&d->lane[LANES_MESSAGE].at[i], "header"))
                look_at_header(&nearest, d, &d->lane[LANES_MESSAGE].at[i]);
        }
        nearest.d = nearest.d == NULL && nearest.any ? d : nearest.d;
    }
    if (!nearest.any)
        return 0;
    struct buf what = {0}, why = {0};
    const uint64_t offset = nearest.header != NULL ? span_end(nearest.header) : 0;
    struct lanes_finding *f = finding_add(stream, nearest.d, "lucky", "luck", offset, 0);
    if (f == NULL || (nearest.recv != NULL && finding_evidence(f, LANES_RECV, nearest.recv->n) != 0))
        return -ENOMEM;
    buf_printf(&what, _("framing %s did not break in this run, by luck; it %s"), stream->framing->name,
               _(stream->framing->breaks));
    say_nearest(&nearest, stream->framing, &why);
    if (finding_take(&f->what, &what) != 0 || finding_take(&f->why, &why) != 0)
        return -ENOMEM;
    return finding_say(&f->advice, advice_length);
}

int findings_framing(struct lanes_stream *stream)
{
    uint64_t first_ns = UINT64_MAX;
    bool broken = false;
    int failed = 0;
    for (int side = 0; side < 2 && stream->framing != NULL && failed == 0; side++) {
        const struct lanes_direction *d = &stream->direction[side];
        struct breakage b;
        if (find_breakage(stream->framing, d, &b)) {
            if (!broken || b.time_ns < first_ns) {
                first_ns = b.time_ns;
                stream->broken_at = b.at;
                stream->broken_from = d->from;
            }
            broken = true;
            failed = tell_breakage(stream, d, &b);
        }
        buf_free(&b.what);
        buf_free(&b.why);
    }
    if (stream->framing == NULL || stream->framing->breaks == NULL || broken || failed != 0)
        return failed;
    return lucky(stream);
}
