#include "cmd/extract_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"

/* Work is handed over by the batch: a wake-up a file would cost more than the file. A batch goes when it is
 * full, and at once where the thread has nothing else to do; so batches are as large as the thread is late.
 */

enum {
    BATCHES = 4,
    BATCH = 257 << 10, /* of four pieces, or hundreds of small files */
    NAME = 48,
};

enum task_kind {
    TASK_FILE,
    TASK_PIECE,
    TASK_CLOSE,
    TASK_APPEND
};

struct task {
    enum task_kind kind;
    int fd;          /* but of a file */
    char name[NAME]; /* of a file and its pieces */
    uint64_t offset; /* of a piece */
    size_t len;      /* of the bytes that follow */
};

struct batch {
    uint8_t *data;
    size_t len;
};

struct extract_writer {
    struct extract_writer_config config;
    struct batch batches[BATCHES];
    unsigned filled;       /* batches that were handed over; the next one is being filled */
    _Atomic unsigned done; /* of them */
    pthread_mutex_t lock;  /* of the changes of both, and what follows */
    pthread_cond_t changed;
    bool ended;
    int failed;
    struct sd_err err;
    pthread_t thread;
    bool running;
};

int extract_create(const struct extract_writer_config *config, const char *name, struct sd_err *err)
{
    struct stat st;
    /* Non-blocking: a pipe of that name must not stop us, who write regular files only. */
    const int fd =
        openat(config->directory_fd, name,
               O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | (config->force ? 0 : O_EXCL), 0666);
    int failed = 0;
    if (fd < 0 && errno == EEXIST)
        return sd_fail(err, EEXIST, "%s/%s is there already; choose another directory, or --force",
                       config->directory, name);
    if (fd < 0)
        return sd_fail_errno(err, errno, "cannot write %s/%s", config->directory, name);
    if (config->force && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)))
        failed = sd_fail(err, EINVAL, "%s/%s is no regular file", config->directory, name);
    else if (config->force && ftruncate(fd, 0) != 0)
        failed = sd_fail_errno(err, errno, "cannot write %s/%s", config->directory, name);
    if (failed == 0)
        return fd;
    close(fd);
    return failed;
}

/* ---- the thread ---- */

static int make_file(const struct extract_writer_config *config, const struct task *task, const uint8_t *data,
                     struct sd_err *err)
{
    const int fd = extract_create(config, task->name, err);
    if (fd < 0)
        return fd;
    int failed = io_write_all(fd, data, task->len);
    if (close(fd) != 0 && failed == 0)
        failed = -errno;
    return failed == 0 ? 0 : sd_fail_errno(err, -failed, "cannot write %s/%s", config->directory, task->name);
}

