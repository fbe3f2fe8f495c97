/* needs: craft/answer.c craft/sent.c craft/layer.c craft/layer_link.c craft/layer_ip.c craft/layer_control.c
 * craft/layer_transport.c craft/build.c craft/build_options.c craft/checksum.c craft/dissect.c
 * craft/dissect_options.c craft/expr.c craft/expr_bytes.c craft/expr_mistake.c craft/expr_options.c
 * craft/expr_parse.c craft/expr_print.c craft/expr_value.c capture/packet.c src/base/arena.c src/base/buf.c
 * src/base/err.c src/base/hash.c src/base/text.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "craft/answer.h"
#include "craft/build.h"
#include "craft/dissect.h"
#include "craft/expr.h"
#include "craft/sent.h"

/* Packets are written as expressions: built, and dissected as they would be when they come. */

struct crafted {
    struct buf bytes;
    struct craft_room room;
    struct craft_packet packet;
};

static struct crafted craft(const char *text)
{
    struct crafted c = {0};
    struct craft_expr *expr = NULL;
    struct craft_mistake mistake = {0};
    struct sd_err err = {0};
    const struct craft_parse config = {0};
    if (craft_parse(&expr, text, strlen(text), &config, &mistake) != 0)
        fail_msg("%s: %s", text, mistake.text);
    craft_expr_packet(expr, 0, &c.packet);
    if (craft_build(&c.packet, NULL, &c.bytes, &err) != 0)
        fail_msg("%s: %s", text, err.text);
    craft_expr_free(expr);
    return c;
}

static const struct craft_layer_type *first_of(const char *text)
{
    return craft_layer_find(text, strcspn(text, "("));
}

static void dissect(struct crafted *c, const char *text)
{
    craft_dissect(&c->packet, &c->room, first_of(text), c->bytes.data, c->bytes.len);
}

static const struct hash_key key = {1, 2};

/* The verdict; and where it is an answer, the hashes of both must be the same. */
static enum craft_answer judge(const char *sent_text, const char *got_text, bool to_many, char why[200])
{
    struct crafted *sent = malloc(sizeof *sent), *got = malloc(sizeof *got);
    struct buf reason = {0};
    assert_non_null(sent);
    assert_non_null(got);
    *sent = craft(sent_text);
    *got = craft(got_text);
    dissect(sent, sent_text);
    dissect(got, got_text);
    const enum craft_answer answer = craft_answer(&sent->packet, &got->packet, to_many, &reason);
    assert_int_equal(answer, craft_answer(&sent->packet, &got->packet, to_many, NULL));
    if (answer != CRAFT_ANSWER_NONE) {
        assert_true(reason.len > 0);
        assert_int_equal(craft_answer_hash(&key, &sent->packet, CRAFT_ANSWER_SENT, to_many),
                         craft_answer_hash(&key, &got->packet, CRAFT_ANSWER_GOT, to_many));
    }
    snprintf(why, 200, "%s", buf_cstr(&reason));
    buf_free(&reason);
    buf_free(&sent->bytes);
    buf_free(&got->bytes);
    free(sent);
    free(got);
    return answer;
}

#define OUT "ip(src=10.0.0.1,dst=10.0.0.2,id=7)"
#define BACK "ip(src=10.0.0.2,dst=10.0.0.1)"
#define ROUTER "ip(src=10.9.9.9,dst=10.0.0.1)"
#define SYN OUT "/tcp(sport=4000,dport=80,seq=1000,flags=S)"
#define ACK OUT "/tcp(sport=4000,dport=80,seq=1000,ack=555,flags=A)"
#define DATA OUT "/tcp(sport=4000,dport=80,seq=1000,ack=555,flags=PA)/\"hello\""
#define PING OUT "/icmp(id=5,seq=6)/\"x\""
#define UDP OUT "/udp(sport=4000,dport=53)/\"x\""
#define SIX "ipv6(src=fd00::1,dst=fd00::2)"
#define SIX_BACK "ipv6(src=fd00::2,dst=fd00::1)"

