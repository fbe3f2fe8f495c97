#include "cmd/jobs.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

enum {
    LOADS = 16,
    BUFFERS = 8,
    BUFFER = 256 << 10,  /* a processor's second cache holds some of them */
    LOAD_PACKETS = 4096, /* for all jobs together, at most */
};

struct list {
    struct jobs_load load;
    size_t cap;
};

struct load {
    struct list list[JOBS_MAX]; /* for each job */
    bool rest;                  /* no more is there now */
};

struct buffer {
    uint8_t *bytes;
    size_t cap;
    uint64_t until; /* loads before this one have packets in it */
};

struct job {
    struct jobs *jobs;
    pthread_t thread;
    uint64_t done; /* loads */
};

struct jobs {
    struct jobs_work work;
    unsigned count;
    struct buffer buffers[BUFFERS]; /* the reader's, as all above `lock` */
    unsigned buffer;                /* lent last */
    struct load load[LOADS];        /* the reader's from `filled` on */
    size_t given;                   /* packets in the load that is being filled */
    pthread_mutex_t lock;           /* of what follows */
    pthread_cond_t more, room;
    uint64_t filled; /* loads */
    uint64_t wanted; /* loads that must be done before the reader goes on; 0: it does not wait */
    bool ended;
    bool finished; /* the reader's */
    struct job job[];
};

/* ---- in a job ---- */

/* Loads that every job is ready with. */
static uint64_t least_done(const struct jobs *jobs)
{
    uint64_t least = UINT64_MAX;
    for (unsigned i = 0; i < jobs->count; i++)
        least = jobs->job[i].done < least ? jobs->job[i].done : least;
    return least;
}

/* Wait for the load after those that are done. NULL: there is none. */
static const struct load *next_load(struct job *job)
{
    struct jobs *jobs = job->jobs;
    pthread_mutex_lock(&jobs->lock);
    while (jobs->filled == job->done && !jobs->ended)
        pthread_cond_wait(&jobs->more, &jobs->lock);
    const struct load *load = jobs->filled > job->done ? &jobs->load[job->done % LOADS] : NULL;
    pthread_mutex_unlock(&jobs->lock);
    return load;
}

static void load_done(struct job *job)
{
    struct jobs *jobs = job->jobs;
    pthread_mutex_lock(&jobs->lock);
    job->done++;
    if (jobs->wanted != 0 && least_done(jobs) >= jobs->wanted)
        pthread_cond_signal(&jobs->room);
    pthread_mutex_unlock(&jobs->lock);
}

static void *run(void *context)
{
    struct job *job = context;
    const struct jobs_work *work = &job->jobs->work;
    const unsigned index = (unsigned)(job - job->jobs->job);
    const struct load *load;
    while ((load = next_load(job)) != NULL) {
        work->take(work->context, index, &load->list[index].load);
        if (load->rest)
            work->idle(work->context, index);
        load_done(job);
    }
    work->end(work->context, index);
    return NULL;
}

/* ---- in the thread that reads ---- */

int jobs_start(struct jobs **out, unsigned count, const struct jobs_work *work, struct sd_err *err)
{
    struct jobs *jobs = calloc(1, sizeof *jobs + count * sizeof jobs->job[0]);
    if (jobs == NULL)
        return sd_fail_errno(err, ENOMEM, "cannot start a thread");
    jobs->work = *work;
    pthread_mutex_init(&jobs->lock, NULL);
    pthread_cond_init(&jobs->more, NULL);
    pthread_cond_init(&jobs->room, NULL);
    int failed = 0;
    for (unsigned i = 0; i < count && failed == 0; i++) {
        jobs->job[i].jobs = jobs;
        failed = pthread_create(&jobs->job[i].thread, NULL, run, &jobs->job[i]);
        jobs->count += failed == 0;
    }
    if (failed != 0) {
        jobs_free(jobs);
        return sd_fail_errno(err, failed, "cannot start a thread");
    }
    *out = jobs;
    return 0;
}

/* Wait until so many loads are done; if it must be waited, until `better` many: a reader that is always
 * ahead is not to be woken for each of them. */
