/* needs: capture/framing.c src/base/arena.c src/base/buf.c src/base/text.c src/lanes/findings.c
 * src/lanes/findings_framing.c src/lanes/findings_reader.c src/lanes/findings_repeats.c
 * src/lanes/findings_wire.c src/lanes/spans.c src/lanes/streams.c src/lanes/words.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lanes/findings.h"
#include "lanes/model.h"
#include "lanes/spans.h"

/* Streams made by hand, one for each cause. Times are milliseconds; everything goes from the client. */

#define MS UINT64_C(1000000)

struct scene {
    struct lanes_stream *stream;
    struct lanes_direction *d;
    struct lanes lanes;
    struct arena arena;
};

static void open_scene(struct scene *s, const char *framing)
{
    *s = (struct scene){0};
    s->stream = model_add_stream(&s->lanes);
    assert_non_null(s->stream);
    s->d = &s->stream->direction[FLOW_CLIENT];
    s->d->has_wire = s->d->has_sends = s->d->has_recvs = s->stream->has_wire = true;
    s->d->mss = 1000;
    s->stream->framing = framing != NULL ? framing_find(framing, strlen(framing)) : NULL;
}

static void close_scene(struct scene *s)
{
    model_free_stream(s->stream);
    free(s->lanes.streams);
    arena_free(&s->arena);
}

static struct lanes_span *add(struct scene *s, enum lanes_lane lane, uint64_t offset, uint64_t length,
                              unsigned ms)
{
    struct lanes_spans *spans = &s->d->lane[lane];
    struct lanes_span *span = spans_add(spans);
    assert_non_null(span);
    span->n = (uint32_t)spans->count;
    span->offset = offset;
    span->length = length;
    span->time_ns = ms * MS;
    return span;
}

static struct call *add_call(struct scene *s, enum lanes_lane lane, uint64_t offset, uint64_t length,
                             unsigned ms, uint64_t asked)
{
    struct lanes_span *span = length > 0 ? add(s, lane, offset, length, ms) : spans_add(&s->d->waits);
    struct call *call = arena_alloc(&s->arena, sizeof *call);
    assert_non_null(span);
    assert_non_null(call);
    *call = (struct call){
        .asked = asked, .result = (int64_t)length, .tcpi = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1}};
    span->offset = offset;
    span->time_ns = span->exit_ns = ms * MS;
    span->call = call;
    return call;
}

static struct call *add_send(struct scene *s, uint64_t offset, uint64_t length, unsigned ms)
{
    return add_call(s, LANES_SEND, offset, length, ms, length);
}

static struct call *add_recv(struct scene *s, uint64_t offset, uint64_t length, unsigned ms, uint64_t asked)
{
    return add_call(s, LANES_RECV, offset, length, ms, asked);
}

static void knew(struct call *call, int64_t inq)
{
    call->has_tcpi = true;
    call->tcpi.inq = inq;
}

static struct lanes_span *add_segment(struct scene *s, uint64_t offset, uint64_t length, unsigned ms)
{
    struct lanes_span *span = add(s, LANES_WIRE, offset, length, ms);
    s->d->unique = s->d->lane[LANES_WIRE].count;
    if (span_end(span) > s->d->bytes)
        s->d->bytes = span_end(span);
    return span;
}

static struct lanes_span *add_again(struct scene *s, uint64_t offset, uint64_t length, unsigned ms)
{
    struct lanes_span *span = add(s, LANES_WIRE, offset, length, ms);
    span->retransmission = true;
    return span;
}

static void add_message(struct scene *s, const char *name, uint64_t offset, uint64_t length,
                        uint64_t announced)
{
    struct lanes_span *span = add(s, LANES_MESSAGE, offset, length, 0);
    span->name = name;
    span->announced = announced;
    span->complete = announced == 0 || announced == length;
}

static void set_payload(struct scene *s, const char *text)
{
    s->d->payload = (uint8_t *)strdup(text);
    s->d->payload_len = strlen(text);
    assert_non_null(s->d->payload);
}

static void make(struct scene *s)
{
    assert_int_equal(findings_make(s->stream), 0);
}

