/* The picture of a stream in a terminal: title, lanes, findings, notes. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "lanes/words.h"
#include "view/datagrams.h"
#include "view/glyphs.h"
#include "view/picture.h"
#include "view/prose.h"
#include "view/view.h"

#define COLUMNS_LEAST 40

static unsigned columns_of(const struct view_style *style)
{
    return style->columns < COLUMNS_LEAST ? COLUMNS_LEAST : style->columns;
}

/* Text of the model in the terminal's characters; the caller frees. */
static struct buf spoken(const struct view_style *style, const char *text)
{
    struct buf words = {0};
    if (style->ascii)
        prose_ascii(&words, text);
    else
        buf_text(&words, text);
    return words;
}

static void paragraph(struct buf *out, const struct view_style *style, const char *text, unsigned at,
                      unsigned indent)
{
    struct buf words = spoken(style, text);
    prose_wrap(out, buf_cstr(&words), at, indent, columns_of(style));
    out->failed = out->failed || words.failed;
    buf_free(&words);
}

static void color(struct buf *out, const struct view_style *style, const char *sgr)
{
    if (style->color)
        buf_printf(out, "\x1b[%sm", sgr);
}

/* ---- title ---- */

/* The parts of a title, three spaces between, on as many lines as it takes. */
struct title {
    struct buf *out;
    const struct view_style *style;
    unsigned at;
};

static void title_part(struct title *t, const char *text)
{
    struct buf words = spoken(t->style, text);
    const char *part = buf_cstr(&words);
    const unsigned width = (unsigned)text_width(part, strlen(part));
    if (t->at > 0 && t->at + 3 + width > columns_of(t->style)) {
        buf_text(t->out, "\n  ");
        t->at = 2;
    } else if (t->at > 0) {
        buf_text(t->out, "   ");
        t->at += 3;
    }
    if (t->at + width > columns_of(t->style)) { /* wider than a line: broken at its spaces */
        prose_wrap(t->out, part, t->at, 2, columns_of(t->style));
        if (t->out->len > 0)
            t->out->len--; /* the next part may stand on the same line */
        t->at = columns_of(t->style);
    } else {
        buf_text(t->out, part);
        t->at += width;
    }
    t->out->failed = t->out->failed || words.failed;
    buf_free(&words);
}

static void verdict(struct buf *out, const struct lanes_stream *stream, const struct lanes_direction *d)
{
    bool lucky = false;
    for (size_t i = 0; i < stream->finding_count; i++)
        lucky = lucky || strcmp(stream->findings[i].kind, "lucky") == 0;
    const char *name = stream->framing->name;
    if (stream->broken_at != UINT64_MAX && stream->broken_from == d->from)
        buf_printf(out, _("framing %s: BROKEN at byte %" PRIu64), name, stream->broken_at);
    else if (stream->broken_at == UINT64_MAX && lucky)
        buf_printf(out, _("framing %s: did not break, by luck"), name);
    else if (stream->broken_at == UINT64_MAX && d->has_recvs && d->lane[LANES_MESSAGE].count > 0)
        buf_printf(out, _("framing %s: ok"), name);
    else
        buf_printf(out, _("framing %s"), name);
}

static void put_title(struct buf *out, const struct lanes_stream *stream, const struct lanes_direction *d,
                      const struct view_style *style)
{
    char from[PACKET_ENDPOINT_TEXT], to[PACKET_ENDPOINT_TEXT];
    const struct flow_endpoint *sender = &stream->endpoint[d->from],
                               *receiver = &stream->endpoint[1 - d->from];
    struct title title = {.out = out, .style = style};
    struct buf part = {0};
    packet_endpoint_text(&sender->address, sender->port, from);
    packet_endpoint_text(&receiver->address, receiver->port, to);
    color(out, style, "1");
    buf_printf(&part, _("stream %" PRIu64), stream->number);
    title_part(&title, buf_cstr(&part));
    part.len = 0;
    buf_printf(&part, "%s → %s", from, to);
    title_part(&title, buf_cstr(&part));
    title_part(&title, d->from == FLOW_CLIENT ? _("client → server") : _("server → client"));
    part.len = 0;
    words_bytes(&part, d->has_wire ? d->bytes : lanes_axis_end(d));
    title_part(&title, buf_cstr(&part));
    if (stream->framing != NULL) {
        part.len = 0;
        verdict(&part, stream, d);
        title_part(&title, buf_cstr(&part));
    }
    color(out, style, "0");
    buf_text(out, "\n\n");
    out->failed = out->failed || part.failed;
    buf_free(&part);
}