static void wait_done(struct jobs *jobs, uint64_t wanted, uint64_t better)
{
    pthread_mutex_lock(&jobs->lock);
    if (least_done(jobs) < wanted) {
        jobs->wanted = better;
        while (least_done(jobs) < better)
            pthread_cond_wait(&jobs->room, &jobs->lock);
        jobs->wanted = 0;
    }
    pthread_mutex_unlock(&jobs->lock);
}

/* The jobs get the load that was being filled; the next one is made ready. */
static void hand_over(struct jobs *jobs, bool rest)
{
    struct load *load = &jobs->load[jobs->filled % LOADS];
    load->rest = rest;
    for (unsigned i = 0; i < jobs->count; i++)
        jobs->work.seal(jobs->work.context, i, &load->list[i].load);
    jobs->given = 0;
    pthread_mutex_lock(&jobs->lock);
    jobs->filled++;
    pthread_cond_broadcast(&jobs->more);
    pthread_mutex_unlock(&jobs->lock);
    if (jobs->filled >= LOADS)
        wait_done(jobs, jobs->filled - LOADS + 1, jobs->filled - LOADS / 2);
    struct load *next = &jobs->load[jobs->filled % LOADS];
    for (unsigned i = 0; i < jobs->count; i++)
        next->list[i].load.count = 0;
}

uint8_t *jobs_lend(void *context, size_t least, size_t *cap)
{
    struct jobs *jobs = context;
    struct buffer *buffer = &jobs->buffers[jobs->buffer];
    hand_over(jobs, false);
    buffer->until = jobs->filled;
    jobs->buffer = (jobs->buffer + 1) % BUFFERS;
    buffer = &jobs->buffers[jobs->buffer];
    wait_done(jobs, buffer->until, jobs->buffers[(jobs->buffer + BUFFERS / 2) % BUFFERS].until);
    const size_t size = least > BUFFER ? least : BUFFER;
    if (buffer->cap < size) {
        free(buffer->bytes);
        buffer->bytes = malloc(size);
        buffer->cap = buffer->bytes != NULL ? size : 0;
    }
    *cap = buffer->cap;
    return buffer->bytes;
}

static int append(struct list *list, const struct batch_packet *packet)
{
    struct jobs_load *load = &list->load;
    if (load->count == list->cap) {
        const size_t cap = list->cap == 0 ? 256 : list->cap * 2;
        struct batch_packet *grown = reallocarray(load->packets, cap, sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        load->packets = grown;
        list->cap = cap;
    }
    load->packets[load->count++] = *packet;
    return 0;
}

int jobs_give(struct jobs *jobs, unsigned index, const struct batch_packet *packet)
{
    struct list *list = &jobs->load[jobs->filled % LOADS].list[index];
    jobs->given++;
    const int failed = append(list, packet);
    if (failed == 0 && jobs->given == LOAD_PACKETS)
        hand_over(jobs, false);
    return failed;
}

void jobs_rest(struct jobs *jobs)
{
    hand_over(jobs, true);
}

void jobs_finish(struct jobs *jobs)
{
    if (jobs->finished)
        return;
    if (jobs->given > 0)
        hand_over(jobs, false);
    pthread_mutex_lock(&jobs->lock);
    jobs->ended = true;
    pthread_cond_broadcast(&jobs->more);
    pthread_mutex_unlock(&jobs->lock);
    for (unsigned i = 0; i < jobs->count; i++)
        pthread_join(jobs->job[i].thread, NULL);
    jobs->finished = true;
}

void jobs_free(struct jobs *jobs)
{
    if (jobs == NULL)
        return;
    jobs_finish(jobs);
    for (unsigned i = 0; i < LOADS; i++) {
        for (unsigned j = 0; j < jobs->count; j++)
            free(jobs->load[i].list[j].load.packets);
    }
    for (unsigned i = 0; i < BUFFERS; i++)
        free(jobs->buffers[i].bytes);
    pthread_cond_destroy(&jobs->room);
    pthread_cond_destroy(&jobs->more);
    pthread_mutex_destroy(&jobs->lock);
    free(jobs);
}
