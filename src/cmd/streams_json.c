/* Rows as JSON. A million of them are written in one run, so that keys stand here as the text they become,
 * with both sides' names in them, and room is made once a row. */

#include <pcap/pcap.h>
#include <string.h>

#include "base/digits.h"
#include "base/json.h"
#include "cmd/streams.h"

enum {
    ROW_ROOM = 8192, /* more than the longest row, and a key's room */
    KEY_ROOM = 32,
};

/* Of a literal, the compiler knows the length. */
static inline __attribute__((always_inline)) char *put_text(char *p, const char *text)
{
    return mempcpy(p, text, strlen(text));
}

static char *put_u64(char *p, uint64_t value)
{
    if (value >= 10)
        return digits_put(p, value);
    *p = (char)('0' + value); /* most are */
    return p + 1;
}

static inline __attribute__((always_inline)) char *put_known(char *p, const char *key, bool known,
                                                             uint64_t value)
{
    p = put_text(p, key);
    return known ? put_u64(p, value) : put_text(p, "null");
}

static inline __attribute__((always_inline)) char *put_count(char *p, const char *key, uint64_t value)
{
    return put_u64(put_text(p, key), value);
}

/* ,"NAME_client": or ,"NAME_server": of one length, so that it is copied without being measured. */
struct side_key {
    char text[2][KEY_ROOM];
    uint8_t len;
};
#define SIDE_KEY(name)                                                                                       \
    {                                                                                                        \
        {",\"" name "_client\":", ",\"" name "_server\":"}, sizeof ",\"" name "_client\":" - 1               \
    }

static char *put_key(char *p, const struct side_key *key, int s)
{
    memcpy(p, key->text[s], KEY_ROOM);
    return p + key->len;
}

static char *put_side_count(char *p, const struct side_key *key, int s, uint64_t value)
{
    return put_u64(put_key(p, key, s), value);
}

static char *put_side_known(char *p, const struct side_key *key, int s, bool known, uint64_t value)
{
    p = put_key(p, key, s);
    return known ? put_u64(p, value) : put_text(p, "null");
}

static char *put_side(char *p, const struct row_side *side, int s)
{
    static const struct side_key packets = SIDE_KEY("packets"), bytes = SIDE_KEY("bytes"),
                                 wire_bytes = SIDE_KEY("wire_bytes"),
                                 retransmissions = SIDE_KEY("retransmissions"),
                                 out_of_order = SIDE_KEY("out_of_order"),
                                 duplicate_acks = SIDE_KEY("duplicate_acks"),
                                 zero_windows = SIDE_KEY("zero_windows"), syn = SIDE_KEY("syn"),
                                 fin = SIDE_KEY("fin"), rst = SIDE_KEY("rst"), mss = SIDE_KEY("mss"),
                                 window_scale = SIDE_KEY("window_scale"), gaps = SIDE_KEY("gaps");
    p = put_side_count(p, &packets, s, side->packets);
    p = put_side_count(p, &bytes, s, side->bytes);
    p = put_side_count(p, &wire_bytes, s, side->wire_bytes);
    p = put_side_count(p, &retransmissions, s, row_retransmissions(side));
    p = put_side_count(p, &out_of_order, s, side->marks[TCP_MARK_OUT_OF_ORDER]);
    p = put_side_count(p, &duplicate_acks, s, side->marks[TCP_MARK_DUPLICATE_ACK]);
    p = put_side_count(p, &zero_windows, s, side->marks[TCP_MARK_ZERO_WINDOW]);
    p = put_side_count(p, &syn, s, side->syns);
    p = put_side_count(p, &fin, s, side->fins);
    p = put_side_count(p, &rst, s, side->rsts);
    p = put_side_known(p, &mss, s, side->mss != 0, side->mss);
    p = put_side_known(p, &window_scale, s, side->window_scale >= 0, (uint64_t)side->window_scale);
    return put_side_count(p, &gaps, s, side->gaps);
}

static char *put_md5(char *p, const struct row_side *side, int s)
{
    static const struct side_key key = SIDE_KEY("md5");
    static const char hex[] = "0123456789abcdef";
    p = put_key(p, &key, s);
    if (!side->has_md5)
        return put_text(p, "null");
    *p++ = '"';
    for (size_t i = 0; i < ROW_MD5; i++) {
        *p++ = hex[side->md5[i] >> 4];
        *p++ = hex[side->md5[i] & 15];
    }
    *p++ = '"';
    return p;
}

