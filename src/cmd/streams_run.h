#ifndef SOCKDIAG_CMD_STREAMS_RUN_H
#define SOCKDIAG_CMD_STREAMS_RUN_H

#include "capture/batch.h"
#include "cmd/streams.h"
#include "cmd/streams_digest.h"
#include "cmd/streams_live.h"
#include "cmd/streams_print.h"

/* A run of `streams`, in one thread or, with -j, in several: then each job follows a part of the streams as
 * if it were the only one, and what the jobs have found is joined in the end. */

struct crowd;

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
    size_t memory; /* that this run may take: --memory, or a job's share of it */
    uint64_t flushed_ns, since_look;
    struct batch_parts parts;        /* one */
    struct batch batch;              /* of its packets */
    bool found[STREAMS_MAX_NUMBERS]; /* those of options.numbers that were there */
    bool conversations_begun;
    struct conversation *kept_conversations; /* of the jobs, to be printed in order */
    size_t kept_count, kept_cap;
    struct crowd *crowd; /* of all the jobs; NULL: there are none */
    bool is_job;
    bool reader_gone; /* of our lines */
    int failed;       /* of an observer, which cannot tell: negative errno */
};

void streams_fini(struct streams *s);

/* Write what was gathered to stdout. 0 or -errno. */
int streams_flush(struct streams *s);
int streams_flush_gathered(struct streams *s);

/* Print a row, or a conversation, now. */
void streams_print_row(struct streams *s, const struct row *row);
void streams_print_conversation(struct streams *s, const struct conversation *conversation);

/* The tables; the place for rows that are kept. 0 or -ENOMEM with `err` filled. */
int streams_make_engine(struct streams *s, struct sd_err *err);
int streams_make_rows(struct streams *s, struct sd_err *err);

/* Packets of this run: its part of the batch. 0 or a negative errno. */
int streams_feed(struct streams *s, const struct batch *batch, unsigned part);

/* A record that is no packet. */
void streams_take_other(void *run, const struct capture_record *record);

/* No more will come, for intake_run() returned `ended`: close all streams and gather the totals. */
void streams_close_all(struct streams *s, int ended);

/* Print what is left, and say what did not go well. Returns the exit status. */
int streams_finish(struct streams *s, int ended, const struct sd_err *err);

/* How many jobs are asked for, or worth it. The run with them: returns the exit status. */
unsigned streams_job_count(const struct streams *s);
int streams_run_jobs(struct streams *s, unsigned count, struct sd_err *err);
void streams_crowd_free(struct crowd *crowd);

/* The run without, when the intake is open. Returns the exit status. */
int streams_run_alone(struct streams *s, struct sd_err *err);

/* In a job: write its lines when it is its turn; keep a conversation to be printed in order. 0 or a negative
 * errno. */
int streams_write_lines(struct streams *s);
int streams_keep_conversation(struct streams *s, const struct conversation *conversation);

/* Does this run keep its rows until all is read? */
bool streams_keeps_rows(const struct streams *s);

extern const char streams_name[];

#endif
