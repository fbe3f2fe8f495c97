#include "record/scribe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/io.h"

#define POLL_NS 5000000       /* how often the rings are emptied while blocks come */
#define HELD_MOST (64U << 20) /* bytes of blocks that wait for earlier ones */
#define IDLE_ROUNDS 20        /* empty rounds before the scribe waits to be woken */
#define FULL_WAIT_NS 200000   /* how long a producer waits before it looks again for room */

/* One producer writes at `head`, the scribe reads at `tail`; both count bytes without end, places are modulo
 * the size. */
struct ring {
    _Alignas(64) atomic_uint_fast64_t head;
    _Alignas(64) atomic_uint_fast64_t tail;
    _Alignas(64) atomic_uint_fast64_t floor; /* nothing below it will come; IDLE: nothing below the clock */
    uint8_t bytes[SCRIBE_RING_BYTES];
};

struct shared {
    atomic_int failed;
    atomic_int done; /* the scribe has written all and ended by itself */
    atomic_uint_fast64_t written, lost;
    atomic_int idle; /* the scribe waits for the eventfd */
    struct ring ring[SCRIBE_RINGS];
};

struct entry_head {
    uint64_t time_ns;
    uint64_t len;
};

struct scribe {
    struct shared *shared;
    pid_t pid;
    int life;  /* producers' end of a pipe: the scribe sees EOF when the last one is gone */
    int death; /* hangs up when the scribe is gone */
    int kick;  /* eventfd */
};

#define IDLE UINT64_MAX
#define UNKNOWN 0 /* the producer is about to read the clock */

/* ---- producers ---- */

void scribe_floor(struct scribe *s, unsigned ring, uint64_t time_ns)
{
    atomic_store_explicit(&s->shared->ring[ring].floor, time_ns, memory_order_release);
}

void scribe_busy(struct scribe *s, unsigned ring, bool busy)
{
    atomic_uint_fast64_t *floor = &s->shared->ring[ring].floor;
    if (!busy) {
        atomic_store_explicit(floor, IDLE, memory_order_release);
        return;
    }
    /* Seen by the scribe before the clock is read: it cannot take the ring for idle and then meet an older
     * stamp. */
    atomic_exchange(floor, UNKNOWN);
    atomic_store_explicit(floor, clock_real_ns(), memory_order_release);
}

static void copy_in(struct ring *ring, uint64_t at, const void *data, size_t len)
{
    size_t place = at % SCRIBE_RING_BYTES;
    size_t first = len < SCRIBE_RING_BYTES - place ? len : SCRIBE_RING_BYTES - place;
    memcpy(ring->bytes + place, data, first);
    memcpy(ring->bytes, (const uint8_t *)data + first, len - first);
}

static void copy_out(const struct ring *ring, uint64_t at, void *data, size_t len)
{
    size_t place = at % SCRIBE_RING_BYTES;
    size_t first = len < SCRIBE_RING_BYTES - place ? len : SCRIBE_RING_BYTES - place;
    memcpy(data, ring->bytes + place, first);
    memcpy((uint8_t *)data + first, ring->bytes, len - first);
}

static void wake(struct scribe *s)
{
    if (atomic_exchange(&s->shared->idle, 0) == 0)
        return;
    const uint64_t one = 1;
    ssize_t n = write(s->kick, &one, sizeof one);
    (void)n; /* cannot fail: the counter is read before the scribe waits again */
}

/* Wait for room; false when the scribe is gone. */
static bool wait_room(struct scribe *s, struct ring *ring, uint64_t head, size_t need)
{
    while (head + need - atomic_load_explicit(&ring->tail, memory_order_acquire) > SCRIBE_RING_BYTES) {
        struct pollfd death = {.fd = s->death, .events = 0};
        wake(s);
        if (ppoll(&death, 1, &(struct timespec){.tv_nsec = FULL_WAIT_NS}, NULL) == 1)
            return false;
    }
    return true;
}

void scribe_lose(struct scribe *s)
{
    atomic_fetch_add(&s->shared->lost, 1);
}

int scribe_put(struct scribe *s, unsigned which, uint64_t time_ns, const void *block, size_t len)
{
    struct ring *ring = &s->shared->ring[which];
    const struct entry_head entry = {.time_ns = time_ns, .len = len};
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    if (len > SCRIBE_MAX_BLOCK || atomic_load_explicit(&s->shared->failed, memory_order_relaxed) != 0 ||
        !wait_room(s, ring, head, sizeof entry + len)) {
        scribe_lose(s);
        return -EIO;
    }
    copy_in(ring, head, &entry, sizeof entry);
    copy_in(ring, head + sizeof entry, block, len);
    atomic_store(&ring->head, head + sizeof entry + len);
    if (atomic_load(&s->shared->idle) != 0)
        wake(s);
    return 0;
}

/* ---- the scribe ---- */

struct held {
    uint64_t time_ns, order;
    size_t len;
    uint8_t *block;
};

