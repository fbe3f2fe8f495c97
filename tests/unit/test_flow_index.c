/* needs: capture/flow_index.c src/base/pages.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "capture/flow_index.h"

enum {
    VALUES = 3000,
};

static bool has(const struct flow_index *index, uint32_t hash, uint32_t wanted)
{
    uint32_t value;
    for (size_t at = hash; (value = flow_index_next(index, hash, &at)) != FLOW_INDEX_NONE;) {
        if (value == wanted)
            return true;
    }
    return false;
}

/* What is in and what is not, against a plain table, through many turns of adding, renaming and removing.
 * `spread`: how many hashes there are. */
static void check(uint32_t spread)
{
    uint32_t name[VALUES] = {0}; /* that it was added by, or has been given; 0: it is not in */
    struct flow_index index = {0};
    uint32_t random = 1;
    size_t count = 0;
    for (int turn = 0; turn < 40000; turn++) {
        random = random * 1664525 + 1013904223;
        const uint32_t i = (random >> 8) % VALUES, other = i + VALUES;
        const uint32_t hash = i * 2654435761U % spread;
        assert_true(has(&index, hash, i + 1) == (name[i] == i + 1));
        assert_true(has(&index, hash, other + 1) == (name[i] == other + 1));
        if (name[i] == 0) {
            assert_int_equal(flow_index_add(&index, hash, i + 1), 0);
            name[i] = i + 1;
            count++;
        } else if (random >> 31 != 0) {
            flow_index_rename(&index, hash, name[i], other + 1);
            name[i] = other + 1;
        } else {
            flow_index_remove(&index, hash, name[i]);
            name[i] = 0;
            count--;
        }
        assert_int_equal(index.count, count);
    }
    for (uint32_t i = 0; i < VALUES; i++)
        assert_true(has(&index, i * 2654435761U % spread, i + 1) == (name[i] == i + 1));
    assert_true(index.size >= 2 * count &&
                flow_index_memory(&index) >= index.size * sizeof(struct flow_index_slot));
    flow_index_fini(&index);
    assert_false(has(&index, 1, 1));
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
