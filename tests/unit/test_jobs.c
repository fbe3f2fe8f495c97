/* needs: src/cmd/jobs.c src/base/err.c src/base/missing.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/jobs.h"

enum {
    JOBS = 3,
    PACKETS = 200000,
};

/* What a job saw; each has its own. */
struct seen {
    uint64_t packets, last, passed, wrong;
    unsigned rests, ends;
};

struct fixture {
    struct seen seen[JOBS];
    atomic_uint rests;
};

/* The bytes of packet `number`, which nobody may change before every job has looked. */
static uint8_t byte_of(uint64_t number, size_t i)
{
    return (uint8_t)(number * 31 + i);
}

static size_t length_of(uint64_t number)
{
    return 1 + number % 97 + (number % 50000 == 0 ? 1 << 20 : 0); /* some are longer than a buffer */
}

static void seal(void *context, unsigned index, struct jobs_load *load)
{
    (void)context;
    load->passed.packets = load->count;
    load->now_ns = index;
}

static void take(void *context, unsigned index, const struct jobs_load *load)
{
    struct seen *seen = &((struct fixture *)context)->seen[index];
    seen->wrong += load->passed.packets != load->count || load->now_ns != index;
    for (size_t i = 0; i < load->count; i++) {
        const struct batch_packet *p = &load->packets[i];
        seen->wrong += p->number <= seen->last || p->captured_len != length_of(p->number);
        for (size_t at = 0; at < p->captured_len; at++)
            seen->wrong += p->data[at] != byte_of(p->number, at);
        seen->last = p->number;
        seen->passed += p->passed;
        seen->packets++;
    }
}

static void idle(void *context, unsigned index)
{
    struct fixture *f = context;
    f->seen[index].rests++;
    atomic_fetch_add(&f->rests, 1);
}

static void end(void *context, unsigned index)
{
    ((struct fixture *)context)->seen[index].ends++;
}

static const struct jobs_work *work_of(struct fixture *f)
{
    static struct jobs_work work;
    work = (struct jobs_work){f, seal, take, idle, end};
    return &work;
}

/* One packet behind the other into lent memory, each given to the jobs that `who` tells by bits. */
static void give_all(struct jobs *jobs, unsigned (*who)(uint64_t number))
{
    size_t cap = 0, used = 0;
    uint8_t *bytes = jobs_lend(jobs, 0, &cap);
    assert_non_null(bytes);
    for (uint64_t number = 1; number <= PACKETS; number++) {
        const size_t len = length_of(number);
        if (cap - used < len) {
            bytes = jobs_lend(jobs, len, &cap);
            assert_true(bytes != NULL && cap >= len);
            used = 0;
        }
        for (size_t i = 0; i < len; i++)
            bytes[used + i] = byte_of(number, i);
        const struct batch_packet packet = {
            .number = number, .data = bytes + used, .captured_len = (uint32_t)len, .passed = 2};
        for (unsigned i = 0; i < JOBS; i++) {
            if ((who(number) >> i & 1) != 0)
                assert_int_equal(jobs_give(jobs, i, &packet), 0);
        }
        used += len;
    }
}

static unsigned by_turns(uint64_t number)
{
    return number % 1000 == 0 ? 7 : 1U << number % JOBS;
}

static unsigned only_the_last(uint64_t number)
{
    (void)number;
    return 1U << (JOBS - 1);
}

static void each_gets_its_own(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct jobs *jobs = NULL;
    uint64_t expected[JOBS] = {0};
    for (uint64_t number = 1; number <= PACKETS; number++) {
        for (unsigned i = 0; i < JOBS; i++)
            expected[i] += by_turns(number) >> i & 1;
    }
    assert_int_equal(jobs_start(&jobs, JOBS, work_of(&f), NULL), 0);
    give_all(jobs, by_turns);
    jobs_finish(jobs);
    for (unsigned i = 0; i < JOBS; i++) {
        assert_int_equal(f.seen[i].wrong, 0);
        assert_int_equal(f.seen[i].packets, expected[i]);
        assert_int_equal(f.seen[i].passed, 2 * expected[i]);
        assert_int_equal(f.seen[i].ends, 1);
    }
    jobs_free(jobs);
}

/* Jobs without work do not hold the reader up. */
static void all_for_one(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct jobs *jobs = NULL;
    assert_int_equal(jobs_start(&jobs, JOBS, work_of(&f), NULL), 0);
    give_all(jobs, only_the_last);
    jobs_free(jobs);
    assert_int_equal(f.seen[0].packets, 0);
    assert_int_equal(f.seen[JOBS - 1].packets, PACKETS);
    assert_int_equal(f.seen[JOBS - 1].wrong, 0);
}

/* Each rest is told to each job, and what was given before it. */
static void rests(void **state)
{
    (void)state;
    enum {
        RESTS = 1000
    };
    struct fixture f = {0};
    struct jobs *jobs = NULL;
    size_t cap;
    assert_int_equal(jobs_start(&jobs, JOBS, work_of(&f), NULL), 0);
    uint8_t *bytes = jobs_lend(jobs, 10, &cap);
    assert_true(bytes != NULL && cap >= RESTS * 98);
    for (uint64_t number = 1; number <= RESTS; number++) {
        uint8_t *at = bytes + (number - 1) * 98;
        for (size_t i = 0; i < length_of(number); i++)
            at[i] = byte_of(number, i);
        const struct batch_packet packet = {
            .number = number, .data = at, .captured_len = (uint32_t)length_of(number)};
        assert_int_equal(jobs_give(jobs, (unsigned)(number % JOBS), &packet), 0);
        jobs_rest(jobs);
    }
    jobs_finish(jobs);
    assert_int_equal(atomic_load(&f.rests), RESTS * JOBS);
    for (unsigned i = 0; i < JOBS; i++) {
        assert_int_equal(f.seen[i].rests, RESTS);
        assert_int_equal(f.seen[i].wrong, 0);
    }
    assert_int_equal(f.seen[0].packets + f.seen[1].packets + f.seen[2].packets, RESTS);
    jobs_free(jobs);
    jobs_free(NULL);
}

static void nothing(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct jobs *jobs = NULL;
    assert_int_equal(jobs_start(&jobs, JOBS, work_of(&f), NULL), 0);
    jobs_free(jobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_gets_its_own),
        cmocka_unit_test(all_for_one),
        cmocka_unit_test(rests),
        cmocka_unit_test(nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