static const struct {
    const char *sent, *got;
    enum craft_answer expected;
    bool to_many;
} rows[] = {
    /* TCP: RFC 9293, 3.10.7 */
    {SYN, BACK "/tcp(sport=80,dport=4000,seq=9,ack=1001,flags=SA)", CRAFT_ANSWER_REPLY, false},
    {SYN, BACK "/tcp(sport=80,dport=4000,seq=0,ack=1001,flags=RA)", CRAFT_ANSWER_REPLY, false},
    {SYN, BACK "/tcp(sport=80,dport=4000,seq=9,ack=1000,flags=SA)", CRAFT_ANSWER_NONE, false},
    {SYN, BACK "/tcp(sport=80,dport=4000,seq=9,ack=1002,flags=SA)", CRAFT_ANSWER_NONE, false},
    {SYN, BACK "/tcp(sport=81,dport=4000,seq=9,ack=1001,flags=SA)", CRAFT_ANSWER_NONE, false},
    {SYN, BACK "/tcp(sport=80,dport=4001,seq=9,ack=1001,flags=SA)", CRAFT_ANSWER_NONE, false},
    {SYN, "ip(src=10.0.0.3,dst=10.0.0.1)/tcp(sport=80,dport=4000,ack=1001,flags=SA)", CRAFT_ANSWER_NONE,
     false},
    {SYN, "ip(src=10.0.0.2,dst=10.0.0.4)/tcp(sport=80,dport=4000,ack=1001,flags=SA)", CRAFT_ANSWER_NONE,
     false},
    {SYN, BACK "/tcp(sport=80,dport=4000,seq=9,ack=1001,flags=S)", CRAFT_ANSWER_NONE, false},
    {OUT "/tcp(sport=4000,dport=80,seq=0xffffffff,flags=S)", BACK "/tcp(sport=80,dport=4000,ack=0,flags=SA)",
     CRAFT_ANSWER_REPLY, false},
    {ACK, BACK "/tcp(sport=80,dport=4000,seq=555,flags=R)", CRAFT_ANSWER_REPLY, false},
    {ACK, BACK "/tcp(sport=80,dport=4000,seq=556,flags=R)", CRAFT_ANSWER_NONE, false},
    {SYN, BACK "/tcp(sport=80,dport=4000,seq=0,flags=R)", CRAFT_ANSWER_NONE, false},
    {ACK, BACK "/tcp(sport=80,dport=4000,seq=555,ack=1000,flags=PA)/\"banner\"", CRAFT_ANSWER_REPLY, false},
    {DATA, BACK "/tcp(sport=80,dport=4000,seq=555,ack=1005,flags=A)", CRAFT_ANSWER_REPLY, false},
    {DATA, BACK "/tcp(sport=80,dport=4000,seq=555,ack=1002,flags=A)", CRAFT_ANSWER_REPLY, false},
    {DATA, BACK "/tcp(sport=80,dport=4000,seq=555,ack=1000,flags=A)", CRAFT_ANSWER_NONE, false},
    {DATA, BACK "/tcp(sport=80,dport=4000,seq=555,ack=1006,flags=A)", CRAFT_ANSWER_NONE, false},
    /* UDP */
    {UDP, BACK "/udp(sport=53,dport=4000)/\"y\"", CRAFT_ANSWER_REPLY, false},
    {UDP, BACK "/udp(sport=53,dport=4001)/\"y\"", CRAFT_ANSWER_NONE, false},
    {UDP, BACK "/tcp(sport=53,dport=4000,flags=RA)", CRAFT_ANSWER_NONE, false},
    {"ip(src=0.0.0.0,dst=255.255.255.255)/udp(sport=68,dport=67)",
     "ip(src=10.0.0.254,dst=10.0.0.9)/udp(sport=67,dport=68)", CRAFT_ANSWER_REPLY, true},
    {"ip(src=0.0.0.0,dst=255.255.255.255)/udp(sport=68,dport=67)",
     "ip(src=10.0.0.254,dst=10.0.0.9)/udp(sport=67,dport=68)", CRAFT_ANSWER_NONE, false},
    /* ICMP */
    {PING, BACK "/icmp(type=echo-reply,id=5,seq=6)/\"x\"", CRAFT_ANSWER_REPLY, false},
    {PING, BACK "/icmp(type=echo-reply,id=5,seq=7)/\"x\"", CRAFT_ANSWER_NONE, false},
    {PING, BACK "/icmp(type=echo-reply,id=4,seq=6)/\"x\"", CRAFT_ANSWER_NONE, false},
    {PING, BACK "/icmp(type=echo-request,id=5,seq=6)/\"x\"", CRAFT_ANSWER_NONE, false},
    {PING, BACK "/icmp(type=timestamp-reply,id=5,seq=6)", CRAFT_ANSWER_NONE, false},
    {"ip(src=10.0.0.1,dst=10.0.0.255)/icmp(id=5,seq=6)", BACK "/icmp(type=echo-reply,id=5,seq=6)",
     CRAFT_ANSWER_REPLY, true},
    {OUT "/icmp(type=timestamp-request,id=5,seq=6)", BACK "/icmp(type=timestamp-reply,id=5,seq=6)",
     CRAFT_ANSWER_REPLY, false},
    {OUT "/icmp(type=address-mask-request,id=5,seq=6)", BACK "/icmp(type=address-mask-reply,id=5,seq=6)",
     CRAFT_ANSWER_REPLY, false},
    {SIX "/icmp6(id=5,seq=6)", SIX_BACK "/icmp6(type=echo-reply,id=5,seq=6)", CRAFT_ANSWER_REPLY, false},
    {SIX "/icmp6(id=5,seq=6)", SIX_BACK "/icmp6(type=echo-reply,id=6,seq=6)", CRAFT_ANSWER_NONE, false},
    {SIX "/icmp6(type=139)", SIX_BACK "/icmp6(type=140)", CRAFT_ANSWER_REPLY, false},
    {SIX "/icmp6(type=139)", SIX_BACK "/icmp6(type=129)", CRAFT_ANSWER_NONE, false},
    {SIX "/hopopts()/icmp6(id=5,seq=6)", SIX_BACK "/icmp6(type=echo-reply,id=5,seq=6)", CRAFT_ANSWER_REPLY,
     false},
    /* neighbours */
    {"arp(psrc=10.0.0.1,pdst=10.0.0.2)", "arp(op=is-at,psrc=10.0.0.2,pdst=10.0.0.1)", CRAFT_ANSWER_REPLY,
     false},
    {"arp(psrc=10.0.0.1,pdst=10.0.0.2)", "arp(op=is-at,psrc=10.0.0.3,pdst=10.0.0.1)", CRAFT_ANSWER_NONE,
     false},
    {"arp(psrc=10.0.0.1,pdst=10.0.0.2)", "arp(op=is-at,psrc=10.0.0.2,pdst=10.0.0.3)", CRAFT_ANSWER_NONE,
     false},
    {"arp(psrc=10.0.0.1,pdst=10.0.0.2)", "arp(op=who-has,psrc=10.0.0.2,pdst=10.0.0.1)", CRAFT_ANSWER_NONE,
     false},
    {"arp(psrc=0.0.0.0,pdst=10.0.0.2)", "arp(op=is-at,psrc=10.0.0.2,pdst=0.0.0.0)", CRAFT_ANSWER_REPLY,
     false},
    {"eth()/arp(psrc=10.0.0.1,pdst=10.0.0.2)", "eth()/arp(op=is-at,psrc=10.0.0.2,pdst=10.0.0.1)",
     CRAFT_ANSWER_REPLY, false},
    {"ipv6(src=fe80::1,dst=ff02::1:ff00:2)/icmp6(type=neighbor-solicitation,tgt=fe80::2)",
     "ipv6(src=fe80::2,dst=fe80::1)/icmp6(type=neighbor-advertisement,tgt=fe80::2)", CRAFT_ANSWER_REPLY,
     true},
    {"ipv6(src=fe80::1,dst=ff02::1:ff00:2)/icmp6(type=neighbor-solicitation,tgt=fe80::2)",
     "ipv6(src=fe80::2,dst=fe80::1)/icmp6(type=neighbor-advertisement,tgt=fe80::3)", CRAFT_ANSWER_NONE, true},
    {"ipv6(src=fe80::1,dst=ff02::2)/icmp6(type=router-solicitation)",
     "ipv6(src=fe80::9,dst=ff02::1)/icmp6(type=router-advertisement)", CRAFT_ANSWER_REPLY, true},
    {"ip(src=10.0.0.1,dst=224.0.0.1)/igmp()", "ip(src=10.0.0.2,dst=224.0.0.22)/igmp3(type=report-v3)",
     CRAFT_ANSWER_REPLY, true},
    /* errors: RFC 792, RFC 4443 */
    {UDP, BACK "/icmp(type=dest-unreach,code=3)/" UDP, CRAFT_ANSWER_ERROR, false},
    {SYN, ROUTER "/icmp(type=time-exceeded)/" SYN, CRAFT_ANSWER_ERROR, false},
    {PING, ROUTER "/icmp(type=time-exceeded)/" PING, CRAFT_ANSWER_ERROR, false},
    {PING, ROUTER "/icmp(type=redirect,gw=10.0.0.3)/" PING, CRAFT_ANSWER_ERROR, false},
    {PING, ROUTER "/icmp(type=echo-reply,id=5,seq=6)/" PING, CRAFT_ANSWER_NONE, false},
    {PING, ROUTER "/icmp(type=time-exceeded)/" OUT "/icmp(id=5,seq=7)/\"x\"", CRAFT_ANSWER_NONE, false},
    {UDP, ROUTER "/icmp(type=time-exceeded)/" OUT "/udp(sport=4000,dport=54)", CRAFT_ANSWER_NONE, false},
    {UDP, ROUTER "/icmp(type=time-exceeded)/ip(src=10.0.0.1,dst=10.0.0.3,id=7)/udp(sport=4000,dport=53)",
     CRAFT_ANSWER_NONE, false},
    {UDP, ROUTER "/icmp(type=time-exceeded)/ip(src=10.0.0.1,dst=10.0.0.2,id=8)/udp(sport=4000,dport=53)",
     CRAFT_ANSWER_NONE, false},
    {"ip(src=10.0.0.1,dst=10.0.0.2,id=0)/udp(sport=4000,dport=53)",
     ROUTER "/icmp(type=time-exceeded)/ip(src=10.0.0.1,dst=10.0.0.2,id=99)/udp(sport=4000,dport=53)",
     CRAFT_ANSWER_ERROR, false},
    {SIX "/udp(sport=4000,dport=53)",
     "ipv6(src=fd00::9,dst=fd00::1)/icmp6(type=time-exceeded)/" SIX "/udp(sport=4000,dport=53)",
     CRAFT_ANSWER_ERROR, false},
    {SIX "/udp(sport=4000,dport=53)",
     "ipv6(src=fd00::9,dst=fd00::1)/icmp6(type=packet-too-big)/" SIX "/udp(sport=4000,dport=54)",
     CRAFT_ANSWER_NONE, false},
    /* what nothing is known of */
    {OUT "/raw(load=\"x\")", BACK "/raw(load=\"y\")", CRAFT_ANSWER_REPLY, false},
    {"ip(src=10.0.0.1,dst=10.0.0.2,proto=132)/\"x\"", "ip(src=10.0.0.2,dst=10.0.0.1,proto=132)/\"y\"",
     CRAFT_ANSWER_REPLY, false},
    {"ip(src=10.0.0.1,dst=10.0.0.2,proto=132)/\"x\"", "ip(src=10.0.0.2,dst=10.0.0.1,proto=133)/\"y\"",
     CRAFT_ANSWER_NONE, false},
    {SYN, SIX_BACK "/tcp(sport=80,dport=4000,ack=1001,flags=SA)", CRAFT_ANSWER_NONE, false},
    {"eth()/\"x\"", "eth()/\"x\"", CRAFT_ANSWER_NONE, false},
};

