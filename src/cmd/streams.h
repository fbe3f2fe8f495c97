#ifndef SOCKDIAG_CMD_STREAMS_H
#define SOCKDIAG_CMD_STREAMS_H

#include <time.h>

#include "capture/engine.h"
#include "capture/row.h"
#include "capture/row_store.h"
#include "cmd/intake.h"
#include "cmd/options.h"
#include "cmd/screen.h"

/* What the files of `streams` share. A row comes to be when its stream closes. It is printed at once, or kept
 * until all is read and printed in order. */

enum streams_sort {
    STREAMS_SORT_START,
    STREAMS_SORT_DURATION,
    STREAMS_SORT_BYTES,
    STREAMS_SORT_PACKETS,
    STREAMS_SORT_RETRANSMISSIONS,
    STREAMS_SORT_GAPS,
    STREAMS_SORT_RTT,
    STREAMS_SORT_COUNT,
};

#define STREAMS_MAX_NUMBERS 1024

struct streams_options {
    struct options_common common;
    struct screen_options screen;
    struct intake_config intake;
    const char *sort_name; /* NULL: not given */
    enum streams_sort sort;
    uint64_t top; /* 0: all */
    uint64_t numbers[STREAMS_MAX_NUMBERS];
    size_t number_count;
    uint64_t problems;    /* bits by streams_problems; 0: not given */
    bool unknown_problem; /* was given: who asks for it wants to know which there are */
    bool md5, conversations;
    bool compares; /* the payload: for MD5s, or because conflicts are asked for */
    uint64_t memory_mb, jobs;
    struct engine_shard shard;
};

/* What was read, for the end. */
struct streams_totals {
    struct engine_counts packets;
    struct engine_undecoded undecoded[ENGINE_UNDECODED];
    struct defrag_counts defrag;
    struct conversation_counts conversations[CONVERSATION_KINDS];
    uint64_t calls, streams, printed;
    uint64_t first_ns, last_ns;
    uint64_t evicted, continued, conversations_evicted, given_up, payload_given_up, lost;
    uint64_t nearest[2]; /* streams beside one that was asked for and is not there; 0: none */
    bool damaged, interrupted;
    bool compared; /* the payload: conflicts would have been seen */
};

/* ---- problems ---- */

/* What can be said of a row, by number from 0, the gravest first: what became of the connection, then what
 * its packets were marked as. */
struct streams_problem {
    const char *name;
    const char *text; /* one sentence, N_() */
    bool notable;     /* stands in the table unasked */
};
size_t streams_problem_count(void);
struct streams_problem streams_problem(size_t number);

/* How often, in packets or places of that side; 0: not at all. */
uint64_t streams_problem_times(const struct row *row, size_t number, int side);

/* Bit N: problem N is there. */
uint64_t streams_problems_of(const struct row *row);

/* Bits of the names in a list with commas; -EINVAL where one of them is none. */
int streams_problems_parse(const char *list, uint64_t *bits, struct sd_err *err);

/* The names and what they mean, one a line. */
void streams_problems_list(struct buf *out);

/* Is one of these seen only where the payload is compared? */
bool streams_problems_need_payload(uint64_t bits);

/* ---- JSON ---- */

void streams_json_row(struct buf *out, const struct row *row, bool md5);
void streams_json_conversation(struct buf *out, const struct conversation *conversation);
void streams_json_summary(struct buf *out, const struct streams_totals *totals);

/* ---- the table ---- */

enum {
    STREAMS_COLUMN_NUMBER,
    STREAMS_COLUMN_CLIENT,
    STREAMS_COLUMN_SERVER,
    STREAMS_COLUMN_START,
    STREAMS_COLUMN_DURATION,
    STREAMS_COLUMN_SENT,
    STREAMS_COLUMN_BACK,
    STREAMS_COLUMN_TOTAL, /* where there is no room for both */
    STREAMS_COLUMN_PACKETS,
    STREAMS_COLUMN_RESENT,
    STREAMS_COLUMN_MISSING,
    STREAMS_COLUMN_RTT,
    STREAMS_COLUMN_END,
    STREAMS_COLUMN_NOTES,
    STREAMS_COLUMN_COUNT,
};

struct streams_table {
    struct view_style style;
    uint64_t asked;                       /* problems that are told first, and even if not notable: bits */
    unsigned need[STREAMS_COLUMN_COUNT];  /* the widest cell so far */
    unsigned width[STREAMS_COLUMN_COUNT]; /* 0: left out; set by streams_table_fit() */
    unsigned sum;                         /* of the widths, notes aside */
    bool brief;                           /* short heads */
    bool notes_below;                     /* on lines of their own */
    bool days;                            /* rows of more than one day: the start tells which */
    unsigned day;                         /* that of the first row; 0: no row yet */
    uint64_t quarter;                     /* of an hour, that `local` is the beginning of */
    struct tm local;
};

void streams_table_init(struct streams_table *table, const struct view_style *style, uint64_t asked);

/* Make room for rows as they usually are, where the first ones are printed before the others are known. */
void streams_table_expect(struct streams_table *table);

/* Make room for a row that will be printed. */
void streams_table_measure(struct streams_table *table, const struct row *row);

/* Make room for the rows that `other` has room for. */
void streams_table_join(struct streams_table *table, const struct streams_table *other);

/* Choose the columns and their widths. True where they are others than before. */
bool streams_table_fit(struct streams_table *table);

void streams_table_head(const struct streams_table *table, struct buf *out);
void streams_table_row(struct streams_table *table, struct buf *out, const struct row *row);

/* ---- below the table ---- */

/* What was read, as a sentence without its end. */
void streams_totals_text(struct buf *out, const struct streams_totals *totals);
void streams_table_totals(const struct streams_table *table, struct buf *out,
                          const struct streams_totals *totals);
/* Of a file that has calls and no packets: what is made for them. */
void streams_calls_alone(const struct streams_table *table, struct buf *out, uint64_t calls,
                         const char *file);
void streams_conversation_line(const struct view_style *style, struct buf *out,
                               const struct conversation *conversation);

/* ---- options ---- */

/* Parse them; --help is printed. 0 or -EINVAL. `filter` holds the filter's text. */
int streams_options_parse(struct streams_options *options, int argc, char **argv, struct buf *filter,
                          struct sd_err *err);

/* The place of a row in the order that --sort asks for, the smallest first. */
uint64_t streams_sort_key(enum streams_sort sort, const struct row *row);

#endif
