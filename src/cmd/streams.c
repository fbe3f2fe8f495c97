/* streams: one line for each TCP connection of a capture. */

#include "cmd/streams.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/cmd.h"
#include "cmd/streams_digest.h"
#include "cmd/streams_live.h"

enum {
    GATHER = 256 << 10,        /* bytes of output before they are written */
    FLUSH_NS = 50 * NS_PER_MS, /* or so long after the last time */
    LIVE_LINGER_S = 2,         /* live, people wait for a stream that has ended */
    LOOK_EVERY = 256,          /* records between looks at the clock */
    ROWS_SHARE = 6,            /* of eighths of the memory, where rows are kept */
};

static const char *const name = "streams";

struct streams {
    struct streams_options options;
    struct intake intake;
    struct engine *engine;
    struct row_store *rows; /* NULL: rows are printed as their streams close */
    struct digests digests;
    struct streams_table table;
    struct streams_live live;
    struct streams_totals totals;
    struct buf out;
    uint64_t flushed_ns, since_look;
    bool conversations_begun;
    bool reader_gone; /* of our lines */
    int failed;       /* of an observer, which cannot tell: negative errno */
};

/* ---- output ---- */

static int flush(struct streams *s)
{
    if (s->out.failed)
        return -ENOMEM;
    int failed = s->out.len > 0 && !s->reader_gone ? cmd_write_stdout(s->out.data, s->out.len) : 0;
    s->out.len = 0;
    s->reader_gone = s->reader_gone || failed == -EPIPE;
    return failed;
}

/* Rows leave when they are many, and when the last ones left a while ago. */
static int flush_gathered(struct streams *s)
{
    if (s->out.len < GATHER) {
        const uint64_t now = clock_mono_ns();
        if (now - s->flushed_ns < FLUSH_NS)
            return 0;
        s->flushed_ns = now;
    }
    return flush(s);
}

