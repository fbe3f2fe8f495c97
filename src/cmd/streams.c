/* streams: one line for each TCP connection of a capture. */

#include "base/i18n.h"
#include "cmd/streams_run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "capture/journal.h"
#include "cmd/cmd.h"

enum {
    GATHER = 256 << 10,        /* bytes of output before they are written */
    FLUSH_NS = 50 * NS_PER_MS, /* or so long after the last time */
    LIVE_LINGER_S = 2,         /* live, people wait for a stream that has ended */
    LOOK_EVERY = 256,          /* records between looks at the clock, and at the memory */
};

const char streams_name[] = "streams";

/* ---- output ---- */

int streams_flush(struct streams *s)
{
    if (s->out.failed)
        return -ENOMEM;
    int failed = 0;
    if (s->out.len > 0 && !s->reader_gone)
        failed = s->is_job ? streams_write_lines(s) : cmd_write_stdout(s->out.data, s->out.len);
    s->out.len = 0;
    s->reader_gone = s->reader_gone || failed == -EPIPE;
    return failed;
}

/* Rows leave when they are many, and when the last ones left a while ago. */
int streams_flush_gathered(struct streams *s)
{
    return s->out.len < GATHER ? 0 : streams_flush(s);
}

static int flush_old(struct streams *s)
{
    const uint64_t now = s->out.len > 0 ? clock_mono_ns() : 0;
    if (s->out.len == 0 || now - s->flushed_ns < FLUSH_NS)
        return 0;
    s->flushed_ns = now;
    return streams_flush(s);
}

/* The terminal may have become another size. */
static void follow_width(struct streams *s)
{
    if (s->live.on)
        s->table.style.columns = s->live.style.columns = screen_width(&s->options.screen);
}

void streams_print_row(struct streams *s, const struct row *row)
{
    s->totals.printed++;
    if (s->options.common.json) {
        streams_json_row(&s->out, row, s->options.md5);
        return;
    }
    follow_width(s);
    streams_live_erase(&s->live, &s->out);
    streams_table_measure(&s->table, row);
    if (streams_table_fit(&s->table))
        streams_table_head(&s->table, &s->out);
    streams_table_row(&s->table, &s->out, row);
}

/* ---- rows ---- */

static bool is_asked_for(struct streams *s, uint64_t number)
{
    const struct streams_options *o = &s->options;
    for (size_t i = 0; i < o->number_count; i++) {
        if (o->numbers[i] == number)
            return true;
    }
    return o->number_count == 0;
}

/* Which of those that were asked for are there; of others, which are beside the first of them. */
static void note_numbers(struct streams *s, uint64_t number)
{
    uint64_t *nearest = s->totals.nearest;
    if (s->options.number_count == 0)
        return;
    for (size_t i = 0; i < s->options.number_count; i++)
        s->found[i] = s->found[i] || s->options.numbers[i] == number;
    if (number < s->options.numbers[0] && number > nearest[0])
        nearest[0] = number;
    if (number > s->options.numbers[0] && (nearest[1] == 0 || number < nearest[1]))
        nearest[1] = number;
}

static struct row_place place_of(const void *context, const uint8_t *packed)
{
    const struct streams_options *o = context;
    struct row_place place;
    struct row row;
    if (o->sort == STREAMS_SORT_START) {
        row_unpack_start(packed, &place.number, &place.key);
        return place;
    }
    row_unpack(&row, packed);
    return (struct row_place){streams_sort_key(o->sort, &row), row.number};
}

static int keep_row(struct streams *s, struct row *row)
{
    uint8_t packed[ROW_MAX_PACKED];
    const size_t len = row_pack(row, s->options.common.json ? ROW_WHOLE : ROW_BRIEF, packed);
    if (!s->options.common.json && s->options.top == 0)
        streams_table_measure(&s->table, row);
    return row_store_add(s->rows, packed, len);
}

bool streams_keeps_rows(const struct streams *s)
{
    const struct streams_options *o = &s->options;
    return o->intake.interface == NULL && (!o->common.json || o->sort_name != NULL || o->top != 0);
}

static void take_segment(void *context, struct flow_stream *stream, enum flow_side from,
                         const struct tcp_segment *segment)
{
    struct streams *s = context;
    if (s->failed == 0 && is_asked_for(s, stream->number))
        s->failed = digests_feed(&s->digests, stream, from, segment);
}

