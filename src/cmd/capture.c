#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/json.h"
#include "base/privilege.h"
#include "capture/decode.h"
#include "cmd/capture_file.h"
#include "cmd/capture_lines.h"
#include "cmd/cmd.h"
#include "cmd/intake.h"
#include "cmd/interfaces.h"
#include "cmd/options.h"

/* capture: records of an interface or a file become lines, a capture file, or both. */

enum {
    LINES_GATHER = 64 << 10
};

struct capture {
    struct options_common common;
    const char *read, *write;
    uint64_t count, file_mb, file_seconds, snaplen;
    bool classic, list;

    struct capture_file_config file_config;
    struct intake_config input;
    struct intake intake;
    struct capture_file *file;
    bool prints, to_terminal;
    struct buf lines;
    struct capture_clock clock;
    uint64_t packets, journal;
    uint64_t lost;    /* by who captured the file, as it says itself; UINT64_MAX: it does not */
    bool reader_gone; /* of our only output */
    bool damaged;
    struct sd_err err;
};

static const char *const name = "capture";

/* ---- options ---- */

static const struct command_help help = {
    .name = "capture",
    .usage =
        N_("capture [-i IF] [-w FILE] [options] [FILTER…]\ncapture -r FILE [-w FILE] [options] [FILTER…]"),
    .summary = N_("packets of an interface or a file, to the terminal or a file"),
    .examples = N_("sockdiag capture -i eth0 port 80\tshow packets as they come\n"
                   "sockdiag capture -w web.pcapng -C 100 port 80\tto files of at most 100 MB each\n"
                   "sockdiag capture -r web.pcapng host 10.0.0.1\tread a file (- is stdin)\n"
                   "sockdiag capture -D\tlist the interfaces"),
    .notes =
        N_("FILTER is an expression of pcap-filter(7). With -w, lines are printed only with -v or --json.\n"
           "Exit status: 0 done; 2 usage or system error; 3 packets were lost or the input is damaged."),
};

static int parse_options(struct capture *c, int argc, char **argv, int *first)
{
    const struct option_row rows[] = {
        {'i', "interface", N_("IF"), N_("capture on it; default: the first that is up and not loopback"),
         OPTION_TEXT, &c->input.interface, 0, 0, NULL, NULL},
        {'r', "read", N_("FILE"), N_("read a capture file instead; - is stdin"), OPTION_TEXT, &c->read, 0, 0,
         NULL, NULL},
        {'w', "write", N_("FILE"), N_("write pcapng; - is stdout"), OPTION_TEXT, &c->write, 0, 0, NULL, NULL},
        {'c', "count", N_("COUNT"), N_("end after so many packets"), OPTION_NUMBER, &c->count, 1, 0, NULL,
         NULL},
        {'C', "file-size", N_("MB"), N_("begin another file before this one grows larger"), OPTION_NUMBER,
         &c->file_mb, 1, 1000000000, NULL, NULL},
        {'G', "file-time", N_("SECONDS"), N_("begin another file after so long"), OPTION_NUMBER,
         &c->file_seconds, 1, 1000000000, NULL, NULL},
        {0, "pcap", NULL, N_("write classic pcap, without call records"), OPTION_FLAG, &c->classic, 0, 0,
         NULL, NULL},
        {0, "buffer", N_("MB"), N_("size of the kernel's ring buffer (64)"), OPTION_NUMBER,
         &c->input.buffer_mb, 1, 2047, NULL, NULL},
        {'s', "snaplen", N_("BYTES"), N_("capture so much of each packet (262144)"), OPTION_NUMBER,
         &c->snaplen, 1, 262144, NULL, NULL},
        {'D', "list", NULL, N_("list the interfaces and end"), OPTION_FLAG, &c->list, 0, 0, NULL, NULL},
    };
    const size_t count = sizeof rows / sizeof rows[0];
    int failed = options_parse(argc, argv, rows, count, &c->common, false, first, &c->err);
    if (failed == 0 && c->common.help)
        options_help(&help, rows, count);
    else if (failed == 0 && c->read == NULL && *first < argc && intake_is_file(argv[*first]))
        failed = sd_fail(&c->err, EINVAL, "%s is a file: to read it, -r %s", argv[*first], argv[*first]);
    return failed;
}

/* What contradicts itself; NULL if nothing does. */
static const char *contradiction(const struct capture *c)
{
    if (c->read != NULL && c->input.interface != NULL)
        return N_("-i captures and -r reads a file: choose one");
    if (c->read != NULL && (c->input.buffer_mb != 0 || c->snaplen != 0))
        return N_("--buffer and -s are for capturing, not for reading a file");
    if (c->write == NULL && (c->file_mb != 0 || c->file_seconds != 0 || c->classic))
        return N_("-C, -G and --pcap are about the file that -w writes, and there is no -w");
    if (c->write != NULL && strcmp(c->write, "-") == 0 && (c->file_mb != 0 || c->file_seconds != 0))
        return N_("stdout cannot be rotated");
    if (c->write != NULL && strcmp(c->write, "-") == 0 && (c->common.json || c->common.verbose))
        return N_("stdout is for packets (-w -) or for lines, not for both");
    return NULL;
}

