/* needs: capture/row_store.c src/base/pages.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture/row_store.h"

/* A record that tells its own key and number, and is `len` bytes long. */
static void add(struct row_store *store, uint64_t key, uint64_t number, size_t len)
{
    uint8_t data[ROW_STORE_MAX_RECORD];
    memset(data, (int)(number & 0xff), sizeof data);
    memcpy(data, &key, 8);
    memcpy(data + 8, &number, 8);
    assert_int_equal(row_store_add(store, key, number, data, len), 0);
}

/* The record at `index` is whole: returns its number. */
static uint64_t check_record(const struct row_store *store, size_t index, uint64_t *key)
{
    size_t len = 0;
    uint64_t number;
    const uint8_t *data = row_store_get(store, index, &len);
    assert_true(len >= 16 && len <= ROW_STORE_MAX_RECORD);
    memcpy(key, data, 8);
    memcpy(&number, data + 8, 8);
    for (size_t i = 16; i < len; i++)
        assert_int_equal(data[i], number & 0xff);
    return number;
}

static void check_order(const struct row_store *store)
{
    uint64_t last_key = 0, last_number = 0;
    for (size_t i = 0; i < row_store_count(store); i++) {
        uint64_t key;
        const uint64_t number = check_record(store, i, &key);
        assert_true(i == 0 || key > last_key || (key == last_key && number > last_number));
        last_key = key;
        last_number = number;
    }
}

static void empty(void **state)
{
    (void)state;
    struct row_store *store = row_store_new(0);
    assert_non_null(store);
    assert_int_equal(row_store_sort(store), 0);
    assert_int_equal(row_store_count(store), 0);
    row_store_free(store);
    row_store_free(NULL);
}

static void order_by_key_and_number(void **state)
{
    (void)state;
    static const uint64_t keys[] = {5, UINT64_MAX, 0, 5, 1ULL << 63, 5, 1ULL << 33, 0};
    static const uint64_t expected[] = {2, 7, 0, 3, 5, 6, 4, 1};
    struct row_store *store = row_store_new(1 << 20);
    for (uint64_t i = 0; i < 8; i++)
        add(store, keys[i], i, 16);
    assert_int_equal(row_store_sort(store), 0);
    for (size_t i = 0; i < 8; i++) {
        uint64_t key;
        assert_int_equal(check_record(store, i, &key), expected[i]);
        assert_int_equal(key, keys[expected[i]]);
    }
    row_store_free(store);
}

static void many_of_all_lengths(void **state)
{
    (void)state;
    struct row_store *store = row_store_new((size_t)256 << 20);
    srand(1);
    for (uint64_t i = 0; i < 20000; i++)
        add(store, (uint64_t)rand() % 500, i, 16 + (size_t)rand() % (i % 100 == 0 ? 4000 : 100));
    assert_int_equal(row_store_sort(store), 0);
    assert_int_equal(row_store_count(store), 20000);
    assert_int_equal(row_store_given_up(store), 0);
    check_order(store);
    row_store_free(store);
}

/* What is kept under a limit is the beginning of the order: up to the greatest key that is there, each that
 * was ever added. */
static void the_last_are_given_up(void **state)
{
    (void)state;
    enum {
        COUNT = 100000
    };
    struct row_store *store = row_store_new(1); /* the least that is used */
    for (uint64_t i = 0; i < COUNT; i++)
        add(store, i * 7919 % COUNT, i, 16 + i % 150); /* each key once */
    assert_int_equal(row_store_sort(store), 0);
    const size_t kept = row_store_count(store);
    assert_true(kept > 1000 && kept < COUNT / 2);
    assert_int_equal(row_store_given_up(store), COUNT - kept);
    check_order(store);
    uint64_t key;
    check_record(store, kept - 1, &key);
    assert_int_equal(key, kept - 1);
    row_store_free(store);
}

static void too_long(void **state)
{
    (void)state;
    struct row_store *store = row_store_new(0);
    uint8_t data[ROW_STORE_MAX_RECORD + 1] = {0};
    assert_int_not_equal(row_store_add(store, 1, 1, data, sizeof data), 0);
    assert_int_equal(row_store_count(store), 0);
    row_store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty),
        cmocka_unit_test(order_by_key_and_number),
        cmocka_unit_test(many_of_all_lengths),
        cmocka_unit_test(the_last_are_given_up),
        cmocka_unit_test(too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
