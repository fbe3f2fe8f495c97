/* needs: src/base/io.c src/base/clock.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"

#define TOTAL (3U << 20)

static uint8_t sent[TOTAL], got[TOTAL];

struct reader {
    int fd;
    ssize_t result;
};

static void *read_all(void *argument)
{
    struct reader *reader = argument;
    reader->result = io_read_full(reader->fd, got, sizeof got);
    return NULL;
}

/* Far more than a socket's buffer holds: write and read must both go on after short counts. */
static void whole_through_short_counts(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (uint8_t)(i * 31 + (i >> 12));
    struct reader reader = {.fd = pair[1]};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, read_all, &reader), 0);
    assert_int_equal(io_write_all(pair[0], sent, sizeof sent), 0);
    io_close(&pair[0]);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(reader.result, sizeof sent);
    assert_memory_equal(sent, got, sizeof sent);
    io_close(&pair[1]);
}

/* The end of the input gives what came before it; at the end, 0. */
static void input_ends(void **state)
{
    (void)state;
    int ends[2];
    char data[16];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(io_write_all(ends[1], "seven b", 7), 0);
    io_close(&ends[1]);
    assert_int_equal(io_read_full(ends[0], data, sizeof data), 7);
    assert_memory_equal(data, "seven b", 7);
    assert_int_equal(io_read_full(ends[0], data, sizeof data), 0);
    io_close(&ends[0]);
}

static void errors_come_back(void **state)
{
    (void)state;
    char data[4] = "abc";
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(full >= 0);
    assert_int_equal(io_write_all(full, data, sizeof data), -ENOSPC);
    assert_int_equal(io_write_all(full, data, 0), 0);
    io_close(&full);
    assert_int_equal(io_write_all(-1, data, sizeof data), -EBADF);
    assert_int_equal(io_read_full(-1, data, sizeof data), -EBADF);

    int ends[2];
    assert_int_equal(pipe(ends), 0);
    io_close(&ends[0]);
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    assert_int_equal(io_write_all(ends[1], data, sizeof data), -EPIPE);
    signal(SIGPIPE, before);
    io_close(&ends[1]);
}

/* Memory whose second page is gone is a file with a bad place. */
static void at_a_place(void **state)
{
    (void)state;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char bytes[300];
    size_t len = 0;
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(pages, MAP_FAILED);
    memset(pages, 'x', page);
    assert_int_equal(munmap(pages + page, page), 0);
    const int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    assert_true(memory >= 0);
    assert_int_equal(io_read_at(memory, bytes, 100, (off_t)(uintptr_t)pages, &len), 0);
    assert_int_equal(len, 100);
    assert_int_equal(io_read_at(memory, bytes, 300, (off_t)((uintptr_t)pages + page - 200), &len), -EIO);
    assert_int_equal(len, 200);
    assert_true(bytes[0] == 'x' && bytes[199] == 'x');
    close(memory);
    munmap(pages, page);
    const int file = memfd_create("file", 0);
    assert_int_equal(io_write_all(file, "abcdef", 6), 0);
    assert_int_equal(io_read_at(file, bytes, 300, 2, &len), 0);
    assert_int_equal(len, 4);
    assert_memory_equal(bytes, "cdef", 4);
    assert_int_equal(io_read_at(file, bytes, 300, 9, &len), 0);
    assert_int_equal(len, 0);
    close(file);
    assert_int_equal(io_read_at(-1, bytes, 1, 0, &len), -EBADF);
}

/* A descriptor is closed once: the second call must not close whoever got the number next. */
static void closes_once(void **state)
{
    (void)state;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const int number = fd;
    io_close(&fd);
    assert_int_equal(fd, -1);
    assert_int_equal(fcntl(number, F_GETFD), -1);
    int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(next, number);
    io_close(&fd);
    assert_true(fcntl(next, F_GETFD) >= 0);
    io_close(&next);
}

static void clocks(void **state)
{
    (void)state;
    const uint64_t before = clock_mono_ns();
    const uint64_t real = clock_real_ns();
    assert_true(clock_mono_ns() >= before);
    /* After 2020 and before 2200: seconds and nanoseconds are not mixed up. */
    assert_true(real > 1577836800U * (uint64_t)NS_PER_S && real < 7258118400U * (uint64_t)NS_PER_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_through_short_counts),
        cmocka_unit_test(input_ends),
        cmocka_unit_test(errors_come_back),
        cmocka_unit_test(at_a_place),
        cmocka_unit_test(closes_once),
        cmocka_unit_test(clocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
