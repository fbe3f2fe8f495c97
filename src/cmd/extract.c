/* extract: the payload of each direction to files. */

#include "cmd/extract.h"
#include "lanes/words.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/io.h"
#include "base/json.h"
#include "base/privilege.h"
#include "base/text.h"
#include "capture/batch.h"
#include "cmd/cmd.h"
#include "cmd/intake.h"
#include "cmd/options.h"

enum {
    MAX_NUMBERS = 4096,
    DEFAULT_FILES = 250000,
    DEFAULT_MEMORY_MB = 256,
};
#define DEFAULT_LIMIT (UINT64_C(1) << 30)
#define INDEX_NAME "index.ndjson"

static const char *const name = "extract";

struct extract {
    struct options_common common;
    struct extract_files_config config;
    struct intake_config input;
    const char *format;
    uint64_t memory_mb;
    uint64_t *numbers;
    bool *found;

    struct intake intake;
    struct engine *engine;
    struct batch_parts parts; /* one */
    struct batch batch;       /* of packets for it */
    struct extract_sink sink;
    uint64_t lost;
};

/* ---- options ---- */

static const struct command_help help = {
    .name = "extract",
    .usage = N_("extract [options] -d DIR FILE|- [STREAM…]"),
    .summary = N_("the payload of each direction of TCP streams to files"),
    .examples = N_("sockdiag extract -d out f.pcapng\tall streams: out/12-client.raw, …\n"
                   "sockdiag extract -d out f.pcapng 12 40\ttwo of them; 'sockdiag streams' lists them\n"
                   "sockdiag extract -d out --format hex f.pcapng\treadable\n"
                   "sockdiag extract -d out --filter 'port 80' f.pcapng\tby a pcap-filter(7) expression"),
    .notes =
        N_("A file is named by the stream and the side that sent its bytes. Bytes that were never captured "
           "are zeros in it, and listed in DIR/index.ndjson with whether they were acknowledged.\n"
           "Exit status: 0 done; 1 no such stream; 2 usage or system error; 3 done in part: a limit was "
           "reached, the input is damaged, packets were lost."),
};

/* 1000, 64K, 500M, 1G: in powers of 1024. */
static int parse_limit(void *target, const char *argument, struct sd_err *err)
{
    static const char letters[] = "KMGT";
    uint64_t *limit = target;
    char *end = NULL;
    errno = 0;
    uint64_t value = strtoull(argument, &end, 10);
    unsigned shift = 0;
    const char *letter = *end != '\0' ? strchr(letters, *end) : NULL;
    if (letter != NULL) {
        shift = 10 * ((unsigned)(letter - letters) + 1);
        end++;
    }
    if (argument[0] < '0' || argument[0] > '9' || *end != '\0' || errno != 0 || value == 0 ||
        value > (uint64_t)INT64_MAX >> shift)
        return sd_fail(err, EINVAL, "--limit takes bytes, as 500000, 64K, 500M or 1G, not '%s'", argument);
    *limit = value << shift;
    return 0;
}

static int compare_numbers(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static int parse_numbers(struct extract *x, int argc, char **argv, int first, struct sd_err *err)
{
    const size_t count = argc > first ? (size_t)(argc - first) : 0;
    if (count > MAX_NUMBERS)
        return sd_fail(err, EINVAL, "no more than %d streams can be asked for at once", MAX_NUMBERS);
    x->numbers = calloc(count + 1, sizeof *x->numbers);
    x->found = calloc(count + 1, sizeof *x->found);
    if (x->numbers == NULL || x->found == NULL)
        return sd_fail_errno(err, ENOMEM, "extract");
    for (size_t i = 0; i < count; i++) {
        const char *text = argv[first + (int)i];
        char *end = NULL;
        errno = 0;
        x->numbers[i] = strtoull(text, &end, 10);
        if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || x->numbers[i] == 0)
            return sd_fail(err, EINVAL, "'%s' is no stream number; 'sockdiag streams' lists them", text);
    }
    qsort(x->numbers, count, sizeof *x->numbers, compare_numbers);
    x->sink.numbers = x->numbers;
    x->sink.found = x->found;
    for (size_t i = 0; i < count; i++) { /* each once */
        if (i == 0 || x->numbers[i] != x->numbers[x->sink.number_count - 1])
            x->numbers[x->sink.number_count++] = x->numbers[i];
    }
    return 0;
}

