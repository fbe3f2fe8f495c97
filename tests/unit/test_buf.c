/* needs: src/base/buf.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"

static void appends(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_text(&b, "ab");
    buf_char(&b, 'c');
    buf_append(&b, "d\0e", 3);
    buf_append(&b, NULL, 0);
    buf_zeros(&b, 2);
    assert_false(b.failed);
    assert_int_equal(b.len, 8);
    assert_memory_equal(b.data, "abcd\0e\0\0", 8);
    buf_free(&b);
    assert_null(b.data);
    assert_int_equal(b.len, 0);
}

static void numbers(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_u64(&b, 0);
    buf_char(&b, ' ');
    buf_u64(&b, UINT64_MAX);
    buf_char(&b, ' ');
    buf_i64(&b, INT64_MIN);
    buf_char(&b, ' ');
    buf_i64(&b, -1);
    buf_printf(&b, " %03u|%s", 7U, "x");
    assert_string_equal(buf_cstr(&b), "0 18446744073709551615 -9223372036854775808 -1 007|x");
    buf_free(&b);
}

/* Every count of digits, and the numbers beside it; with padding, wider and narrower. */
static void digits(void **state)
{
    (void)state;
    struct buf b = {0};
    for (uint64_t power = 1, last = 0; power > last; last = power, power *= 10) {
        for (int step = -1; step <= 1; step++) {
            const uint64_t value = power + (uint64_t)step;
            char plain[24], padded[24];
            snprintf(plain, sizeof plain, "%" PRIu64, value);
            snprintf(padded, sizeof padded, "%09" PRIu64 "%6" PRIu64, value % 1000000000, value % 100000000);
            b.len = 0;
            buf_u64(&b, value);
            assert_string_equal(buf_cstr(&b), plain);
            b.len = 0;
            buf_u64_padded(&b, value % 1000000000, 9, '0');
            buf_u64_padded(&b, value % 100000000, 6, ' ');
            assert_string_equal(buf_cstr(&b), padded);
        }
    }
    buf_free(&b);
}

/* The NUL of buf_cstr is not counted: what follows overwrites it. */
static void text_goes_on(void **state)
{
    (void)state;
    struct buf b = {0};
    assert_string_equal(buf_cstr(&b), "");
    buf_text(&b, "one");
    assert_string_equal(buf_cstr(&b), "one");
    buf_text(&b, " two");
    assert_string_equal(buf_cstr(&b), "one two");
    assert_int_equal(b.len, 7);
    buf_free(&b);
}

/* Every length around the doublings: nothing is lost, nothing is written past the end (ASan looks on). */
static void grows(void **state)
{
    (void)state;
    struct buf b = {0};
    for (size_t i = 0; i < 5000; i++) {
        buf_char(&b, (char)(i % 251));
        assert_true(b.cap >= b.len);
    }
    buf_printf(&b, "%0*d", 3000, 7);
    assert_false(b.failed);
    assert_int_equal(b.len, 8000);
    for (size_t i = 0; i < 5000; i++)
        assert_int_equal(b.data[i], i % 251);
    assert_int_equal(b.data[7999], '7');
    buf_free(&b);
}

/* A size that no memory has: the buffer says so, keeps what it had, and takes nothing more. */
static void failure_stays(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_text(&b, "kept");
    assert_false(buf_reserve(&b, SIZE_MAX - 2));
    assert_true(b.failed);
    buf_text(&b, "not taken");
    buf_u64(&b, 1);
    buf_zeros(&b, 1);
    assert_int_equal(b.len, 4);
    assert_memory_equal(b.data, "kept", 4);
    assert_string_equal(buf_cstr(&b), "");
    buf_free(&b);
    assert_false(b.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends),      cmocka_unit_test(numbers), cmocka_unit_test(digits),
        cmocka_unit_test(text_goes_on), cmocka_unit_test(grows),   cmocka_unit_test(failure_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