static void take_closed(void *context, struct flow_stream *stream)
{
    struct streams *s = context;
    struct digest_results digests;
    struct row row;
    s->totals.streams++;
    if (s->options.compares)
        digests_close(&s->digests, stream, &digests);
    note_numbers(s, stream->number);
    if (!is_asked_for(s, stream->number) || s->failed != 0)
        return;
    row_of_stream(&row, stream);
    if (s->options.compares)
        digests_put(&digests, &row);
    if (s->options.problems != 0 && (streams_problems_of(&row) & s->options.problems) == 0)
        return;
    if (streams_keeps_rows(s)) {
        s->failed = keep_row(s, &row);
        return;
    }
    streams_print_row(s, &row);
    s->failed = streams_flush_gathered(s);
}

void streams_print_conversation(struct streams *s, const struct conversation *conversation)
{
    if (s->options.common.json) {
        streams_json_conversation(&s->out, conversation);
    } else {
        if (!s->conversations_begun && s->totals.printed > 0)
            buf_char(&s->out, '\n');
        s->conversations_begun = true;
        streams_conversation_line(&s->table.style, &s->out, conversation);
    }
    if (s->failed == 0)
        s->failed = streams_flush_gathered(s);
}

static void take_conversation(void *context, const struct conversation *conversation)
{
    struct streams *s = context;
    if (!s->is_job)
        streams_print_conversation(s, conversation);
    else if (s->failed == 0)
        s->failed = streams_keep_conversation(s, conversation);
}

/* ---- records ---- */

static void gather_totals(struct streams *s)
{
    struct streams_totals *t = &s->totals;
    const struct conversation_table *conversations = engine_conversations(s->engine);
    t->packets = engine_counts(s->engine);
    t->first_ns = s->parts.first_ns;
    t->last_ns = s->parts.now_ns;
    t->defrag = engine_defrag_counts(s->engine);
    memcpy(t->undecoded, engine_undecoded(s->engine), sizeof t->undecoded);
    for (int kind = 0; kind < CONVERSATION_KINDS; kind++)
        t->conversations[kind] = conversation_table_counts(conversations, (enum conversation_kind)kind);
}

/* Once a second, what stands below the rows. */
static int refresh(struct streams *s)
{
    const uint64_t now = s->live.on ? clock_mono_ns() : 0;
    if (!s->live.on || !streams_live_is_due(&s->live, now))
        return 0;
    gather_totals(s);
    struct streams_totals totals = s->totals;
    follow_width(s);
    totals.printed = totals.streams += flow_table_count(engine_streams(s->engine));
    streams_live_draw(&s->live, &s->out, engine_streams(s->engine), &totals, now);
    return streams_flush(s);
}

/* Rows may have what open streams and waiting payload leave them. */
static int share_memory(struct streams *s)
{
    const size_t others = engine_memory(s->engine);
    return row_store_set_limit(s->rows, others < s->memory ? s->memory - others : 0);
}

void streams_take_other(void *run, const struct capture_record *record)
{
    struct streams *s = run;
    const char *call;
    size_t len;
    if (record->kind == CAPTURE_JOURNAL)
        s->totals.calls += journal_field(record->journal, record->journal_len, "SOCKDIAG_CALL", &call, &len);
    else if (record->dropped != UINT64_MAX)
        s->totals.lost += record->dropped;
}

/* From time to time, rows are let out, and memory is looked at. */
static void look_around(struct streams *s)
{
    s->since_look = 0;
    s->failed = s->rows != NULL ? share_memory(s) : refresh(s);
    if (s->failed == 0)
        s->failed = flush_old(s);
}

int streams_feed(struct streams *s, const struct batch *batch, unsigned part)
{
    const int failed = batch_feed(batch, part, s->engine);
    s->failed = s->failed != 0 ? s->failed : failed;
    s->since_look += batch->count;
    if (s->failed == 0 && s->since_look >= LOOK_EVERY)
        look_around(s);
    return s->failed;
}

static int take_record(void *context, struct capture_record *record, struct sd_err *err)
{
    struct streams *s = context;
    const struct batch_others others = {s, streams_take_other};
    const int swept = batch_sweep(&s->batch, &s->parts, s->intake.source, record, &others, err);
    const int failed = streams_feed(s, &s->batch, 0);
    if (failed != 0)
        return sd_fail_errno(err, -failed,
                             failed == -ENOMEM ? "cannot follow the streams" : "cannot print the streams");
    return swept;
}

static int take_idle(void *context, struct sd_err *err)
{
    struct streams *s = context;
    if (s->intake.live)
        engine_tick(s->engine, clock_real_ns());
    int failed = s->failed != 0 ? s->failed : streams_flush(s);
    if (failed == 0)
        failed = refresh(s);
    return failed != 0 ? sd_fail_errno(err, -failed, "cannot print the streams") : 0;
}

