/* A file that several threads read: in step, and all up to the same packet. */

#include <errno.h>
#include <time.h>

#include "base/clock.h"
#include "cmd/streams_crowd.h"

enum {
    STEP = 1 << 20,   /* bytes between looks at how far the others are */
    AHEAD = 16 << 20, /* of the slowest: so much is read after a signal to end behind the same packet */
    WAIT_MS = 20,     /* between looks for a signal while others catch up */
};

/* ---- in step ---- */

static unsigned index_of(const struct streams *s)
{
    return (unsigned)(s - s->crowd->job);
}

static off_t least_place(const struct crowd *crowd)
{
    off_t least = crowd->place[0];
    for (unsigned i = 1; i < crowd->count; i++)
        least = crowd->place[i] < least ? crowd->place[i] : least;
    return least;
}

/* This job has read so far. */
static void move_to(struct streams *s, off_t place)
{
    struct crowd *crowd = s->crowd;
    pthread_mutex_lock(&crowd->lock);
    crowd->place[index_of(s)] = place;
    pthread_cond_broadcast(&crowd->moved);
    pthread_mutex_unlock(&crowd->lock);
}

/* A signal comes to the first thread, and through it to the others. */
static bool is_interrupted(struct streams *s)
{
    struct crowd *crowd = s->crowd;
    if (s == &crowd->job[0] && intake_is_interrupted(&crowd->s->intake))
        atomic_store(&crowd->interrupted, true);
    return atomic_load_explicit(&crowd->interrupted, memory_order_relaxed);
}

/* Until the slowest is near, or the end is asked for. */
static void wait_for_others(struct streams *s, off_t place)
{
    struct crowd *crowd = s->crowd;
    for (;;) {
        const bool ends = streams_is_stopped(s) || is_interrupted(s);
        struct timespec until;
        pthread_mutex_lock(&crowd->lock);
        const bool near = place <= least_place(crowd) + AHEAD;
        if (!near && !ends) {
            clock_gettime(CLOCK_REALTIME, &until);
            until.tv_nsec += WAIT_MS * NS_PER_MS;
            until.tv_sec += until.tv_nsec / NS_PER_S;
            until.tv_nsec %= NS_PER_S;
            pthread_cond_timedwait(&crowd->moved, &crowd->lock, &until);
        }
        pthread_mutex_unlock(&crowd->lock);
        if (near || ends)
            return;
    }
}

static void keep_step(struct streams *s)
{
    const off_t place = source_place(s->intake.source);
    if (place < s->crowd->place[index_of(s)] + STEP)
        return;
    move_to(s, place);
    wait_for_others(s, place);
}

/* ---- to the same packet ---- */

/* The job has come to packet `number`. Returns, when all have told that, the highest of them. */
static uint64_t agree(struct crowd *crowd, uint64_t number)
{
    pthread_mutex_lock(&crowd->lock);
    crowd->furthest = number > crowd->furthest ? number : crowd->furthest;
    crowd->votes++;
    pthread_cond_broadcast(&crowd->moved);
    while (crowd->votes < crowd->count && atomic_load(&crowd->interrupted))
        pthread_cond_wait(&crowd->moved, &crowd->lock);
    const uint64_t furthest = crowd->furthest;
    pthread_mutex_unlock(&crowd->lock);
    return furthest;
}

/* Read until packet `end` (UINT64_MAX: of the file), or to where all jobs agree to end after a signal. As
 * intake_run() tells; -ECANCELED: for another job's sake. */
static int read_on(struct streams *s, uint64_t end, struct sd_err *err)
{
    struct capture_record record;
    bool voted = end != UINT64_MAX;
    int got = 0;
    s->batch.end = end;
    while (s->batch.last_number < end && !streams_is_stopped(s) &&
           (got = source_next(s->intake.source, &record, err)) > 0 &&
           (got = streams_take_record(s, &record, err)) == 0) {
        if (!voted)
            keep_step(s);
        if (!voted && is_interrupted(s)) {
            voted = true;
            s->batch.end = end = agree(s->crowd, s->batch.last_number);
        }
    }
    if (!voted)
        (void)agree(s->crowd, s->batch.last_number);
    return got < 0 ? got : streams_is_stopped(s) ? -ECANCELED : 0;
}