/* What the contract does not ask for. */
static char *put_more(char *p, const struct row_side *side, int s)
{
    static const struct side_key rtt_min = SIDE_KEY("rtt_min_ns"), rtt_mean = SIDE_KEY("rtt_mean_ns"),
                                 rtt_max = SIDE_KEY("rtt_max_ns"), missing = SIDE_KEY("missing"),
                                 unseen_end = SIDE_KEY("unseen_end"), flight_max = SIDE_KEY("flight_max"),
                                 mss_in_force = SIDE_KEY("mss_in_force"),
                                 offloaded = SIDE_KEY("checksums_offloaded"),
                                 unverified = SIDE_KEY("unverified");
    const bool timed = side->rtt_min_ns != 0;
    p = put_side_known(p, &rtt_min, s, timed, side->rtt_min_ns);
    p = put_side_known(p, &rtt_mean, s, timed, side->rtt_mean_ns);
    p = put_side_known(p, &rtt_max, s, timed, side->rtt_max_ns);
    p = put_side_count(p, &missing, s, side->missing);
    p = put_side_count(p, &unseen_end, s, side->unseen_end);
    p = put_side_count(p, &flight_max, s, side->flight_max);
    p = put_side_known(p, &mss_in_force, s, side->mss_in_force != 0, side->mss_in_force);
    if (side->checksums_offloaded)
        p = put_text(put_key(p, &offloaded, s), "true");
    if (side->unverified != 0)
        p = put_side_count(p, &unverified, s, side->unverified);
    return p;
}

/* Marks that were set, and have no key of their own. */
static char *put_marks(char *p, const struct row_side *side, int s)
{
    for (int mark = 0; mark < TCP_MARK_COUNT && side->marked != 0; mark++) {
        if (side->marks[mark] == 0 || mark == TCP_MARK_OUT_OF_ORDER)
            continue;
        p = put_text(p, ",\"");
        p = put_text(p, tcp_mark_rows[mark].name);
        p = put_count(p, s == FLOW_CLIENT ? "_client\":" : "_server\":", side->marks[mark]);
    }
    return p;
}

static inline __attribute__((always_inline)) char *put_endpoint(char *p, const char *key,
                                                                const struct flow_endpoint *endpoint)
{
    p = put_text(p, key);
    return p + packet_endpoint_text(&endpoint->address, endpoint->port, p);
}

static const char *const ends[] = {[FLOW_OPEN] = "open", [FLOW_FIN] = "fin", [FLOW_RST] = "rst"};

void streams_json_row(struct buf *out, const struct row *row, bool md5)
{
    if (!buf_reserve(out, ROW_ROOM))
        return;
    char *const begin = (char *)out->data + out->len;
    char *p = put_count(begin, "{\"type\":\"stream\",\"stream\":", row->number);
    p = put_endpoint(p, ",\"protocol\":\"tcp\",\"client\":\"", &row->endpoint[FLOW_CLIENT]);
    p = put_endpoint(p, "\",\"server\":\"", &row->endpoint[FLOW_SERVER]);
    p = put_count(p, "\",\"start_ns\":\"", row->start_ns);
    p = put_count(p, "\",\"end_ns\":\"", row->end_ns);
    p = put_text(p, "\",\"end\":\"");
    p = put_text(p, ends[row->end]);
    p = put_text(p, row->partial ? "\",\"partial\":true" : "\",\"partial\":false");
    for (int s = 0; s < 2; s++)
        p = put_side(p, &row->side[s], s);
    p = put_known(p, ",\"handshake_rtt_ns\":", row->handshake_rtt_ns != 0, row->handshake_rtt_ns);
    for (int s = 0; s < 2 && md5; s++)
        p = put_md5(p, &row->side[s], s);
    for (int s = 0; s < 2; s++)
        p = put_marks(put_more(p, &row->side[s], s), &row->side[s], s);
    if (row->continues)
        p = put_text(p, ",\"continues\":true");
    p = put_text(p, row->evicted ? ",\"evicted\":true}\n" : "}\n");
    out->len += (size_t)(p - begin);
}

