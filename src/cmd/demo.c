#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/io.h"
#include "base/privilege.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/demo_run.h"
#include "cmd/options.h"
#include "cmd/screen.h"
#include "cmd/wire_options.h"
#include "ftp/ftp.h"
#include "lanes/lanes.h"
#include "view/compare.h"
#include "view/prose.h"
#include "view/view.h"

#define DEFAULT_DELAY_NS 5000000
#define DEFAULT_WORK_MS 40
#define DEFAULT_PAUSE_MS 80
#define DEFAULT_SIZE 4096
#define BUG_SIZE 250000 /* more than one recv returns, and than the small send buffer of short-send holds */

struct options {
    struct options_common common;
    struct screen_options screen;
    struct wire_options wire;
    const char *framings, *bug, *file;
    uint64_t work_ms, pause_ms, size;
    bool keep_bytes, ipv6;
};

static const struct command_help help = {
    .name = "demo",
    .usage = N_("demo [options]"),
    .summary = N_("a file goes from one host to another; see what each send, segment and recv carried"),
    .examples =
        N_("sockdiag demo\tthe naive framing, the right one, and a table of all five\n"
           "sockdiag demo --framing naive --work 0\tthe server reads at once: does it still break?\n"
           "sockdiag demo --framing sleep --drop data:1\ta lost segment outlasts the pause\n"
           "sockdiag demo --framing length --bug size-chars\ta classic bug\n"
           "sockdiag demo --framing length --mtu 576 -o f.pcapng\tkeep the recording (Wireshark opens it)"),
    .notes = N_(
        /* xgettext:no-c-format */
        "Needs no root: the two hosts and the wire are private namespaces, gone when the demo ends. The wire "
        "has a delay of 5 ms each way, and the server works 40 ms (--work) before each read, as servers do. "
        "With several framings, -o writes one file each: f-naive.pcapng and so on.\n"
        "SPEC is data:2, reply:1, 5% and the like, as 'sockdiag lab --help' tells.\n"
        "Exit status: 0; with --framing or --bug 1 if the transfer broke; 2 for errors; 3 if a recording is "
        "not whole."),
};

/* What a run showed: its model, and what is said of it. */
struct shown {
    struct lanes *lanes;
    bool broken;
    struct compare_row row;
    char outcome[64];
};

static int say_framings(const char *name, struct sd_err *err)
{
    return sd_fail(err, EINVAL, "there is no framing '%s'; there are naive, sleep, lockstep, size and length",
                   name);
}

/* The order of the runs: the ones asked for, or all with the naive and the right one first, for these are
 * shown. */
static int plan_framings(struct demo_plan *plan, const char *list, struct sd_err *err)
{
    static const enum framing_id usual[] = {FRAMING_NAIVE, FRAMING_LENGTH, FRAMING_SLEEP, FRAMING_LOCKSTEP,
                                            FRAMING_SIZE};
    if (list == NULL) {
        for (size_t i = 0; i < FRAMING_COUNT; i++)
            plan->framing[plan->count++] = &framings[usual[i]];
        return 0;
    }
    for (const char *at = list; *at != '\0';) {
        size_t len = strcspn(at, ",");
        char name[40];
        snprintf(name, sizeof name, "%.*s", (int)len, at);
        const struct framing *framing = framing_find(at, len);
        if (framing == NULL)
            return say_framings(name, err);
        for (size_t i = 0; i < plan->count; i++) {
            if (plan->framing[i] == framing)
                return sd_fail(err, EINVAL, "--framing names %s twice", name);
        }
        plan->framing[plan->count++] = framing;
        at += len;
        at += *at == ',';
    }
    return plan->count > 0 ? 0 : say_framings("", err);
}

static int check_bug(const char *name, const struct framing *framing, struct sd_err *err)
{
    for (int bug = FTP_BUG_NONE + 1; bug < FTP_BUG_COUNT; bug++) {
        if (strcmp(name, ftp_bug_names[bug]) == 0)
            return ftp_manner_check(&(struct ftp_manner){.framing = framing, .bug = (enum ftp_bug)bug}, err);
    }
    return sd_fail(err, EINVAL, "there is no bug '%s'; there are size-chars, size-overrun and short-send",
                   name);
}