struct writer {
    struct shared *shared;
    int fd;
    struct held *heap; /* binary heap, the earliest on top */
    size_t count, cap;
    size_t held_bytes;
    uint64_t order;
    struct buf out; /* blocks in order, not yet written */
    uint64_t out_blocks;
};

static bool earlier(const struct held *a, const struct held *b)
{
    return a->time_ns < b->time_ns || (a->time_ns == b->time_ns && a->order < b->order);
}

static void sift_up(struct writer *w, size_t at)
{
    struct held moving = w->heap[at];
    for (; at > 0 && earlier(&moving, &w->heap[(at - 1) / 2]); at = (at - 1) / 2)
        w->heap[at] = w->heap[(at - 1) / 2];
    w->heap[at] = moving;
}

static struct held pop(struct writer *w)
{
    struct held top = w->heap[0];
    struct held moving = w->heap[--w->count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= w->count)
            break;
        if (child + 1 < w->count && earlier(&w->heap[child + 1], &w->heap[child]))
            child++;
        if (!earlier(&w->heap[child], &moving))
            break;
        w->heap[at] = w->heap[child];
        at = child;
    }
    if (w->count > 0)
        w->heap[at] = moving;
    return top;
}

static void lose(struct writer *w, int code, uint64_t blocks)
{
    int none = 0;
    atomic_compare_exchange_strong(&w->shared->failed, &none, code);
    atomic_fetch_add(&w->shared->lost, blocks);
}

/* A write failed within `out`, at `end` of the file that was `begin` long before: keep the blocks that are
 * whole there, cut off the piece behind them. Returns how many are kept; on what cannot be cut (a pipe)
 * nobody can tell, so 0. */
static uint64_t keep_whole_blocks(const struct writer *w, off_t begin)
{
    off_t end = begin < 0 ? -1 : lseek(w->fd, 0, SEEK_CUR);
    if (end < begin || begin < 0)
        return 0;
    struct bytes left =
        bytes_of(w->out.data, (size_t)(end - begin) < w->out.len ? (size_t)(end - begin) : w->out.len);
    off_t whole = begin;
    uint64_t blocks = 0;
    while (left.left >= 8) {
        uint32_t len; /* pcapng: the second word of a block is its length, in this machine's byte order */
        memcpy(&len, left.at + 4, sizeof len);
        if (bytes_take(&left, len) == NULL || len == 0)
            break;
        whole += len;
        blocks++;
    }
    if (ftruncate(w->fd, whole) != 0)
        return 0;
    lseek(w->fd, whole, SEEK_SET);
    return blocks;
}

static void flush(struct writer *w)
{
    if (w->out.len == 0)
        return;
    int failed = atomic_load(&w->shared->failed);
    uint64_t kept = 0;
    if (failed == 0) {
        off_t begin = lseek(w->fd, 0, SEEK_CUR);
        failed = -io_write_all(w->fd, w->out.data, w->out.len);
        kept = failed == 0 ? w->out_blocks : keep_whole_blocks(w, begin);
    }
    atomic_fetch_add(&w->shared->written, kept);
    if (failed != 0)
        lose(w, failed, w->out_blocks - kept);
    w->out.len = 0;
    w->out_blocks = 0;
}

static void emit(struct writer *w, struct held held)
{
    w->held_bytes -= held.len;
    buf_append(&w->out, held.block, held.len);
    w->out_blocks++;
    free(held.block);
    if (w->out.failed) {
        lose(w, ENOMEM, 1);
        w->out.failed = false;
    }
    if (w->out.len >= SCRIBE_MAX_BLOCK)
        flush(w);
}

static void hold(struct writer *w, struct held held)
{
    if (w->count == w->cap) {
        size_t cap = w->cap == 0 ? 1024 : w->cap * 2;
        struct held *heap = realloc(w->heap, cap * sizeof *heap);
        if (heap == NULL) {
            lose(w, ENOMEM, 1);
            free(held.block);
            return;
        }
        w->heap = heap;
        w->cap = cap;
    }
    held.order = w->order++;
    w->held_bytes += held.len;
    w->heap[w->count] = held;
    sift_up(w, w->count++);
}

/* Take all that is in a ring. Returns the number of blocks. */
static size_t empty_ring(struct writer *w, struct ring *ring)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    size_t taken = 0;
    for (; tail < head; taken++) {
        struct entry_head entry;
        copy_out(ring, tail, &entry, sizeof entry);
        struct held held = {.time_ns = entry.time_ns, .len = entry.len, .block = malloc(entry.len)};
        if (held.block == NULL) {
            lose(w, ENOMEM, 1);
        } else {
            copy_out(ring, tail + sizeof entry, held.block, held.len);
            hold(w, held);
        }
        tail += sizeof entry + entry.len;
        atomic_store_explicit(&ring->tail, tail, memory_order_release);
    }
    return taken;
}

/* Write what is due: everything up to `until`. */
static void write_until(struct writer *w, uint64_t until)
{
    while (w->count > 0 && (w->heap[0].time_ns <= until || w->held_bytes > HELD_MOST))
        emit(w, pop(w));
    flush(w);
}

