/* needs: capture/conversation.c capture/tuple.c capture/packet.c src/base/hash.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "capture/conversation.h"
#include "capture/tuple.h"

/* What was told of conversations, as words: "3 udp 2+1 packets 30+5". */
struct log {
    char text[4096];
};

static void closed(void *context, const struct conversation *c)
{
    struct log *log = context;
    const size_t at = strlen(log->text);
    snprintf(log->text + at, sizeof log->text - at, "%s%u %s %u+%u packets %u+%u", at > 0 ? ", " : "",
             (unsigned)c->number, conversation_kinds[c->kind].key, (unsigned)c->packets[0],
             (unsigned)c->packets[1], (unsigned)c->bytes[0], (unsigned)c->bytes[1]);
}

static const uint8_t payload[64];

static struct packet packet_of(uint64_t number, uint8_t protocol, uint8_t from, uint16_t from_port,
                               uint8_t to, uint16_t to_port)
{
    return (struct packet){
        .number = number,
        .time_ns = number * 1000,
        .ip_protocol = protocol,
        .source = {4, {10, 0, 0, from}},
        .target = {4, {10, 0, 0, to}},
        .source_port = from_port,
        .target_port = to_port,
        .payload = payload,
        .payload_len = 10,
    };
}

static struct conversation_table *table_of(struct log *log, size_t limit)
{
    const struct conversation_observer observer = {log, closed};
    struct conversation_table *table = conversation_table_new(&observer, (struct hash_key){.k0 = 1}, limit);
    assert_non_null(table);
    return table;
}

static void feed(struct conversation_table *table, struct packet packet)
{
    assert_int_equal(conversation_table_feed(table, &packet), 0);
}

static void both_directions_are_one(void **state)
{
    (void)state;
    struct log log = {""};
    struct conversation_table *table = table_of(&log, 100);
    feed(table, packet_of(1, IPPROTO_UDP, 1, 5000, 2, 53));
    feed(table, packet_of(2, IPPROTO_UDP, 2, 53, 1, 5000));
    feed(table, packet_of(3, IPPROTO_UDP, 1, 5001, 2, 53)); /* another port */
    feed(table, packet_of(4, IPPROTO_UDP, 1, 53, 2, 5000)); /* ports the other way round */
    feed(table, packet_of(5, IPPROTO_SCTP, 1, 5000, 2, 53));
    feed(table, packet_of(6, IPPROTO_ICMP, 1, 0, 2, 0));
    feed(table, packet_of(7, IPPROTO_ICMP, 2, 0, 1, 0));
    assert_int_equal(conversation_table_counts(table, CONVERSATION_UDP).conversations, 3);
    assert_int_equal(conversation_table_counts(table, CONVERSATION_UDP).packets, 4);
    assert_int_equal(conversation_table_counts(table, CONVERSATION_ICMP).conversations, 1);
    conversation_table_finish(table);
    assert_string_equal(log.text, "1 udp 1+1 packets 10+10, 3 udp 1+0 packets 10+0, 4 udp 1+0 packets 10+0, "
                                  "5 sctp 1+0 packets 10+0, 6 icmp 1+1 packets 10+10");
    conversation_table_free(table);
}

static void what_has_no_conversation(void **state)
{
    (void)state;
    struct log log = {""};
    struct conversation_table *table = table_of(&log, 100);
    struct packet fragment = packet_of(2, IPPROTO_UDP, 1, 0, 2, 0),
                  headless = packet_of(3, IPPROTO_UDP, 1, 0, 2, 0);
    fragment.is_fragment = true;
    headless.payload = NULL;
    feed(table, packet_of(1, IPPROTO_TCP, 1, 5000, 2, 53));
    feed(table, fragment);
    feed(table, headless);
    feed(table, (struct packet){.number = 4});
    conversation_table_finish(table);
    assert_string_equal(log.text, "");
    conversation_table_free(table);
}

static void the_longest_silent_makes_room(void **state)
{
    (void)state;
    struct log log = {""};
    struct conversation_table *table = table_of(&log, 2);
    feed(table, packet_of(1, IPPROTO_UDP, 1, 1, 9, 53));
    feed(table, packet_of(2, IPPROTO_UDP, 2, 1, 9, 53));
    feed(table, packet_of(3, IPPROTO_UDP, 1, 1, 9, 53));
    feed(table, packet_of(4, IPPROTO_UDP, 3, 1, 9, 53)); /* in the place of 2 */
    assert_string_equal(log.text, "2 udp 1+0 packets 10+0");
    feed(table, packet_of(5, IPPROTO_UDP, 9, 53, 1, 1)); /* still the first one */
    conversation_table_finish(table);
    assert_string_equal(log.text, "2 udp 1+0 packets 10+0, 1 udp 2+1 packets 20+10, 4 udp 1+0 packets 10+0");
    assert_int_equal(conversation_table_evicted(table), 1);
    assert_int_equal(conversation_table_counts(table, CONVERSATION_UDP).conversations, 3);
    conversation_table_free(table);
}

static void very_many(void **state)
{
    (void)state;
    const struct conversation_observer nobody = {0};
    struct conversation_table *table = conversation_table_new(&nobody, (struct hash_key){.k0 = 2}, 3000);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 5000; i++)
            feed(table, packet_of(i + 1, IPPROTO_UDP, (uint8_t)i, (uint16_t)(i + 1), 7, 53));
    }
    assert_int_equal(conversation_table_counts(table, CONVERSATION_UDP).packets, 15000);
    assert_int_equal(conversation_table_counts(table, CONVERSATION_UDP).conversations,
                     conversation_table_evicted(table) + 3000);
    conversation_table_finish(table);
    feed(table, packet_of(1, IPPROTO_UDP, 1, 2, 7, 53)); /* a finished table can be filled again */
    conversation_table_free(table);
}

static void hash_is_symmetric_and_keyed(void **state)
{
    (void)state;
    struct tuple_key key, other;
    tuple_key_make(&key, &(struct hash_key){1, 2});
    tuple_key_make(&other, &(struct hash_key){1, 3});
    const struct packet there = packet_of(1, IPPROTO_TCP, 1, 5000, 2, 80),
                        back = packet_of(2, IPPROTO_TCP, 2, 80, 1, 5000),
                        twisted = packet_of(3, IPPROTO_TCP, 1, 80, 2, 5000),
                        udp = packet_of(4, IPPROTO_UDP, 1, 5000, 2, 80);
    assert_int_equal(tuple_hash(&key, &there), tuple_hash(&key, &back));
    assert_true(tuple_hash(&key, &there) != tuple_hash(&key, &twisted));
    assert_true(tuple_hash(&key, &there) != tuple_hash(&key, &udp));
    assert_true(tuple_hash(&key, &there) != tuple_hash(&other, &there));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_directions_are_one),       cmocka_unit_test(what_has_no_conversation),
        cmocka_unit_test(the_longest_silent_makes_room), cmocka_unit_test(very_many),
        cmocka_unit_test(hash_is_symmetric_and_keyed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
