/* needs: capture/shared_input.c src/base/buf.c src/base/err.c src/base/missing.c
 * tests/unit/items.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "capture/shared_input.h"
#include "tests/unit/items.h"

enum {
    THREADS = 3,
    MAX_SLOTS = 64,
    MAX_FOUND = 65536, /* in a slot */
};

/* What base/io.h says, but for a bad place: bytes from there on cannot be read; 0: they can. */
static off_t bad_from;
static int bad_errno;

/* The first thread is to read ahead, and to leave before that can be swept: of the others' first reads, the
 * one of the earlier place waits until it has read, the other until it has left. */
static struct {
    atomic_bool on, ahead, left;
    atomic_uint begun, noted;
    off_t place[2];
} scene;
static _Thread_local unsigned me; /* the thread's index */

static void wait_until(const atomic_bool *what)
{
    while (!atomic_load(what))
        sched_yield();
}

static void wait_for_both(void)
{
    while (atomic_load(&scene.noted) < 2)
        sched_yield();
}

static void play(off_t place)
{
    if (!scene.on)
        return;
    if (me == 0) {
        atomic_store(&scene.ahead, true);
        return;
    }
    const unsigned which = atomic_fetch_add(&scene.begun, 1);
    if (which >= 2)
        return;
    scene.place[which] = place;
    atomic_fetch_add(&scene.noted, 1);
    wait_for_both();
    wait_until(place < scene.place[!which] ? &scene.ahead : &scene.left);
}

int io_read_at(int fd, void *data, size_t len, off_t place, size_t *got)
{
    const size_t good = bad_from == 0 || place + (off_t)len <= bad_from ? len
                        : place < bad_from                              ? (size_t)(bad_from - place)
                                                                        : 0;
    play(place);
    const ssize_t n = pread(fd, data, good, place);
    *got = n > 0 ? (size_t)n : 0;
    return n < 0 ? -errno : good < len ? -bad_errno : 0;
}

