/* needs: capture/tcp.c capture/tcp_ids.c capture/tcp_judge.c capture/tcp_marks.c capture/tcp_ranges.c
 * capture/tcp_rtt.c capture/reassembly.c capture/recent.c capture/linux_queue.c src/base/buf.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "capture/reassembly.h"

/* What the consumer is told, as words: data as it is, "[3]" a gap of 3 bytes never captured, "[cut 3]",
 * "[up 3]"; conflicts apart, "4+2:ab/cd=2": at offset 4, of 2 bytes, ab came first, cd then, and Linux keeps
 * the second; "=?": nobody knows. */
struct fixture {
    struct tcp_direction d, peer;
    struct tcp_scratch scratch;
    struct reassembly *bytes;
    struct buf told, conflicts;
    uint64_t at, packets;
    bool snapped;   /* of the next segment, the capture has only the first two bytes */
    bool corrupted; /* the next segment is */
    uint64_t unverified;
};

static void take_data(void *context, uint64_t offset, const uint8_t *bytes, size_t len)
{
    struct fixture *f = context;
    assert_true(offset == f->at);
    f->at += len;
    buf_append(&f->told, bytes, len);
}

static void take_gap(void *context, uint64_t offset, uint64_t len, enum reassembly_gap why)
{
    static const char *const words[] = {"", "cut ", "up "};
    struct fixture *f = context;
    assert_true(offset == f->at);
    f->at += len;
    buf_printf(&f->told, "[%s%u]", words[why], (unsigned)len);
}

static void take_conflict(void *context, const struct reassembly_conflict *c)
{
    struct fixture *f = context;
    buf_printf(&f->conflicts, "%s%u+%u:%.*s/%.*s=%c", f->conflicts.len > 0 ? " " : "", (unsigned)c->offset,
               c->length, (int)c->length, (const char *)c->first, (int)c->length, (const char *)c->second,
               "12?"[c->linux_keeps]);
    assert_true(c->offset < 1000000);
    assert_true(c->first_packet != 0 && c->first_packet < c->second_packet);
    assert_true(c->second_packet == f->packets);
}

static void take_unverified(void *context, uint64_t offset, uint64_t len, uint64_t packet)
{
    struct fixture *f = context;
    assert_true(offset + len == f->at && packet > 0 && packet <= f->packets);
    f->unverified += len;
}

static void begin(struct fixture *f, size_t limit, uint32_t window)
{
    const struct reassembly_config config = {
        .context = f,
        .data = take_data,
        .gap = take_gap,
        .conflict = take_conflict,
        .unverified = take_unverified,
        .limit = limit,
        .window = window,
    };
    f->bytes = reassembly_new(&config);
    assert_non_null(f->bytes);
}

static int set_up(void **state)
{
    static struct fixture f;
    f = (struct fixture){0};
    tcp_direction_init(&f.d);
    tcp_direction_init(&f.peer);
    begin(&f, 1000, 100);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    tcp_direction_fini(&f->d, &f->scratch);
    tcp_direction_fini(&f->peer, &f->scratch);
    tcp_scratch_fini(&f->scratch);
    reassembly_free(f->bytes);
    buf_free(&f->told);
    buf_free(&f->conflicts);
    return 0;
}

static void feed(struct fixture *f, uint8_t flags, uint32_t seq, const char *payload)
{
    const uint32_t len = payload != NULL ? (uint32_t)strlen(payload) : 0;
    const struct packet packet = {
        .number = ++f->packets,
        .time_ns = 1000000 * f->packets,
        .ip_protocol = 6,
        .tcp = {.seq = seq, .flags = flags, .window = 1000},
        .payload = (const uint8_t *)payload,
        .payload_len = len,
        .payload_captured = f->snapped && len > 2 ? 2 : len,
    };
    struct tcp_segment segment;
    assert_int_equal(tcp_feed(&f->d, &f->peer, &packet, f->corrupted, &f->scratch, &segment), 0);
    assert_int_equal(reassembly_feed(f->bytes, &f->d, &segment), 0);
    f->snapped = f->corrupted = false;
}

static void put_corrupted(struct fixture *f, uint32_t at, const char *payload)
{
    f->corrupted = true;
    feed(f, TCP_ACK, at + 1, payload);
}

