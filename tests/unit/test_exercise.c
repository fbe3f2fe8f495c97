/* needs: src/lesson/exercise_evidence.c src/lesson/exercise_words.c src/base/buf.c src/base/text.c
 * src/base/err.c src/base/i18n.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "lesson/exercise_private.h"

/* ---- files ---- */

static struct exercise_difference compare(const char *want, size_t want_len, const char *got, size_t got_len)
{
    struct buf w = {0}, g = {0};
    struct exercise_difference difference;
    buf_append(&w, want, want_len);
    buf_append(&g, got, got_len);
    exercise_compare(&difference, &w, &g);
    buf_free(&w);
    buf_free(&g);
    return difference;
}

static void equal_files_do_not_differ(void **state)
{
    (void)state;
    assert_false(compare("abc", 3, "abc", 3).known);
    assert_false(compare("", 0, "", 0).known);
}

static void the_first_byte_that_differs_is_told(void **state)
{
    (void)state;
    struct exercise_difference d = compare("abcdef", 6, "abXdef", 6);
    assert_true(d.known);
    assert_int_equal(d.offset, 2);
    assert_string_equal(d.want, "cdef");
    assert_string_equal(d.got, "Xdef");
    d = compare("abcdef", 6, "abc", 3);
    assert_int_equal(d.offset, 3);
    assert_string_equal(d.got, "");
    assert_int_equal(d.got_shown, 0);
    d = compare("", 0, "x", 1);
    assert_true(d.known);
    assert_int_equal(d.offset, 0);
}

static void bytes_are_escaped_and_bounded(void **state)
{
    (void)state;
    char zeros[200] = {0};
    struct exercise_difference d = compare("\x1b[2J\n", 5, zeros, sizeof zeros);
    assert_string_equal(d.want, "\\x1b[2J\\n");
    assert_true(strlen(d.got) < sizeof d.got);
    assert_true(d.got_shown > 0 && d.got_shown < sizeof zeros);
    assert_int_equal(strlen(d.got), d.got_shown * strlen("\\x00"));
    memset(zeros, 0xff, sizeof zeros);
    d = compare("", 0, zeros, sizeof zeros);
    assert_int_equal(strlen(d.got), d.got_shown * strlen("\\xff"));
    /* 8 characters of 3 bytes fit, no ninth one in parts */
    d = compare("粘包粘包粘包粘包粘包", 30, "", 0);
    assert_string_equal(d.want, "粘包粘包粘包粘包");
    d = compare("x粘包粘包粘包粘包粘包", 31, "", 0);
    assert_string_equal(d.want, "x粘包粘包粘包粘");
}

/* ---- recordings ---- */

static const char recording[] =
    "{\"type\":\"direction\",\"stream\":1,\"from\":\"server\",\"bytes\":10}\n"
    "{\"type\":\"direction\",\"stream\":2,\"from\":\"client\",\"bytes\":100}\n"
    "{\"type\":\"span\",\"stream\":1,\"from\":\"server\",\"lane\":\"recv\",\"n\":9,\"offset\":0,\"length\":"
    "10}\n"
    "{\"type\":\"span\",\"stream\":2,\"from\":\"client\",\"lane\":\"send\",\"n\":1,\"offset\":0,\"length\":"
    "10,"
    "\"asked\":10}\n"
    "{\"type\":\"span\",\"stream\":2,\"from\":\"client\",\"lane\":\"send\",\"n\":2,\"offset\":10,\"length\":"
    "30,"
    "\"asked\":30}\n"
    "{\"type\":\"span\",\"stream\":2,\"from\":\"client\",\"lane\":\"send\",\"n\":3,\"offset\":40,\"length\":"
    "60,"
    "\"asked\":80}\n"
    "{\"type\":\"span\",\"stream\":2,\"from\":\"client\",\"lane\":\"wire\",\"n\":1,\"offset\":0,\"length\":"
    "100}\n"
    "no JSON\n"
    "{\"type\":\"span\",\"stream\":2,\"from\":\"client\",\"lane\":\"recv\",\"n\":1,\"offset\":0,\"length\":"
    "40,"
    "\"asked\":64}\n"
    "{\"type\":\"span\",\"stream\":2,\"from\":\"client\",\"lane\":\"recv\",\"n\":2,\"offset\":40,\"length\":"
    "20,"
    "\"asked\":64}\n"
    "{\"type\":\"span\",\"stream\":2,\"from\":\"client\",\"lane\":\"recv\",\"n\":3,\"offset\":60,\"length\":"
    "40,"
    "\"asked\":40}\n"
    "{\"type\":\"finding\",\"stream\":2,\"from\":\"client\",\"kind\":\"segmented\",\"offset\":0,\"length\":"
    "100,"
    "\"cause\":\"mss\"}\n"
    "{\"type\":\"finding\",\"stream\":2,\"from\":\"client\",\"kind\":\"merged\",\"offset\":0,\"length\":40,"
    "\"cause\":\"queued-before-recv\"}\n"
    "{\"type\":\"span\",\"stream\":2,\"from\":\"cli";