/* ---- threads ---- */

static void end_one(struct streams *s, int ended, const struct sd_err *err)
{
    struct crowd *crowd = s->crowd;
    pthread_mutex_lock(&crowd->lock);
    if (crowd->failed == 0 && ended != 0 && ended != -EBADMSG && ended != -ECANCELED && s->failed == 0) {
        crowd->failed = ended;
        crowd->err = *err;
    }
    pthread_mutex_unlock(&crowd->lock);
    move_to(s, crowd->size);
    streams_job_end(s, ended);
}

/* A thread of its own: behind the gate, all is as in the first one. */
static void *read_part(void *context)
{
    struct streams *s = context;
    struct crowd *crowd = s->crowd;
    struct sd_err err = {0};
    pthread_mutex_lock(&crowd->gate);
    pthread_mutex_unlock(&crowd->gate);
    int ended = streams_is_stopped(s) ? -ECANCELED : 0;
    if (ended == 0)
        ended = source_begin_again(s->intake.source, s->options.intake.file, &err);
    if (ended == 0)
        ended = source_bound(s->intake.source, crowd->size, &err);
    if (ended == 0)
        ended = read_on(s, UINT64_MAX, &err);
    else
        (void)agree(crowd, 0);
    end_one(s, ended, &err);
    return NULL;
}

int streams_readers_start(struct crowd *crowd, struct sd_err *err)
{
    const struct streams *s = crowd->s;
    int failed = 0;
    pthread_mutex_lock(&crowd->gate);
    crowd->is_shut = true;
    for (unsigned i = 1; i < crowd->count && failed == 0; i++) {
        struct streams *job = &crowd->job[i];
        failed = source_prepare_again(&job->intake.source, s->intake.input_fd, s->options.intake.filter, err);
        if (failed != 0)
            break;
        failed = pthread_create(&crowd->thread[crowd->started], NULL, read_part, job);
        if (failed != 0)
            failed = sd_fail_errno(err, failed, "cannot start a thread");
        else
            crowd->started++;
    }
    return failed;
}

void streams_readers_end(struct crowd *crowd)
{
    if (crowd->is_shut)
        pthread_mutex_unlock(&crowd->gate);
    crowd->is_shut = false;
    for (unsigned i = 0; i < crowd->started; i++)
        pthread_join(crowd->thread[i], NULL);
    crowd->started = 0;
}

/* In the first thread: 1 when a signal came. */
static int take_first(void *context, struct capture_record *record, struct sd_err *err)
{
    struct streams *s = context;
    const int got = streams_take_record(s, record, err);
    if (got == 0)
        keep_step(s);
    return got != 0 ? got : atomic_load_explicit(&s->crowd->interrupted, memory_order_relaxed);
}

int streams_read_all(struct crowd *crowd, struct sd_err *err)
{
    struct streams *job = &crowd->job[0];
    struct intake *intake = &crowd->s->intake;
    const struct intake_handlers handlers = {job, take_first, NULL};
    job->intake.source = intake->source;
    int ended = source_bound(intake->source, crowd->size, err);
    pthread_mutex_unlock(&crowd->gate);
    crowd->is_shut = false;
    if (ended == 0)
        ended = intake_run(intake, &handlers, err);
    if (ended == 0 && streams_is_stopped(job))
        ended = -ECANCELED;
    atomic_store(&crowd->interrupted, intake->interrupted);
    const uint64_t end = agree(crowd, job->batch.last_number);
    if (intake->interrupted && ended == 0)
        ended = read_on(job, end, err);
    end_one(job, ended, err);
    streams_readers_end(crowd);
    return ended;
}