static void answers_are_told_from_the_rest(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char why[200];
        const enum craft_answer got = judge(rows[i].sent, rows[i].got, rows[i].to_many, why);
        if (got != rows[i].expected)
            fail_msg("row %zu: %s answered by %s: %d, expected %d (%s)", i, rows[i].sent, rows[i].got, got,
                     rows[i].expected, why);
    }
}

/* RFC 792: eight bytes of the datagram are enough. */
static void a_short_quote_is_enough(void **state)
{
    (void)state;
    static const char *const sent_texts[] = {UDP, SYN, PING};
    for (size_t i = 0; i < 3; i++) {
        char error_text[300];
        snprintf(error_text, sizeof error_text, "%s/icmp(type=time-exceeded)/%s", ROUTER, sent_texts[i]);
        struct crafted *sent = malloc(sizeof *sent), *got = malloc(sizeof *got);
        assert_non_null(sent);
        assert_non_null(got);
        *sent = craft(sent_texts[i]);
        *got = craft(error_text);
        dissect(sent, sent_texts[i]);
        for (size_t cut = 0; cut <= got->bytes.len; cut++) {
            craft_dissect(&got->packet, &got->room, &craft_ip, got->bytes.data, cut);
            const enum craft_answer answer = craft_answer(&sent->packet, &got->packet, false, NULL);
            if (cut >= 20 + 8 + 20 + 8)
                assert_int_equal(answer, CRAFT_ANSWER_ERROR);
            else if (cut < 20 + 8 + 20)
                assert_int_equal(answer, CRAFT_ANSWER_NONE);
        }
        buf_free(&sent->bytes);
        buf_free(&got->bytes);
        free(sent);
        free(got);
    }
}

