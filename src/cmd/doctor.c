#include "cmd/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/io.h"
#include "base/json.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/labelled.h"
#include "view/glyphs.h"

static const char name[] = "doctor";

enum {
    DEADLINE_S = 30, /* for a check; the slowest make a lab, on a busy machine */
    LABEL = 16,
};

static const struct command_help help = {
    .name = name,
    .usage = N_("doctor [--json]"),
    .summary = N_("what works here and what does not, and the one command that helps"),
    .examples = N_("sockdiag doctor\ta line for each thing that sockdiag needs\n"
                   "sockdiag doctor -q\tonly what does not work as it might\n"
                   "sockdiag doctor -v\tand what needs it\n"
                   "sockdiag doctor --json | jq 'select(.verdict==\"fails\")'\tfor scripts"),
    .notes = N_("Each thing is really tried: a lab is opened, a program recorded, a socket made. Nothing is "
                "changed on "
                "the machine.\n"
                "Exit status: 0 all that an ordinary user needs works; 1 something does not; 2 usage or "
                "system error."),
};

/* `apart`: in a process of its own, since it would change this one, may be killed, or takes its time. */
static const struct check {
    const char *name, *title, *serves;
    bool apart;
    doctor_probe *probe;
} checks[] = {
    {"user", N_("user"), N_("all commands"), false, doctor_user},
    {"proc", "/proc", N_("all commands"), false, doctor_proc},
    {"kernel", N_("kernel"), N_("record, lab, lesson"), true, doctor_kernel},
    {"limits", N_("limits"), N_("all commands"), false, doctor_limits},
    {"user-namespaces", N_("user namespaces"), N_("demo, lab, lesson without root"), true, doctor_namespaces},
    {"lab", N_("lab"), N_("demo, lab, lesson"), true, doctor_lab},
    {"sandbox", N_("sandbox"), N_("exercises of lesson"), true, doctor_sandbox},
    {"recorder", N_("recorder"), N_("demo, record, lesson"), true, doctor_recorder},
    {"snapshots", N_("snapshots"), N_("causes in demo, record, lesson"), true, doctor_snapshots},
    {"raw-sockets", N_("raw sockets"), N_("ping, route, send"), false, doctor_raw},
    {"packet-sockets", N_("packet sockets"), N_("capture, record -i"), false, doctor_packet},
    {"ping-socket", N_("ping socket"), N_("lesson 1, ping of others without root"), false,
     doctor_ping_socket},
    {"sock-diag", "sock_diag", N_("sockets --list, --problems"), false, doctor_modules},
    {"time-stamps", N_("time stamps"), N_("ping, route, send"), true, doctor_stamps},
    {"offloads", N_("offloads"), N_("capture, record -i"), false, doctor_offloads},
    {"tcp-settings", N_("TCP settings"), N_("record, lesson"), false, doctor_settings},
    {"terminal", N_("terminal"), N_("all commands"), false, doctor_terminal},
    {"colour", N_("colour"), N_("all commands"), false, doctor_color},
    {"locale", N_("characters"), N_("all commands"), false, doctor_locale},
    {"language", N_("language"), N_("all commands"), true, doctor_language},
    {"programs", N_("programs"), N_("lesson"), false, doctor_programs},
    {"progress", N_("progress"), N_("lesson"), false, doctor_state},
};

#define CHECKS (sizeof checks / sizeof checks[0])

/* ---- what probes call ---- */

void doctor_say(struct doctor_report *report, enum doctor_verdict verdict, const char *remedy,
                const char *format, ...)
{
    if (report->count >= DOCTOR_MOST) {
        report->count++;
        return;
    }
    struct doctor_finding *finding = &report->finding[report->count++];
    va_list args;
    finding->verdict = verdict;
    va_start(args, format);
    vsnprintf(finding->text, sizeof finding->text, format, args);
    va_end(args);
    snprintf(finding->remedy, sizeof finding->remedy, "%s", remedy != NULL ? remedy : "");
}