/* Offset `at` of a direction whose ISN is 0. */
static void put(struct fixture *f, uint32_t at, const char *payload)
{
    feed(f, TCP_ACK, at + 1, payload);
}

static void acknowledge(struct fixture *f, uint32_t ack)
{
    const struct packet packet = {.ip_protocol = 6, .tcp = {.flags = TCP_ACK, .ack = ack, .window = 1000}};
    struct tcp_segment segment;
    assert_int_equal(tcp_feed(&f->peer, &f->d, &packet, false, &f->scratch, &segment), 0);
}

static void settle_and_finish(struct fixture *f, const char *told, uint64_t unverified)
{
    assert_int_equal(tcp_direction_settle(&f->d, &f->scratch), 0);
    assert_true(f->d.unique_bytes + tcp_direction_missing(&f->d) == f->d.next);
    reassembly_finish(f->bytes, &f->d);
    assert_string_equal(buf_cstr(&f->told), told);
    assert_int_equal(f->unverified, unverified);
    assert_int_equal(tcp_direction_unverified(&f->d), unverified);
    assert_string_equal(buf_cstr(&f->conflicts), "");
}

static void finish(struct fixture *f, const char *told, const char *conflicts)
{
    reassembly_finish(f->bytes, &f->d);
    assert_string_equal(buf_cstr(&f->told), told);
    assert_string_equal(buf_cstr(&f->conflicts), conflicts);
}

static void in_order(void **state)
{
    struct fixture *f = *state;
    feed(f, TCP_SYN, 0, NULL);
    put(f, 0, "hello ");
    put(f, 6, "world");
    assert_string_equal(buf_cstr(&f->told), "hello world"); /* at once */
    finish(f, "hello world", "");
}

static void out_of_order(void **state)
{
    struct fixture *f = *state;
    feed(f, TCP_SYN, 0, NULL);
    put(f, 6, "wor");
    put(f, 9, "ld");
    assert_int_equal(f->told.len, 0);
    put(f, 0, "hello w"); /* overlaps with the same */
    assert_string_equal(buf_cstr(&f->told), "hello world");
    put(f, 2, "llo wo");
    finish(f, "hello world", "");
}

static void gaps(void **state)
{
    struct fixture *f = *state;
    feed(f, TCP_SYN, 0, NULL);
    put(f, 3, "def");
    f->snapped = true;
    put(f, 6, "ghij");
    put(f, 12, "mn");
    finish(f, "[3]defgh[cut 2][2]mn", "");
}

/* The capture cut the first copy short, not the second. */
static void a_whole_copy_of_a_cut_segment(void **state)
{
    struct fixture *f = *state;
    feed(f, TCP_SYN, 0, NULL);
    f->snapped = true;
    put(f, 0, "abcd");
    put(f, 4, "ef");
    put(f, 0, "abcd");
    finish(f, "abcdef", "");
}

static void what_was_given_out_stays(void **state)
{
    struct fixture *f = *state;
    feed(f, TCP_SYN, 0, NULL);
    put(f, 0, "EVIL");
    put(f, 0, "GOOD");
    put(f, 4, "tail");
    put(f, 2, "ILxy"); /* the first two agree */
    finish(f, "EVILtail", "0+4:EVIL/GOOD=1 4+2:ta/xy=1");
}

/* Of what waits, Linux drops what it has whole, and what it gets whole anew. */
static void what_waits(void **state)
{
    struct fixture *f = *state;
    feed(f, TCP_SYN, 0, NULL);
    put(f, 4, "EVIL");
    put(f, 4, "GOOD");   /* the same place: dropped */
    put(f, 3, "-GOOD-"); /* covers it: replaces it */
    put(f, 4, "evil");   /* within what replaced it: dropped */
    put(f, 0, "abc");
    finish(f, "abc-EVIL-", "4+4:EVIL/GOOD=1 4+4:EVIL/GOOD=2 4+4:EVIL/evil=1");
}

/* Of two that overlap in part, the one that begins first wins, whichever came first. */
static void what_waits_and_overlaps_in_part(void **state)
{
    struct fixture *f = *state;
    feed(f, TCP_SYN, 0, NULL);
    put(f, 10, "1111");
    put(f, 12, "2222");
    put(f, 8, "3333");
    put(f, 0, "abcdefgh");
    finish(f, "abcdefgh33111122", "12+2:11/22=1 10+2:11/33=2");
}

