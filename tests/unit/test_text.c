/* needs: src/base/text.c src/base/buf.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/text.h"

static size_t width(const char *text)
{
    return text_width(text, strlen(text));
}

static void widths(void **state)
{
    (void)state;
    assert_int_equal(width(""), 0);
    assert_int_equal(width("plain"), 5);
    assert_int_equal(width("é"), 1);
    assert_int_equal(width("粘包"), 4);
    assert_int_equal(width("ﾊﾝｶｸ"), 4); /* halfwidth katakana */
    assert_int_equal(width("한글"), 4);
    assert_int_equal(width("e\u0301"), 1); /* e and a combining acute */
    assert_int_equal(width("┃ ─ →"), 5);
    assert_int_equal(width("\xff\xfe"
                           "a"),
                     3);                     /* no UTF-8: a column for each byte */
    assert_int_equal(width("a\xe7\xb2"), 3); /* 粘 cut after two of its three bytes */
}

/* The longest prefix of whole characters: never half a character, never a column too many, and no combining
 * mark parted from its letter. */
static void fits(void **state)
{
    (void)state;
    const char *text = "a粘e\u0301包b";
    const size_t len = strlen(text);
    static const size_t expected[] = {0, 1, 1, 4, 7, 7, 10, 11, 11};
    for (size_t columns = 0; columns < sizeof expected / sizeof expected[0]; columns++) {
        const size_t n = text_fit(text, len, columns);
        assert_int_equal(n, expected[columns]);
        assert_true(text_width(text, n) <= columns);
    }
    assert_int_equal(text_fit(text, 0, 10), 0);
    assert_int_equal(text_fit("\xff\xff", 2, 1), 1);
}

static void expect_escape(const char *data, size_t len, const char *expected)
{
    struct buf out = {0};
    text_escape(&out, data, len);
    assert_string_equal(buf_cstr(&out), expected);
    buf_free(&out);
}

#define ESCAPES(data, expected) expect_escape(data, sizeof(data) - 1, expected)

static void printable_stays(void **state)
{
    (void)state;
    ESCAPES("", "");
    ESCAPES("GET / \"x\" 'y'", "GET / \"x\" 'y'");
    ESCAPES("粘包 é → ┃", "粘包 é → ┃");
}

static void controls(void **state)
{
    (void)state;
    ESCAPES("a\nb\tc\rd", "a\\nb\\tc\\rd");
    ESCAPES("\x1b[2J\x07", "\\x1b[2J\\x07");
    ESCAPES("\0\x7f", "\\x00\\x7f");
    ESCAPES("\xc2\x9b"
            "31m",
            "\\u{009b}31m"); /* CSI as one C1 character */
    ESCAPES("C:\\dir", "C:\\\\dir");
}

/* Parts of a message may be escaped already. */
static void message(void **state)
{
    (void)state;
    struct buf out = {0};
    const char text[] = "C:\\dir\\x1b \x1b\n\t\x7f\xc2\x9b\xff";
    text_escape_message(&out, text, sizeof text - 1);
    assert_string_equal(buf_cstr(&out), "C:\\dir\\x1b \\x1b\\n\\t\\x7f\\u{009b}\\xff");
    buf_free(&out);
}

/* Characters that are not seen, but change what is: reading direction, separators, marks of no width, tags.
 */
static void unseen(void **state)
{
    (void)state;
    ESCAPES("a\u202egpj.exe", "a\\u{202e}gpj.exe");
    ESCAPES("\u2066x\u2069", "\\u{2066}x\\u{2069}");
    ESCAPES("\u200e\u200f\u061c", "\\u{200e}\\u{200f}\\u{061c}");
    ESCAPES("\u2028\u2029", "\\u{2028}\\u{2029}");
    ESCAPES("\u200b\ufeff", "\\u{200b}\\u{feff}");
    ESCAPES("\U000e0041", "\\u{e0041}");
}

/* Overlong forms, surrogates, values past the last character, lone and missing continuation bytes. */
static void invalid_utf8(void **state)
{
    (void)state;
    ESCAPES("\xc0\xaf", "\\xc0\\xaf");
    ESCAPES("\xe0\x80\xaf", "\\xe0\\x80\\xaf");
    ESCAPES("\xed\xa0\x80", "\\xed\\xa0\\x80");
    ESCAPES("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
    ESCAPES("\x80"
            "a",
            "\\x80a");
    ESCAPES("\xe7\xb2", "\\xe7\\xb2");
    ESCAPES("\xe7"
            "a",
            "\\xe7a");
    ESCAPES("\xff", "\\xff");
}

/* Whatever two bytes come, the result has no control character and is valid UTF-8. */
static void every_pair_is_safe(void **state)
{
    (void)state;
    for (unsigned pair = 0; pair < 65536; pair++) {
        const char data[2] = {(char)(pair >> 8), (char)pair};
        struct buf out = {0};
        text_escape(&out, data, sizeof data);
        assert_false(out.failed);
        struct buf again = {0};
        for (size_t i = 0; i < out.len; i++)
            assert_true(out.data[i] >= 0x20 && out.data[i] != 0x7f);
        /* What is escaped once holds nothing but backslashes that a second pass would change. */
        text_escape(&again, out.data, out.len);
        size_t backslashes = 0;
        for (size_t i = 0; i < out.len; i++)
            backslashes += out.data[i] == '\\';
        assert_int_equal(again.len, out.len + backslashes);
        buf_free(&again);
        buf_free(&out);
    }
}

static size_t distance(const char *word, const char *other)
{
    const size_t there = text_distance(word, strlen(word), other);
    assert_int_equal(there, text_distance(other, strlen(other), word));
    return there;
}

static void distances(void **state)
{
    (void)state;
    assert_int_equal(distance("", ""), 0);
    assert_int_equal(distance("dport", "dport"), 0);
    assert_int_equal(distance("dprot", "dport"), 1);
    assert_int_equal(distance("tpc", "tcp"), 1);
    assert_int_equal(distance("ttl", ""), 3);
    assert_int_equal(distance("kitten", "sitting"), 3);
    assert_int_equal(text_distance("sportmanship", 5, "sport"), 0);
    assert_int_equal(distance("a", "000000000000000000000000000000000"), TEXT_DISTANCE_MOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(widths),          cmocka_unit_test(fits),
        cmocka_unit_test(printable_stays), cmocka_unit_test(controls),
        cmocka_unit_test(message),         cmocka_unit_test(unseen),
        cmocka_unit_test(invalid_utf8),    cmocka_unit_test(every_pair_is_safe),
        cmocka_unit_test(distances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
