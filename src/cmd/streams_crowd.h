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
    off_t size; /* of the file, as it was at the start: what is written on to it is none of ours */
    pthread_mutex_t gate;
    bool is_shut;
    pthread_t thread[JOBS_MAX];
    unsigned started;        /* threads; the first job has none of its own */
    atomic_bool interrupted; /* by a signal: then all end behind the same packet */
    pthread_mutex_t lock;    /* of what follows */
    pthread_cond_t moved;
    off_t place[JOBS_MAX]; /* that a job has come to */
    unsigned votes;        /* jobs that have told behind which packet they are */
    uint64_t furthest;     /* the number of the last packet of any */
    int failed;            /* of the first that could not read on, with */
    struct sd_err err;

    /* One deals. */
    struct jobs *jobs;
    struct hash_key shard_key;
    struct tuple_key key;                      /* of that */
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

/* The same for those that read by themselves; streams_readers_end() waits for them in any case. */
int streams_readers_start(struct crowd *crowd, struct sd_err *err);
int streams_read_all(struct crowd *crowd, struct sd_err *err);
void streams_readers_end(struct crowd *crowd);

#endif
