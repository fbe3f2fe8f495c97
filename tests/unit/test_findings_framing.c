/* needs: capture/framing.c src/base/arena.c src/base/buf.c src/base/text.c src/lanes/findings.c
 * src/lanes/findings_framing.c src/lanes/findings_reader.c src/lanes/findings_repeats.c
 * src/lanes/findings_wire.c src/lanes/spans.c src/lanes/streams.c src/lanes/words.c tests/unit/scene.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scene.h"

/* ---- framing-broken ---- */

static void a_header_with_the_body_behind_it(void **state)
{
    (void)state;
    struct scene s;
    knew(stuck(&s, false), 30);
    s.stream->framing = framing_find("naive", 5);
    set_payload(&s, "{\"size\":2}\x1b[31mbody of twenty bytes");
    make(&s);
    const struct lanes_finding *f = find(&s, "framing-broken");
    assert_non_null(f);
    assert_ptr_equal(f, &s.stream->findings[0]); /* problems come first */
    assert_int_equal(s.stream->broken_at, 10);
    assert_int_equal(f->offset, 10);
    assert_int_equal(f->length, 20);
    assert_string_equal(f->cause, "queued-before-recv");
    assert_true(f->is_problem);
    assert_null(strchr(f->what, '\x1b'));
    assert_non_null(strstr(f->what, "\\x1b[31m"));
    assert_true(find(&s, "sticky")->is_problem);
    assert_null(find(&s, "lucky"));
    close_scene(&s);
}

static void a_header_cut_by_the_buffer(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, "lockstep");
    add_message(&s, "header", 0, 2000, 0);
    add_segment(&s, 0, 2000, 5);
    add_recv(&s, 0, 1024, 6, 1024);
    add_recv(&s, 1024, 976, 7, 1024);
    make(&s);
    assert_int_equal(s.stream->broken_at, 1024);
    assert_string_equal(find(&s, "framing-broken")->cause, "small-buffer");
    assert_true(find(&s, "split")->is_problem);
    close_scene(&s);
}

static void lucky_with_the_margin(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, "naive");
    add_message(&s, "header", 0, 10, 0);
    add_message(&s, "body", 10, 20, 0);
    add_segment(&s, 0, 10, 5);
    add_segment(&s, 10, 20, 9);
    add_recv(&s, 0, 10, 6, 1024);
    add_recv(&s, 10, 20, 10, 1024);
    expect(&s, "lucky", "luck", false, "3.0\u202fms before the body was on the wire");
}

/* Where the sender waits for answers, a late reader gets no more at once than an early one. */
static void lucky_without_a_margin(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, "lockstep");
    add_message(&s, "header", 0, 10, 0);
    add_message(&s, "body", 10, 20, 0);
    add_segment(&s, 0, 10, 5);
    add_segment(&s, 10, 20, 9);
    add_recv(&s, 0, 10, 6, 1024);
    add_recv(&s, 10, 20, 10, 1024);
    make(&s);
    const struct lanes_finding *f = find(&s, "lucky");
    assert_non_null(f);
    assert_null(strstr(f->why, "gets both at once"));
    assert_non_null(strstr(f->why, "waited for an answer"));
    assert_non_null(strstr(f->why, "the longest here had 10"));
    close_scene(&s);
}

static void nobody_is_lucky(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, "length"); /* right by design */
    add_message(&s, "header", 0, 10, 10);
    add_segment(&s, 0, 10, 5);
    add_recv(&s, 0, 10, 6, 10);
    expect_none(&s, "lucky");
    open_scene(&s, "naive"); /* its reader was not recorded */
    s.d->has_recvs = false;
    add_message(&s, "header", 0, 10, 0);
    add_segment(&s, 0, 10, 5);
    expect_none(&s, "lucky");
    open_scene(&s, "naive"); /* it ended in a long wait for nothing */
    add_message(&s, "header", 0, 10, 0);
    add_segment(&s, 0, 10, 5);
    add_recv(&s, 0, 10, 6, 1024);
    add_recv(&s, 10, 0, 7, 1024)->result = -11;
    s.d->waits.at[0].exit_ns = 5000 * MS;
    expect_none(&s, "lucky");
}

/* A body of 30 bytes, then 10 of the next header. */
static void counted_body(struct scene *s)
{
    open_scene(s, "length");
    add_message(s, "body", 0, 30, 30);
    add_message(s, "length", 30, 4, 4);
    add_segment(s, 0, 34, 5);
}