/* Of three versions, the second took the place of the first, and holds the third whole. */
static void what_waits_in_three_versions(void **state)
{
    struct fixture *f = *state;
    feed(f, TCP_SYN, 0, NULL);
    put(f, 7, "1111111111");
    put(f, 4, "222222222");
    put(f, 4, "33333333");
    put(f, 0, "abcd");
    finish(f, "abcd2221111111111", "7+6:111111/222222=2 4+3:222/333=1 7+5:11111/33333=1");
}

/* A segment that waits gets only the bytes of another that lie behind the end of a third. */
static void what_waits_behind_another(void **state)
{
    struct fixture *f = *state;
    feed(f, TCP_SYN, 0, NULL);
    put(f, 10, "1111111111");
    put(f, 4, "22222222");
    put(f, 8, "333333333333");
    put(f, 9, "4444444");
    finish(f, "[4]2222221111111111",
           "10+2:11/22=2 8+2:22/33=1 10+2:11/33=1 12+8:11111111/33333333=2 9+1:2/4=1 10+2:11/44=1 "
           "12+4:1111/4444=1");
}

/* Neighbours may have been joined: then the third holds none of them whole. */
static void what_waits_and_may_be_joined(void **state)
{
    struct fixture *f = *state;
    feed(f, TCP_SYN, 0, NULL);
    put(f, 2, "1111");
    put(f, 6, "2222");
    put(f, 5, "333333");
    put(f, 7, "44");
    put(f, 1, "5555555555");
    put(f, 0, "a");
    finish(f, "a5111122223",
           "5+1:1/3=1 6+4:2222/3333=? 7+2:22/44=1 2+4:1111/5555=2 6+4:2222/5555=2 10+1:3/5=2");
}

/* What comes to where another stands that may have been joined, and is just like it, fares like it. */
static void a_copy_of_what_may_be_joined(void **state)
{
    struct fixture *f = *state;
    feed(f, TCP_SYN, 0, NULL);
    put(f, 2, "1111");
    put(f, 6, "2222");
    put(f, 6, "3333");
    put(f, 7, "444");
    put(f, 6, "555"); /* short enough to be joined in its stead */
    finish(f, "[2]11112222", "6+4:2222/3333=1 7+3:222/444=1 6+3:222/555=?");
}

/* With a FIN, a segment is longer by one than its bytes. */
static void what_waits_with_a_fin(void **state)
{
    struct fixture *f = *state;
    feed(f, TCP_SYN, 0, NULL);
    put(f, 2, "1111");
    feed(f, TCP_ACK | TCP_FIN, 3, "2222");
    finish(f, "[2]1111", "2+4:1111/2222=2");
}

/* What was acknowledged is in order, whatever was captured of it. */
static void what_waits_and_was_acknowledged(void **state)
{
    struct fixture *f = *state;
    feed(f, TCP_SYN, 0, NULL);
    put(f, 4, "1111");
    acknowledge(f, 9);
    put(f, 3, "2222222");
    finish(f, "[3]2111122", "4+4:1111/2222=1");
}

/* What came first may have been in order. */
static void what_waits_and_began_earlier(void **state)
{
    struct fixture *f = *state;
    feed(f, TCP_ACK, 1000, "1111");
    feed(f, TCP_ACK, 1000, "2222");
    feed(f, TCP_ACK, 999, "333333");
    finish(f, "311113", "0+4:1111/2222=1 1+4:1111/3333=?");
}

/* What is in order is taken at once, and what waits below its end is dropped. */
static void in_order_over_what_waits(void **state)
{
    struct fixture *f = *state;
    feed(f, TCP_SYN, 0, NULL);
    put(f, 4, "EVIL");
    put(f, 0, "goodGO");
    finish(f, "goodEVIL", "4+2:EV/GO=2");
}

static void a_keep_alive_has_no_say(void **state)
{
    struct fixture *f = *state;
    feed(f, TCP_SYN, 0, NULL);
    put(f, 0, "abc");
    acknowledge(f, 4);
    put(f, 2, "\1");
    put(f, 3, "def");
    finish(f, "abcdef", "");
}