/* ---- the table of what was sent ---- */

struct world {
    struct sent *sent;
    struct crafted packet, answer;
};

static struct world *new_world(const char *sent_text, const char *answer_text)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->sent = sent_new(&key);
    assert_non_null(w->sent);
    w->packet = craft(sent_text);
    w->answer = craft(answer_text);
    dissect(&w->packet, sent_text);
    dissect(&w->answer, answer_text);
    return w;
}

static void free_world(struct world *w)
{
    sent_free(w->sent);
    buf_free(&w->packet.bytes);
    buf_free(&w->answer.bytes);
    free(w);
}

static struct sent_record *add(struct world *w, bool copy, uint64_t asked_ns)
{
    const struct sent_packet packet = {.first = &craft_ip,
                                       .bytes = w->packet.bytes.data,
                                       .len = w->packet.bytes.len,
                                       .copy = copy,
                                       .tag = 77};
    struct sent_record *record = sent_add(w->sent, &packet, asked_ns);
    assert_non_null(record);
    return record;
}

static struct sent_match match_at(struct world *w, uint64_t time_ns, uint64_t given_up_ns)
{
    const struct sent_got got = {.packet = &w->answer.packet,
                                 .bytes = w->answer.bytes.data,
                                 .len = w->answer.bytes.len,
                                 .time_ns = time_ns,
                                 .given_up_ns = given_up_ns};
    return sent_match(w->sent, &got, NULL);
}

