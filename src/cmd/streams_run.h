#ifndef SOCKDIAG_CMD_STREAMS_RUN_H
#define SOCKDIAG_CMD_STREAMS_RUN_H

#include "cmd/jobs.h"
#include "cmd/streams.h"
#include "cmd/streams_digest.h"
#include "cmd/streams_live.h"
#include "cmd/streams_print.h"

/* A run of `streams`, in one process or in several: with -j, each job follows a part of the streams and tells
 * its rows to the first process, which puts them in order, prints them, and adds the totals up. */

struct streams {
    struct streams_options options;
    struct intake intake;
    struct engine *engine;
    struct row_store *rows;          /* NULL: rows are printed as their streams close */
    struct streams_printer *printer; /* of the kept rows; NULL: none yet */
    struct digests digests;
    struct streams_table table;
    struct streams_live live;
    struct streams_totals totals;
    struct buf out;
    uint64_t flushed_ns, since_look;
    bool conversations_begun;
    struct conversation *kept_conversations; /* of the jobs, to be printed in order */
    size_t kept_count, kept_cap;
    struct jobs jobs;
    int job_output;     /* in a job: where frames go; -1: this is none */
    struct buf frames;  /* in a job: that go there */
    unsigned jobs_told; /* jobs that have told their totals */
    bool reader_gone;   /* of our lines */
    int failed;         /* of an observer, which cannot tell: negative errno */
};

/* Write what was gathered: to stdout, or in a job to the first process. 0 or -errno. */
int streams_flush(struct streams *s);
int streams_flush_gathered(struct streams *s);

/* Print a row as it comes, or keep it to be printed in order. */
void streams_print_row(struct streams *s, const struct row *row);
int streams_keep_row(struct streams *s, const struct row *row, const uint8_t *packed, size_t len);
void streams_print_conversation(struct streams *s, const struct conversation *conversation);

/* The tables, for one of `parts` processes; the rows, for the one that prints. 0 or -ENOMEM with `err`
 * filled. */
int streams_make_engine(struct streams *s, unsigned parts, struct sd_err *err);
int streams_make_rows(struct streams *s, struct sd_err *err);

/* Read packets until the end: what intake_run() returned. Then close all streams and gather the totals. */
int streams_read(struct streams *s, struct sd_err *err);
void streams_close_all(struct streams *s, int ended);

/* Print what is left, and say what did not go well. Returns the exit status. */
int streams_finish(struct streams *s, int ended, const struct sd_err *err);

/* The run of the first process, with jobs. Returns the exit status. */
int streams_run_jobs(struct streams *s, struct sd_err *err);

/* In a job: tell a row. 0 or -errno. */
int streams_tell_row(struct streams *s, uint64_t key, uint64_t number, const uint8_t *packed, size_t len);
int streams_tell_conversation(struct streams *s, const struct conversation *conversation);
int streams_tell_lines(struct streams *s);

/* Does this run keep its rows until all is read? */
bool streams_keeps_rows(const struct streams *s);

extern const char streams_name[];

#endif