bool doctor_text(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t len = fd >= 0 ? io_read_full(fd, text, size - 1) : -1;
    io_close(&fd);
    if (len < 0)
        return false;
    text[len] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return true;
}

long doctor_number(const char *path, long otherwise)
{
    char text[32], *end = NULL;
    if (!doctor_text(path, text, sizeof text))
        return otherwise;
    const long number = strtol(text, &end, 10);
    return end != text ? number : otherwise;
}

/* ---- running a check ---- */

static _Noreturn void probe_apart(const struct check *check, struct doctor_report *report,
                                  const struct doctor_context *context, pid_t parent)
{
    /* What a check prints, or a program that it runs, is no answer of ours. */
    const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nowhere >= 0) {
        dup2(nowhere, STDIN_FILENO);
        dup2(nowhere, STDOUT_FILENO);
        dup2(nowhere, STDERR_FILENO);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
    signal(SIGALRM, SIG_DFL);
    alarm(DEADLINE_S);
    check->probe(report, context);
    _exit(0);
}

static void run_apart(const struct check *check, struct doctor_report *report,
                      const struct doctor_context *context)
{
    int status = 0;
    const pid_t parent = getpid();
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0)
        probe_apart(check, report, context, parent);
    if (child < 0) {
        doctor_say(report, DOCTOR_FAILS, errno == EAGAIN ? "ulimit -u 1024" : NULL,
                   _("no process can be started to try it: %s"), sd_errno_text(errno));
        return;
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        doctor_say(report, DOCTOR_FAILS, NULL, _("it did not come to an end in %d s"), DEADLINE_S);
    else if (WIFSIGNALED(status))
        doctor_say(report, DOCTOR_FAILS, NULL,
                   _("trying it was ended by signal %d (a filter of system calls?)"), WTERMSIG(status));
    else if (report->count == 0)
        doctor_say(report, DOCTOR_FAILS, NULL, _("trying it ended without an answer"));
}

static void run_check(const struct check *check, struct doctor_report *report,
                      const struct doctor_context *context)
{
    memset(report, 0, sizeof *report);
    if (check->apart)
        run_apart(check, report, context);
    else
        check->probe(report, context);
}

/* ---- telling ---- */

struct tally {
    unsigned of[DOCTOR_VERDICTS];
};

static const char *const verdict_names[DOCTOR_VERDICTS] = {"works", "note", "fails"};

static void put_text(struct buf *out, const struct check *check, const struct doctor_finding *finding,
                     const struct view_style *style)
{
    const struct glyphs *glyphs = glyphs_of(style->ascii);
    const char *const signs[DOCTOR_VERDICTS] = {glyphs->good, "!", glyphs->bad};
    static const char *const colors[DOCTOR_VERDICTS] = {"32", "33", "1;31"};
    static const char *const words[DOCTOR_VERDICTS] = {N_("works"), N_("note"), N_("fails")};
    const struct labelled front = {signs[finding->verdict], _(check->title), colors[finding->verdict], LABEL};
    const struct labelled under = {NULL, "", NULL, LABEL}, cure = {NULL, _("  cure"), NULL, LABEL};
    struct buf text = {0}, safe = {0};
    if (style->brief && finding->verdict == DOCTOR_WORKS)
        return;
    text_escape(&safe, finding->text, strlen(finding->text)); /* it may quote the environment */
    buf_printf(&text, _("%s: %s"), _(words[finding->verdict]), buf_cstr(&safe));
    labelled_put(out, style, &front, buf_cstr(&text));
    if (style->verbose) {
        text.len = 0;
        buf_printf(&text, _("for: %s"), _(check->serves));
        labelled_put(out, style, &under, buf_cstr(&text));
    }
    if (finding->remedy[0] != '\0')
        labelled_put(out, style, &cure, finding->remedy);
    out->failed = out->failed || text.failed || safe.failed;
    buf_free(&text);
    buf_free(&safe);
}

