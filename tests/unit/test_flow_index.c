/* needs: capture/flow_index.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "capture/flow_index.h"

enum {
    VALUES = 3000,
};

static bool is_same(const void *value, const void *wanted)
{
    return value == wanted;
}

/* What is in and what is not, against a plain table, through many turns of adding and removing. `spread`: how
 * many hashes there are. */
static void check(uint32_t spread)
{
    static char values[VALUES];
    bool in[VALUES] = {false};
    struct flow_index index = {0};
    uint32_t random = 1;
    size_t count = 0;
    for (int turn = 0; turn < 40000; turn++) {
        random = random * 1664525 + 1013904223;
        const size_t i = (random >> 8) % VALUES;
        const uint32_t hash = (uint32_t)i * 2654435761U % spread;
        assert_true((flow_index_find(&index, hash, is_same, &values[i]) != NULL) == in[i]);
        if (in[i])
            flow_index_remove(&index, hash, &values[i]);
        else
            assert_int_equal(flow_index_add(&index, hash, &values[i]), 0);
        in[i] = !in[i];
        count += in[i] ? 1 : (size_t)-1;
        assert_int_equal(index.count, count);
    }
    for (size_t i = 0; i < VALUES; i++)
        assert_ptr_equal(flow_index_find(&index, (uint32_t)i * 2654435761U % spread, is_same, &values[i]),
                         in[i] ? &values[i] : NULL);
    assert_true(index.size >= 2 * count && flow_index_memory(&index) >= index.size * sizeof(void *));
    flow_index_fini(&index);
    assert_null(flow_index_find(&index, 1, is_same, values));
}

static void spread_out(void **state)
{
    (void)state;
    check(UINT32_MAX);
}

/* All places near each other, the end of the table and its beginning among them. */
static void crowded(void **state)
{
    (void)state;
    check(UINT32_MAX / 3);
    check(37);
    check(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spread_out),
        cmocka_unit_test(crowded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