static const struct exercise_role reads = {.server = true}, writes = {.client = true};

static const char *kind_of(const json_t *finding)
{
    return json_string_value(json_object_get(finding, "kind"));
}

static void a_recv_of_several_sends_is_found(void **state)
{
    (void)state;
    struct exercise_place place;
    json_t *finding;
    exercise_find_place(&place, &finding, reads, recording, sizeof recording - 1, 12);
    assert_int_equal(place.recv, 1);
    assert_int_equal(place.recv_len, 40);
    assert_int_equal(place.send_first, 1);
    assert_int_equal(place.send_last, 2);
    assert_int_equal(place.part_of, 0);
    assert_int_equal(place.short_send, 0);
    assert_string_equal(kind_of(finding), "merged");
    json_decref(finding);
}

static void a_recv_of_a_part_is_found(void **state)
{
    (void)state;
    struct exercise_place place;
    json_t *finding;
    exercise_find_place(&place, &finding, reads, recording, sizeof recording - 1, 60);
    assert_int_equal(place.recv, 3);
    assert_int_equal(place.part_of, 3);
    assert_int_equal(place.part_len, 60);
    assert_int_equal(place.parts_first, 2);
    assert_int_equal(place.parts_last, 3);
    assert_string_equal(kind_of(finding), "segmented");
    json_decref(finding);
    exercise_find_place(&place, &finding, reads, recording, sizeof recording - 1, 100000);
    assert_int_equal(place.recv, 3);
    json_decref(finding);
}

static void a_sender_hears_of_its_short_sends_only(void **state)
{
    (void)state;
    struct exercise_place place;
    json_t *finding;
    exercise_find_place(&place, &finding, writes, recording, sizeof recording - 1, 100);
    assert_int_equal(place.recv, 0);
    assert_null(finding);
    assert_int_equal(place.short_send, 3);
    assert_int_equal(place.short_len, 60);
    assert_int_equal(place.short_asked, 80);
    exercise_find_place(&place, &finding, writes, recording, sizeof recording - 1, 99);
    assert_int_equal(place.short_send, 0);
}

static void no_prefix_of_a_recording_is_too_short(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof recording; len++) {
        struct exercise_place place;
        json_t *finding;
        exercise_find_place(&place, &finding, reads, recording, len, 12);
        json_decref(finding);
    }
}

static void hostile_json_finds_nothing(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "[]\n",
        "{\"type\":\"direction\",\"from\":7,\"bytes\":5}\n",
        "{\"type\":\"direction\",\"stream\":1,\"from\":\"client\",\"bytes\":-5}\n",
        ("{\"type\":\"direction\",\"stream\":1,\"from\":\"client\",\"bytes\":5}\n"
         "{\"type\":\"finding\",\"stream\":1,\"from\":\"client\"}\n"),
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct exercise_place place;
        json_t *finding;
        exercise_find_place(&place, &finding, reads, texts[i], strlen(texts[i]), 12);
        assert_int_equal(place.recv, 0);
        assert_null(finding);
    }
}

