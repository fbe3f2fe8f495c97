#include "capture/shared_input.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"

/* Pieces of the input are numbered from 0, and stand in a ring of slots. Number 0 is what the source was
 * opened with. */

enum {
    PIECE = 256 << 10,    /* several fit into a processor's own cache */
    HEADROOM = 128 << 10, /* for a record that begins in the piece before: most are shorter */
    LEAST_SLOTS = 8,
};

/* Its bytes stay in the caches of the thread that reads into it: another one's would have to fetch them from
 * there, and to write over them, too. */
struct buffer {
    uint8_t *data;  /* PIECE bytes, with HEADROOM before them */
    unsigned owner; /* thread */
    struct buffer *next_spare;
};

struct slot {
    struct buffer *buffer; /* NULL: none yet */
    size_t len;
    struct buf joined; /* or with more before them */
    uint64_t ready;    /* 1 + the piece that stands here; 0: none yet */
};

struct thread {
    uint64_t begun; /* pieces that it has asked for */
    uint64_t needs; /* the first piece that it has not given back; UINT64_MAX: it has left */
    struct buffer *spare;
};

struct shared_input {
    struct shared_input_config config;
    int wake_fd;
    bool is_file;
    off_t first, end; /* of a file: where piece 1 begins, and the last one ends */
    size_t slot_count;
    struct slot *slots;
    struct buffer *buffers; /* twice as many */
    size_t buffers_used;
    uint8_t *memory; /* theirs */

    /* Of who opens the source, then of who sweeps. */
    bool opened;
    bool is_given;   /* the source has got the piece that is swept */
    bool is_the_end; /* there is none, … */
    int end_code;    /* … for this reason */

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t moved;
    uint64_t claimed; /* pieces that somebody has read, or reads */
    bool quiet;       /* the one that reads a pipe has to wait */
    uint64_t last;    /* piece `last` and those behind it cannot be read, for … */
    int last_code;    /* … 0 it is the end, or a negative errno */
    uint64_t swept;   /* pieces */
    bool is_sweeping; /* the next one */
    uint64_t over;    /* from piece `over` on, nothing is found: … */
    int ended;        /* … that is what threads are told */

    struct thread threads[];
};

/* ---- reading: without the lock ---- */

/* What was read, and whether there is more behind it: 1; 0 for the end; or a negative errno. */
struct got {
    size_t len;
    int more;
};

static bool is_readable(int fd)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    return poll(&one, 1, 0) > 0;
}

static struct got read_at(const struct shared_input *in, off_t place, uint8_t *data)
{
    const size_t want = place >= in->end ? 0 : in->end - place < PIECE ? (size_t)(in->end - place) : PIECE;
    struct got got;
    const int failed = io_read_at(in->config.fd, data, want, place, &got.len);
    got.more = failed != 0 ? failed : want > 0 && got.len == want;
    return got;
}

static bool tell_before_waiting(struct shared_input *in, unsigned thread)
{
    return in->config.before == NULL || in->config.before(in->config.context, thread);
}

static void set_quiet(struct shared_input *in, bool quiet)
{
    pthread_mutex_lock(&in->lock);
    in->quiet = quiet;
    pthread_cond_broadcast(&in->moved);
    pthread_mutex_unlock(&in->lock);
}

/* Until there is something to read. 0 or a negative errno. */
static int wait_readable(struct shared_input *in, unsigned thread)
{
    struct pollfd fds[] = {{.fd = in->config.fd, .events = POLLIN},
                           {.fd = in->config.stop_fd, .events = POLLIN},
                           {.fd = in->wake_fd, .events = POLLIN}};
    int ready = poll(fds, 3, 0);
    if (ready == 0) {
        set_quiet(in, true);
        const bool goes_on = tell_before_waiting(in, thread);
        while (goes_on && (ready = poll(fds, 3, -1)) < 0 && errno == EINTR)
            continue;
        set_quiet(in, false);
        if (!goes_on)
            return -ECANCELED;
    }
    if (ready < 0)
        return errno == EINTR ? 0 : -errno;
    return fds[2].revents != 0 ? -ECANCELED : fds[1].revents != 0 ? -EINTR : 0;
}