static void joined_midway(void **state)
{
    struct fixture *f = *state;
    feed(f, TCP_ACK, 1006, "world");
    assert_int_equal(f->told.len, 0); /* something may stand before it */
    feed(f, TCP_ACK, 1000, "hello ");
    acknowledge(f, 1011);
    feed(f, TCP_ACK, 1011, "!");
    assert_string_equal(buf_cstr(&f->told), "hello world!");
    assert_int_equal(reassembly_too_early(f->bytes, &f->d), 0);
    feed(f, TCP_ACK, 994, "before"); /* was given up */
    feed(f, TCP_ACK, 994, "before");
    assert_int_equal(reassembly_too_early(f->bytes, &f->d), 6);
    finish(f, "hello world!", "");
}

/* A SYN that comes late tells that bytes are missing before those that were given out. */
static void a_late_syn(void **state)
{
    struct fixture *f = *state;
    feed(f, TCP_ACK, 1006, "world");
    acknowledge(f, 1011);
    feed(f, TCP_ACK, 1011, "!");
    assert_string_equal(buf_cstr(&f->told), "world!");
    feed(f, TCP_SYN, 999, NULL);
    assert_int_equal(reassembly_too_early(f->bytes, &f->d), 6);
    f->corrupted = true; /* acknowledged, so it is what came first; and left out as well */
    feed(f, TCP_ACK, 1000, "hello ");
    assert_int_equal(tcp_direction_settle(&f->d, &f->scratch), 0);
    assert_int_equal(f->d.unique_bytes, 12);
    finish(f, "world!", "");
    assert_int_equal(reassembly_too_early(f->bytes, &f->d), 6);
}

static void too_much_waits(void **state)
{
    struct fixture *f = *state;
    char block[101];
    memset(block, 'x', 100);
    block[100] = '\0';
    feed(f, TCP_SYN, 0, NULL);
    for (uint32_t i = 0; i < 20; i++) {
        put(f, 5 + i * 100, block);
        assert_true(reassembly_memory(f->bytes) < 5000);
    }
    assert_int_equal(reassembly_given_up(f->bytes), 1);
    assert_memory_equal(buf_cstr(&f->told), "[up 5]xxx", 9);
    put(f, 0, "abcde"); /* too late */
    reassembly_finish(f->bytes, &f->d);
    assert_int_equal(f->told.len, 6 + 2000);
    assert_true(reassembly_uncompared(f->bytes) > 0);
}

/* Conflicts are seen within the window, and the rest is counted. */
static void the_window(void **state)
{
    struct fixture *f = *state;
    char block[51];
    feed(f, TCP_SYN, 0, NULL);
    for (uint32_t i = 0; i < 40; i++) {
        memset(block, 'a' + (int)(i % 26), 50);
        block[50] = '\0';
        put(f, i * 50, block);
    }
    put(f, 1999, "!");
    put(f, 1900, "!");
    put(f, 1700, "!");
    reassembly_finish(f->bytes, &f->d);
    assert_string_equal(buf_cstr(&f->conflicts), "1999+1:n/!=1 1900+1:m/!=1");
    assert_int_equal(reassembly_uncompared(f->bytes), 1);
}

/* Random segments of one text, in any order: it comes out, however they overlap. */
static void against_the_text(void **state)
{
    struct fixture *f = *state;
    char text[401];
    for (size_t i = 0; i < 400; i++)
        text[i] = (char)('A' + i * 7 % 53);
    text[400] = '\0';
    uint32_t random = 99;
    feed(f, TCP_SYN, 0, NULL);
    reassembly_free(f->bytes);
    begin(f, 100000, 100);
    while (f->d.unique_bytes < 400) {
        random = random * 1664525 + 1013904223;
        const uint32_t at = (random >> 8) % 400, len = 1 + (random >> 20) % 30;
        char part[32];
        snprintf(part, sizeof part, "%.*s", (int)len, text + at);
        put(f, at, part);
    }
    finish(f, text, "");
}

