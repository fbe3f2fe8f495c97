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

static struct row_place place_of(const void *context, const uint8_t *record)
{
    struct row_place place;
    assert_null(context);
    memcpy(&place.key, record, 8);
    memcpy(&place.number, record + 8, 8);
    return place;
}

static struct row_store *new_store(size_t limit)
{
    struct row_store *store = row_store_new(limit, place_of, NULL);
    assert_non_null(store);
    return store;
}

/* A record that tells its own key and number, and is `len` bytes long. */
static void add(struct row_store *store, uint64_t key, uint64_t number, size_t len)
{
    uint8_t data[ROW_STORE_MAX_RECORD];
    memset(data, (int)(number & 0xff), sizeof data);
    memcpy(data, &key, 8);
    memcpy(data + 8, &number, 8);
    assert_int_equal(row_store_add(store, data, len), 0);
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
    struct row_store *store = new_store(0);
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
    struct row_store *store = new_store(1 << 20);
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
    struct row_store *store = new_store((size_t)256 << 20);
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
    struct row_store *store = new_store(1); /* the least that is used */
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

/* Several become one: their orders, if they are sorted, are merged. */
static void joined(void **state)
{
    (void)state;
    for (int sorted = 0; sorted < 4; sorted++) {
        struct row_store *all = new_store(64 << 20), *other = new_store(64 << 20);
        srand(2);
        for (uint64_t i = 0; i < 9000; i++)
            add(i % 3 == 0 ? all : other, (uint64_t)rand() % 1000, i, 16 + i % 700);
        if ((sorted & 1) != 0)
            assert_int_equal(row_store_sort(all), 0);
        if ((sorted & 2) != 0)
            assert_int_equal(row_store_sort(other), 0);
        assert_int_equal(row_store_join(all, other), 0);
        assert_int_equal(row_store_count(other), 0);
        row_store_free(other);
        other = new_store(0);
        assert_int_equal(row_store_join(all, other), 0); /* nothing */
        add(all, 500, 9000, 20);
        assert_int_equal(row_store_sort(all), 0);
        assert_int_equal(row_store_count(all), 9001);
        check_order(all);
        row_store_free(all);
        row_store_free(other);
    }
}

/* What one of them had no room for, or what comes behind that, is not kept of the other either. */
static void joined_where_some_are_given_up(void **state)
{
    (void)state;
    enum {
        MANY = 60000,
        FEW = 100
    };
    for (int first = 0; first < 2; first++) {
        struct row_store *many = new_store(0), *few = new_store(0);
        for (uint64_t i = 0; i < MANY; i++)
            add(many, i * 7919 % MANY * 2, i, 100);
        for (uint64_t i = 0; i < FEW; i++)
            add(few, (i * MANY / FEW) * 2 + 1, MANY + i, 100);
        assert_true(row_store_given_up(many) > 0);
        assert_int_equal(row_store_given_up(few), 0);
        struct row_store *all = first == 0 ? many : few, *other = first == 0 ? few : many;
        assert_int_equal(row_store_join(all, other), 0);
        assert_int_equal(row_store_sort(all), 0);
        const size_t kept = row_store_count(all);
        assert_true(kept > 100 && kept < MANY);
        assert_int_equal(row_store_given_up(all), MANY + FEW - kept);
        check_order(all);
        uint64_t key = 0, few_kept = 0;
        for (size_t i = 0; i < kept; i++) {
            (void)check_record(all, i, &key);
            few_kept += key % 2;
        }
        assert_int_equal(few_kept, (key / 2 + 1 + MANY / FEW - 1) / (MANY / FEW));
        row_store_free(all);
        row_store_free(other);
    }
}

static void too_long(void **state)
{
    (void)state;
    struct row_store *store = new_store(0);
    uint8_t data[ROW_STORE_MAX_RECORD + 1] = {0};
    assert_int_not_equal(row_store_add(store, data, sizeof data), 0);
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
        cmocka_unit_test(joined),
        cmocka_unit_test(joined_where_some_are_given_up),
        cmocka_unit_test(too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
