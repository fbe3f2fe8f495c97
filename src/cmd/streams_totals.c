/* What stands below the table. */

#include <inttypes.h>
#include <string.h>

#include "cmd/streams.h"
#include "view/prose.h"

static void put_plural(struct buf *out, uint64_t count, const char *one)
{
    buf_printf(out, "%" PRIu64 " %s%s", count, one, count == 1 ? "" : "s");
}

static void put_kinds(struct buf *out, const struct streams_totals *totals)
{
    for (int kind = 0; kind < CONVERSATION_KINDS; kind++) {
        const struct conversation_counts *counts = &totals->conversations[kind];
        if (counts->packets == 0)
            continue;
        buf_printf(out, "; %s: ", conversation_kinds[kind].name);
        put_plural(out, counts->packets, "packet");
        buf_text(out, " in ");
        put_plural(out, counts->conversations, "conversation");
    }
}

/* ", 3 fragments could not be used" where there are some. */
static void put_if(struct buf *out, uint64_t count, const char *one, const char *what)
{
    if (count == 0)
        return;
    buf_text(out, ", ");
    put_plural(out, count, one);
    buf_printf(out, " %s", what);
}

static void put_fragments(struct buf *out, const struct defrag_counts *d)
{
    buf_text(out, "; ");
    put_plural(out, d->fragments, "fragment");
    buf_text(out, " for ");
    put_plural(out, d->reassembled, "datagram");
    put_if(out, d->unusable, "fragment", "cut short or invalid");
    put_if(out, d->repeats - d->conflicts, "repeat", "of others");
    put_if(out, d->conflicts, "repeat", "with other bytes");
    put_if(out, d->overlaps, "datagram", "dropped for fragments that contradict each other");
    put_if(out, d->timed_out + d->waiting, "datagram", "never whole");
}

/* What is no IP, and what of it could not be decoded: for which reasons, so many of them as a reader wants.
 */
static void put_others(struct buf *out, const struct streams_totals *totals)
{
    enum {
        SHOWN = 4,
    };
    const struct engine_counts *packets = &totals->packets;
    uint64_t rest = packets->undecoded;
    buf_text(out, "; ");
    put_plural(out, packets->other, "other packet");
    if (packets->undecoded == 0)
        return;
    buf_printf(out, ", %" PRIu64 " not decoded (", packets->undecoded);
    for (size_t i = 0; i < SHOWN && totals->undecoded[i].packets != 0; i++) {
        const struct engine_undecoded *u = &totals->undecoded[i];
        buf_printf(out, "%s%" PRIu64 " × %s: %s", i > 0 ? "; " : "", u->packets, u->protocol, u->problem);
        rest -= u->packets;
    }
    if (rest > 0)
        buf_printf(out, "; %" PRIu64 " for other reasons", rest);
    buf_char(out, ')');
}

void streams_totals_text(struct buf *out, const struct streams_totals *totals)
{
    const struct engine_counts *packets = &totals->packets;
    put_plural(out, packets->packets, "packet");
    buf_text(out, "; TCP: ");
    put_plural(out, packets->tcp, "packet");
    buf_text(out, " in ");
    put_plural(out, totals->streams, "stream");
    if (totals->printed < totals->streams)
        buf_printf(out, ", %" PRIu64 " shown", totals->printed);
    put_kinds(out, totals);
    if (totals->defrag.fragments > 0)
        put_fragments(out, &totals->defrag);
    if (packets->other > 0)
        put_others(out, totals);
    if (packets->elsewhere > 0)
        buf_printf(out, "; %" PRIu64 " of other shards", packets->elsewhere);
}

void streams_table_totals(const struct streams_table *table, struct buf *out,
                          const struct streams_totals *totals)
{
    struct buf text = {0};
    streams_totals_text(&text, totals);
    if (totals->printed > 0)
        buf_char(out, '\n');
    prose_wrap(out, buf_cstr(&text), 0, 0, table->style.columns);
    out->failed = out->failed || text.failed;
    buf_free(&text);
}

/* Not cut: an address that is wider pushes the rest of its line aside. */
static void put_party(struct buf *out, const struct conversation *c, int side, unsigned columns)
{
    char text[PACKET_ENDPOINT_TEXT];
    if (c->kind < CONVERSATION_ICMP)
        packet_endpoint_text(&c->address[side], c->port[side], text);
    else
        packet_address_text(&c->address[side], text);
    buf_printf(out, "%-*s", (int)columns, text);
}

void streams_conversation_line(const struct view_style *style, struct buf *out, const struct conversation *c)
{
    const unsigned party = style->columns >= 120 ? 28 : style->columns >= 90 ? 21 : 15;
    buf_printf(out, " %6" PRIu64 "  %-6s  ", c->number, conversation_kinds[c->kind].name);
    put_party(out, c, 0, party);
    buf_printf(out, " %s ", style->ascii ? ">" : "→");
    put_party(out, c, 1, party);
    buf_printf(out, "  %" PRIu64 "+%" PRIu64 " packets, %" PRIu64 "+%" PRIu64 " B\n", c->packets[0],
               c->packets[1], c->bytes[0], c->bytes[1]);
}