void streams_json_conversation(struct buf *out, const struct conversation *c)
{
    char text[2][PACKET_ENDPOINT_TEXT];
    for (int i = 0; i < 2; i++) {
        if (c->kind < CONVERSATION_ICMP)
            packet_endpoint_text(&c->address[i], c->port[i], text[i]);
        else
            packet_address_text(&c->address[i], text[i]);
    }
    struct json j = json_begin(out);
    json_text(&j, "type", "conversation");
    json_u64(&j, "conversation", c->number);
    json_text(&j, "protocol", conversation_kinds[c->kind].key);
    json_text(&j, "a", text[0]);
    json_text(&j, "b", text[1]);
    json_ns(&j, "start_ns", c->start_ns);
    json_ns(&j, "end_ns", c->end_ns);
    json_u64(&j, "packets_a", c->packets[0]);
    json_u64(&j, "packets_b", c->packets[1]);
    json_u64(&j, "bytes_a", c->bytes[0]);
    json_u64(&j, "bytes_b", c->bytes[1]);
    json_end_line(&j);
}

static void put_defragmentation(struct json *j, const struct defrag_counts *d)
{
    json_enter(j, "defragmentation");
    json_u64(j, "fragments", d->fragments);
    json_u64(j, "unusable", d->unusable);
    json_u64(j, "repeats", d->repeats);
    json_u64(j, "conflicts", d->conflicts);
    json_u64(j, "reassembled", d->reassembled);
    json_u64(j, "contradictory", d->overlaps);
    json_u64(j, "timed_out", d->timed_out);
    json_u64(j, "evicted", d->evicted);
    json_u64(j, "incomplete", d->waiting);
    json_leave(j);
}

static void put_undecoded(struct json *j, const struct streams_totals *t)
{
    uint64_t others = t->packets.undecoded;
    json_list(j, "undecoded");
    for (size_t i = 0; i < ENGINE_UNDECODED && t->undecoded[i].packets != 0; i++) {
        const struct engine_undecoded *u = &t->undecoded[i];
        json_item(j);
        json_u64(j, "link_type", (uint64_t)u->linktype);
        json_text(j, "link_type_name", pcap_datalink_val_to_name(u->linktype));
        json_text(j, "protocol", u->protocol);
        json_text(j, "problem", u->problem);
        json_u64(j, "packets", u->packets);
        json_leave(j);
        others -= u->packets;
    }
    json_end_list(j);
    json_u64(j, "undecoded_otherwise", others);
}

void streams_json_summary(struct buf *out, const struct streams_totals *t)
{
    struct json j = json_begin(out);
    json_text(&j, "type", "summary");
    json_u64(&j, "packets", t->packets.packets);
    json_u64(&j, "calls", t->calls);
    json_u64(&j, "streams", t->streams);
    json_none(&j, "findings"); /* of the lanes: there are none here */
    json_u64(&j, "damaged", t->damaged);
    json_none(&j, "unread_bytes");
    json_u64(&j, "printed", t->printed);
    json_u64(&j, "tcp_packets", t->packets.tcp);
    for (int kind = 0; kind < CONVERSATION_KINDS; kind++) {
        json_enter(&j, conversation_kinds[kind].key);
        json_u64(&j, "conversations", t->conversations[kind].conversations);
        json_u64(&j, "packets", t->conversations[kind].packets);
        json_leave(&j);
    }
    json_u64(&j, "fragments", t->packets.fragments);
    json_u64(&j, "other_packets", t->packets.other);
    json_u64(&j, "undecoded_packets", t->packets.undecoded);
    put_undecoded(&j, t);
    put_defragmentation(&j, &t->defrag);
    json_bool(&j, "payload_compared", t->compared);
    json_u64(&j, "other_shards_packets", t->packets.elsewhere);
    json_u64(&j, "evicted_streams", t->evicted);
    json_u64(&j, "continued_streams", t->continued);
    json_u64(&j, "given_up_rows", t->given_up);
    json_u64(&j, "lost_packets", t->lost);
    json_bool(&j, "interrupted", t->interrupted);
    json_end_line(&j);
}
