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

/* Two packets: the first byte tells what they begin with, the second how much is the one that was sent.
 * Whatever they are, what is an answer has the hash of what it answers, and the table finds it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct craft_layer_type *const types[] = {&craft_ip, &craft_ipv6, &craft_eth, &craft_arp};
    static const struct hash_key key = {3, 4};
    static struct craft_packet sent_packet, got_packet;
    static struct craft_room sent_room, got_room;
    if (size < 2)
        return 0;
    const struct craft_layer_type *first = types[data[0] % 4];
    const bool to_many = (data[0] & 4) != 0;
    const size_t rest = size - 2, sent_len = data[1] < rest ? data[1] : rest;
    const uint8_t *sent_bytes = data + 2, *got_bytes = sent_bytes + sent_len;

    craft_dissect(&sent_packet, &sent_room, first, sent_bytes, sent_len);
    craft_dissect(&got_packet, &got_room, first, got_bytes, rest - sent_len);
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
    const struct sent_got got = {
        .packet = &got_packet, .bytes = got_bytes, .len = rest - sent_len, .time_ns = 2};
    const struct sent_match match = sent_match(table, &got, NULL);
    if (match.record != NULL && match.answer != answer)
        abort();
    if (match.record == NULL && answer != CRAFT_ANSWER_NONE &&
        sent_leaving(table, got_bytes, got.len) == NULL)
        abort(); /* the one answer that the table refuses is the packet itself */
    sent_free(table);
    return 0;
}