/* ---- findings ---- */

static unsigned kind_columns(const struct view_style *style)
{
    return columns_of(style) < 60 ? 0 : 16;
}

/* "   cause       text", and the text below its word where the terminal is narrow. */
static void labelled(struct buf *out, const struct view_style *style, const char *sign, const char *label,
                     const char *text)
{
    const unsigned width = kind_columns(style);
    buf_printf(out, " %s ", sign);
    if (width == 0) {
        buf_text(out, label);
        buf_text(out, "\n     ");
        paragraph(out, style, text, 5, 5);
    } else {
        prose_pad(out, label, width);
        paragraph(out, style, text, 3 + width, 3 + width);
    }
}

static bool same_sort(const struct lanes_finding *a, const struct lanes_finding *b)
{
    return strcmp(a->kind, b->kind) == 0 && strcmp(a->cause, b->cause) == 0 && a->from == b->from &&
           a->is_problem == b->is_problem;
}

/* Findings that only show how TCP works need no reason and no cure. */
static bool is_plain(const struct lanes_finding *finding)
{
    return !finding->is_problem &&
           (strcmp(finding->kind, "segmented") == 0 || strcmp(finding->kind, "split") == 0);
}

/* `before`: the finding above it, or NULL: what that one said is not said again. */
static void put_finding(struct buf *out, const struct lanes_finding *finding,
                        const struct lanes_finding *before, const struct view_style *style)
{
    const struct glyphs *glyphs = glyphs_of(style->ascii);
    const char *sign = finding->is_problem ? glyphs->bad : glyphs->note;
    if (finding->is_problem)
        color(out, style, "1;31");
    labelled(out, style, sign, _(finding->kind), finding->what);
    if (finding->is_problem && style->color) {
        /* Only the first lines in colour: the escape goes before the line's end. */
        if (out->len > 0 && !out->failed)
            out->len--;
        buf_text(out, "\x1b[0m\n");
    }
    if (is_plain(finding) && !style->verbose)
        return;
    if (before != NULL && strcmp(before->why, finding->why) == 0) {
        labelled(out, style, " ", _("cause"), _("the same"));
        return;
    }
    labelled(out, style, " ", finding->likely ? _("likely cause") : _("cause"), finding->why);
    if (before == NULL || finding->is_problem || strcmp(before->advice, finding->advice) != 0)
        labelled(out, style, " ", finding->is_problem ? _("cure") : _("advice"), finding->advice);
}

/* So many findings of a sort are shown; a single further one takes no more room than its mention. */
#define SHOWN_OF_A_SORT 2

/* Finding `first`, the first of its sort, and a few of the others; returns the one that was told in full. */
static const struct lanes_finding *put_sort(struct buf *out, const struct lanes_stream *stream, size_t first,
                                            const struct lanes_finding *before,
                                            const struct view_style *style)
{
    const struct lanes_finding *finding = &stream->findings[first];
    size_t count = 0, shown = 1;
    for (size_t i = first; i < stream->finding_count; i++)
        count += same_sort(finding, &stream->findings[i]);
    const size_t most = count == SHOWN_OF_A_SORT + 1 ? count : SHOWN_OF_A_SORT;
    put_finding(out, finding, before, style);
    for (size_t i = first + 1; i < stream->finding_count && shown < most; i++) {
        const struct lanes_finding *other = &stream->findings[i];
        if (!same_sort(finding, other))
            continue;
        shown++;
        if (other->is_problem)
            put_finding(out, other, finding, style);
        else
            labelled(out, style, glyphs_of(style->ascii)->note, _(other->kind), other->what);
    }
    if (count > shown) {
        char text[128];
        snprintf(text, sizeof text, _("and %zu more of this sort (-v shows them)"), count - shown);
        labelled(out, style, " ", "", text);
    }
    return finding;
}

static bool is_first_of_sort(const struct lanes_stream *stream, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (same_sort(&stream->findings[k], &stream->findings[i]))
            return false;
    }
    return true;
}

/* Each sort of finding with its first examples; all of them, in their order, if asked for. */
static void put_findings(struct buf *out, const struct lanes_stream *stream, const struct lanes_direction *d,
                         const struct view_style *style)
{
    const struct lanes_finding *before = NULL;
    for (size_t i = 0; i < stream->finding_count; i++) {
        const struct lanes_finding *finding = &stream->findings[i];
        if (finding->from != d->from || (!style->verbose && !is_first_of_sort(stream, i)))
            continue;
        if (before == NULL)
            buf_char(out, '\n');
        if (style->verbose) {
            put_finding(out, finding, before, style);
            before = finding;
        } else {
            before = put_sort(out, stream, i, before, style);
        }
    }
}

