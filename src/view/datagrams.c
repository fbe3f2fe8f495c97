#include "view/datagrams.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/json.h"
#include "base/text.h"
#include "lanes/words.h"
#include "view/columns.h"
#include "view/glyphs.h"
#include "view/prose.h"

#define MOST_ROWS 24 /* of a direction, without -v: the first and the last of them */

static const char *protocol_name(const struct lanes_datagrams *d)
{
    return d->protocol == IPPROTO_UDPLITE ? "UDP-Lite" : "UDP";
}

/* ---- text ---- */

enum {
    COLUMN_MARK,
    COLUMN_NUMBER,
    COLUMN_SEND,
    COLUMN_WIRE,
    COLUMN_RECV,
    COLUMN_OUTCOME,
    COLUMN_COUNT,
};

static const struct columns_head heads[COLUMN_COUNT] = {
    {"", "", false, 0},
    {"#", "#", true, 0},
    {"send()", "send()", false, 0},
    {N_("wire"), N_("wire"), false, 0},
    {"recv()", "recv()", false, 0},
    {N_("outcome"), N_("outcome"), false, 0},
};

static void put_outcome(char cell[COLUMNS_CELL], const struct lanes_datagram_list *list,
                        const struct lanes_datagram *d, const struct view_style *style)
{
    struct buf words = {0}, spoken = {0};
    switch (lanes_datagram_outcome(list, d)) {
    case LANES_DATAGRAM_RECEIVED:
        buf_text(&words, d->likely ? _("received (likely this one)") : _("received"));
        break;
    case LANES_DATAGRAM_CUT:
        buf_printf(&words, _("cut: %s thrown away, the buffer was too small"),
                   word_bytes(d->length - d->recv->asked).text);
        break;
    case LANES_DATAGRAM_LOST:
        buf_printf(&words, _("lost: %s"), word_fate(d->fate).text);
        break;
    case LANES_DATAGRAM_UNREAD:
        buf_text(&words, _("came, and no recv took it"));
        break;
    case LANES_DATAGRAM_UNKNOWN:
        break;
    }
    if (style->ascii)
        prose_ascii(&spoken, buf_cstr(&words));
    else
        buf_text(&spoken, buf_cstr(&words));
    snprintf(cell, COLUMNS_CELL, "%s", buf_cstr(&spoken));
    buf_free(&words);
    buf_free(&spoken);
}

static void put_row(struct columns *table, const struct lanes_datagram_list *list,
                    const struct lanes_datagram *d, bool marked, const struct view_style *style)
{
    const struct glyphs *g = glyphs_of(style->ascii);
    char(*cell)[COLUMNS_CELL] = columns_add(table);
    if (cell == NULL)
        return;
    snprintf(cell[COLUMN_MARK], COLUMNS_CELL, "%s", marked ? g->arrow : " ");
    snprintf(cell[COLUMN_NUMBER], COLUMNS_CELL, "%" PRIu32, d->n);
    if (d->send != NULL)
        snprintf(cell[COLUMN_SEND], COLUMNS_CELL, "#%" PRIu32 " %" PRIu64, d->send_n, d->length);
    snprintf(cell[COLUMN_WIRE], COLUMNS_CELL, "#%" PRIu32 " %" PRIu64 "%s%s", d->n, d->length,
             d->lost ? " " : "", d->lost ? g->bad : "");
    if (d->recv != NULL)
        snprintf(cell[COLUMN_RECV], COLUMNS_CELL, "#%" PRIu32 " %" PRId64 "/%" PRIu64, d->recv_n,
                 d->recv->result, d->recv->asked);
    put_outcome(cell[COLUMN_OUTCOME], list, d, style);
}

static void put_paragraph(struct buf *out, const char *text, const struct view_style *style, unsigned indent)
{
    struct buf words = {0};
    if (style->ascii)
        prose_ascii(&words, text);
    else
        buf_text(&words, text);
    for (unsigned i = 0; i < indent; i++)
        buf_char(out, ' ');
    prose_wrap(out, buf_cstr(&words), indent, indent + 2, style->columns);
    out->failed = out->failed || words.failed;
    buf_free(&words);
}

static void put_title(struct buf *out, const struct lanes_datagrams *d, int side,
                      const struct view_style *style)
{
    const struct lanes_datagram_list *list = &d->direction[side];
    char from[PACKET_ENDPOINT_TEXT], to[PACKET_ENDPOINT_TEXT];
    struct buf title = {0};
    packet_endpoint_text(&d->endpoint[side].address, d->endpoint[side].port, from);
    packet_endpoint_text(&d->endpoint[!side].address, d->endpoint[!side].port, to);
    buf_printf(&title, _("%s %" PRIu64), protocol_name(d), d->number);
    buf_printf(&title, "   %s → %s   %s   %s", from, to,
               side == 0 ? _("client → server") : _("server → client"),
               word_printf(ngettext("%zu datagram, %s", "%zu datagrams, %s", list->count), list->count,
                           word_bytes(list->bytes).text)
                   .text);
    if (text_width(buf_cstr(&title), title.len) <= style->columns && !style->ascii)
        buf_printf(out, "%s\n", buf_cstr(&title));
    else
        put_paragraph(out, buf_cstr(&title), style, 0);
    out->failed = out->failed || title.failed;
    buf_free(&title);
}