static int parse_options(struct extract *x, int argc, char **argv, struct sd_err *err)
{
    const struct option_row rows[] = {
        {'d', "dir", N_("DIR"), N_("write there; made if it is not there"), OPTION_TEXT, &x->config.directory,
         0, 0, NULL, NULL},
        {0, "format", N_("FORMAT"), N_("raw (unless told) or hex"), OPTION_TEXT, &x->format, 0, 0, NULL,
         NULL},
        {0, "filter", N_("EXPR"), N_("only these packets: an expression of pcap-filter(7)"), OPTION_TEXT,
         &x->input.filter, 0, 0, NULL, NULL},
        {0, "limit", N_("BYTES"), N_("take at most so much of the disk (1G)"), OPTION_CUSTOM,
         &x->config.limit, 0, 0, parse_limit, NULL},
        {0, "files", N_("N"), N_("write at most so many files (250000)"), OPTION_NUMBER, &x->config.max_files,
         1, 0, NULL, NULL},
        {0, "force", NULL, N_("write over files that are there"), OPTION_FLAG, &x->config.force, 0, 0, NULL,
         NULL},
        {0, "memory", N_("MB"), N_("take at most so much for open streams (256)"), OPTION_NUMBER,
         &x->memory_mb, 16, 1 << 20, NULL, NULL},
    };
    const size_t count = sizeof rows / sizeof rows[0];
    int first = 0;
    int failed = options_parse(argc, argv, rows, count, &x->common, false, &first, err);
    if (failed != 0)
        return failed;
    if (x->common.help) {
        options_help(&help, rows, count);
        return 0;
    }
    if (first >= argc)
        return sd_fail(err, EINVAL, "which file? - is stdin");
    if (x->config.directory == NULL)
        return sd_fail(err, EINVAL, "where to? -d DIR names the directory");
    if (x->format != NULL && strcmp(x->format, "raw") != 0 && strcmp(x->format, "hex") != 0)
        return sd_fail(err, EINVAL, "there is no format '%s'; there are raw and hex", x->format);
    x->config.hex = x->format != NULL && strcmp(x->format, "hex") == 0;
    x->config.max_files++; /* the index */
    x->input.file = argv[first];
    return parse_numbers(x, argc, argv, first + 1, err);
}

/* ---- opening ---- */

static int open_outputs(void *context, struct sd_err *err)
{
    struct extract *x = context;
    x->config.gather = ((size_t)x->memory_mb << 20) / 8;
    return extract_files_open(&x->sink.files, &x->config, err);
}

/* Where the input is no capture, nothing is made that would stand in the way of the next try. */
static int make_index(struct extract *x, struct sd_err *err)
{
    x->sink.index_fd = extract_files_create(x->sink.files, INDEX_NAME, err);
    return x->sink.index_fd < 0 ? x->sink.index_fd : 0;
}

static int make_engine(struct extract *x, struct sd_err *err)
{
    const struct flow_observer observer = extract_observer(&x->sink);
    const size_t memory = ((size_t)x->memory_mb << 20) - x->config.gather - EXTRACT_FILES_MEMORY;
    x->sink.memory = memory / 2;
    const struct engine_config config = {.streams = &observer, .max_memory = memory};
    batch_parts_init(&x->parts, &config.shard, 1);
    x->engine = engine_new(&config);
    return x->engine == NULL ? sd_fail_errno(err, ENOMEM, "extract") : 0;
}

static void take_other(void *context, const struct capture_record *record)
{
    struct extract *x = context;
    if (record->kind == CAPTURE_STATS && record->dropped != UINT64_MAX)
        x->lost += record->dropped;
}

static int take_record(void *context, struct capture_record *record, struct sd_err *err)
{
    struct extract *x = context;
    const struct batch_others others = {x, take_other};
    const int swept = batch_sweep(&x->batch, &x->parts, x->intake.source, record, &others, err);
    const int failed = batch_feed(&x->batch, 0, x->engine);
    if (failed != 0)
        return sd_fail_errno(err, -failed, "cannot follow the streams");
    if (x->sink.failed != 0)
        *err = x->sink.err;
    return x->sink.failed != 0 ? x->sink.failed : swept;
}