static struct got read_pipe(struct shared_input *in, unsigned thread, uint8_t *data)
{
    for (;;) {
        const int failed = wait_readable(in, thread);
        if (failed != 0)
            return (struct got){0, failed};
        const ssize_t n = read(in->config.fd, data, PIECE);
        if (n >= 0)
            return (struct got){(size_t)n, n > 0};
        if (errno != EINTR && errno != EAGAIN)
            return (struct got){0, -errno};
    }
}

/* A signal ends a file between pieces, but not behind the last one. */
static struct got read_piece(struct shared_input *in, unsigned thread, uint64_t piece, uint8_t *data)
{
    const off_t place = in->first + (off_t)(piece - 1) * PIECE;
    if (!in->is_file)
        return read_pipe(in, thread, data);
    if (place < in->end && is_readable(in->config.stop_fd))
        return (struct got){0, -EINTR};
    return read_at(in, place, data);
}

/* ---- what sweeps read ---- */

/* The piece, behind bytes for which there is no headroom. Where these are all that such a buffer holds, no
 * record of it was given out, and they need not be copied again: so, a long record grows piece by piece. What
 * is left ends where the buffer does. */
static int join(struct slot *slot, struct slot *before, const uint8_t *left, size_t left_len)
{
    if (left == before->joined.data) {
        slot->joined = before->joined;
        before->joined = (struct buf){0};
    } else {
        buf_append(&slot->joined, left, left_len);
    }
    buf_append(&slot->joined, slot->buffer->data, slot->len);
    return slot->joined.failed ? -ENOMEM : 0;
}

/* While the source is opened, of which no record was given out: headers are short. */
static int give_first(struct shared_input *in, const uint8_t *left, size_t left_len, const uint8_t **data,
                      size_t *len)
{
    struct slot *slot = &in->slots[0];
    if (left_len > HEADROOM)
        return -EINVAL;
    if (left_len > 0)
        memmove(slot->buffer->data - left_len, left, left_len);
    const struct got got =
        in->is_file ? read_at(in, in->first, slot->buffer->data) : read_pipe(in, 0, slot->buffer->data);
    slot->len = got.len;
    in->first += (off_t)got.len;
    *data = slot->buffer->data - left_len;
    *len = left_len + got.len;
    return got.len > 0 ? 1 : got.more;
}

static int give(void *context, const uint8_t *left, size_t left_len, const uint8_t **data, size_t *len)
{
    struct shared_input *in = context;
    struct slot *slot = &in->slots[in->swept % in->slot_count];
    if (!in->opened)
        return give_first(in, left, left_len, data, len);
    if (in->is_given)
        return -EAGAIN;
    if (in->is_the_end)
        return in->end_code;
    in->is_given = true;
    *len = left_len + slot->len;
    if (left_len <= HEADROOM) {
        *data = slot->buffer->data - left_len;
        if (left_len > 0)
            memcpy(slot->buffer->data - left_len, left, left_len);
        return 1;
    }
    if (join(slot, &in->slots[(in->swept + in->slot_count - 1) % in->slot_count], left, left_len) != 0)
        return -ENOMEM;
    *data = slot->joined.data;
    return 1;
}

struct pcapng_pieces shared_input_pieces(struct shared_input *in)
{
    return (struct pcapng_pieces){in, give};
}

/* ---- pieces: with the lock ---- */

/* The piece that was swept last is needed until the next one is: a record may begin in it. */
static uint64_t first_needed(const struct shared_input *in)
{
    uint64_t first = in->swept > 0 ? in->swept - 1 : 0;
    for (unsigned i = 0; i < in->config.threads; i++)
        first = in->threads[i].needs < first ? in->threads[i].needs : first;
    return first;
}

static bool has_room(const struct shared_input *in, uint64_t piece)
{
    return piece - first_needed(in) < in->slot_count;
}

/* Who lacks `piece`. A pipe is read by one at a time, who cannot do anything else: it may take long. */
static bool may_read(const struct shared_input *in, uint64_t piece)
{
    return in->claimed < in->last && in->claimed < in->over && has_room(in, in->claimed) &&
           (in->is_file || in->claimed == piece);
}

