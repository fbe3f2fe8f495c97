#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/io.h"
#include "base/json.h"
#include "base/privilege.h"
#include "capture/decode.h"
#include "cmd/capture_file.h"
#include "cmd/capture_lines.h"
#include "cmd/cmd.h"
#include "cmd/interfaces.h"
#include "cmd/options.h"

/* capture: the source is opened with the privileges at hand, then they are given up, files are opened as the
 * caller, system calls are filtered; only then packets are looked at. One loop takes records from an
 * interface or a file to lines, a capture file, or both. */

enum {
    LINES_GATHER = 64 << 10,
    SIGNAL_EVERY = 1024, /* records between looks for a signal while more wait */
    IDLE_MS = 500,       /* between looks whether the interface is still up */
    DRAIN_MS = 150,      /* the kernel hands packets over at most so late */
    BUFFER_MB = 64,      /* an eighth of a second of large packets, flat out */
};

struct capture {
    struct options_common common;
    const char *interface, *read, *write;
    uint64_t count, file_mb, file_seconds, buffer_mb, snaplen;
    bool classic, list;
    char *filter;

    char default_name[IF_NAMESIZE];
    struct capture_file_config file_config;
    struct source *source;
    struct capture_file *file;
    int input_fd, signal_fd;
    bool prints, to_terminal;
    struct buf lines;
    struct capture_clock clock;
    uint64_t packets, journal;
    uint64_t stop_ns; /* when a signal asked for the end; 0: not yet */
    bool reader_gone; /* of our lines */
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
         OPTION_TEXT, &c->interface, 0, 0, NULL, NULL},
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
        {0, "buffer", N_("MB"), N_("size of the kernel's ring buffer (64)"), OPTION_NUMBER, &c->buffer_mb, 1,
         2047, NULL, NULL},
        {'s', "snaplen", N_("BYTES"), N_("capture so much of each packet (262144)"), OPTION_NUMBER,
         &c->snaplen, 1, 262144, NULL, NULL},
        {'D', "list", NULL, N_("list the interfaces and end"), OPTION_FLAG, &c->list, 0, 0, NULL, NULL},
    };
    const size_t count = sizeof rows / sizeof rows[0];
    int failed = options_parse(argc, argv, rows, count, &c->common, false, first, &c->err);
    if (failed == 0 && c->common.help)
        options_help(&help, rows, count);
    return failed;
}

/* What contradicts itself; NULL if nothing does. */
static const char *contradiction(const struct capture *c)
{
    if (c->read != NULL && c->interface != NULL)
        return N_("-i captures and -r reads a file: choose one");
    if (c->read != NULL && (c->buffer_mb != 0 || c->snaplen != 0))
        return N_("--buffer and -s are for capturing, not for reading a file");
    if (c->write == NULL && (c->file_mb != 0 || c->file_seconds != 0 || c->classic))
        return N_("-C, -G and --pcap are about the file that -w writes, and there is no -w");
    if (c->write != NULL && strcmp(c->write, "-") == 0 && (c->file_mb != 0 || c->file_seconds != 0))
        return N_("stdout cannot be rotated");
    if (c->write != NULL && strcmp(c->write, "-") == 0 && (c->common.json || c->common.verbose))
        return N_("stdout is for packets (-w -) or for lines, not for both");
    return NULL;
}

/* The words of the filter as one expression. */
static int join_filter(struct capture *c, int argc, char **argv, int first, struct buf *text)
{
    for (int i = first; i < argc; i++) {
        buf_text(text, argv[i]);
        buf_char(text, ' ');
    }
    if (text->len == 0)
        return 0;
    text->len--;
    buf_cstr(text);
    c->filter = (char *)text->data;
    return text->failed ? sd_fail_errno(&c->err, ENOMEM, "filter") : 0;
}

/* ---- opening, in the order of the privileges ---- */

static int open_interface(struct capture *c)
{
    if (c->interface == NULL) {
        int failed = interfaces_default(c->default_name, &c->err);
        if (failed != 0)
            return failed;
        c->interface = c->default_name;
    }
    const struct source_live config = {
        .interface = c->interface,
        .filter = c->filter,
        .snaplen = (uint32_t)c->snaplen,
        .buffer_bytes = (uint32_t)(c->buffer_mb != 0 ? c->buffer_mb : BUFFER_MB) << 20,
        .promiscuous = true,
        .immediate = c->prints,
    };
    return source_open_live(&c->source, &config, &c->err);
}