/* ---- opening ---- */

/* Writing a file over the one that is read would destroy both. */
static bool writes_its_input(const struct capture *c)
{
    struct stat in, out;
    return c->read != NULL && c->write != NULL && fstat(c->intake.input_fd, &in) == 0 &&
           S_ISREG(in.st_mode) && stat(c->write, &out) == 0 && in.st_dev == out.st_dev &&
           in.st_ino == out.st_ino;
}

static int open_output(void *context, struct sd_err *err)
{
    struct capture *c = context;
    if (c->write == NULL)
        return 0;
    if (writes_its_input(c))
        return sd_fail(err, EINVAL, "%s is the file that is read; write another one", c->write);
    c->file_config = (struct capture_file_config){
        .path = c->write,
        .classic = c->classic,
        .max_bytes = c->file_mb * 1000000,
        .max_ns = c->file_seconds * NS_PER_S,
    };
    return capture_file_open(&c->file, &c->file_config, err);
}

/* ---- records ---- */

/* Print the gathered lines. False when the capture shall end: nobody reads them, and there is no file that
 * would want the rest. */
static bool flush_lines(struct capture *c)
{
    if (c->lines.failed) {
        sd_fail_errno(&c->err, ENOMEM, "cannot print");
        return false;
    }
    int failed = c->lines.len > 0 ? cmd_write_stdout(c->lines.data, c->lines.len) : 0;
    c->lines.len = 0;
    if (failed == -EPIPE && c->file != NULL) {
        c->prints = false;
        return true;
    }
    c->reader_gone = failed == -EPIPE;
    if (failed != 0 && !c->reader_gone)
        c->err.code = -failed; /* and told already */
    return failed == 0;
}

static void print_record(struct capture *c, struct capture_record *record)
{
    const bool json = c->common.json;
    if (record->kind == CAPTURE_PACKET) {
        decode_packet(&record->packet);
        if (json)
            capture_packet_json(&c->lines, &record->packet);
        else
            capture_packet_line(&c->lines, &c->clock, &record->packet);
    } else if (record->kind == CAPTURE_JOURNAL) {
        if (json)
            capture_journal_json(&c->lines, record->journal, record->journal_len);
        else
            capture_journal_line(&c->lines, &c->clock, record->journal, record->journal_len);
    }
}

static void count_record(struct capture *c, const struct capture_record *record)
{
    c->packets += record->kind == CAPTURE_PACKET;
    c->journal += record->kind == CAPTURE_JOURNAL;
    if (record->kind == CAPTURE_STATS && record->dropped != UINT64_MAX)
        c->lost = c->lost == UINT64_MAX ? record->dropped : c->lost + record->dropped;
}

/* 1: the last one that is wanted; a negative errno where the capture cannot go on, in c->err, too. */
static int take_record(void *context, struct capture_record *record, struct sd_err *err)
{
    struct capture *c = context;
    (void)err;
    count_record(c, record);
    if (c->prints)
        print_record(c, record);
    if (c->prints && (c->to_terminal || c->lines.len >= LINES_GATHER) && !flush_lines(c))
        return -EPIPE;
    if (c->file != NULL) {
        int failed = capture_file_add(c->file, c->intake.source, record, &c->err);
        c->reader_gone = failed == -EPIPE;
        if (failed != 0)
            return failed;
    }
    return c->packets == c->count && c->count != 0;
}

/* Nothing is there now: let out what was gathered. */
static int take_idle(void *context, struct sd_err *err)
{
    struct capture *c = context;
    (void)err;
    if (!flush_lines(c))
        return -EPIPE;
    int failed = c->file != NULL ? capture_file_flush(c->file, c->intake.source, &c->err) : 0;
    c->reader_gone = failed == -EPIPE;
    return failed;
}

/* ---- the end ---- */

static void print_summary(struct capture *c, bool known, uint64_t dropped)
{
    struct json j = json_begin(&c->lines);
    json_text(&j, "type", "summary");
    json_u64(&j, "packets", c->packets);
    json_u64(&j, "journal", c->journal);
    json_u64_if(&j, "written", c->file != NULL, c->file != NULL ? capture_file_packets(c->file) : 0);
    json_u64_if(&j, "dropped", known, dropped);
    json_u64(&j, "damaged", c->damaged);
    json_end_line(&j);
}