static const struct lanes_finding *find(const struct scene *s, const char *kind)
{
    for (size_t i = 0; i < s->stream->finding_count; i++) {
        if (strcmp(s->stream->findings[i].kind, kind) == 0)
            return &s->stream->findings[i];
    }
    return NULL;
}

/* The first finding of the kind has this cause and says these words (in what or why). Closes the scene. */
static void expect(struct scene *s, const char *kind, const char *cause, bool likely, const char *words)
{
    make(s);
    const struct lanes_finding *f = find(s, kind);
    assert_non_null(f);
    assert_string_equal(f->cause, cause);
    assert_int_equal(f->likely, likely);
    assert_true(f->what[0] != '\0' && f->why[0] != '\0' && f->advice[0] != '\0');
    if (strstr(f->what, words) == NULL && strstr(f->why, words) == NULL)
        fail_msg("'%s' is not in '%s' / '%s'", words, f->what, f->why);
    close_scene(s);
}

static void expect_none(struct scene *s, const char *kind)
{
    make(s);
    const struct lanes_finding *f = find(s, kind);
    if (f != NULL)
        fail_msg("unexpected: %s %s: %s", f->kind, f->cause, f->what);
    close_scene(s);
}

/* ---- coalesced ---- */

/* Sends of 10 and 20 bytes in one segment. */
static struct call_tcpi *two_sends(struct scene *s)
{
    open_scene(s, NULL);
    add_send(s, 0, 10, 1);
    struct call *later = add_send(s, 10, 20, 2);
    add_segment(s, 0, 30, 3);
    later->has_tcpi = true;
    later->tcpi.nodelay = 0;
    later->tcpi.cork = 0;
    later->tcpi.unacked = 1;
    later->tcpi.cwnd = 10;
    later->tcpi.notsent = 10;
    later->tcpi.outq = 50;
    later->tcpi.rwnd = 60000;
    return &later->tcpi;
}

static void coalesced_by_nagle(void **state)
{
    (void)state;
    struct scene s;
    two_sends(&s);
    expect(&s, "coalesced", "nagle", false, "1 segment was in flight");
}

static void coalesced_by_cork(void **state)
{
    (void)state;
    struct scene s;
    two_sends(&s)->cork = 1;
    expect(&s, "coalesced", "cork", false, "TCP_CORK");
}

static void coalesced_by_more(void **state)
{
    (void)state;
    struct scene s;
    two_sends(&s);
    ((struct call *)(uintptr_t)s.d->lane[LANES_SEND].at[0].call)->flags = "MSG_NOSIGNAL|MSG_MORE";
    expect(&s, "coalesced", "more", false, "MSG_MORE");
}

static void coalesced_by_a_full_window(void **state)
{
    (void)state;
    struct scene s;
    struct call_tcpi *t = two_sends(&s);
    t->unacked = 10;
    expect(&s, "coalesced", "queue", false, "10 of 10 segments");
    t = two_sends(&s);
    t->rwnd = 45; /* 40 in flight, 10 more wait */
    expect(&s, "coalesced", "queue", false, "allowed 45 B");
}

static void coalesced_in_the_kernels_queue(void **state)
{
    (void)state;
    struct scene s;
    two_sends(&s)->nodelay = 1;
    expect(&s, "coalesced", "autocork", true, "10 B were not yet on the wire");
}

static void coalesced_without_a_snapshot(void **state)
{
    (void)state;
    struct scene s;
    two_sends(&s);
    ((struct call *)(uintptr_t)s.d->lane[LANES_SEND].at[1].call)->has_tcpi = false;
    expect(&s, "coalesced", "unknown", true, "sends #1 and #2");
}

static void coalesced_when_repeated(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, NULL);
    add_send(&s, 0, 10, 1);
    add_send(&s, 10, 20, 2);
    add_segment(&s, 0, 10, 1);
    add_segment(&s, 10, 20, 2);
    add_again(&s, 0, 30, 200);
    expect(&s, "coalesced", "retransmission-merge", false, "#1 and #2");
}

