#ifndef SOCKDIAG_CMD_JOBS_H
#define SOCKDIAG_CMD_JOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "capture/batch.h"

/* One thread reads packets, others, the jobs, look at them, each at its own. What is read goes to the jobs in
 * loads; the bytes stay where they were read, in buffers of ours that are used again when every job is
 * ready with them. A reader that is ahead waits.
 *
 * Lifecycle: start, lend and give…, finish, free; all of it is for the thread that reads. */

#define JOBS_MAX 64

/* Packets for a job, and what came behind the last of them for others. */
struct jobs_load {
    struct batch_packet *packets;
    size_t count;
    struct batch_passed passed;
    uint64_t now_ns; /* as of a struct batch_packet */
};

/* What a job does, in its thread; `context` is the caller's, `index` from 0 tells the job. */
struct jobs_work {
    void *context;
    void (*seal)(void *context, unsigned index,
                 struct jobs_load *load); /* in the reader's: fill the rest in */
    void (*take)(void *context, unsigned index, const struct jobs_load *load);
    void (*idle)(void *context, unsigned index); /* no more is there now */
    void (*end)(void *context, unsigned index);  /* nor will be */
};

struct jobs;

/* Start `count` threads. 0, or a negative errno with `err` filled: then none runs. */
int jobs_start(struct jobs **out, unsigned count, const struct jobs_work *work, struct sd_err *err);

/* Another buffer of at least `least` bytes to read into: packets that are given from now on lie in it. Waits
 * until there is one. NULL: out of memory. */
uint8_t *jobs_lend(void *jobs, size_t least, size_t *cap);

/* The job gets the packet, which lies in the buffer lent last. 0 or -ENOMEM. */
int jobs_give(struct jobs *jobs, unsigned index, const struct batch_packet *packet);

/* The jobs get what was given so far, and are told that no more is there now. */
void jobs_rest(struct jobs *jobs);

/* No more will come: wait until every job has ended. */
void jobs_finish(struct jobs *jobs);

/* Finishes first, if that was not done. */
void jobs_free(struct jobs *jobs);

#endif