static int open_input(struct capture *c)
{
    c->input_fd = strcmp(c->read, "-") == 0 ? STDIN_FILENO : open(c->read, O_RDONLY | O_CLOEXEC);
    return c->input_fd < 0 ? sd_fail_errno(&c->err, errno, "cannot open %s", c->read) : 0;
}

/* Writing a file over the one that is read would destroy both. */
static bool writes_its_input(const struct capture *c)
{
    struct stat in, out;
    return c->read != NULL && c->write != NULL && fstat(c->input_fd, &in) == 0 && S_ISREG(in.st_mode) &&
           stat(c->write, &out) == 0 && in.st_dev == out.st_dev && in.st_ino == out.st_ino;
}

static int open_output(struct capture *c)
{
    if (c->write == NULL)
        return 0;
    if (writes_its_input(c))
        return sd_fail(&c->err, EINVAL, "%s is the file that is read; write another one", c->write);
    c->file_config = (struct capture_file_config){
        .path = c->write,
        .classic = c->classic,
        .max_bytes = c->file_mb * 1000000,
        .max_ns = c->file_seconds * NS_PER_S,
    };
    return capture_file_open(&c->file, &c->file_config, &c->err);
}

/* The last door: from here on, bytes that somebody else chose are looked at. */
static int filter_calls(void *context, struct sd_err *err)
{
    const struct capture *c = context;
    const bool rotates = c->file_mb != 0 || c->file_seconds != 0;
    tzset(); /* reads the time zone's file, while that is allowed */
    int failed = privilege_filter(rotates ? PRIVILEGE_MAY_OPEN_FILES : 0, err);
    return failed == -ENOSYS ? 0
                             : failed; /* a kernel without filters: the privileges are gone all the same */
}

static int open_all(struct capture *c)
{
    const struct source_guard guard = {filter_calls, c, c->signal_fd};
    int failed = c->read != NULL ? open_input(c) : open_interface(c);
    if (failed == 0)
        failed = privilege_drop(&c->err);
    if (failed == 0)
        failed = open_output(c);
    if (failed != 0)
        return failed;
    if (c->read == NULL)
        return filter_calls(c, &c->err);
    return source_open_fd_guarded(&c->source, c->input_fd, &guard,
                                  strcmp(c->read, "-") == 0 ? "stdin" : c->read, c->filter, &c->err);
}

/* Signals that end the capture come by a descriptor. */
static int take_signals(struct capture *c)
{
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGTERM);
    sigprocmask(SIG_BLOCK, &ending, NULL);
    signal(SIGPIPE, SIG_IGN);
    c->signal_fd = signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK);
    return c->signal_fd < 0 ? sd_fail_errno(&c->err, errno, "cannot receive signals") : 0;
}

/* ---- records ---- */

