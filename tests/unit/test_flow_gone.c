/* needs: capture/flow_gone.c src/base/pages.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "capture/flow_gone.h"

#define S UINT64_C(1000000000)
#define LINGER (60 * S)

static uint64_t hash_of(uint64_t n)
{
    uint64_t z = n * 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    return z ^ (z >> 27);
}

/* Each is known once, as long as it would have lingered; the clock may go back a little. */
static void remembers(void **state)
{
    (void)state;
    struct flow_gone gone;
    const uint64_t begin = 1600000000 * S;
    flow_gone_init(&gone, SIZE_MAX, LINGER);
    assert_false(flow_gone_take(&gone, hash_of(1), begin));
    assert_int_equal(flow_gone_memory(&gone), 0);
    for (uint64_t i = 0; i < 100000; i++)
        flow_gone_add(&gone, hash_of(i), begin + i * S / 10000);
    uint64_t known = 0, strange = 0;
    for (uint64_t i = 0; i < 90000; i++) {
        known += flow_gone_take(&gone, hash_of(i), begin + 11 * S);
        assert_false(flow_gone_take(&gone, hash_of(i), begin + 11 * S));
        strange += flow_gone_take(&gone, hash_of(i + 1000000), begin + 11 * S);
    }
    assert_true(known > 89900 && strange == 0);
    for (uint64_t i = 90000; i < 100000; i++)
        assert_false(flow_gone_take(&gone, hash_of(i), begin + 10 * S + LINGER + S));
    flow_gone_add(&gone, 0, begin);
    assert_true(flow_gone_take(&gone, 0, begin - S));
    flow_gone_fini(&gone);
}

/* Within its bytes, the last ones are known. */
static void bounded(void **state)
{
    (void)state;
    struct flow_gone gone;
    flow_gone_init(&gone, 64 << 10, LINGER);
    for (uint64_t i = 0; i < 200000; i++) {
        flow_gone_add(&gone, hash_of(i), i * 1000000);
        assert_true(flow_gone_memory(&gone) <= 64 << 10);
    }
    uint64_t known = 0;
    for (uint64_t i = 200000 - 4000; i < 200000; i++)
        known += flow_gone_take(&gone, hash_of(i), 200 * S);
    assert_true(known > 3800);
    flow_gone_fini(&gone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(remembers),
        cmocka_unit_test(bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
