/* The end of `streams`: rows that were kept, totals, and what did not go well. */

#include <errno.h>
#include <stdlib.h>

#include "base/i18n.h"
#include "cmd/cmd.h"
#include "cmd/streams_run.h"

enum {
    GATHER = 256 << 10, /* bytes of output before they are written */
};

/* Where not all rows that were kept are printed, those that are decide how wide the table is. */
static void measure_again(struct streams *s, size_t count)
{
    const struct view_style style = s->table.style;
    struct row row;
    size_t len;
    streams_table_init(&s->table, &style, s->options.problems);
    for (size_t i = 0; i < count; i++) {
        row_unpack(&row, row_store_get(s->rows, i, &len));
        streams_table_measure(&s->table, &row);
    }
}

static int write_lines(void *context, const struct buf *lines)
{
    struct streams *s = context;
    buf_append(&s->out, lines->data, lines->len);
    return s->out.len >= GATHER ? streams_flush(s) : 0;
}

static int print_kept(struct streams *s)
{
    const bool json = s->options.common.json;
    int failed = row_store_sort(s->rows);
    size_t count = row_store_count(s->rows);
    if (s->options.top != 0 && s->options.top < count)
        count = s->options.top;
    if (failed == 0 && !json && (s->options.top != 0 || row_store_given_up(s->rows) > 0))
        measure_again(s, count);
    if (count > 0 && !json) {
        streams_table_fit(&s->table);
        streams_table_head(&s->table, &s->out);
    }
    if (s->printer == NULL)
        s->printer = streams_printer_start(1);
    if (s->printer == NULL)
        return -ENOMEM;
    s->totals.printed += count;
    const struct streams_lines lines = {
        .rows = s->rows,
        .count = count,
        .table = json ? NULL : &s->table,
        .md5 = s->options.md5,
        .context = s,
        .write = write_lines,
    };
    return failed == 0 ? streams_printer_print(s->printer, &lines) : failed;
}

/* What did not go well, on stderr. True if something did not. */
static bool say_losses(const struct streams *s)
{
    const struct streams_totals *t = &s->totals;
    if (t->lost > 0)
        cmd_fail(streams_name, "the capture lost %llu packets", (unsigned long long)t->lost);
    if (t->evicted > 0)
        cmd_fail(
            streams_name,
            "%llu streams were evicted before they ended, to stay in %llu MiB of memory: what came later "
            "of them is counted as further streams; --memory gives more",
            (unsigned long long)t->evicted, (unsigned long long)s->options.memory_mb);
    if (t->continued > 0)
        cmd_fail(streams_name,
                 "%llu streams are the rest of others, which had ended and were given out early, as so many "
                 "connections ended at the time: --problem continues shows them",
                 (unsigned long long)t->continued);
    if (t->given_up > 0)
        cmd_fail(streams_name,
                 "%llu rows, the last ones of the order, were given up to stay in %llu MiB of memory; "
                 "--memory gives more, --json needs none",
                 (unsigned long long)t->given_up, (unsigned long long)s->options.memory_mb);
    if (t->payload_given_up > 0)
        cmd_fail(streams_name,
                 "the payload of %llu directions was let go to stay in %llu MiB of memory, so that they have "
                 "no MD5 and conflicts may be missed; --memory gives more",
                 (unsigned long long)t->payload_given_up, (unsigned long long)s->options.memory_mb);
    if (t->conversations_evicted > 0)
        cmd_fail(streams_name, "%llu conversations were evicted; those that went on are counted again",
                 (unsigned long long)t->conversations_evicted);
    if (t->defrag.evicted > 0)
        cmd_fail(streams_name,
                 "%llu datagrams were given up before all their fragments had come: too many wait",
                 (unsigned long long)t->defrag.evicted);
    if (t->interrupted)
        cmd_fail(streams_name, "interrupted: the rest of the file was not read");
    return t->payload_given_up > 0 || t->lost > 0 || t->evicted > 0 || t->continued > 0 || t->given_up > 0 ||
           t->conversations_evicted > 0 || t->defrag.evicted > 0 || t->damaged || t->interrupted;
}

static void say_no_number(const struct streams *s)
{
    const uint64_t *nearest = s->totals.nearest;
    if (nearest[0] != 0 && nearest[1] != 0)
        cmd_fail(streams_name, "there is no such stream; the nearest are %llu and %llu",
                 (unsigned long long)nearest[0], (unsigned long long)nearest[1]);
    else if (nearest[0] + nearest[1] != 0)
        cmd_fail(streams_name, "there is no such stream; the nearest is %llu",
                 (unsigned long long)(nearest[0] + nearest[1]));
    else
        cmd_fail(streams_name, "there is no such stream, nor any other");
}

