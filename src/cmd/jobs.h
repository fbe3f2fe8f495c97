#ifndef SOCKDIAG_CMD_JOBS_H
#define SOCKDIAG_CMD_JOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* Processes that look at the same input, each for a part of the answer, and tell it in frames: a kind and
 * some bytes. Each has a descriptor of its own of the input where that is a file; of anything else, this
 * process reads it once and hands it to all of them.
 *
 * Lifecycle: open (before the rights are given up), start (after that: it forks), run, end. */

#define JOBS_MAX 64
#define JOBS_MAX_FRAME (64U << 10)

struct job {
    int input;  /* that the job reads; in this process the end that is written, if it is a pipe */
    int output; /* frames */
    int stop;   /* readable when the job shall end; in this process the end that is written */
    int pid;
    size_t sent;   /* bytes of the input's last piece that the job has got */
    struct buf in; /* frames that came, from in_at on */
    size_t in_at;
    bool ended;
};

struct jobs {
    unsigned count;
    struct job job[JOBS_MAX];
    int turn[2];    /* a pipe with one byte: whoever has taken it may write to stdout */
    bool relays;    /* the input is no file: it is handed on */
    uint8_t *piece; /* of it */
    size_t piece_len;
    bool input_ended;
};

/* Open the file once more for each job, if it is one; `input_fd` is open on it. 0 or -errno with `err`
 * filled. */
int jobs_open(struct jobs *jobs, unsigned count, const char *file, int input_fd, struct sd_err *err);

/* In a job: what it reads, what it listens to for its end, where frames go. Returns its exit status. */
typedef int jobs_work(void *context, unsigned index, int input_fd, int stop_fd, int output_fd);

/* Fork; returns only in the first process. */
int jobs_start(struct jobs *jobs, jobs_work *work, void *context, struct sd_err *err);

struct jobs_handlers {
    void *context;
    int (*frame)(void *context, unsigned index, unsigned kind, const uint8_t *data, size_t len);
    int (*idle)(void *context); /* all that came was taken */
};

/* Take frames until every job has ended. When `signal_fd` becomes readable, the jobs are told to end: then
 * `*interrupted`. 0 or a negative errno with `err` filled, which is a handler's where one failed. */
int jobs_run(struct jobs *jobs, int input_fd, int signal_fd, const struct jobs_handlers *handlers,
             bool *interrupted, struct sd_err *err);

/* Wait for the jobs, after telling those that still run to end. */
void jobs_end(struct jobs *jobs);

/* In any of the processes: be the only one that writes to stdout, until jobs_give_turn(). 0 or -errno. */
int jobs_take_turn(const struct jobs *jobs);
int jobs_give_turn(const struct jobs *jobs);

/* In a job: append a frame to `out`, and write `out` when it has become long. 0 or -errno. */
int jobs_put(struct buf *out, int output_fd, unsigned kind, const void *data, size_t len);
int jobs_flush(struct buf *out, int output_fd);

#endif