/* Nothing is there now: what is finished is written, and listed. */
static int take_idle(void *context, struct sd_err *err)
{
    struct extract *x = context;
    int failed = x->sink.failed != 0 ? x->sink.failed : extract_index_flush(&x->sink);
    if (failed == 0)
        failed = extract_files_wait(x->sink.files, &x->sink.err);
    x->sink.failed = failed;
    *err = x->sink.err;
    return failed;
}

/* ---- the end ---- */

static void say_refused(const struct extract *x, const struct extract_counts *counts)
{
    const unsigned long long limit = x->config.limit, files = x->config.max_files - 1;
    struct buf why = {0};
    if (counts->reached_limit)
        buf_printf(&why, "--limit %llu", limit);
    if (counts->reached_files)
        buf_printf(&why, "%s--files %llu", why.len > 0 ? ", " : "", files);
    if (why.len == 0)
        buf_text(&why, "RLIMIT_FSIZE");
    cmd_fail(name, "%llu bytes were not written, %llu files not made; reached: %s",
             (unsigned long long)counts->bytes_refused, (unsigned long long)counts->files_refused,
             buf_cstr(&why));
    buf_free(&why);
}

/* What did not go well, on stderr. True if something did not. */
static bool say_losses(const struct extract *x)
{
    const struct extract_counts counts = extract_files_counts(x->sink.files);
    const uint64_t evicted = flow_table_evicted(engine_streams(x->engine));
    if (counts.bytes_refused > 0)
        say_refused(x, &counts);
    if (x->sink.index_cut)
        cmd_fail(name, "the index is not complete: --limit was reached");
    if (x->sink.unlisted > 0)
        cmd_fail(name, "%llu gaps are not listed: their streams have too many",
                 (unsigned long long)x->sink.unlisted);
    if (x->sink.given_up > 0)
        cmd_fail(name, "%llu bytes were not written, of %llu directions that --memory had no room for",
                 (unsigned long long)x->sink.forgone, (unsigned long long)x->sink.given_up);
    if (evicted > 0)
        cmd_fail(name, "%llu streams were cut into parts, to stay in %llu MiB of memory; --memory gives more",
                 (unsigned long long)evicted, (unsigned long long)x->memory_mb);
    if (x->lost > 0)
        cmd_fail(name, "the capture lost %llu packets", (unsigned long long)x->lost);
    if (x->intake.interrupted)
        cmd_fail(name, "interrupted: the rest of the file was not read");
    return counts.bytes_refused > 0 || x->sink.index_cut || x->sink.unlisted > 0 || x->sink.given_up > 0 ||
           evicted > 0 || x->lost > 0 || x->intake.interrupted;
}

static void say_none(const struct extract *x)
{
    const uint64_t *nearest = x->sink.nearest;
    if (nearest[0] != 0 && nearest[1] != 0)
        cmd_fail(name, "no such stream has payload; the nearest streams are %llu and %llu",
                 (unsigned long long)nearest[0], (unsigned long long)nearest[1]);
    else if (nearest[0] + nearest[1] != 0)
        cmd_fail(name, "no such stream has payload; the nearest stream is %llu",
                 (unsigned long long)(nearest[0] + nearest[1]));
    else
        cmd_fail(name, "there is no such stream");
}

/* Of the streams that were asked for, those that are not there. True if some are not. */
static bool say_missing(const struct extract *x)
{
    const struct extract_sink *sink = &x->sink;
    struct buf list = {0};
    const size_t missing = cmd_list_missing(&list, sink->numbers, sink->found, sink->number_count);
    if (missing > 0 && sink->streams > 0)
        cmd_fail(name, "not there, or without payload: %s", buf_cstr(&list));
    else if (missing > 0)
        say_none(x);
    buf_free(&list);
    return missing > 0;
}

static void put_summary(struct extract *x, bool damaged)
{
    const struct extract_counts counts = extract_files_counts(x->sink.files);
    struct json j = json_begin(&x->sink.index);
    json_text(&j, "type", "summary");
    json_u64(&j, "packets", engine_counts(x->engine).packets);
    json_u64(&j, "streams", x->sink.streams);
    json_u64(&j, "files", counts.files - 1);
    json_u64(&j, "bytes", counts.bytes);
    json_u64(&j, "gaps", x->sink.gaps);
    json_u64(&j, "gap_bytes", x->sink.gap_bytes);
    json_u64(&j, "conflicts", x->sink.conflicts);
    json_u64(&j, "files_refused", counts.files_refused);
    json_u64(&j, "bytes_refused", counts.bytes_refused + x->sink.forgone);
    json_u64(&j, "damaged", damaged);
    json_u64(&j, "evicted_streams", flow_table_evicted(engine_streams(x->engine)));
    json_u64(&j, "lost_packets", x->lost);
    json_end_line(&j);
}