static int make_plan(const struct options *o, struct demo_plan *plan, struct sd_err *err)
{
    *plan = (struct demo_plan){
        .bug = o->bug,
        .work_ms = o->work_ms,
        .pause_ms = o->pause_ms,
        .size = o->size,
        .family = o->ipv6 ? 6 : 4,
        .keep_bytes = o->keep_bytes,
        .lab = {.mtu = (unsigned)o->wire.mtu},
        .wire = o->wire.wire,
    };
    if (plan->size == 0)
        plan->size = o->bug != NULL && strcmp(o->bug, "size-chars") != 0 ? BUG_SIZE : DEFAULT_SIZE;
    const char *list = o->framings;
    if (list == NULL && o->bug != NULL)
        list = "length"; /* the bugs are of a program that frames well otherwise */
    int failed = plan_framings(plan, list, err);
    for (size_t i = 0; failed == 0 && o->bug != NULL && i < plan->count; i++)
        failed = check_bug(o->bug, plan->framing[i], err);
    return failed;
}

/* ---- the files of the runs ---- */

static int anonymous(const char *name, struct sd_err *err)
{
    int fd = memfd_create(name, MFD_CLOEXEC);
    return fd >= 0 ? fd : sd_fail_errno(err, errno, "cannot make a file in memory");
}

/* f.pcapng, or f-naive.pcapng where there are several runs. */
static void put_name(struct buf *out, const char *file, const struct demo_plan *plan, size_t index)
{
    const char *slash = strrchr(file, '/');
    const char *base = slash != NULL ? slash + 1 : file;
    const char *dot = strrchr(base, '.');
    size_t stem = dot != NULL && dot != base ? (size_t)(dot - file) : strlen(file);
    buf_append(out, file, stem);
    if (plan->count > 1)
        buf_printf(out, "-%s", plan->framing[index]->name);
    buf_text(out, file + stem);
}

