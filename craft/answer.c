#include "craft/answer.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>

#include "base/bytes.h"
#include "base/i18n.h"
#include "base/seq.h"
#include "capture/packet.h"
#include "craft/layer_tables.h"

/* A packet is looked at as two headers: the one that has the addresses, and the first one behind it that is
 * no IPv6 extension header. What an answer to it looks like is the second one's affair: one rule for each
 * protocol, and one for protocols that nothing is known of. An ICMP error is compared with the packet that it
 * quotes, header by header, as far as the quote goes. */

enum {
    ICMP_UNREACHABLE = 3,
    ICMP_QUENCH = 4,
    ICMP_REDIRECTS = 5,
    ICMP_EXPIRED = 11,
    ICMP_BAD_PARAMETER = 12,
    ICMP6_LAST_ERROR = 4, /* RFC 4443, 2.1: 128 and up are no errors; up to 4 are assigned */
    SOLICITS_NEIGHBOUR = 135,
    ADVERTISES_NEIGHBOUR = 136,
    ARP_WHO_HAS = 1,
    ARP_IS_AT = 2,
    IGMP_QUERY = 0x11,
};

/* ---- fields ---- */

static const struct craft_value *field(const struct craft_layer *layer, const char *name)
{
    const int index = craft_field_find(layer->type, name, strlen(name));
    if (index < 0 || !craft_field_is_there(layer, index))
        return NULL;
    const struct craft_value *value = &layer->value[index];
    return layer->whole || value->given ? value : NULL;
}

/* false: the header was cut short before the field, or has none of that name. */
static bool number(const struct craft_layer *layer, const char *name, uint64_t *out)
{
    const struct craft_value *value = field(layer, name);
    if (value != NULL)
        *out = value->number;
    return value != NULL;
}

/* The address in a field, padded with zeros. */
static struct packet_address address(const struct craft_layer *layer, const char *name)
{
    struct packet_address out = {0};
    const int index = craft_field_find(layer->type, name, strlen(name));
    const struct craft_value *value = field(layer, name);
    if (value == NULL)
        return out;
    out.family = layer->type->fields[index].kind == CRAFT_IP6 ? 6 : 4;
    memcpy(out.bytes, value->address, out.family == 6 ? 16 : 4);
    return out;
}

static bool is_unspecified(const struct packet_address *a)
{
    static const uint8_t zero[sizeof a->bytes];
    return memcmp(a->bytes, zero, sizeof zero) == 0;
}

/* Is the number in both, and the same? `out` gets it. */
static bool same_number(const struct craft_layer *a, const char *name_a, const struct craft_layer *b,
                        const char *name_b, uint64_t *out)
{
    uint64_t other;
    return number(a, name_a, out) && number(b, name_b, &other) && *out == other;
}

/* What `a` has of a field, `b` has too, and it is the same. */
static bool agrees(const struct craft_layer *a, const struct craft_layer *b, const char *name)
{
    uint64_t x, y;
    return !number(a, name, &x) || (number(b, name, &y) && x == y);
}

/* ---- headers ---- */

struct headers {
    const struct craft_layer *net; /* IPv4, IPv6, ARP; NULL: none is there */
    const struct craft_layer *up;  /* NULL: nothing stands behind it */
    size_t up_index, end;          /* bytes up to which the packet goes */
};

static bool is_net(const struct craft_layer_type *type)
{
    return type == &craft_ip || type == &craft_ipv6 || type == &craft_arp;
}

/* The headers from the layer at `from` on. */
static struct headers find_headers(const struct craft_packet *packet, size_t from)
{
    struct headers h = {0};
    size_t i = from;
    while (i < packet->count && !is_net(packet->layer[i].type))
        i++;
    if (i >= packet->count)
        return h;
    h.net = &packet->layer[i++];
    while (i < packet->count && layer_is_extension(packet->layer[i].type))
        i++;
    h.up_index = i;
    if (i < packet->count)
        h.up = &packet->layer[i];
    const struct craft_layer *last = &packet->layer[packet->count - 1];
    h.end = last->start + last->header_len;
    return h;
}