static void print_row(struct streams *s, const struct row *row)
{
    s->totals.printed++;
    if (s->options.common.json) {
        streams_json_row(&s->out, row, s->options.md5);
        return;
    }
    if (s->rows == NULL) {
        streams_live_erase(&s->live, &s->out);
        streams_table_measure(&s->table, row);
        if (streams_table_fit(&s->table))
            streams_table_head(&s->table, &s->out);
    }
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

/* Of streams beside the first one that was asked for. */
static void note_nearest(struct streams *s, uint64_t number)
{
    uint64_t *nearest = s->totals.nearest;
    if (s->options.number_count == 0)
        return;
    if (number < s->options.numbers[0] && number > nearest[0])
        nearest[0] = number;
    if (number > s->options.numbers[0] && (nearest[1] == 0 || number < nearest[1]))
        nearest[1] = number;
}

static int keep_row(struct streams *s, struct row *row)
{
    uint8_t packed[ROW_MAX_PACKED];
    const size_t len = row_pack(row, packed);
    return row_store_add(s->rows, streams_sort_key(s->options.sort, row), row->number, packed, len);
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
    digests_close(&s->digests, stream, &digests);
    note_nearest(s, stream->number);
    if (!is_asked_for(s, stream->number) || s->failed != 0)
        return;
    row_of_stream(&row, stream);
    digests_put(&digests, &row);
    if (s->options.problems != 0 && (streams_problems_of(&row) & s->options.problems) == 0)
        return;
    if (s->rows != NULL) {
        s->failed = keep_row(s, &row);
        return;
    }
    print_row(s, &row);
    s->failed = flush_gathered(s);
}

static void take_conversation(void *context, const struct conversation *conversation)
{
    struct streams *s = context;
    if (s->options.common.json) {
        streams_json_conversation(&s->out, conversation);
    } else {
        if (!s->conversations_begun && s->totals.printed > 0)
            buf_char(&s->out, '\n');
        s->conversations_begun = true;
        streams_conversation_line(&s->table.style, &s->out, conversation);
    }
    if (s->failed == 0)
        s->failed = flush_gathered(s);
}

/* ---- records ---- */

static void gather_totals(struct streams *s)
{
    struct streams_totals *t = &s->totals;
    const struct conversation_table *conversations = engine_conversations(s->engine);
    t->packets = engine_counts(s->engine);
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
    totals.printed = totals.streams += flow_table_count(engine_streams(s->engine));
    streams_live_draw(&s->live, &s->out, engine_streams(s->engine), &totals, now);
    return flush(s);
}

static int take_record(void *context, struct capture_record *record, struct sd_err *err)
{
    struct streams *s = context;
    if (record->kind == CAPTURE_PACKET) {
        const uint64_t time_ns = record->packet.time_ns;
        if (s->totals.first_ns == 0)
            s->totals.first_ns = time_ns;
        s->totals.last_ns = time_ns > s->totals.last_ns ? time_ns : s->totals.last_ns;
        struct packet ahead;
        while (source_ahead(s->intake.source, &ahead))
            engine_foresee(s->engine, &ahead);
        const int failed = engine_feed(s->engine, &record->packet);
        if (failed != 0)
            return sd_fail_errno(err, -failed, "cannot follow the streams");
    } else if (record->kind == CAPTURE_JOURNAL) {
        s->totals.calls++;
    } else if (record->dropped != UINT64_MAX) {
        s->totals.lost += record->dropped;
    }
    if (s->failed == 0 && s->live.on && ++s->since_look % LOOK_EVERY == 0)
        s->failed = refresh(s);
    return s->failed != 0 ? sd_fail_errno(err, -s->failed, "cannot print the streams") : 0;
}

static int take_idle(void *context, struct sd_err *err)
{
    struct streams *s = context;
    if (s->intake.live)
        engine_tick(s->engine, clock_real_ns());
    int failed = s->failed != 0 ? s->failed : flush(s);
    if (failed == 0)
        failed = refresh(s);
    return failed != 0 ? sd_fail_errno(err, -failed, "cannot print the streams") : 0;
}

/* ---- the end ---- */

static int print_kept(struct streams *s)
{
    int failed = row_store_sort(s->rows);
    size_t count = row_store_count(s->rows), len;
    struct row row;
    if (s->options.top != 0 && s->options.top < count)
        count = s->options.top;
    for (size_t i = 0; i < count && failed == 0 && !s->options.common.json; i++) {
        row_unpack(&row, row_store_get(s->rows, i, &len));
        streams_table_measure(&s->table, &row);
    }
    if (count > 0 && !s->options.common.json) {
        streams_table_fit(&s->table);
        streams_table_head(&s->table, &s->out);
    }
    for (size_t i = 0; i < count && failed == 0; i++) {
        row_unpack(&row, row_store_get(s->rows, i, &len));
        print_row(s, &row);
        if (s->out.len >= GATHER)
            failed = flush(s);
    }
    return failed;
}

static void gather_losses(struct streams *s)
{
    struct streams_totals *t = &s->totals;
    t->evicted = flow_table_evicted(engine_streams(s->engine));
    t->conversations_evicted = conversation_table_evicted(engine_conversations(s->engine));
    t->given_up = s->rows != NULL ? row_store_given_up(s->rows) : 0;
    t->lost += intake_lost(&s->intake);
}

/* What did not go well, on stderr. True if something did not. */
static bool say_losses(const struct streams *s)
{
    const struct streams_totals *t = &s->totals;
    if (t->lost > 0)
        cmd_fail(name, "the capture lost %llu packets", (unsigned long long)t->lost);
    if (t->evicted > 0)
        cmd_fail(
            name,
            "%llu streams were evicted before they ended, to stay in %llu MiB of memory: what came later "
            "of them is counted as further streams; --memory gives more",
            (unsigned long long)t->evicted, (unsigned long long)s->options.memory_mb);
    if (t->given_up > 0)
        cmd_fail(name,
                 "%llu rows, the last ones of the order, were given up to stay in %llu MiB of memory; "
                 "--memory gives more, --json needs none",
                 (unsigned long long)t->given_up, (unsigned long long)s->options.memory_mb);
    if (s->digests.given_up > 0)
        cmd_fail(name, "%llu MD5s were given up to stay in %llu MiB of memory; --memory gives more",
                 (unsigned long long)s->digests.given_up, (unsigned long long)s->options.memory_mb);
    if (t->conversations_evicted > 0)
        cmd_fail(name, "%llu conversations were evicted; those that went on are counted again",
                 (unsigned long long)t->conversations_evicted);
    if (s->intake.interrupted && !s->intake.live)
        cmd_fail(name, "interrupted: the rest of the file was not read");
    return s->digests.given_up > 0 || t->lost > 0 || t->evicted > 0 || t->given_up > 0 ||
           t->conversations_evicted > 0 || t->damaged || (s->intake.interrupted && !s->intake.live);
}

static void say_none(const struct streams *s)
{
    const uint64_t *nearest = s->totals.nearest;
    if (s->options.common.quiet)
        return;
    if (s->options.number_count == 0 || s->options.problems != 0)
        cmd_fail(name, "no stream is as asked for");
    else if (nearest[0] != 0 && nearest[1] != 0)
        cmd_fail(name, "there is no such stream; the nearest are %llu and %llu",
                 (unsigned long long)nearest[0], (unsigned long long)nearest[1]);
    else if (nearest[0] + nearest[1] != 0)
        cmd_fail(name, "there is no such stream; the nearest is %llu",
                 (unsigned long long)(nearest[0] + nearest[1]));
    else
        cmd_fail(name, "there is no such stream, nor any other");
}

static int finish(struct streams *s, int ended, struct sd_err *err)
{
    const bool partial = ended == -EBADMSG || ended == -ENETDOWN;
    int failed = ended != 0 && !partial ? ended : 0;
    s->totals.damaged = ended == -EBADMSG;
    if (ended != 0 && !s->reader_gone)
        cmd_fail(name, "%s%s", err->text, partial ? "; shown is what could be read" : "");
    intake_give_signals_back(&s->intake);
    streams_live_erase(&s->live, &s->out);
    s->live.on = false;
    if (failed == 0) {
        engine_finish_streams(s->engine);
        failed = s->failed;
    }
    if (failed == 0 && s->rows != NULL)
        failed = print_kept(s);
    if (failed == 0)
        engine_finish_conversations(s->engine);
    gather_totals(s);
    gather_losses(s);
    if (s->options.common.json)
        streams_json_summary(&s->out, &s->totals);
    else if (!s->options.common.quiet)
        streams_table_totals(&s->table, &s->out, &s->totals);
    if (failed == 0)
        failed = flush(s);
    if (s->reader_gone)
        return CMD_OK;
    if (failed == -ENOMEM)
        cmd_fail(name, "out of memory");
    const bool loss = say_losses(s), asked = s->options.number_count > 0 || s->options.problems != 0;
    if (asked && s->totals.printed == 0 && failed == 0)
        say_none(s);
    if (failed != 0)
        return CMD_ERROR;
    if (loss || partial)
        return CMD_PARTIAL;
    return asked && s->totals.printed == 0 ? CMD_NO : CMD_OK;
}

/* ---- the beginning ---- */

static int make_engine(struct streams *s, struct sd_err *err)
{
    const struct streams_options *o = &s->options;
    const struct flow_observer streams = {
        .context = s, .segment = o->md5 ? take_segment : NULL, .closed = take_closed};
    const struct conversation_observer conversations = {s, take_conversation};
    const size_t memory = (size_t)o->memory_mb << 20;
    const bool kept = !s->intake.live && (!o->common.json || o->sort_name != NULL || o->top != 0);
    const size_t for_rows = kept ? memory / 8 * ROWS_SHARE : 0;
    s->digests.limit = o->md5 ? (memory - for_rows) / 2 : 0;
    const struct engine_config config = {
        .streams = &streams,
        .conversations = o->conversations ? &conversations : NULL,
        .max_memory = memory - for_rows - s->digests.limit,
        .linger_ns = s->intake.live ? LIVE_LINGER_S * (uint64_t)NS_PER_S : 0,
        .shard = o->shard,
    };
    s->engine = engine_new(&config);
    s->rows = kept ? row_store_new(for_rows) : NULL;
    return s->engine == NULL || (kept && s->rows == NULL) ? sd_fail_errno(err, ENOMEM, "streams") : 0;
}

static int run(struct streams *s)
{
    const struct intake_handlers handlers = {s, take_record, take_idle};
    const struct view_style style = screen_style(&s->options.screen, &s->options.common);
    struct sd_err err = {0};
    int failed = intake_open(&s->intake, &s->options.intake, &err);
    if (failed == -EINTR && !s->intake.live)
        return CMD_OK; /* a signal, before the input's first byte */
    if (failed == 0)
        failed = make_engine(s, &err);
    if (failed != 0)
        return cmd_fail(name, "%s", err.text);
    streams_table_init(&s->table, &style);
    if (s->intake.live && !s->options.common.json)
        streams_live_init(&s->live, &style);
    if (s->intake.live && !s->options.common.quiet)
        fprintf(stderr, "capturing on %s; Ctrl-C ends\n", s->intake.interface);
    return finish(s, intake_run(&s->intake, &handlers, &err), &err);
}

int cmd_streams(int argc, char **argv)
{
    struct streams *s = calloc(1, sizeof *s);
    struct buf filter = {0};
    struct sd_err err = {0};
    int status = CMD_OK;
    if (s == NULL)
        return cmd_fail(name, "out of memory");
    s->intake.input_fd = s->intake.signal_fd = -1;
    if (streams_options_parse(&s->options, argc, argv, &filter, &err) != 0)
        status = cmd_usage(name, err.text);
    else if (!s->options.common.help)
        status = run(s);
    engine_free(s->engine);
    row_store_free(s->rows);
    intake_close(&s->intake);
    buf_free(&s->out);
    buf_free(&filter);
    free(s);
    return status;
}
