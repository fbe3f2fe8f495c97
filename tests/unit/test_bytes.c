/* needs: */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/seq.h"

/* Network order by shifts: the top bit must not become a sign. */
static void integers(void **state)
{
    (void)state;
    const uint8_t raw[] = {0xf1, 0x02, 0x83, 0x04};
    assert_int_equal(load_be16(raw), 0xf102);
    assert_true(load_be32(raw) == 0xf1028304U);
    assert_int_equal(load_le16(raw), 0x02f1);
    assert_true(load_le32(raw) == 0x048302f1U);
    uint8_t stored[4];
    store_be32(stored, 0xf1028304U);
    assert_memory_equal(stored, raw, sizeof raw);
}

static void reads_in_order(void **state)
{
    (void)state;
    const uint8_t raw[] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct bytes b = bytes_of(raw, sizeof raw);
    uint8_t one;
    uint16_t two;
    uint32_t four;
    assert_true(bytes_u8(&b, &one) && one == 1);
    assert_true(bytes_be16(&b, &two) && two == 0x0203);
    assert_true(bytes_be32(&b, &four) && four == 0x04050607U);
    assert_int_equal(b.left, 1);
    assert_ptr_equal(b.at, raw + 7);
}

/* What does not fit gives nothing, moves nothing, and leaves the result as it was. */
static void short_reads_move_nothing(void **state)
{
    (void)state;
    const uint8_t raw[] = {1, 2, 3};
    for (size_t len = 0; len <= sizeof raw; len++) {
        struct bytes b = bytes_of(raw, len), sub = {NULL, 77};
        uint32_t four = 99;
        uint16_t two = 99;
        uint8_t one = 99;
        assert_false(bytes_be32(&b, &four));
        assert_false(bytes_sub(&b, len + 1, &sub));
        assert_null(bytes_take(&b, SIZE_MAX));
        assert_true(four == 99 && sub.left == 77 && b.at == raw && b.left == len);
        assert_true(bytes_be16(&b, &two) == (len >= 2));
        assert_true(two == (len >= 2 ? 0x0102 : 99));
        assert_true(bytes_u8(&b, &one) == (len == 1 || len == 3));
    }
}

static void sub_cursor(void **state)
{
    (void)state;
    const uint8_t raw[] = {1, 2, 3, 4};
    struct bytes b = bytes_of(raw, sizeof raw), sub;
    assert_true(bytes_sub(&b, 3, &sub));
    assert_ptr_equal(sub.at, raw);
    assert_int_equal(sub.left, 3);
    assert_int_equal(b.left, 1);
    assert_true(bytes_sub(&b, 0, &sub) && sub.left == 0);
}

/* The circle of sequence numbers: order over the wrap, and the two ends of the range (RFC 9293, 3.4). */
static void sequence_numbers(void **state)
{
    (void)state;
    assert_true(seq_lt(1, 2) && !seq_lt(2, 1) && !seq_lt(5, 5));
    assert_true(seq_lt(0xffffffffU, 0) && !seq_lt(0, 0xffffffffU));
    assert_true(seq_lt(0xfffffff0U, 0x10) && seq_diff(0x10, 0xfffffff0U) == 32);
    assert_int_equal(seq_diff(0xfffffff0U, 0x10), -32);
    assert_true(seq_diff(0x7fffffffU, 0) == INT32_MAX);
    assert_true(seq_diff(0x80000000U, 0) == INT32_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),
        cmocka_unit_test(reads_in_order),
        cmocka_unit_test(short_reads_move_nothing),
        cmocka_unit_test(sub_cursor),
        cmocka_unit_test(sequence_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