static bool is_error(const struct headers *h)
{
    uint64_t type;
    if (h->up == NULL || !number(h->up, "type", &type))
        return false;
    if (h->up->type == &craft_icmp)
        return type == ICMP_UNREACHABLE || type == ICMP_QUENCH || type == ICMP_REDIRECTS ||
               type == ICMP_EXPIRED || type == ICMP_BAD_PARAMETER;
    return h->up->type == &craft_icmp6 && type >= 1 && type <= ICMP6_LAST_ERROR;
}

/* ---- rules ---- */

/* What a pair of messages has in common: a query, its reply, and whether an identifier and a sequence number
 * come back. */
struct exchange {
    const struct craft_layer_type *type;
    uint8_t query, reply;
    bool numbered;
    const char *name;
};

static const struct exchange exchanges[] = {
    {&craft_icmp, 8, 0, true, N_("echo")},
    {&craft_icmp, 13, 14, true, N_("timestamp")},
    {&craft_icmp, 15, 16, true, N_("information")},
    {&craft_icmp, 17, 18, true, N_("address mask")},
    {&craft_icmp, 10, 9, false, N_("router solicitation")},
    {&craft_icmp6, 128, 129, true, N_("echo")},
    {&craft_icmp6, 133, 134, false, N_("router solicitation")},
    {&craft_icmp6, 130, 131, false, N_("listener query")},
    {&craft_icmp6, 130, 143, false, N_("listener query")},
    {&craft_icmp6, 139, 140, false, N_("node information")},
    {&craft_igmp, IGMP_QUERY, 0x12, false, N_("membership query")},
    {&craft_igmp, IGMP_QUERY, 0x16, false, N_("membership query")},
    {&craft_igmp, IGMP_QUERY, 0x22, false, N_("membership query")},
};
#define EXCHANGES (sizeof exchanges / sizeof exchanges[0])

static bool is_igmp(const struct craft_layer_type *type)
{
    return type == &craft_igmp || type == &craft_igmp3;
}

static bool exchange_fits(const struct exchange *e, const struct craft_layer_type *type)
{
    return e->type == type || (is_igmp(e->type) && is_igmp(type));
}

/* The exchange whose query (or reply) this header is; NULL: of none. */
static const struct exchange *find_exchange(const struct craft_layer *up, enum craft_answer_side side)
{
    uint64_t type;
    if (!number(up, "type", &type))
        return NULL;
    for (size_t i = 0; i < EXCHANGES; i++) {
        const struct exchange *e = &exchanges[i];
        if (exchange_fits(e, up->type) && type == (side == CRAFT_ANSWER_SENT ? e->query : e->reply))
            return e;
    }
    return NULL;
}

/* From the sender's target to the sender. Whoever had no address is answered at one for all, and so are
 * questions to a group. */
static bool addresses_fit(const struct headers *sent, const struct headers *got, bool to_many)
{
    const struct packet_address from = address(got->net, "src"), to = address(got->net, "dst");
    const struct packet_address self = address(sent->net, "src"), target = address(sent->net, "dst");
    return (to_many || packet_address_equal(&from, &target)) &&
           (to_many || is_unspecified(&self) || packet_address_equal(&to, &self));
}

static void say(struct buf *why, const char *text)
{
    if (why != NULL)
        buf_text(why, text);
}

/* What a segment takes of the sequence space (RFC 9293, 3.4). */
static uint32_t segment_space(const struct headers *h, uint64_t flags)
{
    const size_t data = h->up->start + h->up->header_len;
    return (uint32_t)(h->end > data ? h->end - data : 0) + ((flags & TCP_SYN) != 0) +
           ((flags & TCP_FIN) != 0);
}