static void say_done(const struct extract *x)
{
    const struct extract_counts counts = extract_files_counts(x->sink.files);
    const unsigned long long streams = x->sink.streams, files = counts.files - 1, gaps = x->sink.gaps,
                             conflicts = x->sink.conflicts;
    struct buf line = {0}, directory = {0};
    const struct word of = word_printf(ngettext("%llu stream", "%llu streams", streams), streams);
    const struct word in = word_printf(ngettext("%llu file", "%llu files", files), files);
    buf_printf(&line, _("%llu bytes of %s in %s"), (unsigned long long)counts.bytes, of.text, in.text);
    if (gaps > 0)
        buf_printf(&line, ngettext("; %llu gap of %llu bytes", "; %llu gaps of %llu bytes", gaps), gaps,
                   (unsigned long long)x->sink.gap_bytes);
    if (conflicts > 0)
        buf_printf(&line, ngettext("; %llu conflict", "; %llu conflicts", conflicts), conflicts);
    text_escape(&directory, x->config.directory, strlen(x->config.directory));
    buf_printf(&line, _("; %s/%s lists them\n"), buf_cstr(&directory), INDEX_NAME);
    buf_free(&directory);
    fputs(buf_cstr(&line), stdout);
    buf_free(&line);
}

static int finish(struct extract *x, int ended, struct sd_err *err)
{
    const bool damaged = ended == -EBADMSG;
    int failed = ended != 0 && !damaged ? ended : 0;
    if (ended != 0)
        cmd_fail(name, "%s%s", err->text, damaged ? _("; written is what could be read") : "");
    intake_give_signals_back(&x->intake);
    if (x->sink.failed == 0)
        x->sink.failed = failed; /* streams that close now free what they hold, and write no more */
    engine_finish_streams(x->engine);
    if (failed == 0) {
        put_summary(x, damaged);
        failed = x->sink.failed != 0 ? x->sink.failed : extract_index_flush(&x->sink);
        if (failed == 0)
            failed = extract_files_wait(x->sink.files, &x->sink.err);
        if (failed != 0 && x->sink.err.text[0] != '\0') /* of stdout it was said */
            cmd_fail(name, "%s", x->sink.err.text);
    }
    const bool loss = say_losses(x);
    if (failed != 0)
        return CMD_ERROR;
    if (!x->common.json && !x->common.quiet)
        say_done(x);
    const bool missing = say_missing(x);
    if (loss || damaged)
        return CMD_PARTIAL;
    return missing ? CMD_NO : CMD_OK;
}

static int run(struct extract *x)
{
    const struct intake_handlers handlers = {x, take_record, take_idle};
    struct sd_err err = {0};
    x->sink.json = x->common.json;
    x->input.privileges = PRIVILEGE_MAY_OPEN_FILES;
    x->input.open_outputs = open_outputs;
    x->input.context = x;
    int failed = intake_open(&x->intake, &x->input, &err);
    if (failed == 0)
        failed = make_index(x, &err);
    if (failed == 0)
        failed = make_engine(x, &err);
    if (failed != 0)
        return cmd_fail(name, "%s", err.text);
    return finish(x, intake_run(&x->intake, &handlers, &err), &err);
}

int cmd_extract(int argc, char **argv)
{
    struct extract x = {.memory_mb = DEFAULT_MEMORY_MB,
                        .config = {.limit = DEFAULT_LIMIT, .max_files = DEFAULT_FILES},
                        .intake = {.input_fd = -1, .signal_fd = -1},
                        .sink.index_fd = -1};
    struct sd_err err = {0};
    int status = CMD_OK;
    if (parse_options(&x, argc, argv, &err) != 0)
        status = cmd_usage(name, err.text);
    else if (!x.common.help)
        status = run(&x);
    engine_free(x.engine);
    batch_free(&x.batch);
    io_close(&x.sink.index_fd);
    extract_files_close(x.sink.files);
    intake_close(&x.intake);
    buf_free(&x.sink.index);
    free(x.numbers);
    free(x.found);
    return status;
}