static void nothing_coalesced_where_segments_end_with_sends(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, NULL);
    add_send(&s, 0, 10, 1);
    add_send(&s, 10, 20, 2);
    add_segment(&s, 0, 10, 1);
    add_segment(&s, 10, 20, 2);
    expect_none(&s, "coalesced");
}

/* ---- segmented ---- */

static void segmented_by_the_mss(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, NULL);
    add_send(&s, 0, 2500, 1);
    add_segment(&s, 0, 1000, 1);
    add_segment(&s, 1000, 1000, 1);
    add_segment(&s, 2000, 500, 1);
    expect(&s, "segmented", "mss", false, "crosses 3 segments: segments #1 to #3");
}

static void segmented_by_the_window(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, NULL);
    struct call *send = add_send(&s, 0, 900, 1);
    send->has_tcpi = true;
    send->tcpi.rwnd = 400;
    send->tcpi.outq = send->tcpi.notsent = 0;
    add_segment(&s, 0, 400, 1);
    add_segment(&s, 400, 500, 9);
    expect(&s, "segmented", "window", true, "allowed 400 B");
}

/* ---- sticky ---- */

/* Header of 10 and body of 20 bytes, read by one recv at 50 ms. */
static struct call *stuck(struct scene *s, bool one_segment)
{
    open_scene(s, NULL);
    add_message(s, "header", 0, 10, 0);
    add_message(s, "body", 10, 20, 0);
    if (one_segment) {
        add_segment(s, 0, 30, 5);
    } else {
        add_segment(s, 0, 10, 5);
        add_segment(s, 10, 20, 6);
    }
    return add_recv(s, 0, 30, 50, 1024);
}

static void sticky_on_the_wire(void **state)
{
    (void)state;
    struct scene s;
    knew(stuck(&s, true), 30);
    expect(&s, "sticky", "coalesced-on-wire", false, "segment #1 already carried the boundary at byte 10");
}

static void sticky_because_the_reader_came_late(void **state)
{
    (void)state;
    struct scene s;
    knew(stuck(&s, false), 30);
    expect(&s, "sticky", "queued-before-recv", false, "44.0\u202fms after segment #2 was on the wire");
    stuck(&s, false);
    expect(&s, "sticky", "queued-before-recv", true, "recv #1 returned the header (10\u202fB) and the body");
}

static void sticky_because_a_hole_was_filled(void **state)
{
    (void)state;
    struct scene s;
    knew(stuck(&s, false), 0);
    s.d->lane[LANES_WIRE].at[0].fate = "dropped";
    s.d->lane[LANES_RECV].at[0].time_ns = 1 * MS;
    add_again(&s, 0, 10, 40);
    expect(&s, "sticky", "hole-filled", false, "segment #3 came 34.0\u202fms after them");
}

static void sticky_while_recv_was_running(void **state)
{
    (void)state;
    struct scene s;
    knew(stuck(&s, false), 10);
    s.d->lane[LANES_RECV].at[0].time_ns = 1 * MS;
    expect(&s, "sticky", "arrived-during-recv", false, "10 B were waiting");
}

/* ---- split ---- */

static void split_by_a_small_buffer(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, NULL);
    add_message(&s, "header", 0, 30, 0);
    add_segment(&s, 0, 30, 5);
    add_recv(&s, 0, 20, 6, 20);
    add_recv(&s, 20, 10, 7, 20);
    expect(&s, "split", "small-buffer", false, "needed 2 recvs");
}

static void split_because_no_more_was_there(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, NULL);
    add_message(&s, "header", 0, 30, 0);
    add_segment(&s, 0, 20, 5);
    add_segment(&s, 20, 10, 16);
    add_recv(&s, 0, 20, 6, 100);
    add_recv(&s, 20, 10, 17, 80);
    expect(&s, "split", "not-yet-arrived", false, "only 10.0\u202fms later");
}

/* ---- retransmitted ---- */

static void again(struct scene *s, const char *fate)
{
    open_scene(s, NULL);
    add_segment(s, 0, 10, 5)->fate = fate;
    add_again(s, 0, 10, 205);
}