static void say_counts(const struct capture *c, bool live, uint64_t dropped)
{
    const unsigned long n = (unsigned long)c->packets;
    fprintf(stderr,
            live ? ngettext("%" PRIu64 " packet captured", "%" PRIu64 " packets captured", n)
                 : ngettext("%" PRIu64 " packet read", "%" PRIu64 " packets read", n),
            c->packets);
    if (c->journal > 0)
        fprintf(
            stderr,
            ngettext(", %" PRIu64 " call record", ", %" PRIu64 " call records", (unsigned long)c->journal),
            c->journal);
    if (c->file != NULL)
        fprintf(stderr, _(", %" PRIu64 " written"), capture_file_packets(c->file));
    if (live)
        fprintf(stderr, _(", %" PRIu64 " dropped by the kernel"), dropped);
    fputc('\n', stderr);
}

/* Packets that were lost, by the kernel or by who wrote the file. False where that is not known. */
static bool count_dropped(const struct capture *c, uint64_t *dropped)
{
    uint64_t received;
    if (c->read == NULL)
        return source_stats(c->intake.source, &received, dropped) == 0;
    *dropped = c->lost != UINT64_MAX ? c->lost : 0;
    return c->lost != UINT64_MAX;
}

/* Finish the output, tell what came of it. `ended`: what ended the records. */
static int finish(struct capture *c, int ended)
{
    const bool live = c->read == NULL;
    const bool partial = ended == -EBADMSG || ended == -ENETDOWN;
    bool failed = ended != 0 && !partial && !c->reader_gone;
    uint64_t dropped = 0;
    const bool known = count_dropped(c, &dropped);
    if (ended != 0 && !c->reader_gone && c->err.text[0] != '\0')
        cmd_fail(name, "%s", c->err.text);
    c->damaged = ended == -EBADMSG;
    if (c->file != NULL && !c->reader_gone && capture_file_finish(c->file, c->intake.source, &c->err) != 0) {
        if (!failed)
            cmd_fail(name, "%s", c->err.text);
        failed = true;
    }
    if (c->common.json && c->prints)
        print_summary(c, known, dropped);
    if (!c->reader_gone && !flush_lines(c) && !c->reader_gone)
        failed = true;
    const bool cut_off = !live && c->intake.interrupted && !failed;
    if (cut_off)
        cmd_fail(name, "interrupted: the rest of the file was not read");
    if (!live && dropped > 0)
        cmd_fail(name, "the capture lost %llu packets", (unsigned long long)dropped);
    if (!c->common.quiet)
        say_counts(c, live, dropped);
    if (failed)
        return CMD_ERROR;
    return partial || cut_off || dropped > 0 ? CMD_PARTIAL : CMD_OK;
}

static void announce(const struct capture *c)
{
    if (c->read != NULL || c->common.quiet)
        return;
    if (c->write != NULL)
        cmd_say(_("capturing on %s to %s; Ctrl-C ends\n"), c->intake.interface, c->write);
    else
        cmd_say(_("capturing on %s; Ctrl-C ends\n"), c->intake.interface);
}

static int list_interfaces(struct capture *c)
{
    int failed = interfaces_list(&c->lines, c->common.json, &c->err);
    if (failed != 0)
        return cmd_fail(name, "%s", c->err.text);
    return flush_lines(c) || c->reader_gone ? CMD_OK : CMD_ERROR;
}

static int run(struct capture *c)
{
    c->prints = c->write == NULL || c->common.verbose || c->common.json;
    c->to_terminal = isatty(STDOUT_FILENO);
    c->input.file = c->read;
    c->input.snaplen = (uint32_t)c->snaplen;
    c->input.immediate = c->prints;
    c->input.privileges = c->file_mb != 0 || c->file_seconds != 0 ? PRIVILEGE_MAY_OPEN_FILES : 0;
    c->input.open_outputs = open_output;
    c->input.context = c;
    int failed = intake_open(&c->intake, &c->input, &c->err);
    if (failed != 0)
        return cmd_fail(name, "%s", c->err.text);
    announce(c);
    const struct intake_handlers handlers = {c, take_record, take_idle};
    struct sd_err err = {0};
    const int ended = intake_run(&c->intake, &handlers, &err);
    if (ended != 0 && c->err.code == 0 && !c->reader_gone)
        c->err = err;
    return finish(c, ended);
}

int cmd_capture(int argc, char **argv)
{
    struct capture c = {.lost = UINT64_MAX, .intake = {.input_fd = -1, .signal_fd = -1}};
    struct buf filter = {0};
    int first = 0, status = CMD_ERROR;
    if (parse_options(&c, argc, argv, &first) != 0)
        return cmd_usage(name, c.err.text);
    if (c.common.help)
        return CMD_OK;
    if (contradiction(&c) != NULL)
        return cmd_usage(name, contradiction(&c));
    if (c.list)
        status = list_interfaces(&c);
    else if (intake_join_filter(&filter, argc, argv, first, &c.input.filter, &c.err) != 0)
        cmd_fail(name, "%s", c.err.text);
    else
        status = run(&c);
    capture_file_free(c.file);
    intake_close(&c.intake);
    buf_free(&c.lines);
    buf_free(&filter);
    return status;
}