/* Where a piece was cut short by an error, who read on behind it may have found the end there. */
static void end_reading_at(struct shared_input *in, uint64_t piece, int code)
{
    if (piece > in->last || (piece == in->last && code == 0))
        return;
    in->last = piece;
    in->last_code = code != -EAGAIN ? code : -EIO; /* of a file: nobody would ask again */
}

/* A buffer of the thread's own for what it reads; where it cannot have one more, that of the piece before. */
static void take_buffer(struct shared_input *in, struct slot *slot, unsigned thread)
{
    struct buffer *old = slot->buffer, **spare = &in->threads[thread].spare;
    if (old != NULL && old->owner == thread)
        return;
    if (*spare != NULL) {
        slot->buffer = *spare;
        *spare = slot->buffer->next_spare;
    } else if (in->buffers_used < 2 * in->slot_count) {
        slot->buffer = &in->buffers[in->buffers_used++];
    }
    if (old != NULL && old != slot->buffer) {
        old->next_spare = in->threads[old->owner].spare;
        in->threads[old->owner].spare = old;
    }
    slot->buffer->owner = thread;
}

/* Nobody has to be told: who read the piece sweeps it. */
static void read_next(struct shared_input *in, unsigned thread)
{
    const uint64_t piece = in->claimed++;
    struct slot *slot = &in->slots[piece % in->slot_count];
    take_buffer(in, slot, thread);
    pthread_mutex_unlock(&in->lock);
    buf_free(&slot->joined);
    const struct got got = read_piece(in, thread, piece, slot->buffer->data);
    pthread_mutex_lock(&in->lock);
    if (got.len == 0 || got.more <= 0)
        end_reading_at(in, got.len > 0 ? piece + 1 : piece, got.more);
    slot->len = got.len;
    slot->ready = piece + 1;
}

static bool has_left(const struct shared_input *in, unsigned thread)
{
    return in->threads[thread].needs == UINT64_MAX;
}

/* Who read a piece sweeps it: the one whose buffer it stands in. The piece behind the last one stands for the
 * end, and is nobody's. */
static bool may_sweep(const struct shared_input *in, unsigned thread)
{
    const uint64_t piece = in->swept;
    const struct slot *slot = &in->slots[piece % in->slot_count];
    if (in->is_sweeping || piece >= in->over)
        return false;
    if (piece == in->last)
        return has_room(in, piece);
    return slot->ready == piece + 1 && (slot->buffer->owner == thread || has_left(in, slot->buffer->owner));
}

/* Who waits for a pipe need not any more. */
static void end_at(struct shared_input *in, uint64_t piece, int code)
{
    static const uint64_t one = 1;
    if (piece >= in->over)
        return;
    in->over = piece;
    in->ended = code;
    pthread_cond_broadcast(&in->moved);
    (void)io_write_all(in->wake_fd, &one, sizeof one); /* fails only where it is readable as it is */
}

static void sweep_next(struct shared_input *in)
{
    const uint64_t piece = in->swept;
    in->is_sweeping = true;
    in->is_given = piece == 0;
    in->is_the_end = piece == in->last;
    in->end_code = in->last_code;
    pthread_mutex_unlock(&in->lock);
    const int got = in->config.sweep(in->config.context, piece % in->slot_count);
    pthread_mutex_lock(&in->lock);
    in->is_sweeping = false;
    if (got != -EAGAIN)
        end_at(in, in->is_the_end ? piece : piece + 1, got);
    in->swept++;
    pthread_cond_broadcast(&in->moved);
}

/* With the lock, and leaving it for the while. */
static void tell_of_quiet(struct shared_input *in, unsigned thread)
{
    pthread_mutex_unlock(&in->lock);
    if (!tell_before_waiting(in, thread))
        shared_input_stop(in);
    pthread_mutex_lock(&in->lock);
}

/* Until `piece` is swept, or there is none. */
static void wait_for(struct shared_input *in, unsigned thread, uint64_t piece)
{
    bool told = false;
    for (;;) {
        if (may_sweep(in, thread)) {
            sweep_next(in);
        } else if (piece < in->swept || piece >= in->over) {
            return;
        } else if (may_read(in, piece)) {
            read_next(in, thread);
        } else if (in->quiet && !told) {
            tell_of_quiet(in, thread);
            told = true;
        } else {
            pthread_cond_wait(&in->moved, &in->lock);
        }
    }
}