static size_t empty_rings(struct writer *w)
{
    size_t taken = 0;
    for (size_t i = 0; i < SCRIBE_RINGS; i++)
        taken += empty_ring(w, &w->shared->ring[i]);
    return taken;
}

/* Up to when every block is in its ring. The clock is read first, then the floors; what a floor vouches for
 * was put before it, so whoever empties the rings after this call has it. */
static uint64_t settled(struct shared *shared)
{
    const uint64_t now = clock_real_ns();
    uint64_t until = now;
    for (size_t i = 0; i < SCRIBE_RINGS; i++) {
        uint64_t floor = atomic_load(&shared->ring[i].floor);
        if (floor < until)
            until = floor;
    }
    return until < now - SCRIBE_PATIENCE_NS ? now - SCRIBE_PATIENCE_NS : until;
}

/* Until the producers' pipe closes. */
static void serve(struct writer *w, int life, int kick)
{
    unsigned idle_rounds = 0;
    for (;;) {
        struct pollfd fds[2] = {{.fd = life, .events = POLLIN}, {.fd = kick, .events = POLLIN}};
        bool idle = idle_rounds >= IDLE_ROUNDS && w->count == 0;
        if (idle) {
            atomic_store(&w->shared->idle, 1);
            idle = empty_rings(w) == 0; /* something may have come before the flag was seen */
        }
        ppoll(fds, 2, idle ? NULL : &(struct timespec){.tv_nsec = POLL_NS}, NULL);
        atomic_store(&w->shared->idle, 0);
        if (fds[1].revents != 0) {
            uint64_t drained;
            ssize_t n = read(kick, &drained, sizeof drained);
            (void)n;
        }
        bool over = (fds[0].revents & (POLLHUP | POLLERR)) != 0;
        uint64_t until = over ? UINT64_MAX : settled(w->shared);
        idle_rounds = empty_rings(w) > 0 ? 0 : idle_rounds + 1;
        write_until(w, until);
        if (over)
            return;
    }
}

static _Noreturn void scribe_main(struct shared *shared, int fd, int life, int kick)
{
    /* What ends the recorder does not end the scribe: it ends when there is nothing more to write. */
    const int ignored[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE, SIGTSTP, SIGXFSZ};
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        signal(ignored[i], SIG_IGN);
    prctl(PR_SET_NAME, "sockdiag-scribe", 0, 0, 0);
    struct writer w = {.shared = shared, .fd = fd};
    serve(&w, life, kick);
    atomic_store(&shared->done, 1);
    _exit(0);
}

int scribe_start(struct scribe **out, int fd, struct sd_err *err)
{
    int life[2] = {-1, -1}, death[2] = {-1, -1};
    struct scribe *s = calloc(1, sizeof *s);
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int kick = eventfd(0, EFD_CLOEXEC);
    int ret = -ENOMEM;
    if (s == NULL || shared == MAP_FAILED || kick < 0 || pipe2(life, O_CLOEXEC) != 0 ||
        pipe2(death, O_CLOEXEC) != 0) {
        ret = sd_fail_errno(err, errno, "cannot set up the writer of the capture file");
        goto out;
    }
    for (size_t i = 0; i < SCRIBE_RINGS; i++)
        atomic_init(&shared->ring[i].floor, IDLE);
    *s = (struct scribe){.shared = shared, .life = life[1], .death = death[0], .kick = kick};
    s->pid = fork();
    if (s->pid < 0) {
        ret = sd_fail_errno(err, errno, "cannot start the writer of the capture file");
        goto out;
    }
    if (s->pid == 0) {
        close(life[1]);
        close(death[0]);
        scribe_main(shared, fd, life[0], kick);
    }
    close(life[0]);
    close(death[1]);
    *out = s;
    return 0;
out:
    io_close(&life[0]);
    io_close(&life[1]);
    io_close(&death[0]);
    io_close(&death[1]);
    io_close(&kick);
    if (shared != MAP_FAILED)
        munmap(shared, sizeof *shared);
    free(s);
    return ret;
}

void scribe_leave(struct scribe *s)
{
    if (s != NULL)
        io_close(&s->life);
}

int scribe_finish(struct scribe *s, struct scribe_result *result)
{
    *result = (struct scribe_result){0};
    if (s == NULL)
        return 0;
    scribe_leave(s);
    while (waitpid(s->pid, NULL, __WALL) < 0 && errno == EINTR)
        ; /* ECHILD: someone who waits for any child was quicker */
    bool well = atomic_load(&s->shared->done) != 0;
    result->failed = atomic_load(&s->shared->failed);
    result->written = atomic_load(&s->shared->written);
    result->lost = atomic_load(&s->shared->lost);
    io_close(&s->death);
    io_close(&s->kick);
    munmap(s->shared, sizeof *s->shared);
    free(s);
    return well ? 0 : -ECHILD;
}