static void retransmitted_and_why(void **state)
{
    (void)state;
    static const struct {
        const char *fate, *cause;
        bool likely;
    } rows[] = {{"dropped", "dropped", false},
                {"corrupted at byte 60", "corrupted", false},
                {"delayed 5 ms, corrupted at byte 60", "corrupted", false},
                {"delivered", "spurious", false},
                {"delayed 300 ms", "delayed", false},
                {"held behind the next frame", "reordered", false},
                {NULL, "loss", true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct scene s;
        again(&s, rows[i].fate);
        expect(&s, "retransmitted", rows[i].cause, rows[i].likely, "segment #1, then #2 200.0\u202fms later");
    }
}

/* The second copy is lost too; the third is needed because of that, not of the first. */
static void retransmitted_twice(void **state)
{
    (void)state;
    struct scene s;
    again(&s, "dropped");
    s.d->lane[LANES_WIRE].at[1].fate = "dropped";
    add_again(&s, 0, 10, 605);
    make(&s);
    assert_int_equal(s.stream->finding_count, 2);
    assert_int_equal(s.stream->findings[1].segments[0], 2);
    assert_int_equal(s.stream->findings[1].segments[1], 3);
    close_scene(&s);
}

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

/* ---- bounds ---- */

static void evidence_is_bounded(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, NULL);
    add_send(&s, 0, 200000, 1);
    for (unsigned i = 0; i < 200; i++)
        add_segment(&s, i * 1000, 1000, i);
    make(&s);
    const struct lanes_finding *f = find(&s, "segmented");
    assert_int_equal(f->segment_count, LANES_MAX_EVIDENCE);
    assert_int_equal(f->segments[0], 1);
    assert_int_equal(f->segments[LANES_MAX_EVIDENCE - 1], 200);
    close_scene(&s);
}

static void findings_are_bounded(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, NULL);
    add_segment(&s, 0, 10, 1);
    for (unsigned i = 0; i < LANES_MAX_FINDINGS + 10; i++)
        add_again(&s, 0, 10, 2 + i);
    make(&s);
    assert_int_equal(s.stream->finding_count, LANES_MAX_FINDINGS);
    assert_int_equal(s.stream->findings_beyond, 10);
    assert_non_null(strstr(s.stream->notes[0], "10 further findings"));
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(coalesced_by_nagle),
        cmocka_unit_test(coalesced_by_cork),
        cmocka_unit_test(coalesced_by_more),
        cmocka_unit_test(coalesced_by_a_full_window),
        cmocka_unit_test(coalesced_in_the_kernels_queue),
        cmocka_unit_test(coalesced_without_a_snapshot),
        cmocka_unit_test(coalesced_when_repeated),
        cmocka_unit_test(nothing_coalesced_where_segments_end_with_sends),
        cmocka_unit_test(segmented_by_the_mss),
        cmocka_unit_test(segmented_by_the_window),
        cmocka_unit_test(sticky_on_the_wire),
        cmocka_unit_test(sticky_because_the_reader_came_late),
        cmocka_unit_test(sticky_because_a_hole_was_filled),
        cmocka_unit_test(sticky_while_recv_was_running),
        cmocka_unit_test(split_by_a_small_buffer),
        cmocka_unit_test(split_because_no_more_was_there),
        cmocka_unit_test(retransmitted_and_why),
        cmocka_unit_test(retransmitted_twice),
        cmocka_unit_test(a_header_with_the_body_behind_it),
        cmocka_unit_test(a_header_cut_by_the_buffer),
        cmocka_unit_test(lucky_with_the_margin),
        cmocka_unit_test(nobody_is_lucky),
        cmocka_unit_test(a_reader_that_loses_count),
        cmocka_unit_test(readers_that_count_right),
        cmocka_unit_test(a_length_in_characters),
        cmocka_unit_test(a_send_that_was_not_finished),
        cmocka_unit_test(an_incomplete_message_that_proves_nothing),
        cmocka_unit_test(no_header_at_all),
        cmocka_unit_test(evidence_is_bounded),
        cmocka_unit_test(findings_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
