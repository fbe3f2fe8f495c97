/* needs: src/base/pages.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/pages.h"

/* Every size from one page to many of the largest: in place, zero, and zero again where it was given back. */
static void sizes(void **state)
{
    (void)state;
    static const size_t wanted[] = {1, 4096, 5000, 100000, (2 << 20) - 1, 2 << 20, (2 << 20) + 1, 9 << 20};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        const size_t size = wanted[i];
        struct pages pages;
        assert_int_equal(pages_reserve(&pages, size), 0);
        assert_true(pages.size >= size && pages.size < size + pages.unit);
        assert_true((uintptr_t)pages.at % pages.unit == 0);
        uint8_t *bytes = pages.at;
        for (size_t at = 0; at < size; at += 1000) {
            assert_int_equal(bytes[at], 0);
            bytes[at] = 1;
        }
        bytes[size - 1] = 1;
        assert_int_equal(pages_taken(&pages, 0), 0);
        assert_int_equal(pages_taken(&pages, size), pages.size);
        pages_give_back(&pages, 1, size);
        assert_int_equal(bytes[0], 1);
        for (size_t at = pages.unit; at < size; at += 1000)
            assert_int_equal(bytes[at], 0);
        pages_free(&pages);
        pages_free(&pages);
    }
}

static void too_many(void **state)
{
    (void)state;
    struct pages pages;
    assert_true(pages_reserve(&pages, SIZE_MAX) < 0);
    assert_true(pages_reserve(&pages, SIZE_MAX / 4) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),
        cmocka_unit_test(too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