static void put_json(struct buf *out, const struct check *check, const struct doctor_finding *finding)
{
    struct json j = json_begin(out);
    json_text(&j, "type", "check");
    json_text(&j, "name", check->name);
    json_text(&j, "verdict", verdict_names[finding->verdict]);
    json_text(&j, "text", finding->text);
    json_text(&j, "remedy", finding->remedy[0] != '\0' ? finding->remedy : NULL);
    json_text(&j, "serves", check->serves);
    json_end_line(&j);
}

static void put_report(struct buf *out, const struct check *check, const struct doctor_report *report,
                       const struct doctor_context *context, struct tally *tally)
{
    const struct view_style style = screen_style(context->screen, context->common);
    for (unsigned i = 0; i < report->count && i < DOCTOR_MOST; i++) {
        tally->of[report->finding[i].verdict]++;
        if (context->common->json)
            put_json(out, check, &report->finding[i]);
        else
            put_text(out, check, &report->finding[i], &style);
    }
}

static void put_end(struct buf *out, const struct doctor_context *context, const struct tally *tally)
{
    const struct view_style style = screen_style(context->screen, context->common);
    struct buf text = {0};
    if (context->common->json) {
        struct json j = json_begin(out);
        json_text(&j, "type", "summary");
        for (int verdict = 0; verdict < DOCTOR_VERDICTS; verdict++)
            json_u64(&j, verdict_names[verdict], tally->of[verdict]);
        json_end_line(&j);
        return;
    }
    buf_char(out, '\n');
    if (tally->of[DOCTOR_FAILS] == 0)
        buf_text(&text, _("All that an ordinary user needs works here."));
    else
        buf_printf(&text,
                   ngettext("%u thing that an ordinary user needs does not work here.",
                            "%u things that an ordinary user needs do not work here.",
                            tally->of[DOCTOR_FAILS]),
                   tally->of[DOCTOR_FAILS]);
    labelled_paragraph(out, &style, buf_cstr(&text));
    out->failed = out->failed || text.failed;
    buf_free(&text);
}

/* Each check is told when it is done, for some of them take a second. */
static int flush(struct buf *out)
{
    int failed = out->failed ? -ENOMEM : 0;
    if (failed != 0)
        cmd_fail(name, "out of memory");
    else if (out->len > 0)
        failed = cmd_write_stdout(out->data, out->len);
    out->len = 0;
    return failed;
}

static int run(const struct doctor_context *context)
{
    struct tally tally = {0};
    struct buf out = {0};
    int failed = 0;
    struct doctor_report *report =
        mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (report == MAP_FAILED)
        return cmd_fail(name, "out of memory");
    for (size_t i = 0; i < CHECKS && failed == 0; i++) {
        run_check(&checks[i], report, context);
        put_report(&out, &checks[i], report, context, &tally);
        failed = flush(&out);
    }
    if (failed == 0) {
        put_end(&out, context, &tally);
        failed = flush(&out);
    }
    buf_free(&out);
    munmap(report, sizeof *report);
    if (failed != 0 && failed != -EPIPE)
        return CMD_ERROR;
    return tally.of[DOCTOR_FAILS] > 0 ? CMD_NO : CMD_OK;
}

int cmd_doctor(int argc, char **argv)
{
    struct options_common common = {0};
    struct screen_options screen = {0};
    struct option_row rows[SCREEN_OPTION_ROWS];
    struct sd_err err = {0};
    int first = 0;
    const size_t count = screen_option_rows(&screen, rows);
    const struct doctor_context context = {&screen, &common};
    if (options_parse(argc, argv, rows, count, &common, false, &first, &err) != 0)
        return cmd_usage(name, err.text);
    if (common.help) {
        options_help(&help, rows, count);
        return CMD_OK;
    }
    if (first < argc)
        return cmd_usage(name, _("doctor takes no operands"));
    return run(&context);
}
