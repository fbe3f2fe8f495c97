#ifndef SOCKDIAG_CMD_STREAMS_CROWD_H
#define SOCKDIAG_CMD_STREAMS_CROWD_H

#include <pthread.h>
#include <stdatomic.h>

#include "cmd/jobs.h"
#include "cmd/streams_run.h"

/* streams -j: several jobs, each with a thread and a run of its own, follow a part of the streams. A file is
 * read by every job, which passes over the packets of others: they stay in its processor's cache. Anything
 * else can be read only once: the first thread does that, and deals the packets out. */

struct crowd {
    struct streams *s; /* whose crowd it is */
    unsigned count;
    unsigned parts, first; /* job N has part `first` + N of all `parts` */
    pthread_mutex_t turn;  /* to write to stdout */
    atomic_bool stopped;   /* no more is wanted */
    bool deals;

    /* Each reads: the first job in the first thread, the others behind the gate. */
    pthread_mutex_t gate;
    bool is_shut;
    atomic_bool interrupted; /* by a signal: then all end behind the same packet */
    pthread_mutex_t lock;    /* of what follows */
    pthread_cond_t agreed;
    unsigned votes;    /* jobs that have told how far they are */
    uint64_t furthest; /* the number of the last packet of any */
    pthread_t thread[JOBS_MAX];
    unsigned started; /* threads; the first job has none of its own */

    /* One deals. */
    struct jobs *jobs;
    struct tuple_key key;
    struct batch_passed dealt, told[JOBS_MAX]; /* of those for one job only: all, and what a job knows of */
    uint64_t now_ns;                           /* the latest time so far */
    int ended; /* as intake_run() tells; set before the jobs are told to end */

    struct streams job[]; /* of each the run, as if it were the only one */
};

/* The packets of a job have ended, as intake_run() tells. */
void streams_job_end(struct streams *s, int ended);

/* Start the threads of those that wait for what is dealt out; read and deal; wait until all have ended. 0, or
 * what intake_run() returns. */
int streams_deal_start(struct crowd *crowd, struct sd_err *err);
int streams_deal(struct crowd *crowd, struct sd_err *err);

#endif
