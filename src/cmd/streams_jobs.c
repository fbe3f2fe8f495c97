/* streams -j: several processes, each for the streams whose hash falls on it. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/privilege.h"
#include "cmd/cmd.h"
#include "cmd/streams_run.h"

enum kind {
    KIND_ROW,          /* a struct place, and packed */
    KIND_CONVERSATION, /* a struct conversation */
    KIND_TOTALS,       /* a struct told, once, at the end */
};

enum {
    MAX_CONVERSATIONS = 1 << 20, /* that are put in order; more are printed as they come */
};

/* Where a row stands in the order. */
struct place {
    uint64_t key, number;
};

struct told {
    struct streams_totals totals;
    struct streams_table table; /* as wide as its rows need */
    int ended;                  /* as intake_run() tells */
    struct sd_err err;
    bool reader_gone;
};

/* ---- in a job ---- */

/* Lines are many: a job prints its own, whole ones, when it is its turn. */
int streams_tell_lines(struct streams *s)
{
    int failed = jobs_flush(&s->frames, s->job_output);
    if (failed != 0 || s->out.len == 0)
        return failed;
    failed = jobs_take_turn(&s->jobs);
    if (failed == 0)
        failed = cmd_write_stdout(s->out.data, s->out.len);
    s->out.len = 0;
    const int given = jobs_give_turn(&s->jobs);
    s->reader_gone = s->reader_gone || failed == -EPIPE;
    return failed != 0 ? failed : given;
}

int streams_tell_row(struct streams *s, uint64_t key, uint64_t number, const uint8_t *packed, size_t len)
{
    uint8_t frame[sizeof(struct place) + ROW_MAX_PACKED];
    const struct place place = {key, number};
    memcpy(frame, &place, sizeof place);
    memcpy(frame + sizeof place, packed, len);
    return jobs_put(&s->frames, s->job_output, KIND_ROW, frame, sizeof place + len);
}

int streams_tell_conversation(struct streams *s, const struct conversation *conversation)
{
    return jobs_put(&s->frames, s->job_output, KIND_CONVERSATION, conversation, sizeof *conversation);
}

/* The part of a part: of those whose hash leaves K when divided by N, those that leave `index` when what is
 * left is divided by the number of jobs. */
static void take_part(struct engine_shard *shard, unsigned index, unsigned jobs)
{
    const unsigned count = shard->count > 1 ? shard->count : 1;
    shard->index = (shard->count > 1 ? shard->index : 0) + count * index;
    shard->count = count * jobs;
}

static int work(void *context, unsigned index, int input_fd, int stop_fd, int output_fd)
{
    struct streams *s = context;
    struct told told = {.ended = 0};
    const unsigned jobs = (unsigned)s->options.jobs;
    take_part(&s->options.shard, index, jobs);
    s->job_output = output_fd;
    told.ended = intake_open_job(&s->intake, input_fd, stop_fd, &told.err);
    if (told.ended == 0)
        told.ended = streams_make_engine(s, jobs, &told.err);
    if (told.ended == 0) {
        told.ended = streams_read(s, &told.err);
        streams_close_all(s, told.ended);
        engine_finish_conversations(s->engine);
        s->totals.conversations_evicted = conversation_table_evicted(engine_conversations(s->engine));
        if (told.ended == 0 || told.ended == -EBADMSG)
            told.ended = s->failed != 0 ? s->failed : told.ended;
    }
    told.totals = s->totals;
    told.table = s->table;
    if (streams_tell_lines(s) != 0 || jobs_put(&s->frames, output_fd, KIND_TOTALS, &told, sizeof told) != 0 ||
        jobs_flush(&s->frames, output_fd) != 0)
        return CMD_ERROR;
    engine_free(s->engine);
    row_store_free(s->rows);
    intake_close(&s->intake);
    return CMD_OK;
}

/* ---- in the first process ---- */