/* Of what came with a wrong checksum only, that which was acknowledged is taken. */
static void corrupted_segments(void **state)
{
    struct fixture *f = *state;
    feed(f, TCP_SYN, 0, NULL);
    put(f, 0, "ab");
    put_corrupted(f, 2, "cdef"); /* two of these bytes come right */
    put_corrupted(f, 3, "XXXX"); /* what was there first counts */
    put(f, 4, "ef");
    put(f, 10, "kl");
    put_corrupted(f, 12, "mnop"); /* half of it is acknowledged */
    acknowledge(f, 15);
    settle_and_finish(f, "abcdefX[3]klmn", 5);
    assert_int_equal(tcp_direction_gaps(&f->d), 1);
    assert_int_equal(tcp_direction_verified_end(&f->d), 2);
}

static void corrupted_and_unlikely(void **state)
{
    struct fixture *f = *state;
    put_corrupted(f, 5, "never placed"); /* the axis has not begun */
    feed(f, TCP_SYN, 0, NULL);
    put(f, 0, "ab");
    put_corrupted(f, 0xf0000000, "before"); /* its sequence number is damaged */
    put_corrupted(f, 0x7000000, "behind");
    put_corrupted(f, 0, "xx"); /* nothing is missing there */
    put_corrupted(f, 2, "cd"); /* not acknowledged */
    put(f, 4, "ef");
    acknowledge(f, 3);
    settle_and_finish(f, "ab[2]ef", 0);
}

/* A right copy wins however late, as long as there is room to wait. */
static void corrupted_and_right_later(void **state)
{
    struct fixture *f = *state;
    feed(f, TCP_SYN, 0, NULL);
    put_corrupted(f, 0, "xx");
    put(f, 2, "cd");
    acknowledge(f, 5);
    put(f, 0, "ab");
    settle_and_finish(f, "abcd", 0);
}

/* A single byte that was acknowledged before any other is a keep-alive's, whatever its checksum was. */
static void corrupted_keep_alive_at_first(void **state)
{
    struct fixture *f = *state;
    feed(f, TCP_ACK, 1000, NULL);
    f->corrupted = true;
    feed(f, TCP_ACK, 1000, "x");
    acknowledge(f, 1001);
    feed(f, TCP_ACK, 1001, "abc");
    acknowledge(f, 1004);
    assert_int_equal(tcp_direction_settle(&f->d, &f->scratch), 0);
    assert_int_equal(tcp_direction_unverified(&f->d), 0);
    assert_int_equal(f->d.unique_bytes, 3);
    finish(f, "abc", "");
}

static void very_many_corrupted(void **state)
{
    struct fixture *f = *state;
    uint64_t wanted = 0;
    reassembly_free(f->bytes);
    begin(f, 100000, 100);
    feed(f, TCP_SYN, 0, NULL);
    for (uint32_t i = 0; i < 3000; i++) {
        put_corrupted(f, 4 * i, "ab");
        put(f, 4 * i + 2, "cd");
        acknowledge(f, 4 * i + 5);
        assert_true(reassembly_memory(f->bytes) < 110000);
        wanted += 2;
    }
    assert_int_equal(tcp_direction_settle(&f->d, &f->scratch), 0);
    reassembly_finish(f->bytes, &f->d);
    assert_int_equal(f->unverified, wanted);
    assert_int_equal(tcp_direction_unverified(&f->d), wanted);
    assert_int_equal(tcp_direction_given_up(&f->d), 0);
    assert_int_equal(f->told.len, 12000);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(corrupted_segments),
        CASE(corrupted_and_unlikely),
        CASE(corrupted_and_right_later),
        CASE(corrupted_keep_alive_at_first),
        CASE(very_many_corrupted),
        CASE(in_order),
        CASE(out_of_order),
        CASE(gaps),
        CASE(a_whole_copy_of_a_cut_segment),
        CASE(what_was_given_out_stays),
        CASE(what_waits),
        CASE(what_waits_and_overlaps_in_part),
        CASE(what_waits_in_three_versions),
        CASE(what_waits_behind_another),
        CASE(what_waits_and_may_be_joined),
        CASE(a_copy_of_what_may_be_joined),
        CASE(what_waits_with_a_fin),
        CASE(what_waits_and_was_acknowledged),
        CASE(what_waits_and_began_earlier),
        CASE(in_order_over_what_waits),
        CASE(a_keep_alive_has_no_say),
        CASE(joined_midway),
        CASE(a_late_syn),
        CASE(too_much_waits),
        CASE(the_window),
        CASE(against_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