static bool answers_tcp(const struct headers *sent, const struct headers *got, struct buf *why)
{
    uint64_t sport, dport, flags, got_flags, seq, ack, sent_ack;
    if (!same_number(sent->up, "sport", got->up, "dport", &sport) ||
        !same_number(sent->up, "dport", got->up, "sport", &dport) || !number(sent->up, "flags", &flags) ||
        !number(got->up, "flags", &got_flags) || !number(sent->up, "seq", &seq) ||
        !number(got->up, "ack", &ack))
        return false;
    if ((got_flags & TCP_ACK) == 0) {
        /* RFC 9293, 3.10.7.1: a reset of a segment with ACK has its acknowledgment number and no own. */
        uint64_t reset;
        if ((got_flags & TCP_RST) == 0 || (flags & TCP_ACK) == 0 || !number(sent->up, "ack", &sent_ack) ||
            !number(got->up, "seq", &reset) || (uint32_t)reset != (uint32_t)sent_ack)
            return false;
        if (why != NULL)
            buf_printf(why,
                       _("ports %" PRIu64 " and %" PRIu64 " turned round, a reset at seq %" PRIu64
                         ", what the packet acknowledged"),
                       sport, dport, reset);
        return true;
    }
    const uint32_t space = segment_space(sent, flags);
    const uint32_t acknowledged = (uint32_t)ack - (uint32_t)seq;
    if (acknowledged > space || (acknowledged == 0 && space > 0))
        return false;
    if (why != NULL)
        buf_printf(why,
                   _("ports %" PRIu64 " and %" PRIu64 " turned round, ack %" PRIu64 " is seq + %" PRIu32),
                   sport, dport, ack, acknowledged);
    return true;
}

static bool answers_udp(const struct headers *sent, const struct headers *got, struct buf *why)
{
    uint64_t sport, dport;
    if (!same_number(sent->up, "sport", got->up, "dport", &sport) ||
        !same_number(sent->up, "dport", got->up, "sport", &dport))
        return false;
    if (why != NULL)
        buf_printf(why, _("addresses and ports %" PRIu64 " and %" PRIu64 " turned round"), sport, dport);
    return true;
}

static bool answers_exchange(const struct headers *sent, const struct headers *got, struct buf *why)
{
    const struct exchange *query = find_exchange(sent->up, CRAFT_ANSWER_SENT);
    uint64_t id = 0, seq = 0, type;
    if (query == NULL || !number(got->up, "type", &type))
        return false;
    bool replies = false;
    for (size_t i = 0; i < EXCHANGES && !replies; i++)
        replies = exchange_fits(&exchanges[i], got->up->type) && exchanges[i].type == query->type &&
                  exchanges[i].query == query->query && exchanges[i].reply == type;
    if (!replies || (query->numbered && (!same_number(sent->up, "id", got->up, "id", &id) ||
                                         !same_number(sent->up, "seq", got->up, "seq", &seq))))
        return false;
    if (why == NULL)
        return true;
    if (query->numbered)
        buf_printf(why, _("%s, answered: id %" PRIu64 " and seq %" PRIu64 " came back"), _(query->name), id,
                   seq);
    else
        buf_printf(why, _("%s, answered"), _(query->name));
    return true;
}

/* RFC 4861, 7.2.4: an advertisement names the address that was solicited. */
static bool answers_neighbour(const struct headers *sent, const struct headers *got, struct buf *why)
{
    uint64_t type;
    const struct packet_address asked = address(sent->up, "tgt"), told = address(got->up, "tgt");
    if (!number(got->up, "type", &type) || type != ADVERTISES_NEIGHBOUR || asked.family == 0 ||
        !packet_address_equal(&asked, &told))
        return false;
    say(why, _("the target that was solicited advertises itself"));
    return true;
}

static bool answers_arp(const struct headers *sent, const struct headers *got, struct buf *why)
{
    uint64_t asks, tells;
    const struct packet_address wanted = address(sent->net, "pdst"), asker = address(sent->net, "psrc");
    const struct packet_address who = address(got->net, "psrc"), to = address(got->net, "pdst");
    if (!number(sent->net, "op", &asks) || !number(got->net, "op", &tells) || asks != ARP_WHO_HAS ||
        tells != ARP_IS_AT || !packet_address_equal(&wanted, &who) ||
        !(is_unspecified(&asker) || packet_address_equal(&asker, &to)))
        return false;
    say(why, _("is-at for the address that was asked for"));
    return true;
}

static bool solicits_neighbour(const struct headers *h)
{
    uint64_t type;
    return h->up != NULL && h->up->type == &craft_icmp6 && number(h->up, "type", &type) &&
           type == SOLICITS_NEIGHBOUR;
}

static bool same_up(const struct headers *a, const struct headers *b)
{
    return a->up != NULL && b->up != NULL &&
           (a->up->type == b->up->type || (is_igmp(a->up->type) && is_igmp(b->up->type)));
}