int io_write_all(int fd, const void *data, size_t len)
{
    const uint8_t *p = data;
    while (len > 0) {
        const ssize_t n = write(fd, p, len);
        if (n < 0)
            return -errno;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

void io_close(int *fd)
{
    close(*fd);
}

struct fixture {
    struct shared_input *input;
    struct pcapng_pieces pieces;

    /* of sweeps */
    const uint8_t *left;
    size_t left_len;
    uint32_t items;
    uint32_t bad; /* this item is damaged; 0: none */
    struct item *found[MAX_SLOTS];
    size_t found_count[MAX_SLOTS];
    atomic_bool sweeping, two_sweep;

    /* of each thread */
    uint32_t seen[THREADS];
    int ended[THREADS];
    bool wrong[THREADS];
    atomic_uint waits[THREADS]; /* that it was told of */
    bool gives_up;              /* when all were told of one */
    uint32_t stop_at,
        signal_at; /* the first thread stops all, or makes the descriptor readable, at this item; 0: not */
    uint32_t leave_at; /* the first thread wants no more */
    bool reads_ahead;  /* … and plays the scene */
    uint32_t slow;     /* every so many items, a thread lets others go first */
    int stop[2];
};

static int sweep(void *context, size_t slot)
{
    struct fixture *f = context;
    int got;
    uint32_t len;
    if (atomic_exchange(&f->sweeping, true))
        atomic_store(&f->two_sweep, true);
    f->found_count[slot] = 0;
    do {
        while (f->left_len >= sizeof len) {
            memcpy(&len, f->left, sizeof len);
            if (f->left_len - sizeof len < len)
                break;
            if (f->items + 1 == f->bad) {
                atomic_store(&f->sweeping, false);
                return -EBADMSG;
            }
            if (f->found_count[slot] < MAX_FOUND)
                f->found[slot][f->found_count[slot]++] = (struct item){f->left + sizeof len, len, ++f->items};
            f->left += sizeof len + len;
            f->left_len -= sizeof len + len;
        }
        got = f->pieces.next(f->pieces.context, f->left, f->left_len, &f->left, &f->left_len);
    } while (got > 0);
    atomic_store(&f->sweeping, false);
    return got;
}

static bool count_wait(void *context, unsigned thread)
{
    struct fixture *f = context;
    unsigned told = 0;
    atomic_fetch_add(&f->waits[thread], 1);
    for (unsigned i = 0; i < THREADS; i++)
        told += f->waits[i] > 0;
    return !f->gives_up || told < THREADS;
}

static void look(struct fixture *f, unsigned index, const struct item *item)
{
    f->wrong[index] = f->wrong[index] || item->number != ++f->seen[index] || !is_whole(item);
    if (f->slow != 0 && item->number % f->slow == index)
        sched_yield();
    if (index != 0)
        return;
    if (scene.on)
        wait_for_both();
    if (item->number == f->stop_at)
        shared_input_stop(f->input);
    if (item->number == f->signal_at)
        f->wrong[0] = f->wrong[0] || write(f->stop[1], "s", 1) != 1;
}

struct role {
    struct fixture *f;
    unsigned index;
};

static void *follow(void *context)
{
    const struct role *role = context;
    struct fixture *f = role->f;
    size_t slot;
    int got = 1;
    me = role->index;
    while ((role->index != 0 || f->leave_at == 0 || f->seen[0] < f->leave_at) &&
           (got = shared_input_next(f->input, role->index, &slot)) > 0) {
        for (size_t i = 0; i < f->found_count[slot]; i++)
            look(f, role->index, &f->found[slot][i]);
    }
    shared_input_leave(f->input, role->index);
    if (scene.on && me == 0)
        atomic_store(&scene.left, true);
    f->ended[role->index] = got;
    return NULL;
}

static struct fixture *new_fixture(void)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    assert_int_equal(pipe(f->stop), 0);
    return f;
}

static void open_input(struct fixture *f, int fd, int stop_fd, unsigned threads)
{
    const struct shared_input_config config = {
        .fd = fd,
        .stop_fd = stop_fd,
        .name = "f",
        .threads = threads,
        .context = f,
        .sweep = sweep,
        .before = count_wait,
    };
    assert_int_equal(shared_input_new(&f->input, &config, NULL), 0);
    assert_in_range(shared_input_slots(f->input), 1, MAX_SLOTS);
    for (size_t i = 0; i < shared_input_slots(f->input); i++)
        assert_non_null(f->found[i] = calloc(MAX_FOUND, sizeof *f->found[i]));
    f->pieces = shared_input_pieces(f->input);
}

static void close_input(struct fixture *f)
{
    for (size_t i = 0; i < shared_input_slots(f->input); i++)
        free(f->found[i]);
    shared_input_free(f->input);
    assert_false(f->two_sweep);
    for (unsigned i = 0; i < THREADS; i++)
        assert_false(f->wrong[i]);
}

/* The input from its first item on, by all threads, until they have ended. */
static void run(struct fixture *f, int fd)
{
    pthread_t thread[THREADS];
    struct role role[THREADS];
    open_input(f, fd, f->stop[0], THREADS);
    /* What opens a source needs its first bytes: here, the length of the first item. */
    int got = 1;
    while (f->left_len < sizeof(uint32_t) && got > 0)
        got = f->pieces.next(f->pieces.context, f->left, f->left_len, &f->left, &f->left_len);
    scene.on = f->reads_ahead;
    for (unsigned i = 0; i < THREADS; i++) {
        role[i] = (struct role){f, i};
        assert_int_equal(pthread_create(&thread[i], NULL, follow, &role[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    scene.on = false;
    close_input(f);
}

static void free_fixture(struct fixture *f)
{
    close(f->stop[0]);
    close(f->stop[1]);
    free(f);
}

static int file_of(const struct buf *b)
{
    const int fd = memfd_create("input", 0);
    assert_true(fd >= 0);
    assert_int_equal(io_write_all(fd, b->data, b->len), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void all_saw(const struct fixture *f, uint32_t items, int ended)
{
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(f->seen[i], items);
        assert_int_equal(f->ended[i], ended);
    }
}

/* Lengths from none to more than the room for a part of one, than a piece, and than all slots together. */
static uint32_t put_items(struct buf *out)
{
    static const uint32_t lens[] = {0,      1,      60, 1514,    9000,    65549,  0,
                                    200000, 300000, 5,  3 << 20, 2 << 20, 131072, 7};
    uint32_t number = 0;
    for (unsigned i = 0; i < 20000; i++)
        put_item(out, ++number, i % 97);
    for (unsigned round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++)
            put_item(out, ++number, lens[i]);
    }
    for (unsigned i = 0; i < 20000; i++)
        put_item(out, ++number, 1514);
    return number;
}

static void all_see_a_file(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_text(&b, "before");
    const uint32_t items = put_items(&b);
    const int fd = file_of(&b);
    for (uint32_t slow = 0; slow < 12; slow += 4) {
        struct fixture *f = new_fixture();
        f->slow = slow;
        assert_int_equal(lseek(fd, 6, SEEK_SET), 6);
        run(f, fd);
        all_saw(f, items, 0);
        for (unsigned i = 0; i < THREADS; i++)
            assert_int_equal(f->waits[i], 0);
        free_fixture(f);
    }
    close(fd);
    buf_free(&b);
}

/* A file that ends in the middle of an item, or is empty. */
static void what_is_left(void **state)
{
    (void)state;
    struct buf b = {0};
    put_item(&b, 1, 100);
    put_item(&b, 2, 100);
    for (size_t len = 0; len <= b.len; len += 52) {
        struct fixture *f = new_fixture();
        const struct buf cut = {.data = b.data, .len = len};
        const int fd = file_of(&cut);
        run(f, fd);
        all_saw(f, (uint32_t)(len / 104), 0);
        close(fd);
        free_fixture(f);
    }
    buf_free(&b);
}

/* Bytes on their way into a pipe, so many at a time. */
struct feed {
    const struct buf *b;
    size_t step;
    int fd;
    bool stays_open;
};

static void *feed_pipe(void *context)
{
    const struct feed *feed = context;
    for (size_t at = 0; at < feed->b->len; at += feed->step) {
        const size_t left = feed->b->len - at;
        if (io_write_all(feed->fd, feed->b->data + at, left < feed->step ? left : feed->step) != 0)
            break;
    }
    if (!feed->stays_open)
        close(feed->fd);
    return NULL;
}

static void run_pipe(struct fixture *f, const struct buf *b, size_t step, bool stays_open)
{
    int ends[2];
    pthread_t thread;
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    assert_int_equal(fcntl(ends[1], F_SETFL, 0), 0);
    struct feed feed = {b, step, ends[1], stays_open};
    assert_int_equal(pthread_create(&thread, NULL, feed_pipe, &feed), 0);
    run(f, ends[0]);
    close(ends[0]);
    pthread_join(thread, NULL);
    if (stays_open)
        close(ends[1]);
}

static void all_see_a_pipe(void **state)
{
    (void)state;
    static const size_t steps[] = {4096, 61, 1 << 20};
    struct buf b = {0}, few = {0};
    const uint32_t items = put_items(&b);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct fixture *f = new_fixture();
        run_pipe(f, &b, steps[i], false);
        all_saw(f, items, 0);
        free_fixture(f);
    }
    /* Byte by byte, the beginning too. */
    put_item(&few, 1, 10);
    put_item(&few, 2, 300);
    struct fixture *f = new_fixture();
    run_pipe(f, &few, 1, false);
    all_saw(f, 2, 0);
    free_fixture(f);
    buf_free(&b);
    buf_free(&few);
}

/* By one thread, when the file has become so long in the meantime. Returns how many items were seen. */
static uint32_t see_changed(const struct buf *b, off_t len)
{
    struct fixture *f = new_fixture();
    const int fd = file_of(b);
    open_input(f, fd, -1, 1);
    assert_int_equal(pwrite(fd, b->data, b->len, (off_t)b->len), (ssize_t)b->len);
    assert_int_equal(ftruncate(fd, len), 0);
    follow(&(struct role){f, 0});
    assert_int_equal(f->ended[0], 0);
    const uint32_t seen = f->seen[0];
    close_input(f);
    close(fd);
    free_fixture(f);
    return seen;
}

/* What is written on to a file while it is read belongs to nobody; what is cut off is missing. */
static void a_file_that_changes(void **state)
{
    (void)state;
    struct buf b = {0};
    put_many(&b, 1000, 1020);
    assert_int_equal(see_changed(&b, 2 * (off_t)b.len), 1000);
    assert_int_equal(see_changed(&b, 500 << 10), 500);
    buf_free(&b);
}

/* Wherever a signal strikes, all threads end behind the same item. */
static void a_signal(void **state)
{
    (void)state;
    struct buf b = {0};
    put_many(&b, 20000, 1000);
    const int fd = file_of(&b);
    for (uint32_t at = 1; at < 12000; at += 3333) {
        struct fixture *f = new_fixture();
        f->signal_at = at;
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        run(f, fd);
        assert_in_range(f->seen[0], at, 19999);
        all_saw(f, f->seen[0], -EINTR);
        free_fixture(f);
    }
    /* Before the first byte: what a source was opened with is looked at; what was read as a whole is whole.
     */
    for (off_t len = 1004 * 20000; len > 0; len = len > 1004 ? 1004 : 0) {
        struct fixture *f = new_fixture();
        assert_int_equal(ftruncate(fd, len), 0);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        assert_int_equal(write(f->stop[1], "s", 1), 1);
        run(f, fd);
        assert_in_range(f->seen[0], 1, 1000);
        all_saw(f, f->seen[0], len > 1004 ? -EINTR : 0);
        free_fixture(f);
    }
    struct fixture *f = new_fixture();
    f->signal_at = 20000;
    run_pipe(f, &b, 4096, true);
    all_saw(f, 20000, -EINTR);
    free_fixture(f);
    close(fd);
    buf_free(&b);
}

/* Also while others wait for a pipe, of which no more comes. */
static void one_stops_all(void **state)
{
    (void)state;
    struct buf b = {0};
    put_many(&b, 3000, 1000);
    for (int i = 0; i < 20; i++) {
        struct fixture *f = new_fixture();
        f->stop_at = 3000;
        run_pipe(f, &b, 100000, true);
        all_saw(f, 3000, -ECANCELED);
        free_fixture(f);
    }
    buf_free(&b);
}

/* Also where it has read what nobody has swept. */
static void one_leaves(void **state)
{
    (void)state;
    struct buf b = {0};
    put_many(&b, 20000, 1000);
    const int fd = file_of(&b);
    for (int reads_ahead = 0; reads_ahead <= 1; reads_ahead++) {
        struct fixture *f = new_fixture();
        f->leave_at = reads_ahead ? 300 : 5; /* in the second piece, or in the first */
        f->reads_ahead = reads_ahead;
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        run(f, fd);
        assert_in_range(f->seen[0], f->leave_at, 1000);
        for (unsigned i = 1; i < THREADS; i++)
            assert_true(f->seen[i] == 20000 && f->ended[i] == 0);
        free_fixture(f);
    }
    close(fd);
    buf_free(&b);
}

/* What sweeps call damage ends all behind what they found before it, though the pipe stays open. */
static void damage(void **state)
{
    (void)state;
    struct buf b = {0};
    put_many(&b, 3000, 1000);
    for (uint32_t bad = 1; bad <= 3000; bad += 1499) {
        struct fixture *f = new_fixture();
        f->bad = bad;
        run_pipe(f, &b, 5000, true);
        all_saw(f, bad - 1, -EBADMSG);
        free_fixture(f);
    }
    buf_free(&b);
}

static void every_thread_is_told_before_it_waits(void **state)
{
    (void)state;
    struct buf b = {0};
    put_item(&b, 1, 10);
    for (int i = 0; i < 100; i++) {
        struct fixture *f = new_fixture();
        f->gives_up = true;
        run_pipe(f, &b, 100, true);
        all_saw(f, 1, -ECANCELED);
        free_fixture(f);
    }
    buf_free(&b);
}

static void what_cannot_be_read(void **state)
{
    (void)state;
    struct buf b = {0};
    char path[64];
    put_item(&b, 1, 10);
    struct fixture *f = new_fixture();
    const int fd = file_of(&b);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const int only_to_write = open(path, O_WRONLY);
    assert_true(only_to_write >= 0);
    run(f, only_to_write);
    all_saw(f, 0, -EBADF);
    close(only_to_write);
    close(fd);
    free_fixture(f);
    buf_free(&b);
}

/* What stands before a bad place is seen, wherever that is; no errno is taken for "later". */
static void a_bad_place(void **state)
{
    (void)state;
    static const int errnos[] = {EIO, EAGAIN};
    struct buf b = {0};
    put_many(&b, 2000, 1020);
    const int fd = file_of(&b);
    for (size_t i = 0; i < 2; i++) {
        for (uint32_t whole = 1; whole < 2000; whole += whole < 1990 ? 333 : 1) { /* also beside the end */
            struct fixture *f = new_fixture();
            assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
            bad_from = (off_t)whole * 1024 + 100;
            bad_errno = errnos[i];
            run(f, fd);
            all_saw(f, whole, -EIO);
            free_fixture(f);
        }
    }
    bad_from = 0;
    close(fd);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_see_a_file),
        cmocka_unit_test(what_is_left),
        cmocka_unit_test(all_see_a_pipe),
        cmocka_unit_test(a_file_that_changes),
        cmocka_unit_test(a_signal),
        cmocka_unit_test(one_stops_all),
        cmocka_unit_test(one_leaves),
        cmocka_unit_test(damage),
        cmocka_unit_test(every_thread_is_told_before_it_waits),
        cmocka_unit_test(what_cannot_be_read),
        cmocka_unit_test(a_bad_place),
    };
    signal(SIGPIPE, SIG_IGN);
    alarm(120); /* who waits for ever has failed */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