/* Print the gathered lines. False when the capture shall end: nobody reads them. */
static bool flush_lines(struct capture *c)
{
    if (c->lines.failed) {
        sd_fail_errno(&c->err, ENOMEM, "cannot print");
        return false;
    }
    int failed = c->lines.len > 0 ? cmd_write_stdout(c->lines.data, c->lines.len) : 0;
    c->lines.len = 0;
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

/* 0, or a negative errno when the capture cannot go on. */
static int take_record(struct capture *c, struct capture_record *record)
{
    c->packets += record->kind == CAPTURE_PACKET;
    c->journal += record->kind == CAPTURE_JOURNAL;
    if (c->prints)
        print_record(c, record);
    if (c->prints && (c->to_terminal || c->lines.len >= LINES_GATHER) && !flush_lines(c))
        return -EPIPE;
    if (c->file == NULL)
        return 0;
    int failed = capture_file_add(c->file, c->source, record, &c->err);
    c->reader_gone = failed == -EPIPE;
    return failed;
}

/* Did another signal come? The first asks for the end: what was captured before it is still taken, out of the
 * kernel's buffer. The second ends at once, and so does the first where there is no such buffer. */
static bool ended_by_signal(struct capture *c)
{
    struct signalfd_siginfo info;
    if (read(c->signal_fd, &info, sizeof info) != (ssize_t)sizeof info)
        return false;
    const bool at_once = c->stop_ns != 0 || source_fd(c->source) < 0;
    c->stop_ns = clock_real_ns();
    return at_once;
}

/* Nothing is there now: let out what was gathered and wait. 1 to go on; 0: the end; negative: an error. */
static int wait_for_more(struct capture *c)
{
    if (!flush_lines(c))
        return -EPIPE;
    if (c->file != NULL) {
        int failed = capture_file_flush(c->file, c->source, &c->err);
        c->reader_gone = failed == -EPIPE;
        if (failed != 0)
            return failed;
    }
    struct pollfd fds[2] = {{.fd = source_fd(c->source), .events = POLLIN},
                            {.fd = c->signal_fd, .events = POLLIN}};
    const int ready = poll(fds, 2, c->stop_ns != 0 ? DRAIN_MS : IDLE_MS);
    if (ready < 0 && errno != EINTR)
        return sd_fail_errno(&c->err, errno, "cannot wait for packets");
    return !(ready == 0 && c->stop_ns != 0) && !ended_by_signal(c);
}

/* Is this packet the first after the end was asked for? */
static bool is_too_late(const struct capture *c, const struct capture_record *record)
{
    return c->stop_ns != 0 && record->kind == CAPTURE_PACKET && record->packet.time_ns > c->stop_ns;
}

/* Until the end. 0, or a negative errno with c->err filled. */
static int take_records(struct capture *c)
{
    for (uint64_t n = 1;; n++) {
        struct capture_record record;
        int got = source_next(c->source, &record, &c->err);
        if (got == -EAGAIN) {
            got = wait_for_more(c);
            if (got <= 0)
                return got;
            continue;
        }
        if (got == 0 || got == -EINTR || (got > 0 && is_too_late(c, &record)))
            return 0;
        if (got < 0)
            return got;
        got = take_record(c, &record);
        if (got != 0)
            return got;
        if (c->packets == c->count && c->count != 0)
            return 0;
        if (n % SIGNAL_EVERY == 0 && ended_by_signal(c))
            return 0;
    }
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
    fprintf(stderr, "%" PRIu64 " packet%s %s", c->packets, c->packets == 1 ? "" : "s",
            live ? "captured" : "read");
    if (c->journal > 0)
        fprintf(stderr, ", %" PRIu64 " call record%s", c->journal, c->journal == 1 ? "" : "s");
    if (c->file != NULL)
        fprintf(stderr, ", %" PRIu64 " written", capture_file_packets(c->file));
    if (live)
        fprintf(stderr, ", %" PRIu64 " dropped by the kernel", dropped);
    fputc('\n', stderr);
}

/* Finish the output, tell what came of it. `ended`: what ended the records. */
static int finish(struct capture *c, int ended)
{
    const bool live = c->read == NULL;
    const bool partial = ended == -EBADMSG || ended == -ENETDOWN;
    bool failed = ended != 0 && !partial && !c->reader_gone;
    uint64_t received = 0, dropped = 0;
    const bool known = live && source_stats(c->source, &received, &dropped) == 0;
    if (ended != 0 && !c->reader_gone && c->err.text[0] != '\0')
        cmd_fail(name, "%s", c->err.text);
    c->damaged = ended == -EBADMSG;
    if (c->file != NULL && !c->reader_gone && capture_file_finish(c->file, c->source, &c->err) != 0) {
        if (!failed)
            cmd_fail(name, "%s", c->err.text);
        failed = true;
    }
    if (c->common.json)
        print_summary(c, known, dropped);
    if (!c->reader_gone && !flush_lines(c) && !c->reader_gone)
        failed = true;
    if (!c->common.quiet)
        say_counts(c, live, dropped);
    if (failed)
        return CMD_ERROR;
    return partial || dropped > 0 ? CMD_PARTIAL : CMD_OK;
}

static void announce(const struct capture *c)
{
    if (c->read != NULL || c->common.quiet)
        return;
    fprintf(stderr, "capturing on %s%s%s; Ctrl-C ends\n", c->interface, c->write != NULL ? " to " : "",
            c->write != NULL ? c->write : "");
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
    int failed = take_signals(c);
    if (failed == 0)
        failed = open_all(c);
    if (failed == -EINTR && c->read != NULL)
        return CMD_OK; /* a signal, before the input's first byte */
    if (failed != 0)
        return cmd_fail(name, "%s", c->err.text);
    announce(c);
    return finish(c, take_records(c));
}

int cmd_capture(int argc, char **argv)
{
    struct capture c = {.input_fd = -1, .signal_fd = -1};
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
    else if (join_filter(&c, argc, argv, first, &filter) != 0)
        cmd_fail(name, "%s", c.err.text);
    else
        status = run(&c);
    source_close(c.source);
    capture_file_free(c.file);
    if (c.input_fd != STDIN_FILENO)
        io_close(&c.input_fd);
    io_close(&c.signal_fd);
    buf_free(&c.lines);
    buf_free(&filter);
    return status;
}