void streams_close_all(struct streams *s, int ended)
{
    struct streams_totals *t = &s->totals;
    t->damaged = ended == -EBADMSG;
    if (s->failed == 0 && ended != 0 && ended != -EBADMSG && ended != -ENETDOWN)
        s->failed = ended; /* streams that close now free what they hold, and print nothing */
    engine_finish_streams(s->engine);
    gather_totals(s);
    t->evicted = flow_table_evicted(engine_streams(s->engine));
    t->continued = flow_table_continued(engine_streams(s->engine));
    t->compared = s->options.compares;
    t->payload_given_up = s->digests.given_up;
    t->lost += intake_lost(&s->intake);
    t->interrupted = s->intake.interrupted && !s->intake.live;
}

/* ---- the beginning ---- */

int streams_make_engine(struct streams *s, struct sd_err *err)
{
    const struct streams_options *o = &s->options;
    const struct flow_observer streams = {.context = s,
                                          .segment = o->compares ? take_segment : NULL,
                                          .closed = take_closed,
                                          .held = &s->digests.held};
    const struct conversation_observer conversations = {s, take_conversation};
    const size_t mine = streams_keeps_rows(s) ? s->memory - s->memory / 4 : s->memory;
    batch_parts_init(&s->parts, &o->shard, 1);
    s->digests.limit = o->compares ? mine / 2 : 0;
    s->digests.md5s = o->md5;
    const struct engine_config config = {
        .streams = &streams,
        .conversations = o->conversations ? &conversations : NULL,
        .max_memory = mine,
        .linger_ns = s->intake.live ? LIVE_LINGER_S * (uint64_t)NS_PER_S : 0,
        .shard = o->shard,
    };
    s->engine = engine_new(&config);
    return s->engine == NULL ? sd_fail_errno(err, ENOMEM, "streams") : 0;
}

int streams_make_rows(struct streams *s, struct sd_err *err)
{
    if (!streams_keeps_rows(s))
        return 0;
    s->rows = row_store_new(s->memory, place_of, &s->options);
    return s->rows == NULL ? sd_fail_errno(err, ENOMEM, "streams") : 0;
}

int streams_run_alone(struct streams *s, struct sd_err *err)
{
    const struct intake_handlers handlers = {s, take_record, take_idle};
    int failed = streams_make_rows(s, err);
    if (failed == 0)
        failed = streams_make_engine(s, err);
    if (failed != 0)
        return cmd_fail(streams_name, "%s", err->text);
    const int ended = intake_run(&s->intake, &handlers, err);
    streams_close_all(s, ended);
    return streams_finish(s, ended, err);
}

static int run(struct streams *s)
{
    const struct view_style style = screen_style(&s->options.screen, &s->options.common);
    const unsigned jobs = streams_job_count(s);
    struct sd_err err = {0};
    s->memory = (size_t)s->options.memory_mb << 20;
    streams_table_init(&s->table, &style, s->options.problems);
    if (jobs > 1)
        return streams_run_jobs(s, jobs, &err);
    int failed = intake_open(&s->intake, &s->options.intake, &err);
    if (failed != 0)
        return cmd_fail(streams_name, "%s", err.text);
    if (s->intake.live && !s->options.common.json) {
        streams_live_init(&s->live, &style, s->options.problems);
        streams_table_expect(&s->table);
    }
    if (s->intake.live && !s->options.common.quiet)
        cmd_say(_("capturing on %s; Ctrl-C ends\n"), s->intake.interface);
    return streams_run_alone(s, &err);
}

static int wrong_usage(const struct streams_options *o, const struct sd_err *err)
{
    struct buf kinds = {0};
    if (!o->unknown_problem)
        return cmd_usage(streams_name, err->text);
    streams_problems_list(&kinds);
    cmd_fail(streams_name, "%s", err->text);
    fputs(kinds.failed ? _("out of memory\n") : buf_cstr(&kinds), stderr);
    buf_free(&kinds);
    return CMD_ERROR;
}

void streams_fini(struct streams *s)
{
    engine_free(s->engine);
    batch_free(&s->batch);
    streams_printer_end(s->printer);
    row_store_free(s->rows);
    free(s->kept_conversations);
    buf_free(&s->out);
}

int cmd_streams(int argc, char **argv)
{
    struct streams *s = calloc(1, sizeof *s);
    struct buf filter = {0};
    struct sd_err err = {0};
    int status = CMD_OK;
    if (s == NULL)
        return cmd_fail(streams_name, "out of memory");
    s->intake.input_fd = s->intake.signal_fd = -1;
    if (streams_options_parse(&s->options, argc, argv, &filter, &err) != 0)
        status = wrong_usage(&s->options, &err);
    else if (!s->options.common.help)
        status = run(s);
    streams_crowd_free(s->crowd);
    streams_fini(s);
    intake_close(&s->intake);
    buf_free(&filter);
    free(s);
    return status;
}