/* The protocol number, by the last header that has one. */
static bool protocol_of(const struct craft_packet *packet, const struct headers *h, uint64_t *out)
{
    const struct craft_layer *before = h->up_index > 0 ? &packet->layer[h->up_index - 1] : NULL;
    return before != NULL && (number(before, "proto", out) || number(before, "nh", out));
}

static bool answers_unknown(const struct craft_packet *sent, const struct headers *s,
                            const struct craft_packet *got, const struct headers *g, struct buf *why)
{
    uint64_t a, b;
    if (!protocol_of(sent, s, &a) || !protocol_of(got, g, &b) || a != b)
        return false;
    if (why != NULL)
        buf_printf(why, _("addresses turned round, protocol %" PRIu64), a);
    return true;
}

static bool is_message(const struct craft_layer_type *type)
{
    return type == &craft_icmp || type == &craft_icmp6 || is_igmp(type);
}

/* Is there a rule for what stands behind the addresses? */
static bool is_known(const struct craft_layer *up)
{
    return up != NULL && (up->type == &craft_tcp || up->type == &craft_udp || is_message(up->type));
}

static bool replies(const struct craft_packet *sent, const struct headers *s, const struct craft_packet *got,
                    const struct headers *g, bool to_many, struct buf *why)
{
    if (s->net->type != g->net->type)
        return false;
    if (s->net->type == &craft_arp)
        return answers_arp(s, g, why);
    if (solicits_neighbour(s)) /* also of duplicates, without an address: its answer goes to all */
        return same_up(s, g) && answers_neighbour(s, g, why);
    if (!addresses_fit(s, g, to_many))
        return false;
    if (!is_known(s->up) && !is_known(g->up))
        return answers_unknown(sent, s, got, g, why);
    if (!same_up(s, g))
        return false;
    if (s->up->type == &craft_tcp)
        return answers_tcp(s, g, why);
    if (s->up->type == &craft_udp)
        return answers_udp(s, g, why);
    return answers_exchange(s, g, why);
}

/* ---- errors ---- */

/* The first eight bytes of what follows the IP header, which every error quotes (RFC 792): ports, sequence
 * numbers, type and identifier; and the target that a neighbour solicitation is for. */
static bool quotes_up(const struct headers *s, const struct headers *q)
{
    static const char *const names[] = {"sport", "dport", "seq", "type", "id"};
    if (!is_known(s->up) && !is_known(q->up))
        return true;
    if (!same_up(s, q))
        return false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!agrees(s->up, q->up, names[i]))
            return false;
    }
    const struct packet_address sought = address(s->up, "tgt"), quoted = address(q->up, "tgt");
    return packet_address_equal(&sought, &quoted);
}

/* Routers change what they must: TTL, checksum, TOS. Where the identification was left to the kernel, it is
 * another one than what was sent. */
static bool quotes(const struct craft_packet *sent, const struct headers *s, const struct craft_packet *got,
                   const struct headers *q, struct buf *why)
{
    if (q->net == NULL || q->net->type != s->net->type)
        return false;
    const struct packet_address sent_to = address(s->net, "dst"), quoted_to = address(q->net, "dst");
    const struct packet_address self = address(s->net, "src"), quoted = address(q->net, "src");
    uint64_t id, protocol, quoted_protocol;
    if (!packet_address_equal(&sent_to, &quoted_to) ||
        !(is_unspecified(&self) || packet_address_equal(&self, &quoted)))
        return false;
    if (number(s->net, "id", &id) && id != 0 && !agrees(s->net, q->net, "id"))
        return false;
    if (!protocol_of(sent, s, &protocol) || !protocol_of(got, q, &quoted_protocol) ||
        protocol != quoted_protocol || !quotes_up(s, q))
        return false;
    say(why, _("the error quotes the packet: its addresses and the beginning of what follows them"));
    return true;
}