static void a_reader_that_loses_count(void **state)
{
    (void)state;
    struct scene s;
    counted_body(&s); /* crosses the end */
    add_recv(&s, 0, 20, 6, 30);
    add_recv(&s, 20, 14, 7, 30);
    make(&s);
    assert_int_equal(s.stream->broken_at, 30);
    assert_string_equal(find(&s, "framing-broken")->cause, "overrun");
    close_scene(&s);
    counted_body(&s); /* goes on behind it, in vain: 10 came last, so 20 are missing to it */
    s.d->lane[LANES_MESSAGE].count = 1;
    add_recv(&s, 0, 20, 6, 30);
    add_recv(&s, 20, 10, 7, 10);
    add_recv(&s, 30, 0, 8, 20);
    expect(&s, "framing-broken", "overrun", false, "asks for 20\u202fB more of it");
}

static void readers_that_count_right(void **state)
{
    (void)state;
    struct scene s;
    counted_body(&s); /* exactly, in two pieces, then the next length */
    add_recv(&s, 0, 20, 6, 30);
    add_recv(&s, 20, 10, 7, 10);
    add_recv(&s, 30, 4, 7, 4);
    expect_none(&s, "framing-broken");
    counted_body(&s); /* a buffered reader takes what there is, and keeps the rest */
    add_recv(&s, 0, 34, 6, 8192);
    expect_none(&s, "framing-broken");
}

static void a_length_in_characters(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, "length");
    set_payload(&s, "粘包粘包粘包"); /* 6 characters, 18 bytes */
    add_message(&s, "body", 0, 6, 6);
    add_message(&s, "garbage", 6, 12, 0);
    s.d->lane[LANES_MESSAGE].at[1].complete = false;
    add_send(&s, 0, 18, 1);
    add_segment(&s, 0, 18, 2);
    make(&s);
    assert_int_equal(s.stream->broken_at, 6);
    assert_string_equal(find(&s, "framing-broken")->cause, "size-chars");
    close_scene(&s);
    open_scene(&s, "length");
    set_payload(&s, "plain text, too long");
    add_message(&s, "body", 0, 6, 6);
    add_message(&s, "garbage", 6, 14, 0);
    add_segment(&s, 0, 20, 2);
    expect(&s, "framing-broken", "announced-fewer", true, "right behind the body");
}

static void a_send_that_was_not_finished(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, "size");
    set_payload(&s, "0123456789");
    add_message(&s, "body", 0, 10, 30);
    add_call(&s, LANES_SEND, 0, 10, 1, 30);
    add_segment(&s, 0, 10, 2);
    s.d->ended = true;
    expect(&s, "framing-broken", "short-send", false, "offered 30\u202fB, the kernel took 10");
    open_scene(&s, "size");
    set_payload(&s, "0123456789");
    add_message(&s, "body", 0, 10, 30);
    add_send(&s, 0, 10, 1);
    add_segment(&s, 0, 10, 2);
    s.d->ended = true;
    expect(&s, "framing-broken", "announced-more", true, "ends after 10");
}

/* An incomplete message proves nothing while the stream is open, or where the connection lost the rest. */
static void an_incomplete_message_that_proves_nothing(void **state)
{
    (void)state;
    for (int unsent = 0; unsent < 2; unsent++) {
        struct scene s;
        open_scene(&s, "size");
        set_payload(&s, "0123456789");
        add_message(&s, "body", 0, 10, 30);
        add_segment(&s, 0, 10, 2);
        s.d->ended = unsent != 0;
        s.d->unsent = unsent != 0 ? 20 : 0;
        expect_none(&s, "framing-broken");
    }
}

static void no_header_at_all(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, "naive");
    set_payload(&s, "GET / HTTP/1.1");
    add_message(&s, "garbage", 0, 14, 0);
    add_segment(&s, 0, 14, 2);
    expect(&s, "framing-broken", "no-header", true, "\"GET / HTTP/1.1\" at byte 0 is no header");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_with_the_body_behind_it),
        cmocka_unit_test(a_header_cut_by_the_buffer),
        cmocka_unit_test(lucky_with_the_margin),
        cmocka_unit_test(lucky_without_a_margin),
        cmocka_unit_test(nobody_is_lucky),
        cmocka_unit_test(a_reader_that_loses_count),
        cmocka_unit_test(readers_that_count_right),
        cmocka_unit_test(a_length_in_characters),
        cmocka_unit_test(a_send_that_was_not_finished),
        cmocka_unit_test(an_incomplete_message_that_proves_nothing),
        cmocka_unit_test(no_header_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