/* Of the streams that were asked for by number, those that are not there; they may be in another part. True
 * if some are not. */
static bool say_missing(const struct streams *s)
{
    const struct streams_options *o = &s->options;
    struct buf list = {0};
    const size_t missing = cmd_list_missing(&list, o->numbers, s->found, o->number_count);
    if (missing > 0 && !o->common.quiet) {
        if (o->shard.count > 1)
            cmd_fail(streams_name, "not in part %u of %u: %s", o->shard.index + 1, o->shard.count,
                     buf_cstr(&list));
        else if (missing < o->number_count)
            cmd_fail(streams_name, "not there: %s", buf_cstr(&list));
        else
            say_no_number(s);
    }
    buf_free(&list);
    return missing > 0;
}

static void say_no_problem(const struct streams *s)
{
    if (s->options.common.quiet)
        return;
    if (s->options.number_count != 0)
        cmd_fail(streams_name, "no stream of those that --stream names has such a problem");
    else if (s->options.shard.count > 1)
        cmd_fail(streams_name, "no stream of this part has such a problem");
    else
        cmd_fail(streams_name, "no stream has such a problem");
}

/* Is something not there that was asked for? That is told. */
static bool say_absent(const struct streams *s)
{
    const struct streams_options *o = &s->options;
    size_t there = 0;
    for (size_t i = 0; i < o->number_count; i++)
        there += s->found[i];
    const bool missing = say_missing(s),
               none = o->problems != 0 && s->totals.printed == 0 && (there > 0 || o->number_count == 0);
    if (none)
        say_no_problem(s);
    return missing || none;
}

/* Those of the jobs, in the order of their first packets. */
static int compare_conversations(const void *a, const void *b)
{
    const struct conversation *left = a, *right = b;
    return (left->number > right->number) - (left->number < right->number);
}

static int print_conversations(struct streams *s)
{
    if (s->engine != NULL)
        engine_finish_conversations(s->engine);
    if (s->kept_count > 1)
        qsort(s->kept_conversations, s->kept_count, sizeof *s->kept_conversations, compare_conversations);
    for (size_t i = 0; i < s->kept_count; i++)
        streams_print_conversation(s, &s->kept_conversations[i]);
    if (s->engine != NULL)
        s->totals.conversations_evicted = conversation_table_evicted(engine_conversations(s->engine));
    return s->failed;
}

static void print_totals(struct streams *s)
{
    const struct intake_config *intake = &s->options.intake;
    const struct streams_totals *t = &s->totals;
    streams_table_totals(&s->table, &s->out, t);
    if (intake->file != NULL && intake->filter == NULL && t->packets.packets == 0 && t->calls > 0)
        streams_calls_alone(&s->table, &s->out, t->calls, intake->file);
}

static int print_all(struct streams *s)
{
    int failed = s->failed;
    if (failed == 0 && s->rows != NULL)
        failed = print_kept(s);
    s->totals.given_up = s->rows != NULL ? row_store_given_up(s->rows) : 0;
    if (failed == 0)
        failed = print_conversations(s);
    if (s->options.common.json)
        streams_json_summary(&s->out, &s->totals);
    else if (!s->options.common.quiet)
        print_totals(s);
    return failed == 0 ? streams_flush(s) : failed;
}

int streams_finish(struct streams *s, int ended, const struct sd_err *err)
{
    const bool partial = ended == -EBADMSG || ended == -ENETDOWN;
    if (ended != 0 && !s->reader_gone)
        cmd_fail(streams_name, "%s%s", err->text, partial ? _("; shown is what could be read") : "");
    intake_give_signals_back(&s->intake);
    streams_live_erase(&s->live, &s->out);
    s->live.on = false;
    const bool told = ended != 0 && !partial;
    const int failed = print_all(s);
    if (s->reader_gone)
        return CMD_OK;
    if (failed == -ENOMEM && !told)
        cmd_fail(streams_name, "out of memory");
    const bool loss = say_losses(s), absent = failed == 0 && say_absent(s);
    if (failed != 0)
        return CMD_ERROR;
    if (loss || partial)
        return CMD_PARTIAL;
    return absent ? CMD_NO : CMD_OK;
}