enum craft_answer craft_answer(const struct craft_packet *sent, const struct craft_packet *got, bool to_many,
                               struct buf *why)
{
    const struct headers s = find_headers(sent, 0), g = find_headers(got, 0);
    if (s.net == NULL || g.net == NULL)
        return CRAFT_ANSWER_NONE;
    if (is_error(&g)) {
        const struct headers quoted = find_headers(got, g.up_index + 1);
        return s.net->type != &craft_arp && quotes(sent, &s, got, &quoted, why) ? CRAFT_ANSWER_ERROR
                                                                                : CRAFT_ANSWER_NONE;
    }
    return replies(sent, &s, got, &g, to_many, why) ? CRAFT_ANSWER_REPLY : CRAFT_ANSWER_NONE;
}

/* ---- the hash ---- */

/* What a packet and its answers have in common, as bytes of a fixed layout: kind, address, two numbers. */
struct common {
    uint8_t bytes[1 + 16 + 8];
};

static void put_kind(struct common *c, uint8_t kind)
{
    c->bytes[0] = kind;
}

static void put_address(struct common *c, const struct packet_address *a)
{
    memcpy(c->bytes + 1, a->bytes, sizeof a->bytes);
}

static void put_numbers(struct common *c, uint64_t a, uint64_t b)
{
    store_be32(c->bytes + 17, (uint32_t)a);
    store_be32(c->bytes + 21, (uint32_t)b);
}

static void common_ports(struct common *c, const struct craft_layer *up, bool sent)
{
    uint64_t local = 0, remote = 0;
    (void)number(up, sent ? "sport" : "dport", &local);
    (void)number(up, sent ? "dport" : "sport", &remote);
    put_numbers(c, local, remote);
}

static void common_message(struct common *c, const struct craft_layer *up, enum craft_answer_side side)
{
    const struct exchange *e = find_exchange(up, side);
    uint64_t id = 0, seq = 0;
    if (e == NULL)
        return;
    if (e->numbered) {
        (void)number(up, "id", &id);
        (void)number(up, "seq", &seq);
    }
    put_numbers(c, id | (uint64_t)e->query << 16, seq);
}

static struct common find_common(const struct craft_packet *packet, const struct headers *h,
                                 enum craft_answer_side side, bool to_many)
{
    enum {
        KIND_NONE,
        KIND_ARP,
        KIND_NEIGHBOUR,
        KIND_OTHER,
        KIND_TCP,
        KIND_UDP,
        KIND_MESSAGE,
    };
    const bool sent = side == CRAFT_ANSWER_SENT;
    struct common c = {{KIND_NONE}};
    uint64_t type;
    if (h->net == NULL)
        return c;
    const bool arp = h->net->type == &craft_arp;
    const struct packet_address peer = address(h->net, arp ? (sent ? "pdst" : "psrc") : sent ? "dst" : "src");
    if (arp) {
        put_kind(&c, KIND_ARP);
        put_address(&c, &peer);
        return c;
    }
    if (h->up != NULL && h->up->type == &craft_icmp6 && number(h->up, "type", &type) &&
        type == (sent ? SOLICITS_NEIGHBOUR : ADVERTISES_NEIGHBOUR)) {
        const struct packet_address target = address(h->up, "tgt");
        put_kind(&c, KIND_NEIGHBOUR);
        put_address(&c, &target);
        return c;
    }
    if (!to_many)
        put_address(&c, &peer);
    if (h->up != NULL && (h->up->type == &craft_tcp || h->up->type == &craft_udp)) {
        put_kind(&c, h->up->type == &craft_tcp ? KIND_TCP : KIND_UDP);
        common_ports(&c, h->up, sent);
    } else if (h->up != NULL && is_message(h->up->type)) {
        put_kind(&c, KIND_MESSAGE);
        common_message(&c, h->up, side);
    } else if (protocol_of(packet, h, &type)) {
        put_kind(&c, KIND_OTHER);
        put_numbers(&c, type, 0);
    }
    return c;
}

uint64_t craft_answer_hash(const struct hash_key *key, const struct craft_packet *packet,
                           enum craft_answer_side side, bool to_many)
{
    struct headers h = find_headers(packet, 0);
    if (side == CRAFT_ANSWER_GOT && h.net != NULL && is_error(&h)) {
        /* The quoted packet is one that was sent. */
        h = find_headers(packet, h.up_index + 1);
        side = CRAFT_ANSWER_SENT;
    }
    const struct common c = find_common(packet, &h, side, to_many);
    return hash_bytes(key, c.bytes, sizeof c.bytes);
}