static void the_role_is_where_the_program_stands(void **state)
{
    (void)state;
    struct exercise_role role = exercise_role_of("sockdiag lab --server-cmd '{program}' -- python3 a.py");
    assert_true(role.server && !role.client);
    role = exercise_role_of("sockdiag lab --server-cmd 'python3 a.py' -- {program}");
    assert_true(!role.server && role.client);
    role = exercise_role_of("sockdiag lab --server-cmd '{program} serve' -- {program} send");
    assert_true(role.server && role.client);
    role = exercise_role_of("python3 harness.py {program}");
    assert_true(!role.server && !role.client);
}

/* ---- words ---- */

static void fill(const char *command, const char *expected)
{
    struct buf out = {0};
    exercise_fill(&out, command, "program", "./a");
    assert_string_equal(buf_cstr(&out), expected);
    buf_free(&out);
}

static void braces_are_filled(void **state)
{
    (void)state;
    fill("run '{program}' -- {program} x", "run './a' -- ./a x");
    fill("{programs} {program", "{programs} {program");
    fill("awk '{ print }'", "awk '{ print }'");
    fill("", "");
}

static const char *describe(struct buf *out, const struct exercise_result *result)
{
    out->len = 0;
    exercise_describe(out, result);
    return buf_cstr(out);
}

static void sentences_name_the_place_and_the_reason(void **state)
{
    (void)state;
    struct buf out = {0};
    struct exercise_result r = {.reason = EXERCISE_DIFFERS,
                                .network = "small",
                                .options = "--mtu 576",
                                .file = "got.txt",
                                .wanted = "want.txt",
                                .difference = compare("0123456789", 10, "0123X", 5),
                                .place = {.recv = 2,
                                          .recv_len = 4,
                                          .asked = 1024,
                                          .part_of = 1,
                                          .part_len = 9,
                                          .send_first = 1,
                                          .send_last = 1,
                                          .parts_first = 1,
                                          .parts_last = 3}};
    const char *text = describe(&out, &r);
    assert_non_null(strstr(text, "got.txt is wrong from byte 4 on.\n"));
    assert_non_null(strstr(text, "  it is \"X\"\n"));
    assert_non_null(strstr(text, "  it should be \"456789\"\n"));
    assert_non_null(strstr(text, "recv #2 returned 4 bytes: a part of send #1.\n"));
    assert_non_null(strstr(text, "recvs #1 to #3"));
    assert_null(strstr(text, "had asked for no more"));

    r = (struct exercise_result){.reason = EXERCISE_TIME, .seconds = 3, .call = "recvfrom(4)"};
    text = describe(&out, &r);
    assert_non_null(strstr(text, "longer than 3 s"));
    assert_non_null(strstr(text, "waiting in recvfrom(4)"));

    r = (struct exercise_result){.reason = EXERCISE_STATUS, .status = 139};
    text = describe(&out, &r);
    assert_non_null(strstr(text, "signal 11"));

    r = (struct exercise_result){.reason = EXERCISE_PASSED, .network = "clean"};
    assert_string_equal(describe(&out, &r), "");
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_files_do_not_differ),
        cmocka_unit_test(the_first_byte_that_differs_is_told),
        cmocka_unit_test(bytes_are_escaped_and_bounded),
        cmocka_unit_test(a_recv_of_several_sends_is_found),
        cmocka_unit_test(a_recv_of_a_part_is_found),
        cmocka_unit_test(a_sender_hears_of_its_short_sends_only),
        cmocka_unit_test(no_prefix_of_a_recording_is_too_short),
        cmocka_unit_test(hostile_json_finds_nothing),
        cmocka_unit_test(the_role_is_where_the_program_stands),
        cmocka_unit_test(braces_are_filled),
        cmocka_unit_test(sentences_name_the_place_and_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