static int write_piece(const struct task *task, const uint8_t *data)
{
    for (size_t done = 0; done < task->len;) {
        const ssize_t n = pwrite(task->fd, data + done, task->len - done, (off_t)(task->offset + done));
        if (n < 0 && errno != EINTR)
            return -errno;
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static int do_task(const struct extract_writer_config *config, const struct task *task, const uint8_t *data,
                   struct sd_err *err)
{
    const char *what = task->name;
    int failed = 0;
    switch (task->kind) {
    case TASK_FILE:
        return make_file(config, task, data, err);
    case TASK_PIECE:
        failed = write_piece(task, data);
        break;
    case TASK_CLOSE:
        failed = close(task->fd) == 0 ? 0 : -errno;
        what = "a file";
        break;
    case TASK_APPEND:
        failed = io_write_all(task->fd, data, task->len);
        what = "the index";
        break;
    }
    return failed == 0 ? 0 : sd_fail_errno(err, -failed, "cannot write %s in %s", what, config->directory);
}

static int do_batch(const struct extract_writer_config *config, const struct batch *batch, struct sd_err *err)
{
    struct task task;
    int failed = 0;
    for (size_t at = 0; at < batch->len && failed == 0; at += sizeof task + task.len) {
        memcpy(&task, batch->data + at, sizeof task);
        failed = do_task(config, &task, batch->data + at + sizeof task, err);
    }
    return failed;
}

static void *serve(void *context)
{
    struct extract_writer *w = context;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (w->done == w->filled && !w->ended)
            pthread_cond_wait(&w->changed, &w->lock);
        if (w->done == w->filled)
            break;
        if (w->failed == 0) {
            pthread_mutex_unlock(&w->lock);
            struct sd_err err = {0};
            const int failed = do_batch(&w->config, &w->batches[w->done % BATCHES], &err);
            pthread_mutex_lock(&w->lock);
            w->failed = failed;
            w->err = err;
        }
        w->batches[w->done % BATCHES].len = 0;
        w->done++;
        pthread_cond_broadcast(&w->changed);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* ---- its master ---- */

int extract_writer_new(struct extract_writer **out, const struct extract_writer_config *config,
                       struct sd_err *err)
{
    struct extract_writer *w = *out = calloc(1, sizeof *w);
    if (w == NULL)
        return sd_fail_errno(err, ENOMEM, "extract");
    w->config = *config;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    for (size_t i = 0; i < BATCHES; i++) {
        if ((w->batches[i].data = malloc(BATCH)) == NULL)
            return sd_fail_errno(err, ENOMEM, "extract");
    }
    const int failed = pthread_create(&w->thread, NULL, serve, w);
    w->running = failed == 0;
    return failed == 0 ? 0 : sd_fail_errno(err, failed, "cannot start a thread");
}

/* Hand the batch over and wait until at most so many are not done. */
static int hand_over(struct extract_writer *w, unsigned most, struct sd_err *err)
{
    pthread_mutex_lock(&w->lock);
    if (w->batches[w->filled % BATCHES].len > 0) {
        w->filled++;
        pthread_cond_broadcast(&w->changed);
    }
    while (w->filled - w->done > most)
        pthread_cond_wait(&w->changed, &w->lock);
    const int failed = w->failed;
    if (failed != 0)
        *err = w->err;
    pthread_mutex_unlock(&w->lock);
    return failed;
}

static int put_task(struct extract_writer *w, const struct task *task, const uint8_t *data,
                    struct sd_err *err)
{
    struct batch *batch = &w->batches[w->filled % BATCHES];
    if (BATCH - batch->len < sizeof *task + task->len) {
        const int failed = hand_over(w, BATCHES - 1, err);
        if (failed != 0)
            return failed;
        batch = &w->batches[w->filled % BATCHES];
    }
    memcpy(batch->data + batch->len, task, sizeof *task);
    if (task->len > 0)
        memcpy(batch->data + batch->len + sizeof *task, data, task->len);
    batch->len += sizeof *task + task->len;
    return w->done == w->filled ? hand_over(w, BATCHES - 1, err) : 0;
}

static void put_name(struct task *task, const char *name)
{
    memccpy(task->name, name, '\0', sizeof task->name - 1);
}

int extract_writer_file(struct extract_writer *w, const char *name, const uint8_t *data, size_t len,
                        struct sd_err *err)
{
    struct task task = {.kind = TASK_FILE, .fd = -1, .len = len};
    put_name(&task, name);
    return put_task(w, &task, data, err);
}

int extract_writer_piece(struct extract_writer *w, const char *name, int fd, uint64_t offset,
                         const uint8_t *data, size_t len, struct sd_err *err)
{
    struct task task = {.kind = TASK_PIECE, .fd = fd, .offset = offset, .len = len};
    put_name(&task, name);
    return put_task(w, &task, data, err);
}

int extract_writer_close(struct extract_writer *w, int fd, struct sd_err *err)
{
    return put_task(w, &(struct task){.kind = TASK_CLOSE, .fd = fd}, NULL, err);
}

int extract_writer_append(struct extract_writer *w, int fd, const uint8_t *data, size_t len,
                          struct sd_err *err)
{
    int failed = 0;
    for (size_t at = 0, here; at < len && failed == 0; at += here) {
        here = len - at < EXTRACT_WRITER_MOST ? len - at : EXTRACT_WRITER_MOST;
        failed = put_task(w, &(struct task){.kind = TASK_APPEND, .fd = fd, .len = here}, data + at, err);
    }
    return failed;
}

int extract_writer_wait(struct extract_writer *w, struct sd_err *err)
{
    return hand_over(w, 0, err);
}

void extract_writer_free(struct extract_writer *w)
{
    struct sd_err err;
    if (w == NULL)
        return;
    if (w->running) {
        (void)hand_over(w, 0, &err);
        pthread_mutex_lock(&w->lock);
        w->ended = true;
        pthread_cond_broadcast(&w->changed);
        pthread_mutex_unlock(&w->lock);
        pthread_join(w->thread, NULL);
    }
    for (size_t i = 0; i < BATCHES; i++)
        free(w->batches[i].data);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    free(w);
}
