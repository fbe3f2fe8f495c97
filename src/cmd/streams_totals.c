/* What stands below the table. */

#include <inttypes.h>
#include <pcap/pcap.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "cmd/streams.h"
#include "lanes/words.h"
#include "view/prose.h"

static struct word packets(uint64_t n)
{
    return word_printf(ngettext("%" PRIu64 " packet", "%" PRIu64 " packets", (unsigned long)n), n);
}

static struct word fragments(uint64_t n)
{
    return word_printf(ngettext("%" PRIu64 " fragment", "%" PRIu64 " fragments", (unsigned long)n), n);
}

static struct word datagrams(uint64_t n)
{
    return word_printf(ngettext("%" PRIu64 " datagram", "%" PRIu64 " datagrams", (unsigned long)n), n);
}

static struct word repeats(uint64_t n)
{
    return word_printf(ngettext("%" PRIu64 " repeat", "%" PRIu64 " repeats", (unsigned long)n), n);
}

static void put_kinds(struct buf *out, const struct streams_totals *totals)
{
    for (int kind = 0; kind < CONVERSATION_KINDS; kind++) {
        const struct conversation_counts *counts = &totals->conversations[kind];
        const uint64_t n = counts->conversations;
        if (counts->packets == 0)
            continue;
        const struct word conversations = word_printf(
            ngettext("%" PRIu64 " conversation", "%" PRIu64 " conversations", (unsigned long)n), n);
        buf_printf(out, _("; %s: %s in %s"), conversation_kinds[kind].name, packets(counts->packets).text,
                   conversations.text);
    }
}

static void put_fragments(struct buf *out, const struct defrag_counts *d)
{
    buf_printf(out, _("; %s for %s"), fragments(d->fragments).text, datagrams(d->reassembled).text);
    if (d->unusable > 0)
        buf_printf(out, _(", %s cut short or invalid"), fragments(d->unusable).text);
    if (d->repeats > d->conflicts)
        buf_printf(out, _(", %s of others"), repeats(d->repeats - d->conflicts).text);
    if (d->conflicts > 0)
        buf_printf(out, _(", %s with other bytes"), repeats(d->conflicts).text);
    if (d->overlaps > 0)
        buf_printf(out, _(", %s dropped for fragments that contradict each other"),
                   datagrams(d->overlaps).text);
    if (d->timed_out + d->waiting > 0)
        buf_printf(out, _(", %s never whole"), datagrams(d->timed_out + d->waiting).text);
}

/* A link type that is not even known has a number, and perhaps a name of libpcap's. */
static struct word protocol_of(const struct engine_undecoded *u)
{
    const char *name = pcap_datalink_val_to_name(u->linktype);
    if (strcmp(u->protocol, "?") != 0)
        return word_printf("%s", u->protocol);
    return name != NULL ? word_printf(_("link type %d, %s"), u->linktype, name)
                        : word_printf(_("link type %d"), u->linktype);
}

/* What is no IP, and what of it could not be decoded: for which reasons, so many of them as a reader wants.
 */
static void put_others(struct buf *out, const struct streams_totals *totals)
{
    enum {
        SHOWN = 4,
    };
    const struct engine_counts *counts = &totals->packets;
    uint64_t rest = counts->undecoded;
    buf_printf(
        out,
        ngettext("; %" PRIu64 " other packet", "; %" PRIu64 " other packets", (unsigned long)counts->other),
        counts->other);
    if (counts->undecoded == 0)
        return;
    buf_printf(out, _(", %" PRIu64 " not decoded ("), counts->undecoded);
    for (size_t i = 0; i < SHOWN && totals->undecoded[i].packets != 0; i++) {
        const struct engine_undecoded *u = &totals->undecoded[i];
        buf_printf(out, i > 0 ? _("; %" PRIu64 " × %s: %s") : _("%" PRIu64 " × %s: %s"), u->packets,
                   protocol_of(u).text, _(u->problem));
        rest -= u->packets;
    }
    if (rest > 0)
        buf_printf(out, _("; %" PRIu64 " for other reasons"), rest);
    buf_text(out, _(")"));
}

void streams_totals_text(struct buf *out, const struct streams_totals *totals)
{
    const struct engine_counts *counts = &totals->packets;
    const struct word streams =
        word_printf(ngettext("%" PRIu64 " stream", "%" PRIu64 " streams", (unsigned long)totals->streams),
                    totals->streams);
    buf_printf(out, _("%s; TCP: %s in %s"), packets(counts->packets).text, packets(counts->tcp).text,
               streams.text);
    if (totals->printed < totals->streams)
        buf_printf(out, _(", %" PRIu64 " shown"), totals->printed);
    put_kinds(out, totals);
    if (totals->defrag.fragments > 0)
        put_fragments(out, &totals->defrag);
    if (counts->other > 0)
        put_others(out, totals);
    if (counts->elsewhere > 0)
        buf_printf(out, _("; %" PRIu64 " of other shards"), counts->elsewhere);
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

void streams_calls_alone(const struct streams_table *table, struct buf *out, uint64_t calls, const char *file)
{
    struct buf text = {0}, safe = {0};
    text_escape(&safe, file, strlen(file));
    buf_printf(&text,
               ngettext("%" PRIu64 " socket call was recorded, and no packets: 'sockdiag show %s' draws it",
                        "%" PRIu64
                        " socket calls were recorded, and no packets: 'sockdiag show %s' draws them",
                        (unsigned long)calls),
               calls, strcmp(file, "-") == 0 ? _("FILE") : buf_cstr(&safe));
    prose_wrap(out, buf_cstr(&text), 0, 0, table->style.columns);
    out->failed = out->failed || text.failed || safe.failed;
    buf_free(&text);
    buf_free(&safe);
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
    buf_printf(out, _("  %" PRIu64 "+%" PRIu64 " packets, %" PRIu64 "+%" PRIu64 " B\n"), c->packets[0],
               c->packets[1], c->bytes[0], c->bytes[1]);
}
