/* needs: src/record/scribe.c src/base/buf.c src/base/clock.c src/base/io.c src/base/err.c */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/io.h"
#include "record/scribe.h"

/* A block as pcapng has them: type, length, a number, the length again. */
struct block {
    uint32_t type, len, number, again;
};

static struct block numbered(uint32_t number)
{
    return (struct block){
        .type = 9, .len = sizeof(struct block), .number = number, .again = sizeof(struct block)};
}

static struct scribe *started(int fd)
{
    struct scribe *scribe = NULL;
    struct sd_err err = {0};
    assert_int_equal(scribe_start(&scribe, fd, &err), 0);
    return scribe;
}

static void put(struct scribe *scribe, unsigned ring, uint64_t time_ns, uint32_t number)
{
    const struct block block = numbered(number);
    scribe_put(scribe, ring, time_ns, &block, sizeof block);
}

static int file(void)
{
    int fd = memfd_create("scribe", MFD_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

/* The numbers in the file, which must be whole blocks. Returns how many. */
static size_t read_numbers(int fd, uint32_t *out, size_t room)
{
    struct block block;
    size_t count = 0;
    ssize_t got;
    lseek(fd, 0, SEEK_SET);
    while ((got = io_read_full(fd, &block, sizeof block)) == (ssize_t)sizeof block) {
        assert_int_equal(block.len, sizeof block);
        assert_true(count < room);
        out[count++] = block.number;
    }
    assert_int_equal(got, 0);
    return count;
}

static void orders_blocks_of_two_processes_by_time(void **state)
{
    (void)state;
    enum {
        EACH = 20000
    };
    int fd = file();
    struct scribe *scribe = started(fd);
    uint64_t begin = clock_real_ns();
    struct scribe_result result;
    scribe_floor(scribe, 0, begin); /* neither process may be taken for idle while it has not had its turn */
    scribe_floor(scribe, 1, begin);
    pid_t pid = fork();
    assert_true(pid >= 0);
    const unsigned ring = pid == 0;
    for (uint32_t i = 0; i < EACH; i++) {
        put(scribe, ring, begin + 2 * i + ring, 2 * i + ring);
        scribe_floor(scribe, ring, begin + 2 * i + ring);
    }
    scribe_busy(scribe, ring, false);
    if (pid == 0)
        _exit(0);
    waitpid(pid, NULL, 0);
    assert_int_equal(scribe_finish(scribe, &result), 0);
    assert_int_equal(result.failed, 0);
    assert_true(result.written == 2 * EACH && result.lost == 0);
    uint32_t *numbers = calloc(2 * EACH, sizeof *numbers);
    assert_non_null(numbers);
    assert_int_equal(read_numbers(fd, numbers, 2 * EACH), 2 * EACH);
    for (uint32_t i = 0; i < 2 * EACH; i++)
        assert_int_equal(numbers[i], i);
    free(numbers);
    close(fd);
}

static void the_last_block_comes_last(void **state)
{
    (void)state;
    int fd = file();
    struct scribe *scribe = started(fd);
    struct scribe_result result;
    uint32_t numbers[2];
    put(scribe, 1, SCRIBE_LAST, 2);
    put(scribe, 0, clock_real_ns() + NS_PER_S, 1);
    assert_int_equal(scribe_finish(scribe, &result), 0);
    assert_int_equal(read_numbers(fd, numbers, 2), 2);
    assert_true(numbers[0] == 1 && numbers[1] == 2);
    close(fd);
}

static size_t size_of(int fd)
{
    struct stat now;
    assert_int_equal(fstat(fd, &now), 0);
    return (size_t)now.st_size;
}

/* A producer that is late is waited for: what stands above its floor is held until it comes. */
static void waits_for_a_producer_that_is_late(void **state)
{
    (void)state;
    int fd = file();
    struct scribe *scribe = started(fd);
    struct scribe_result result;
    uint32_t numbers[3];
    const uint64_t now = clock_real_ns();
    scribe_floor(scribe, 1, now - 20);
    put(scribe, 0, now - 10, 3); /* above the floor: one with an earlier stamp may come */
    put(scribe, 0, now - 30, 1);
    const uint64_t deadline = clock_mono_ns() + 10 * (uint64_t)NS_PER_S;
    while (size_of(fd) == 0 && clock_mono_ns() < deadline)
        sched_yield();
    assert_int_equal(size_of(fd), sizeof(struct block)); /* the first only, though both were there */
    put(scribe, 1, now - 15, 2);
    scribe_busy(scribe, 1, false);
    assert_int_equal(scribe_finish(scribe, &result), 0);
    assert_int_equal(read_numbers(fd, numbers, 3), 3);
    assert_true(numbers[0] == 1 && numbers[1] == 2 && numbers[2] == 3);
    close(fd);
}

/* Larger than the ring: the producer waits for room. */
static void loses_nothing_when_the_ring_is_full(void **state)
{
    (void)state;
    int fd = file();
    struct scribe *scribe = started(fd);
    struct scribe_result result;
    const uint32_t len = 256 << 10, blocks = 3 * (SCRIBE_RING_BYTES / (256 << 10));
    uint32_t *block = calloc(1, len);
    assert_non_null(block);
    block[0] = 9;
    block[1] = len;
    for (uint32_t i = 0; i < blocks; i++)
        assert_int_equal(scribe_put(scribe, 0, clock_real_ns(), block, len), 0);
    assert_int_equal(scribe_finish(scribe, &result), 0);
    assert_true(result.written == blocks && result.lost == 0);
    assert_int_equal(lseek(fd, 0, SEEK_END), (off_t)len * blocks);
    free(block);
    close(fd);
}

static void a_killed_producer_loses_nothing(void **state)
{
    (void)state;
    int fd = file(), ready[2];
    char done;
    uint32_t numbers[100];
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct scribe *scribe = started(fd);
        for (uint32_t i = 0; i < 100; i++)
            put(scribe, 0, clock_real_ns(), i);
        if (write(ready[1], "r", 1) != 1)
            _exit(1);
        raise(SIGKILL);
    }
    assert_int_equal(read(ready[0], &done, 1), 1);
    close(ready[1]);
    waitpid(pid, NULL, 0);
    assert_int_equal(read(ready[0], &done, 1), 0); /* the scribe had the pipe too: it has ended */
    assert_int_equal(read_numbers(fd, numbers, 100), 100);
    close(ready[0]);
    close(fd);
}

/* A file that may not grow over 1000 bytes stands for a disk that is full: 62 blocks of 16, and half of
 * another. */
static void a_full_disk_keeps_whole_blocks_and_says_so(void **state)
{
    (void)state;
    char name[] = "/tmp/scribe-XXXXXX";
    int fd = mkstemp(name);
    struct scribe_result result;
    struct rlimit before, small;
    uint32_t numbers[62];
    assert_true(fd >= 0);
    unlink(name);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){.rlim_cur = 1000, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0); /* the scribe inherits it, and ignores SIGXFSZ */
    struct scribe *scribe = started(fd);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    for (uint32_t i = 0; i < 100; i++)
        put(scribe, 0, clock_real_ns(), i);
    assert_int_equal(scribe_finish(scribe, &result), 0);
    assert_int_equal(result.failed, EFBIG);
    assert_true(result.written == 62 && result.lost == 38);
    assert_int_equal(read_numbers(fd, numbers, 62), 62);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_blocks_of_two_processes_by_time),
        cmocka_unit_test(the_last_block_comes_last),
        cmocka_unit_test(waits_for_a_producer_that_is_late),
        cmocka_unit_test(loses_nothing_when_the_ring_is_full),
        cmocka_unit_test(a_killed_producer_loses_nothing),
        cmocka_unit_test(a_full_disk_keeps_whole_blocks_and_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