static int named(const char *file, const struct demo_plan *plan, size_t index, struct sd_err *err)
{
    struct buf path = {0};
    put_name(&path, file, plan, index);
    int fd = open(buf_cstr(&path), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        fd = sd_fail_errno(err, errno, "cannot write %s", buf_cstr(&path));
    buf_free(&path);
    return fd;
}

static int open_runs(struct demo_run *runs, const struct demo_plan *plan, const char *file,
                     struct sd_err *err)
{
    struct demo_result *results = mmap(NULL, sizeof *results * FRAMING_COUNT, PROT_READ | PROT_WRITE,
                                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (results == MAP_FAILED)
        return sd_fail_errno(err, errno, "cannot share memory with the lab");
    for (size_t i = 0; i < plan->count; i++) {
        results[i] = (struct demo_result){.client = -1, .server = -1};
        runs[i].result = &results[i];
        runs[i].capture = file != NULL ? named(file, plan, i, err) : anonymous("sockdiag-demo", err);
        runs[i].log = runs[i].capture < 0 ? -1 : anonymous("sockdiag-demo-log", err);
        if (runs[i].capture < 0 || runs[i].log < 0)
            return -EIO;
    }
    return 0;
}

/* ---- reading the recordings ---- */

/* The demo's transfer is the first stream; without one the transfer never began. */
static const struct lanes_stream *transfer(const struct lanes *lanes)
{
    return lanes->stream_count > 0 ? lanes->streams[0] : NULL;
}

static void say_outcome(struct shown *shown, const struct lanes_stream *stream,
                        const struct demo_result *result)
{
    bool failed = !WIFEXITED(result->client) || WEXITSTATUS(result->client) != 0;
    bool broken_seen = stream != NULL && stream->broken_at != UINT64_MAX;
    bool lucky = false;
    for (size_t i = 0; stream != NULL && i < stream->finding_count; i++)
        lucky = lucky || strcmp(stream->findings[i].kind, "lucky") == 0;
    shown->broken = failed || broken_seen;
    if (broken_seen)
        snprintf(shown->outcome, sizeof shown->outcome, _("BROKEN at byte %llu"),
                 (unsigned long long)stream->broken_at);
    else if (failed)
        snprintf(shown->outcome, sizeof shown->outcome, "%s", _("FAILED"));
    else
        snprintf(shown->outcome, sizeof shown->outcome, "%s", lucky ? _("ok, by luck") : _("ok"));
}

static int read_run(struct shown *shown, const struct demo_plan *plan, size_t index,
                    const struct demo_run *run, struct sd_err *err)
{
    const struct lanes_options options = {.framing = plan->framing[index]};
    struct source *source = NULL;
    if (lseek(run->capture, 0, SEEK_SET) != 0)
        return sd_fail_errno(err, errno, "cannot read the recording");
    int failed = source_open_fd(&source, run->capture, _("the recording"), NULL, err);
    if (failed == 0)
        failed = lanes_read(&shown->lanes, source, &options, err);
    source_close(source);
    if (failed != 0)
        return failed;
    const struct lanes_stream *stream = transfer(shown->lanes);
    say_outcome(shown, stream, run->result);
    compare_fill(&shown->row, plan->framing[index], stream, shown->outcome);
    return 0;
}

/* ---- showing ---- */

static void say_headline(struct buf *out, const struct framing *framing, const struct view_style *style)
{
    struct buf line = {0};
    buf_printf(&line, _("%s: the sender %s; the reader %s."), framing->name, _(framing->sender),
               _(framing->reader));
    buf_char(out, '\n');
    prose_wrap(out, buf_cstr(&line), 0, 0, style->columns);
    buf_char(out, '\n');
    buf_free(&line);
}

/* What the programs themselves said. */
static void say_log(struct buf *out, int log, const struct view_style *style)
{
    char text[4096];
    ssize_t len = log >= 0 && lseek(log, 0, SEEK_SET) == 0 ? io_read_full(log, text, sizeof text) : 0;
    if (len <= 0)
        return;
    buf_text(out, _("\n the programs said\n"));
    for (const char *at = text, *end = text + len; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t line_len = (size_t)((newline != NULL ? newline : end) - at);
        struct buf line = {0};
        text_escape(&line, at, line_len);
        buf_text(out, "   ");
        prose_wrap(out, buf_cstr(&line), 3, 5, style->columns);
        buf_free(&line);
        at += line_len + 1;
    }
}

static void show_run(struct buf *out, const struct options *o, const struct demo_plan *plan, size_t index,
                     const struct shown *shown, const struct demo_run *run, const struct view_style *style)
{
    if (o->common.json) {
        view_render(&view_json, shown->lanes, style, out);
        return;
    }
    say_headline(out, plan->framing[index], style);
    if (index == 0)
        view_text.head(out, shown->lanes, style);
    for (size_t i = 0; i < shown->lanes->stream_count; i++)
        view_text.stream(out, shown->lanes->streams[i], style);
    view_text.tail(out, shown->lanes, style);
    bool explained = transfer(shown->lanes) != NULL && transfer(shown->lanes)->broken_at != UINT64_MAX;
    if ((shown->broken && !explained) || o->common.verbose)
        say_log(out, run->log, style);
    if (run->result->notice[0] != '\0')
        buf_printf(out, _(" note: %s\n"), run->result->notice);
}

/* In the table the framings stand in the order in which they are taught. */
static void show_table(struct buf *out, const struct options *o, const struct demo_plan *plan,
                       const struct shown *shown, const struct view_style *style)
{
    struct compare_row rows[FRAMING_COUNT];
    size_t count = 0;
    for (int id = 0; id < FRAMING_COUNT; id++) {
        for (size_t i = 0; i < plan->count; i++) {
            if (plan->framing[i]->id == (enum framing_id)id)
                rows[count++] = shown[i].row;
        }
    }
    if (o->common.json) {
        compare_json(out, rows, count);
        return;
    }
    compare_text(out, rows, count, style);
    if (!style->brief && o->framings == NULL && o->bug == NULL)
        buf_text(out, _("\n Your own program:\n"
                        "   sockdiag record -- ./your-program\n"
                        "   sockdiag show sockdiag.pcapng\n"));
}

/* Where the recordings are, and what to do with them. */
static void say_files(struct buf *out, const struct options *o, const struct demo_plan *plan)
{
    struct buf name = {0};
    if (o->file == NULL || o->common.json || o->common.quiet)
        return;
    buf_text(out, _("\n The recording, for Wireshark too:\n"));
    for (size_t i = 0; i < plan->count; i++) {
        name.len = 0;
        put_name(&name, o->file, plan, i);
        buf_text(out, "   sockdiag show ");
        text_escape(out, name.data, name.len);
        buf_char(out, '\n');
    }
    buf_free(&name);
}

static int show_all(const struct options *o, const struct demo_plan *plan, struct demo_run *runs)
{
    struct shown shown[FRAMING_COUNT] = {0};
    struct sd_err err = {0};
    struct buf out = {0};
    const struct view_style style = screen_style(&o->screen, &o->common);
    size_t pictures =
        o->framings == NULL && o->bug == NULL && !o->common.verbose && !o->common.json ? 2 : plan->count;
    bool broken = false, lost = false;
    int status = CMD_OK;
    for (size_t i = 0; status == CMD_OK && i < plan->count; i++) {
        if (runs[i].result->lost) {
            cmd_fail("demo", "%s: %s", plan->framing[i]->name, runs[i].result->err.text);
            lost = true;
        }
        if (read_run(&shown[i], plan, i, &runs[i], &err) != 0)
            status = cmd_fail("demo", "%s: %s", plan->framing[i]->name, err.text);
        else if (i < pictures)
            show_run(&out, o, plan, i, &shown[i], &runs[i], &style);
        broken = broken || shown[i].broken;
    }
    if (status == CMD_OK && plan->count > 1)
        show_table(&out, o, plan, shown, &style);
    if (status == CMD_OK)
        say_files(&out, o, plan);
    if (out.failed)
        status = cmd_fail("demo", "out of memory");
    if (cmd_write_stdout(out.data, out.len) != 0)
        status = CMD_ERROR;
    for (size_t i = 0; i < plan->count; i++)
        lanes_free(shown[i].lanes);
    buf_free(&out);
    if (status == CMD_OK && lost)
        return CMD_PARTIAL;
    return status == CMD_OK && broken && (o->framings != NULL || o->bug != NULL) ? CMD_NO : status;
}

/* ---- the command ---- */

struct stage {
    const struct demo_plan *plan;
    const struct demo_run *runs;
};

static int in_the_lab(void *context)
{
    const struct stage *stage = context;
    struct sd_err err = {0};
    if (demo_run_all(stage->plan, stage->runs, &err) == 0)
        return CMD_OK;
    return cmd_fail("demo", "%s", err.text);
}

/* After a failure: what client and server said may tell why. */
static void tell_logs(const struct demo_run *runs)
{
    struct buf out = {0};
    for (size_t i = 0; i < FRAMING_COUNT; i++)
        say_log(&out, runs[i].log, &(struct view_style){.columns = 100});
    if (out.len > 0)
        fwrite(out.data, 1, out.len, stderr);
    buf_free(&out);
}

static int run_demo(const struct options *o, const struct demo_plan *plan)
{
    struct demo_run runs[FRAMING_COUNT];
    struct sd_err err = {0};
    for (size_t i = 0; i < FRAMING_COUNT; i++)
        runs[i] = (struct demo_run){.capture = -1, .log = -1};
    if (open_runs(runs, plan, o->file, &err) != 0)
        return cmd_fail("demo", "%s", err.text);
    struct stage stage = {.plan = plan, .runs = runs};
    int status = lab_supervise(in_the_lab, &stage, &err);
    if (status < 0)
        return cmd_fail("demo", "%s", err.text);
    if (status > 128)
        status = cmd_fail("demo", "the lab was ended from outside");
    if (status != CMD_OK) {
        tell_logs(runs);
        return status;
    }
    if (privilege_drop(&err) != 0)
        return cmd_fail("demo", "%s", err.text);
    return show_all(o, plan, runs);
}

int cmd_demo(int argc, char **argv)
{
    struct options o = {.work_ms = DEFAULT_WORK_MS, .pause_ms = DEFAULT_PAUSE_MS};
    struct option_row rows[32] = {
        {'F', "framing", N_("F,…"), N_("only these of naive, sleep, lockstep, size, length"), OPTION_TEXT,
         &o.framings, 0, 0, NULL, NULL},
        {'b', "bug", N_("NAME"), N_("size-chars, size-overrun or short-send, in client and server"),
         OPTION_TEXT, &o.bug, 0, 0, NULL, NULL},
        {0, "work", N_("MS"), N_("what the server does before each read (default 40)"), OPTION_NUMBER,
         &o.work_ms, 0, 10000, NULL, NULL},
        {0, "pause", N_("MS"), N_("what the framing sleep waits after each send (default 80)"), OPTION_NUMBER,
         &o.pause_ms, 0, 10000, NULL, NULL},
        {0, "size", N_("BYTES"), N_("how long the file is (default 4096)"), OPTION_NUMBER, &o.size, 1,
         1U << 30, NULL, NULL},
        {'o', "output", N_("FILE"), N_("keep the recording"), OPTION_TEXT, &o.file, 0, 0, NULL, NULL},
        {'6', "ipv6", NULL, N_("over IPv6"), OPTION_FLAG, &o.ipv6, 0, 0, NULL, NULL},
        {0, "bytes", NULL, N_("keep the bytes that each call moved, too"), OPTION_FLAG, &o.keep_bytes, 0, 0,
         NULL, NULL},
    };
    size_t count = 8;
    struct sd_err err = {0};
    struct demo_plan plan;
    int first = 0;
    o.wire.wire.delay_ns = DEFAULT_DELAY_NS;
    count += wire_options_rows(&o.wire, N_("each way, in milliseconds (default 5)"), rows + count);
    count += screen_option_rows(&o.screen, rows + count);
    if (options_parse(argc, argv, rows, count, &o.common, false, &first, &err) != 0)
        return cmd_usage("demo", err.text);
    if (o.common.help) {
        options_help(&help, rows, count);
        return CMD_OK;
    }
    if (first < argc)
        return cmd_usage("demo", "takes no words besides its options");
    if (wire_options_check(&o.wire, o.ipv6, &err) != 0 || make_plan(&o, &plan, &err) != 0)
        return cmd_usage("demo", err.text);
    return run_demo(&o, &plan);
}
