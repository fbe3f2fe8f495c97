#ifndef SOCKDIAG_CMD_STREAMS_CROWD_H
#define SOCKDIAG_CMD_STREAMS_CROWD_H

#include <pthread.h>

#include "capture/shared_input.h"
#include "cmd/streams_run.h"

/* streams -j: several jobs, each with a thread and a run of its own, follow a part of the streams. What is
 * read is taken apart once, by one of them; every job takes the packets of its part from that. */

struct crowd {
    struct streams *s; /* whose crowd it is: it has the source, and counts what is taken apart */
    unsigned count;
    struct engine_shard first; /* of the first job; the others have the next ones */
    pthread_mutex_t turn;      /* to write to stdout, which … */
    int write_failed;          /* … did not work once: that was told */

    struct shared_input *input;
    struct pcapng_pieces pieces; /* of it */
    struct batch_parts parts;
    struct batch *batches; /* one for each slot of the input */
    struct sd_err err;     /* how that ended */

    /* The first job is in the first thread, the others are behind the gate. */
    pthread_mutex_t gate;
    bool is_shut;
    pthread_t thread[BATCH_MAX_PARTS];
    unsigned started; /* threads; the first job has none of its own */

    struct streams job[]; /* of each the run, as if it were the only one */
};

/* The packets of a job have ended, as intake_run() tells. */
void streams_job_end(struct streams *s, int ended);

/* Start the threads, which wait; follow the streams in all of them, until they have ended: returns what
 * intake_run() would; wait for them, and let the input go, in any case. */
int streams_threads_start(struct crowd *crowd, struct sd_err *err);
int streams_threads_run(struct crowd *crowd);
void streams_threads_end(struct crowd *crowd);

#endif
