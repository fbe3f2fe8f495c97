/* needs: capture/flow_pool.c src/base/pages.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "capture/flow_pool.h"

enum {
    MOST = 500,
    TURNS = 60000,
};

struct record {
    uint32_t name, list;
};

/* What should be: the names in each list, in order. */
struct model {
    uint32_t names[FLOW_POOL_LISTS][MOST];
    size_t count[FLOW_POOL_LISTS];
};

static void forget(struct model *model, uint32_t list, size_t at)
{
    memmove(&model->names[list][at], &model->names[list][at + 1],
            (--model->count[list] - at) * sizeof model->names[list][0]);
}

static void remember(struct model *model, uint32_t list, uint32_t name)
{
    model->names[list][model->count[list]++] = name;
}

static uint32_t place_of(const struct flow_pool *pool, uint32_t list, size_t at)
{
    uint32_t place = pool->list[list].first;
    for (size_t i = 0; i < at; i++)
        place = flow_pool_node(pool, place)->behind;
    return place;
}

static void compare(const struct flow_pool *pool, const struct model *model)
{
    for (uint32_t list = FLOW_POOL_OPEN; list < FLOW_POOL_LISTS; list++) {
        uint32_t place = pool->list[list].first, before = FLOW_POOL_NONE;
        assert_int_equal(pool->list[list].count, model->count[list]);
        for (size_t i = 0; i < model->count[list]; i++) {
            const struct record *record = flow_pool_at(pool, place);
            assert_true(place < pool->high && record->name == model->names[list][i]);
            assert_true(record->list == list && flow_pool_node(pool, place)->before == before);
            before = place;
            place = flow_pool_node(pool, place)->behind;
        }
        assert_true(place == FLOW_POOL_NONE && pool->list[list].last == before);
    }
}

static void take(struct flow_pool *pool, struct model *model, uint32_t name, uint32_t list)
{
    const uint32_t place = flow_pool_take(pool, (enum flow_pool_list)list);
    const size_t taken = model->count[FLOW_POOL_OPEN] + model->count[FLOW_POOL_ENDED];
    assert_true((place == FLOW_POOL_NONE) == (taken == MOST));
    if (place == FLOW_POOL_NONE)
        return;
    *(struct record *)flow_pool_at(pool, place) = (struct record){name, list};
    remember(model, list, name);
}

/* To another list or none. */
static void move(struct flow_pool *pool, struct model *model, uint32_t random, uint32_t list, uint32_t to)
{
    if (model->count[list] == 0)
        return;
    const size_t at = random % model->count[list];
    const uint32_t name = model->names[list][at], place = place_of(pool, list, at);
    ((struct record *)flow_pool_at(pool, place))->list = to;
    forget(model, list, at);
    if (to == FLOW_POOL_FREE) {
        flow_pool_release(pool, place, (enum flow_pool_list)list);
    } else {
        flow_pool_relink(pool, place, (enum flow_pool_list)list, (enum flow_pool_list)to);
        remember(model, to, name);
    }
}

static void shrink(struct flow_pool *pool, const struct model *model)
{
    const uint32_t before = pool->high;
    while (pool->high > model->count[FLOW_POOL_OPEN] + model->count[FLOW_POOL_ENDED]) {
        const struct record *last = flow_pool_at(pool, pool->high - 1);
        const struct record copy = *last;
        if (copy.list == FLOW_POOL_FREE) {
            flow_pool_drop_last(pool);
        } else {
            const uint32_t to = flow_pool_move_last(pool, (enum flow_pool_list)copy.list);
            assert_memory_equal(flow_pool_at(pool, to), &copy, sizeof copy);
        }
    }
    flow_pool_shrink(pool, before);
    assert_int_equal(pool->list[FLOW_POOL_FREE].count, 0);
}

static void against_a_model(void **state)
{
    (void)state;
    struct flow_pool pool;
    struct model model = {.count = {0}};
    uint32_t random = 1;
    assert_int_equal(flow_pool_init(&pool, sizeof(struct record), MOST), 0);
    for (uint32_t turn = 0; turn < TURNS; turn++) {
        random = random * 1664525 + 1013904223;
        const uint32_t list = random >> 30 & 1 ? FLOW_POOL_OPEN : FLOW_POOL_ENDED,
                       bits = random >> 8 & 0xffff;
        /* By turns more come and more go. */
        if ((random >> 28) % 4 < (turn / 3000 % 2 == 0 ? 2U : 1U) || (bits & 3) == 0)
            take(&pool, &model, turn, list);
        else
            move(&pool, &model, bits, list,
                 (bits & 12) == 0   ? FLOW_POOL_OPEN
                 : (bits & 12) == 4 ? FLOW_POOL_ENDED
                                    : FLOW_POOL_FREE);
        if (bits % 1000 == 0)
            shrink(&pool, &model);
        if (turn % 16 == 0)
            compare(&pool, &model);
    }
    assert_true(flow_pool_memory(&pool, pool.high) <= flow_pool_memory(&pool, MOST));
    flow_pool_fini(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
