/* needs: craft/answer.c craft/sent.c craft/layer.c craft/layer_link.c craft/layer_ip.c craft/layer_control.c
 * craft/layer_transport.c craft/dissect.c craft/dissect_options.c craft/build.c craft/build_options.c
 * craft/checksum.c capture/packet.c src/base/buf.c src/base/err.c src/base/hash.c */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "craft/answer.h"
#include "craft/dissect.h"
#include "craft/sent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    MOST = 600, /* bytes of a packet that is made */
    IP4_LEN = 20,
    IP6_LEN = 40,
    ICMP_LEN = 8,
};

static void swap(uint8_t *bytes, size_t len, size_t at, size_t other, size_t width)
{
    uint8_t kept[16];
    if (other + width > len)
        return;
    memcpy(kept, bytes + at, width);
    memcpy(bytes + at, bytes + other, width);
    memcpy(bytes + other, kept, width);
}

/* Addresses and ports turned round, as far as the packet goes. */
static void turn_round(const struct craft_layer_type *first, uint8_t *bytes, size_t len)
{
    const size_t at = first == &craft_eth ? 14 : 0;
    const bool arp = first == &craft_arp || (at > 0 && len > at && bytes[13] == 6);
    if (arp) {
        swap(bytes, len, at + 14, at + 24, 4);
    } else if (len > at && bytes[at] >> 4 == 6) {
        swap(bytes, len, at + 8, at + 24, 16);
        swap(bytes, len, at + IP6_LEN, at + IP6_LEN + 2, 2);
    } else if (len > at) {
        const size_t ports = at + (size_t)(bytes[at] & 15) * 4;
        swap(bytes, len, at + 12, at + 16, 4);
        swap(bytes, len, ports, ports + 2, 2);
    }
}

/* An ICMP error that quotes the packet, from its target. */
static size_t quote(const struct craft_layer_type *first, const uint8_t *sent, size_t len, uint8_t *out)
{
    const bool v6 = first == &craft_ipv6;
    const size_t head = v6 ? IP6_LEN : IP4_LEN;
    if ((first != &craft_ip && !v6) || len < head)
        return 0;
    memcpy(out, sent, head);
    turn_round(first, out, head);
    memset(out + head, 0, ICMP_LEN);
    out[head] = v6 ? 1 : 3;
    memcpy(out + head + ICMP_LEN, sent, len);
    const size_t all = head + ICMP_LEN + len, said = v6 ? all - head : all;
    if (!v6)
        out[0] = 0x45;
    out[v6 ? 6 : 9] = v6 ? 58 : 1;
    out[v6 ? 4 : 2] = (uint8_t)(said >> 8);
    out[v6 ? 5 : 3] = (uint8_t)said;
    return all;
}

/* What comes, made of what was sent, so that it gets past the comparison of addresses: then changed here and
 * there, as `edits` say. */
static size_t make_answer(const struct craft_layer_type *first, bool error, const uint8_t *sent, size_t len,
                          const uint8_t *edits, size_t edit_len, uint8_t out[MOST])
{
    size_t made = len;
    if (error) {
        made = quote(first, sent, len, out);
    } else {
        memcpy(out, sent, len);
        turn_round(first, out, len);
    }
    for (; edit_len >= 2; edits += 2, edit_len -= 2) {
        if (edits[0] < made)
            out[edits[0]] = edits[1];
    }
    return made;
}

/* Two packets: the first byte tells what they begin with and how the second is come by, the second byte how
 * much is the one that was sent. Whatever they are, what is an answer has the hash of what it answers, and
 * the table finds it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct craft_layer_type *const types[] = {&craft_ip, &craft_ipv6, &craft_eth, &craft_arp};
    static const struct hash_key key = {3, 4};
    static struct craft_packet sent_packet, got_packet;
    static struct craft_room sent_room, got_room;
    uint8_t made[MOST];
    if (size < 2)
        return 0;
    const struct craft_layer_type *first = types[data[0] % 4];
    const bool to_many = (data[0] & 4) != 0;
    const size_t rest = size - 2, sent_len = data[1] < rest ? data[1] : rest;
    const uint8_t *sent_bytes = data + 2, *got_bytes = sent_bytes + sent_len;
    size_t got_len = rest - sent_len;
    if ((data[0] & 16) != 0) {
        got_len = make_answer(first, (data[0] & 32) != 0, sent_bytes, sent_len, got_bytes, got_len, made);
        got_bytes = made;
    }

    craft_dissect(&sent_packet, &sent_room, first, sent_bytes, sent_len);
    craft_dissect(&got_packet, &got_room, first, got_bytes, got_len);
    struct buf why = {0};
    const enum craft_answer answer = craft_answer(&sent_packet, &got_packet, to_many, &why);
    if ((answer != CRAFT_ANSWER_NONE) != (why.len > 0))
        abort();
    if (answer != CRAFT_ANSWER_NONE && craft_answer_hash(&key, &sent_packet, CRAFT_ANSWER_SENT, to_many) !=
                                           craft_answer_hash(&key, &got_packet, CRAFT_ANSWER_GOT, to_many))
        abort();
    buf_free(&why);

    if ((data[0] & 8) == 0) /* a table is large: not for every input */
        return 0;
    struct sent *table = sent_new(&key);
    const struct sent_packet packet = {
        .first = first, .bytes = sent_bytes, .len = sent_len, .to_many = to_many, .copy = true};
    if (table == NULL || sent_add(table, &packet, 1) == NULL)
        abort();
    const struct sent_got got = {.packet = &got_packet, .bytes = got_bytes, .len = got_len, .time_ns = 2};
    const struct sent_match match = sent_match(table, &got, NULL);
    if (match.record != NULL && match.answer != answer)
        abort();
    if (match.record == NULL && answer != CRAFT_ANSWER_NONE &&
        sent_leaving(table, got_bytes, got.len) == NULL)
        abort(); /* the one answer that the table refuses is the packet itself */
    sent_free(table);
    return 0;
}