static void add_totals(struct streams_totals *sum, const struct streams_totals *t, bool first)
{
    if (first) { /* what each job counts for itself, and all the same */
        sum->packets.packets = t->packets.packets;
        sum->packets.fragments = t->packets.fragments;
        sum->defrag = t->defrag;
        sum->compared = t->compared;
        sum->calls = t->calls;
        sum->lost = t->lost;
        sum->first_ns = t->first_ns;
        sum->last_ns = t->last_ns;
    }
    sum->packets.tcp += t->packets.tcp;
    sum->packets.conversations += t->packets.conversations;
    sum->packets.other += t->packets.other;
    sum->packets.undecoded += t->packets.undecoded;
    for (size_t i = 0; i < ENGINE_UNDECODED && t->undecoded[i].packets != 0; i++)
        engine_undecoded_add(sum->undecoded, t->undecoded[i]); /* its texts are those of this process */
    for (int kind = 0; kind < CONVERSATION_KINDS; kind++) {
        sum->conversations[kind].conversations += t->conversations[kind].conversations;
        sum->conversations[kind].packets += t->conversations[kind].packets;
    }
    sum->streams += t->streams;
    sum->printed += t->printed;
    sum->evicted += t->evicted;
    sum->continued += t->continued;
    sum->conversations_evicted += t->conversations_evicted;
    sum->payload_given_up += t->payload_given_up;
    sum->damaged = sum->damaged || t->damaged;
    sum->interrupted = sum->interrupted || t->interrupted;
    if (t->nearest[0] > sum->nearest[0])
        sum->nearest[0] = t->nearest[0];
    if (t->nearest[1] != 0 && (sum->nearest[1] == 0 || t->nearest[1] < sum->nearest[1]))
        sum->nearest[1] = t->nearest[1];
}

struct gathering {
    struct streams *s;
    int ended;
    struct sd_err err; /* of the first job that has one to tell */
};

static void take_told(struct gathering *g, const uint8_t *data)
{
    struct told told;
    memcpy(&told, data, sizeof told);
    add_totals(&g->s->totals, &told.totals, g->s->jobs_told++ == 0);
    streams_table_join(&g->s->table, &told.table);
    g->s->reader_gone = g->s->reader_gone || told.reader_gone;
    if (told.ended != 0 && (g->ended == 0 || g->ended == -EBADMSG)) {
        g->ended = told.ended;
        g->err = told.err;
    }
}

static int keep_conversation(struct streams *s, const uint8_t *data)
{
    struct conversation conversation;
    memcpy(&conversation, data, sizeof conversation);
    if (s->kept_count == MAX_CONVERSATIONS) {
        streams_print_conversation(s, &conversation);
        return s->failed;
    }
    if (s->kept_count == s->kept_cap) {
        const size_t cap = s->kept_cap == 0 ? 64 : s->kept_cap * 2;
        struct conversation *kept = reallocarray(s->kept_conversations, cap, sizeof *kept);
        if (kept == NULL)
            return -ENOMEM;
        s->kept_conversations = kept;
        s->kept_cap = cap;
    }
    s->kept_conversations[s->kept_count++] = conversation;
    return 0;
}

static int take_frame(void *context, unsigned index, unsigned kind, const uint8_t *data, size_t len)
{
    struct gathering *g = context;
    struct streams *s = g->s;
    struct place place;
    (void)index;
    switch (kind) {
    case KIND_ROW:
        memcpy(&place, data, sizeof place);
        return row_store_add(s->rows, place.key, place.number, data + sizeof place, len - sizeof place);
    case KIND_CONVERSATION:
        return keep_conversation(s, data);
    default:
        take_told(g, data);
        return 0;
    }
}

static int take_idle(void *context)
{
    struct gathering *g = context;
    return streams_flush(g->s);
}

int streams_run_jobs(struct streams *s, struct sd_err *err)
{
    struct gathering g = {.s = s};
    const struct jobs_handlers handlers = {&g, take_frame, take_idle};
    s->options.intake.privileges = PRIVILEGE_MAY_WAIT;
    int failed =
        intake_open_for_jobs(&s->intake, &s->options.intake, &s->jobs, (unsigned)s->options.jobs, err);
    if (failed == 0 && s->rows != NULL)
        failed = row_store_set_limit(s->rows, ((size_t)s->options.memory_mb << 20) / 2);
    if (failed == 0)
        failed = jobs_start(&s->jobs, work, s, err);
    if (failed == 0 && s->rows != NULL)
        s->printer = streams_printer_start((unsigned)s->options.jobs);
    if (failed == 0)
        failed = intake_close_door(&s->intake, err);
    if (failed == 0)
        failed = jobs_run(&s->jobs, s->intake.input_fd, s->intake.signal_fd, &handlers,
                          &s->intake.interrupted, err);
    if (failed == 0 && s->jobs_told < s->jobs.count)
        failed = sd_fail(err, EIO, "a job ended early: it was killed, or ran out of memory");
    if (failed != 0 && !s->reader_gone)
        return cmd_fail(streams_name, "%s", err->text);
    if (s->reader_gone)
        return CMD_OK;
    struct streams_totals *t = &s->totals;
    t->packets.elsewhere = t->packets.packets - t->packets.fragments - t->packets.tcp -
                           t->packets.conversations - t->packets.other;
    s->failed = g.ended != 0 && g.ended != -EBADMSG ? g.ended : 0;
    return g.ended == -EINTR ? CMD_OK : streams_finish(s, g.ended, &g.err);
}