/* ---- the view ---- */

static void put_notes(struct buf *out, const struct lanes_stream *stream, const struct view_style *style)
{
    if (stream->note_count > 0)
        buf_char(out, '\n');
    for (size_t i = 0; i < stream->note_count; i++)
        labelled(out, style, " ", _("note"), stream->notes[i]);
    if (stream->framing == NULL && style->verbose)
        labelled(
            out, style, " ", _("note"),
            _("messages are not marked: which framing the stream has is not known (--framing NAME tells)"));
}

static void text_stream(struct buf *out, const struct lanes_stream *stream, const struct view_style *style)
{
    bool any = false;
    for (int side = 0; side < 2; side++) {
        const struct lanes_direction *d = &stream->direction[side];
        if (lanes_axis_end(d) == 0)
            continue;
        if (any)
            buf_char(out, '\n');
        any = true;
        put_title(out, stream, d, style);
        picture_direction(out, stream, d, style, columns_of(style));
        if (!style->brief)
            put_findings(out, stream, d, style);
    }
    if (!any) {
        put_title(out, stream, &stream->direction[FLOW_CLIENT], style);
        paragraph(out, style,
                  stream->end == FLOW_RST
                      ? _(" no byte of payload went either way: the connection was refused, or reset (RST)")
                      : _(" no byte of payload went either way"),
                  0, 1);
    }
    if (!style->brief)
        put_notes(out, stream, style);
    buf_char(out, '\n');
}

static void put_no_streams(struct buf *out, const struct lanes *lanes, const struct view_style *style)
{
    struct buf text = {0};
    if (lanes->packets + lanes->calls == 0)
        buf_text(&text, _("The file holds no packets and no calls."));
    else
        buf_printf(
            &text,
            _("There is no TCP connection in this file: no lanes to draw. 'sockdiag capture -r "
              "FILE' lists what it holds: %s, %s."),
            word_printf(ngettext("%" PRIu64 " packet", "%" PRIu64 " packets", lanes->packets), lanes->packets)
                .text,
            word_printf(ngettext("%" PRIu64 " call", "%" PRIu64 " calls", lanes->calls), lanes->calls).text);
    paragraph(out, style, buf_cstr(&text), 0, 0);
    out->failed = out->failed || text.failed;
    buf_free(&text);
}

static void text_head(struct buf *out, const struct lanes *lanes, const struct view_style *style)
{
    if (lanes->stream_count == 0) {
        if (lanes->datagram_count == 0)
            put_no_streams(out, lanes, style);
        return;
    }
    if (style->brief)
        return;
    color(out, style, "2");
    paragraph(out, style,
              _("From left to right run the bytes of a stream; ┃ marks where a message, a call or a segment "
                "begins. "
                "#2 4096: the second one, of 4096 bytes; 1024/1024: a recv that got all it asked for; "
                "✗: lost on the way; ↻: sent again; …: goes on, or left out."),
              0, 0);
    color(out, style, "0");
    buf_char(out, '\n');
}

static void text_tail(struct buf *out, const struct lanes *lanes, const struct view_style *style)
{
    struct buf text = {0};
    if (lanes->unjoined_calls > 0)
        buf_printf(&text,
                   _("%" PRIu64
                     " calls that moved bytes belong to no connection in this file: its packets were not "
                     "captured, or the record does not name the addresses. "),
                   lanes->unjoined_calls);
    if (lanes->datagrams_beyond > 0)
        buf_printf(&text,
                   _("%" PRIu64 " further datagrams and their calls are not shown: there are too many. "),
                   lanes->datagrams_beyond);
    if (lanes->evicted > 0)
        buf_printf(&text, _("%" PRIu64 " connections were closed early: there are too many at once. "),
                   lanes->evicted);
    if (lanes->lost > 0)
        buf_printf(&text,
                   _("The capture lost %" PRIu64
                     " packets: what is missing on the wire may have been there all the same. "),
                   lanes->lost);
    if (text.len > 0)
        paragraph(out, style, buf_cstr(&text), 0, 0);
    out->failed = out->failed || text.failed;
    buf_free(&text);
}

const struct view view_text = {"text", text_head, text_stream, datagrams_text, text_tail};
