/* streams -j: the threads, and what each does with the input that they share. */

#include <errno.h>
#include <stdlib.h>

#include "cmd/streams_crowd.h"

static unsigned index_of(const struct streams *s)
{
    return (unsigned)(s - s->crowd->job);
}

/* ---- what is shared ---- */

/* In any thread, one at a time: packets, and whose they are. */
static int sweep(void *context, size_t slot)
{
    struct crowd *crowd = context;
    struct streams *s = crowd->s;
    struct batch *batch = &crowd->batches[slot];
    const struct batch_others others = {s, streams_take_other};
    struct capture_record record;
    int got;
    batch_clear(batch);
    while ((got = source_next(s->intake.source, &record, &crowd->err)) > 0) {
        if (batch_take(batch, &crowd->parts, &record, &others) != 0)
            return sd_fail_errno(&crowd->err, ENOMEM, "cannot follow the streams");
    }
    return got;
}

/* A pipe has nothing now: rows do not wait for more of it. */
static bool let_out(void *context, unsigned index)
{
    struct streams *s = &((struct crowd *)context)->job[index];
    if (s->failed == 0)
        s->failed = streams_flush(s);
    return s->failed == 0;
}

static int open_input(struct crowd *crowd, struct sd_err *err)
{
    const struct shared_input_config config = {
        .fd = crowd->s->intake.input_fd,
        .stop_fd = crowd->s->intake.signal_fd,
        .name = crowd->s->options.intake.file,
        .threads = crowd->count,
        .context = crowd,
        .sweep = sweep,
        .before = let_out,
    };
    const int failed = shared_input_new(&crowd->input, &config, err);
    if (failed != 0)
        return failed;
    crowd->batches = calloc(shared_input_slots(crowd->input), sizeof *crowd->batches);
    crowd->pieces = shared_input_pieces(crowd->input);
    return crowd->batches != NULL ? 0 : sd_fail_errno(err, ENOMEM, "streams");
}

/* ---- in each thread ---- */

/* Returns how the input ended. */
static int follow(struct streams *s)
{
    struct crowd *crowd = s->crowd;
    const unsigned index = index_of(s);
    size_t slot;
    int ended = 1;
    while (s->failed == 0 && (ended = shared_input_next(crowd->input, index, &slot)) > 0)
        (void)streams_feed(s, &crowd->batches[slot], index);
    shared_input_leave(crowd->input, index);
    streams_job_end(s, ended == -EINTR ? 0 : ended > 0 ? -ECANCELED : ended);
    return ended > 0 ? -ECANCELED : ended;
}

/* A thread of its own: behind the gate, all is as in the first one. */
static void *follow_part(void *context)
{
    struct streams *s = context;
    pthread_mutex_lock(&s->crowd->gate);
    pthread_mutex_unlock(&s->crowd->gate);
    (void)follow(s);
    return NULL;
}

/* ---- together ---- */

int streams_threads_start(struct crowd *crowd, struct sd_err *err)
{
    int failed = open_input(crowd, err);
    pthread_mutex_lock(&crowd->gate);
    crowd->is_shut = true;
    for (unsigned i = 1; i < crowd->count && failed == 0; i++) {
        failed = pthread_create(&crowd->thread[crowd->started], NULL, follow_part, &crowd->job[i]);
        if (failed != 0)
            failed = sd_fail_errno(err, failed, "cannot start a thread");
        else
            crowd->started++;
    }
    return failed;
}

static void open_gate(struct crowd *crowd)
{
    if (crowd->is_shut)
        pthread_mutex_unlock(&crowd->gate);
    crowd->is_shut = false;
}

int streams_threads_run(struct crowd *crowd)
{
    struct intake *intake = &crowd->s->intake;
    open_gate(crowd);
    const int ended = follow(&crowd->job[0]);
    streams_threads_end(crowd);
    if (ended != -EINTR)
        return ended;
    (void)intake_is_interrupted(intake); /* or it would strike as soon as signals are given back */
    intake->interrupted = true;
    return 0;
}

void streams_threads_end(struct crowd *crowd)
{
    open_gate(crowd);
    for (unsigned i = 0; i < crowd->started; i++)
        pthread_join(crowd->thread[i], NULL);
    crowd->started = 0;
    for (size_t i = 0; crowd->batches != NULL && i < shared_input_slots(crowd->input); i++)
        batch_free(&crowd->batches[i]);
    free(crowd->batches);
    crowd->batches = NULL;
    shared_input_free(crowd->input);
    crowd->input = NULL;
}