static struct sent_match match(struct world *w, uint64_t given_up_ns)
{
    return match_at(w, UINT64_MAX, given_up_ns);
}

static const char *const pong = BACK "/icmp(type=echo-reply,id=5,seq=6)/\"x\"";

static void the_oldest_that_waits_is_answered(void **state)
{
    (void)state;
    struct world *w = new_world(PING, pong);
    assert_null(match(w, 0).record);
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(add(w, i == 1, 100 + i)->number, i);
    for (uint64_t i = 0; i < 3; i++) {
        const struct sent_match m = match(w, 0);
        assert_non_null(m.record);
        assert_int_equal(m.record->number, i);
        assert_int_equal(m.record->tag, 77);
        assert_int_equal(m.record->answers, 1);
        assert_int_equal(m.answer, CRAFT_ANSWER_REPLY);
        assert_false(m.duplicate);
    }
    const struct sent_match again = match(w, 0);
    assert_true(again.duplicate);
    assert_int_equal(again.record->answers, 2);
    free_world(w);
}

/* While two wait for the same answer, nobody can tell whose it is; nor how long it took. */
static void an_answer_to_one_of_several_is_ambiguous(void **state)
{
    (void)state;
    struct world *w = new_world(PING, pong);
    add(w, false, 100);
    add(w, true, 200);
    assert_false(match_at(w, 150, 0).ambiguous);
    add(w, false, 300);
    assert_true(match_at(w, 350, 0).ambiguous);
    assert_false(match_at(w, 360, 0).ambiguous);
    assert_false(match_at(w, 370, 0).ambiguous); /* a duplicate */
    add(w, false, 400);
    add(w, false, 500);
    assert_false(match_at(w, 600, 450).ambiguous);
    free_world(w);
}

static void who_was_given_up_is_not_answered(void **state)
{
    (void)state;
    struct world *w = new_world(PING, pong);
    add(w, false, 100);
    add(w, false, 200);
    const struct sent_match m = match(w, 150);
    assert_int_equal(m.record->number, 1);
    assert_int_equal(sent_at(w->sent, 0)->answers, 0);
    assert_true(match(w, 300).duplicate); /* of the one that has an answer; the other stays without */
    assert_int_equal(sent_at(w->sent, 0)->answers, 0);
    free_world(w);
    w = new_world(PING, pong);
    add(w, false, 100);
    assert_null(match(w, 150).record);
    free_world(w);
}

static void what_came_before_is_no_answer(void **state)
{
    (void)state;
    struct world *w = new_world(PING, pong);
    add(w, false, 100);
    add(w, false, 200);
    assert_null(match_at(w, 99, 0).record);
    assert_int_equal(match_at(w, 100, 0).record->number, 0);
    assert_true(match_at(w, 199, 0).duplicate);
    assert_int_equal(match_at(w, 200, 0).record->number, 1);
    free_world(w);
}