static bool is_marked(const struct lanes_datagrams *d, int side, const struct lanes_datagram *datagram,
                      const struct view_style *style)
{
    const struct view_mark *mark = style->mark;
    return mark != NULL && mark->stream == d->number && mark->from == (enum flow_side)side &&
           mark->at == datagram->n;
}

static void put_direction(struct buf *out, const struct lanes_datagrams *d, int side,
                          const struct view_style *style)
{
    const struct lanes_datagram_list *list = &d->direction[side];
    const bool folded = !style->verbose && list->count > MOST_ROWS;
    size_t left_out = 0;
    bool mark_drawn = false;
    struct columns table;
    put_title(out, d, side, style);
    columns_init(&table, heads, COLUMN_COUNT, style);
    for (size_t i = 0; i < list->count; i++) {
        const bool marked = is_marked(d, side, &list->at[i], style);
        mark_drawn = mark_drawn || marked;
        if (folded && !marked && i >= MOST_ROWS / 2 && i < list->count - MOST_ROWS / 2)
            left_out++;
        else
            put_row(&table, list, &list->at[i], marked, style);
    }
    columns_print(&table, out);
    columns_fini(&table);
    if (left_out > 0)
        put_paragraph(out, word_printf(_("%zu in between are left out (-v shows them)"), left_out).text,
                      style, 2);
    if (mark_drawn)
        put_paragraph(out, style->mark->text, style, 2);
    if (list->note != NULL && !style->brief)
        put_paragraph(out, word_printf(_("note: %s"), _(list->note)).text, style, 2);
    buf_char(out, '\n');
}

void datagrams_text(struct buf *out, const struct lanes_datagrams *datagrams, const struct view_style *style)
{
    for (int side = 0; side < 2; side++) {
        if (datagrams->direction[side].count > 0)
            put_direction(out, datagrams, side, style);
    }
}

void view_datagrams_left_out(struct buf *out, const struct lanes *lanes, const struct view_style *style)
{
    put_paragraph(
        out,
        word_printf(_("%zu UDP conversations are not drawn: give the number of the first packet of one "
                      "behind the file, or -v for all of them"),
                    lanes->datagram_count)
            .text,
        style, 0);
}

/* ---- JSON ---- */

static void put_endpoint(struct json *j, const char *key, const struct flow_endpoint *endpoint)
{
    char text[PACKET_ENDPOINT_TEXT];
    packet_endpoint_text(&endpoint->address, endpoint->port, text);
    json_text(j, key, text);
}

static void put_time(struct json *j, const char *key, bool known, uint64_t ns)
{
    if (known)
        json_ns(j, key, ns);
    else
        json_none(j, key);
}

static void put_object(struct buf *out, const struct lanes_datagrams *d, int side,
                       const struct lanes_datagram *datagram)
{
    static const char *const outcomes[] = {NULL, "received", "cut", "lost", "unread"};
    const struct lanes_datagram_list *list = &d->direction[side];
    const struct call *send = datagram->send, *recv = datagram->recv;
    struct json j = json_begin(out);
    json_text(&j, "type", "datagram");
    json_u64(&j, "conversation", d->number);
    json_text(&j, "protocol", d->protocol == IPPROTO_UDPLITE ? "udplite" : "udp");
    json_text(&j, "from", side == 0 ? "client" : "server");
    json_u64(&j, "n", datagram->n);
    put_endpoint(&j, "source", &d->endpoint[side]);
    put_endpoint(&j, "target", &d->endpoint[!side]);
    json_u64(&j, "length", datagram->length);
    json_u64_if(&j, "send", send != NULL, datagram->send_n);
    put_time(&j, "sent_ns", send != NULL, send != NULL ? send->enter_ns : 0);
    json_u64(&j, "packet", datagram->packet);
    json_ns(&j, "time_ns", datagram->time_ns);
    json_text(&j, "fate", json_fate_word(datagram->fate));
    json_u64_if(&j, "recv", recv != NULL, datagram->recv_n);
    json_u64_if(&j, "asked", recv != NULL, recv != NULL ? recv->asked : 0);
    json_u64_if(&j, "returned", recv != NULL, recv != NULL ? (uint64_t)recv->result : 0);
    put_time(&j, "received_ns", recv != NULL, recv != NULL ? recv->exit_ns : 0);
    json_text(&j, "outcome", outcomes[lanes_datagram_outcome(list, datagram)]);
    json_bool(&j, "likely", datagram->likely);
    json_end_line(&j);
}

void datagrams_json(struct buf *out, const struct lanes_datagrams *datagrams, const struct view_style *style)
{
    (void)style;
    for (int side = 0; side < 2; side++) {
        const struct lanes_datagram_list *list = &datagrams->direction[side];
        for (size_t i = 0; i < list->count; i++)
            put_object(out, datagrams, side, &list->at[i]);
        if (list->note != NULL) {
            struct json j = json_begin(out);
            json_text(&j, "type", "note");
            json_u64(&j, "conversation", datagrams->number);
            json_text(&j, "text", list->note);
            json_end_line(&j);
        }
    }
}
