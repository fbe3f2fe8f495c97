/* needs: src/base/buf.c src/base/json.c src/base/text.c src/view/columns.c src/view/compare.c
 * src/view/prose.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <string.h>

#include "base/text.h"
#include "view/compare.h"

static const struct compare_row rows[] = {
    {.framing = "naive",
     .outcome = "BROKEN at byte 38",
     .has_stream = true,
     .has_sends = true,
     .has_recvs = true,
     .sends = 3,
     .segments = 5,
     .recvs = 6,
     .sticky = 1,
     .split = 1,
     .round_trips = 1,
     .time_ns = 51100000,
     .broken_at = 38},
    {.framing = "lockstep",
     .outcome = "粘包 by luck",
     .has_stream = true,
     .time_ns = 0,
     .broken_at = UINT64_MAX},
    {.framing = "length", .outcome = "FAILED", .broken_at = UINT64_MAX},
};
#define ROWS (sizeof rows / sizeof rows[0])

static void the_table(void **state)
{
    (void)state;
    const struct view_style style = {.columns = 100, .brief = true};
    struct buf out = {0};
    compare_text(&out, rows, ROWS, &style);
    assert_string_equal(
        buf_cstr(&out),
        " framing   outcome            sends  segments  recvs  sticky  split  round trips  time ms\n"
        " naive     BROKEN at byte 38      3         5      6       1      1            1     51.1\n"
        " lockstep  粘包 by luck           –         0      –       –      –            0      0.0\n"
        " length    FAILED                 –         –      –       –      –            –        –\n");
    buf_free(&out);
}

static void no_line_is_too_wide(void **state)
{
    (void)state;
    for (unsigned columns = 40; columns <= 200; columns++) {
        const struct view_style style = {.columns = columns, .ascii = columns % 2 == 0, .brief = true};
        struct buf out = {0};
        compare_text(&out, rows, ROWS, &style);
        const char *line = buf_cstr(&out);
        size_t lines = 0;
        while (*line != '\0') {
            const size_t len = strcspn(line, "\n");
            assert_true(text_width(line, len) <= columns);
            line += len + 1;
            lines++;
        }
        assert_int_equal(lines, ROWS + 1);
        assert_non_null(strstr((const char *)out.data, "lockstep"));
        buf_free(&out);
    }
}

/* What is cut short says something else: at the usual width of a terminal no word is. */
static void nothing_is_cut_at_80(void **state)
{
    (void)state;
    for (unsigned columns = 40; columns <= 80; columns += 20) {
        const struct view_style style = {.columns = columns, .brief = true};
        struct buf out = {0};
        compare_text(&out, rows, ROWS, &style);
        assert_non_null(strstr(buf_cstr(&out), "BROKEN at byte 38 "));
        assert_int_equal(strstr(buf_cstr(&out), "segs") != NULL, columns == 80);
        assert_int_equal(strstr(buf_cstr(&out), "sticky") != NULL, columns >= 60);
        assert_non_null(strstr(buf_cstr(&out), " ms\n"));
        buf_free(&out);
    }
}

static void the_words_are_explained(void **state)
{
    (void)state;
    const struct view_style style = {.columns = 60};
    struct buf out = {0};
    compare_text(&out, rows, ROWS, &style);
    assert_non_null(strstr(buf_cstr(&out), "\n\n Counts are of both directions."));
    for (const char *line = buf_cstr(&out); *line != '\0'; line += strcspn(line, "\n") + 1)
        assert_true(text_width(line, strcspn(line, "\n")) <= 60);
    buf_free(&out);
}

static void as_json(void **state)
{
    (void)state;
    struct buf out = {0};
    compare_json(&out, rows, 1);
    compare_json(&out, rows + 2, 1);
    assert_string_equal(
        buf_cstr(&out),
        "{\"type\":\"comparison\",\"framing\":\"naive\",\"outcome\":\"BROKEN at byte 38\",\"sends\":3,"
        "\"segments\":5,\"recvs\":6,\"sticky\":1,\"split\":1,\"round_trips\":1,\"time_ns\":51100000,"
        "\"broken_at\":38}\n"
        "{\"type\":\"comparison\",\"framing\":\"length\",\"outcome\":\"FAILED\",\"sends\":null,"
        "\"segments\":null,\"recvs\":null,\"sticky\":null,\"split\":null,\"round_trips\":null,"
        "\"time_ns\":null,\"broken_at\":null}\n");
    buf_free(&out);
}

static void filled_from_a_stream(void **state)
{
    (void)state;
    struct lanes_span up[] = {{.time_ns = 1}, {.time_ns = 2}, {.time_ns = 5}},
                      down[] = {{.time_ns = 3}, {.time_ns = 6}};
    struct lanes_finding findings[] = {{.kind = "sticky"}, {.kind = "split"}, {.kind = "sticky"}};
    const struct framing framing = {.name = "naive"};
    struct lanes_stream stream = {
        .start_ns = 10, .end_ns = 30, .findings = findings, .finding_count = 3, .broken_at = UINT64_MAX};
    stream.direction[0].lane[LANES_WIRE] = (struct lanes_spans){up, 3, 3};
    stream.direction[0].unique = stream.direction[0].segments = 3;
    stream.direction[1].lane[LANES_WIRE] = (struct lanes_spans){down, 2, 2};
    stream.direction[1].unique = stream.direction[1].segments = 2;
    struct compare_row row;
    compare_fill(&row, &framing, &stream, "ok");
    assert_int_equal(row.round_trips, 2);
    assert_int_equal(row.segments, 5);
    assert_int_equal(row.sticky, 2);
    assert_int_equal(row.split, 1);
    assert_int_equal(row.time_ns, 20);
    assert_false(row.has_sends);
    compare_fill(&row, &framing, NULL, "FAILED");
    assert_false(row.has_stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table),
        cmocka_unit_test(no_line_is_too_wide),
        cmocka_unit_test(nothing_is_cut_at_80),
        cmocka_unit_test(the_words_are_explained),
        cmocka_unit_test(as_json),
        cmocka_unit_test(filled_from_a_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
