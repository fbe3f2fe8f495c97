/* needs: src/base/hash.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"

/* The key 00 01 … 0f of the paper's appendix A, as two little-endian words. */
static const struct hash_key paper_key = {0x0706050403020100U, 0x0f0e0d0c0b0a0908U};

/* SipHash-2-4 of 00, 00 01, 00 01 02, … by length; the row of 15 bytes is the paper's example. */
static void vectors(void **state)
{
    (void)state;
    static const struct {
        size_t len;
        uint64_t expected;
    } rows[] = {
        {0, 0x726fdb47dd0e0e31U},
        {1, 0x74f839c593dc67fdU},
        {8, 0x93f5f5799a932462U},
        {15, 0xa129ca6149be45e5U},
    };
    uint8_t input[16];
    for (size_t i = 0; i < sizeof input; i++)
        input[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_true(hash_bytes(&paper_key, input, rows[i].len) == rows[i].expected);
}

/* Any alignment gives the same: the words are put together byte by byte. */
static void alignment(void **state)
{
    (void)state;
    uint8_t space[32];
    for (size_t shift = 0; shift < 8; shift++) {
        for (size_t i = 0; i < 15; i++)
            space[shift + i] = (uint8_t)i;
        assert_true(hash_bytes(&paper_key, space + shift, 15) == 0xa129ca6149be45e5U);
    }
}

/* Each single bit of key and input changes the result, and a trailing zero is not the same as none. */
static void sensitive(void **state)
{
    (void)state;
    uint8_t input[20] = {0};
    const uint64_t base = hash_bytes(&paper_key, input, sizeof input);
    for (size_t bit = 0; bit < 8 * sizeof input; bit++) {
        input[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_true(hash_bytes(&paper_key, input, sizeof input) != base);
        input[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (unsigned bit = 0; bit < 64; bit++) {
        const struct hash_key low = {paper_key.k0 ^ (uint64_t)1 << bit, paper_key.k1};
        const struct hash_key high = {paper_key.k0, paper_key.k1 ^ (uint64_t)1 << bit};
        assert_true(hash_bytes(&low, input, sizeof input) != base);
        assert_true(hash_bytes(&high, input, sizeof input) != base);
    }
    assert_true(hash_bytes(&paper_key, input, sizeof input - 1) != base);
}

static void random_keys(void **state)
{
    (void)state;
    const struct hash_key one = hash_key_random(), other = hash_key_random();
    assert_true(one.k0 != other.k0 || one.k1 != other.k1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(alignment),
        cmocka_unit_test(sensitive),
        cmocka_unit_test(random_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