static void memory_is_bounded(void **state)
{
    (void)state;
    struct world *w = new_world(PING, pong);
    for (uint64_t i = 0; i < SENT_KEPT + 1000; i++)
        add(w, i % 3 == 0, i);
    assert_int_equal(sent_count(w->sent), SENT_KEPT + 1000);
    assert_int_equal(sent_first(w->sent), 1000);
    assert_null(sent_at(w->sent, 999));
    assert_int_equal(sent_at(w->sent, 1000)->number, 1000);
    assert_null(sent_at(w->sent, SENT_KEPT + 1000));
    for (uint64_t i = 0; i < 5000; i++)
        assert_int_equal(match(w, 0).record->number, 1000 + i);
    free_world(w);
}

static void long_packets_are_fewer(void **state)
{
    (void)state;
    struct world *w = new_world(PING, pong);
    const size_t len = 65535, fit = SENT_BYTES / len;
    uint8_t *bytes = calloc(1, len);
    assert_non_null(bytes);
    memcpy(bytes, w->packet.bytes.data, w->packet.bytes.len);
    for (uint64_t i = 0; i < fit + 100; i++) {
        const struct sent_packet packet = {.first = &craft_ip, .bytes = bytes, .len = len, .copy = true};
        assert_int_equal(sent_add(w->sent, &packet, i)->number, i);
    }
    assert_int_equal(sent_first(w->sent), 100);
    /* What is not copied takes no room, and what is forgotten gives it back. */
    for (uint64_t i = 0; i < 100; i++)
        add(w, false, i);
    assert_int_equal(sent_first(w->sent), 100);
    for (uint64_t i = 0; i < 100; i++)
        assert_int_equal(match(w, 0).record->number, 100 + i);
    free(bytes);
    free_world(w);
}

static void a_packet_is_no_answer_to_itself(void **state)
{
    (void)state;
    const char *self = "ip(src=127.0.0.1,dst=127.0.0.1)/udp(sport=53,dport=53)/\"x\"";
    const char *other = "ip(src=127.0.0.1,dst=127.0.0.1)/udp(sport=53,dport=53)/\"y\"";
    struct world *w = new_world(self, self);
    add(w, false, 1);
    assert_null(match(w, 0).record);
    free_world(w);
    w = new_world(self, other);
    add(w, false, 1);
    assert_non_null(match(w, 0).record);
    free_world(w);
}

/* raw(7): the kernel fills in the identification and the source where they are 0, and computes the checksum.
 */
static void what_leaves_is_known_again(void **state)
{
    (void)state;
    struct world *w = new_world("ip(src=0.0.0.0,dst=10.0.0.2,id=0,chksum=0xbeef)/udp()/\"x\"",
                                "ip(src=10.0.0.1,dst=10.0.0.2,id=4321,chksum=0)/udp(chksum=0)/\"x\"");
    /* the same but for those fields: the transport's checksum is as it was sent */
    memcpy(w->answer.bytes.data + 20, w->packet.bytes.data + 20, w->packet.bytes.len - 20);
    add(w, false, 1);
    add(w, false, 2);
    for (uint64_t i = 0; i < 2; i++) {
        const struct sent_record *record = sent_leaving(w->sent, w->answer.bytes.data, w->answer.bytes.len);
        assert_non_null(record);
        assert_int_equal(record->number, i);
        assert_true(record->seen);
    }
    assert_null(sent_leaving(w->sent, w->answer.bytes.data, w->answer.bytes.len));
    add(w, false, 3);
    w->answer.bytes.data[8]--; /* another TTL: not ours */
    assert_null(sent_leaving(w->sent, w->answer.bytes.data, w->answer.bytes.len));
    /* However many were seen before. */
    w->answer.bytes.data[8]++;
    for (uint64_t i = 2; i < SENT_LOOKS + 10; i++) {
        const struct sent_record *record = sent_leaving(w->sent, w->answer.bytes.data, w->answer.bytes.len);
        assert_non_null(record);
        assert_int_equal(record->number, i);
        add(w, false, 4);
    }
    free_world(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_told_from_the_rest),
        cmocka_unit_test(a_short_quote_is_enough),
        cmocka_unit_test(the_oldest_that_waits_is_answered),
        cmocka_unit_test(an_answer_to_one_of_several_is_ambiguous),
        cmocka_unit_test(who_was_given_up_is_not_answered),
        cmocka_unit_test(what_came_before_is_no_answer),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(long_packets_are_fewer),
        cmocka_unit_test(a_packet_is_no_answer_to_itself),
        cmocka_unit_test(what_leaves_is_known_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