int shared_input_next(struct shared_input *in, unsigned thread, size_t *slot)
{
    pthread_mutex_lock(&in->lock);
    struct thread *t = &in->threads[thread];
    const uint64_t piece = t->begun++;
    const uint64_t needed = first_needed(in);
    if (!in->opened)
        in->opened = true;
    t->needs = piece;
    if (first_needed(in) != needed)
        pthread_cond_broadcast(&in->moved); /* there is room */
    wait_for(in, thread, piece);
    const int got = piece < in->over ? 1 : in->ended;
    *slot = piece % in->slot_count;
    pthread_mutex_unlock(&in->lock);
    return got;
}

void shared_input_leave(struct shared_input *in, unsigned thread)
{
    pthread_mutex_lock(&in->lock);
    in->threads[thread].needs = UINT64_MAX;
    pthread_cond_broadcast(&in->moved);
    pthread_mutex_unlock(&in->lock);
}

void shared_input_stop(struct shared_input *in)
{
    pthread_mutex_lock(&in->lock);
    end_at(in, in->swept, -ECANCELED);
    pthread_mutex_unlock(&in->lock);
}

/* ---- the whole ---- */

static int look_at(struct shared_input *in, struct sd_err *err)
{
    struct stat st;
    if (fstat(in->config.fd, &st) != 0)
        return sd_fail_errno(err, errno, "cannot look at %s", in->config.name);
    in->is_file = S_ISREG(st.st_mode) && st.st_size > 0; /* files of the kernel's do not tell */
    in->first = in->is_file ? lseek(in->config.fd, 0, SEEK_CUR) : 0;
    in->end = st.st_size;
    return in->first < 0 ? sd_fail_errno(err, errno, "cannot look at %s", in->config.name) : 0;
}

static int make_slots(struct shared_input *in)
{
    const size_t wanted = 2 * (size_t)in->config.threads;
    in->slot_count = wanted > LEAST_SLOTS ? wanted : LEAST_SLOTS;
    in->slots = calloc(in->slot_count, sizeof *in->slots);
    in->buffers = calloc(2 * in->slot_count, sizeof *in->buffers);
    in->memory = malloc(2 * in->slot_count * (HEADROOM + PIECE)); /* touched where it is used */
    in->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (in->wake_fd < 0)
        return -errno;
    if (in->slots == NULL || in->buffers == NULL || in->memory == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < 2 * in->slot_count; i++)
        in->buffers[i].data = in->memory + i * (HEADROOM + PIECE) + HEADROOM;
    take_buffer(in, &in->slots[0], 0);
    in->slots[0].ready = 1;
    return 0;
}

int shared_input_new(struct shared_input **out, const struct shared_input_config *config, struct sd_err *err)
{
    struct shared_input *in = calloc(1, sizeof *in + config->threads * sizeof in->threads[0]);
    if (in == NULL)
        return sd_fail_errno(err, ENOMEM, "%s", config->name);
    in->config = *config;
    in->claimed = 1;
    in->last = in->over = UINT64_MAX;
    pthread_mutex_init(&in->lock, NULL);
    pthread_cond_init(&in->moved, NULL);
    int failed = make_slots(in);
    if (failed != 0)
        sd_fail_errno(err, -failed, "%s", config->name);
    else
        failed = look_at(in, err);
    if (failed != 0)
        shared_input_free(in);
    else
        *out = in;
    return failed;
}

size_t shared_input_slots(const struct shared_input *in)
{
    return in->slot_count;
}

void shared_input_free(struct shared_input *in)
{
    if (in == NULL)
        return;
    io_close(&in->wake_fd);
    pthread_cond_destroy(&in->moved);
    pthread_mutex_destroy(&in->lock);
    for (size_t i = 0; in->slots != NULL && i < in->slot_count; i++)
        buf_free(&in->slots[i].joined);
    free(in->memory);
    free(in->buffers);
    free(in->slots);
    free(in);
}
