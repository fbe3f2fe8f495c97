#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/io.h"
#include "base/privilege.h"
#include "cmd/cmd.h"
#include "cmd/options.h"
#include "cmd/outcome.h"
#include "record/recorder.h"
#include "record/recording.h"
#include "record/tap.h"

#define DEFAULT_FILE "sockdiag.pcapng"

struct options {
    struct options_common common;
    const char *file, *interface, *filter;
    bool survive, no_pin, bytes;
};

static const struct command_help help = {
    .no_json = true,
    .name = "record",
    .usage = N_("record [-o FILE] [-i IF] [options] -- CMD [ARG…]"),
    .summary = N_("run any program and record its socket calls, and the wire"),
    .examples = N_(
        "sockdiag record -o f.pcapng -- ./client\tthe calls of a program\n"
        "sudo sockdiag record -i eth0 -o f.pcapng -- curl http://example/\tand the packets of an interface\n"
        "sockdiag show f.pcapng\tlook at it"),
    .notes = N_(
        "The program runs as the user who called, also under sudo; its output, its exit status and its death "
        "by "
        "a signal are passed on as they are. It ends when the recorder is killed, unless --survive is "
        "given.\n"
        "Exit status: the program's; 126 or 127 if it cannot be run; 2 for errors of the recorder; 3 if the "
        "program ended well and the file is not whole."),
};

struct run {
    const struct options *options;
    struct recording *recording;
};

static void on_call(void *context, const struct call *call)
{
    recording_call(((struct run *)context)->recording, call);
}

static void on_busy(void *context, bool busy)
{
    recording_busy(((struct run *)context)->recording, busy);
}

static void on_notice(void *context, const char *text)
{
    (void)context;
    cmd_fail("record", "%s", text);
}

/* The interface is opened first, with the privilege that this needs; what follows is done as the user who
 * called. */
static int open_interface(const struct options *o, struct source **source, struct sd_err *err)
{
    const struct source_live live = {
        .interface = o->interface, .filter = o->filter, .block_ms = TAP_BLOCK_MS};
    int failed = o->interface != NULL ? source_open_live(source, &live, err) : 0;
    if (failed != 0)
        return failed;
    /* Root itself keeps what it has: its programs have it too, and a tracer must not have less than they. */
    if (getuid() == 0 && getenv("SUDO_UID") == NULL)
        return 0;
    failed = privilege_drop(err);
    /* A program with file capabilities may not be traced by default; without them there is nothing left to
     * protect. */
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    return failed;
}

static int run_program(struct run *run, char **argv, struct recorder_result *result, struct sd_err *err)
{
    const struct recorder_program program = {.argv = argv};
    const struct recorder_config config = {
        .programs = &program,
        .count = 1,
        .survive = run->options->survive,
        .no_pin = run->options->no_pin,
        .keep_bytes = run->options->bytes,
        .context = run,
        .call = on_call,
        .busy = on_busy,
        .notice = on_notice,
    };
    return recorder_run(&config, result, err);
}

/* Losses are told; true when there were any. */
static bool tell_losses(const struct options *o, int closed, const struct sd_err *err,
                        const struct tap_result *tap)
{
    bool lost = false;
    if (closed != 0) {
        cmd_fail("record", "%s", err->text);
        lost = true;
    }
    if (o->interface != NULL && tap->failed != 0) {
        cmd_fail("record", "the capture on %s ended early: %s", o->interface,
                 tap->failed == ECHILD ? _("its process was ended from outside")
                                       : sd_errno_text(tap->failed));
        lost = true;
    }
    if (tap->dropped > 0) {
        cmd_fail("record", "the kernel dropped %" PRIu64 " packets of %s", tap->dropped, o->interface);
        lost = true;
    }
    return lost;
}

static int record(const struct options *o, struct source *source, int fd, const char *file, char **argv)
{
    struct sd_err err = {0}, close_err = {0};
    struct run run = {.options = o};
    struct tap *tap = NULL;
    struct tap_result tapped = {0};
    struct recorder_result result;
    const struct recording_config config = {.name = file,
                                            .interface = {o->interface},
                                            .linktype = {source != NULL ? source_linktype(source) : 0},
                                            .interface_count = source != NULL ? 1 : 0};
    int failed = recording_open(&run.recording, fd, &config, &err);
    if (failed == 0 && source != NULL) {
        failed = tap_start(&tap, source, run.recording, &err);
        source = NULL;
    }
    if (failed == 0)
        failed = run_program(&run, argv, &result, &err);
    source_close(source);
    signal(SIGPIPE, SIG_IGN); /* nobody reads what is told below: the status is the program's all the same */
    tap_stop(tap, &tapped);
    int closed = recording_close(run.recording, &close_err);
    if (failed != 0) {
        cmd_fail("record", "%s", err.text);
        return outcome_of_failure(failed);
    }
    bool lost = tell_losses(o, closed, &close_err, &tapped);
    if (o->common.verbose || (o->file == NULL && !o->common.quiet))
        cmd_say(_("sockdiag record: %" PRIu64 " calls in %s; look at them with: sockdiag show %s\n"),
                result.calls, file, file);
    int status = outcome_of_program(result.status[0]);
    return status == 0 && lost ? CMD_PARTIAL : status;
}

int cmd_record(int argc, char **argv)
{
    struct options o = {.common.no_json = true};
    const struct option_row rows[] = {
        {'o', "output", N_("FILE"), N_("the capture file (default sockdiag.pcapng)"), OPTION_TEXT, &o.file, 0,
         0, NULL, NULL},
        {'i', "interface", N_("IF"), N_("record the packets of an interface too"), OPTION_TEXT, &o.interface,
         0, 0, NULL, NULL},
        {'f', "filter", N_("EXPR"), N_("only these packets (pcap-filter)"), OPTION_TEXT, &o.filter, 0, 0,
         NULL, NULL},
        {0, "survive", NULL, N_("the program goes on if the recorder is killed; slower"), OPTION_FLAG,
         &o.survive, 0, 0, NULL, NULL},
        {0, "no-pin", NULL, N_("leave the program on all CPUs; slower for one thread"), OPTION_FLAG,
         &o.no_pin, 0, 0, NULL, NULL},
        {0, "bytes", NULL, N_("keep the bytes that each call moved"), OPTION_FLAG, &o.bytes, 0, 0, NULL,
         NULL},
    };
    const size_t row_count = sizeof rows / sizeof rows[0];
    struct sd_err err = {0};
    int first = 0;
    if (options_parse(argc, argv, rows, row_count, &o.common, true, &first, &err) != 0)
        return cmd_usage("record", err.text);
    if (o.common.help) {
        options_help(&help, rows, row_count);
        return CMD_OK;
    }
    if (first >= argc)
        return cmd_usage("record", "which program? Write it after '--'");
    if (o.filter != NULL && o.interface == NULL)
        return cmd_usage("record", "--filter is for the packets of an interface: give -i too");
    struct source *source = NULL;
    if (open_interface(&o, &source, &err) != 0) {
        source_close(source);
        return cmd_fail("record", "%s", err.text);
    }
    const char *file = o.file != NULL ? o.file : DEFAULT_FILE;
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        source_close(source);
        return cmd_fail("record", "cannot write %s: %s", file, sd_errno_text(errno));
    }
    int status = record(&o, source, fd, file, argv + first);
    io_close(&fd);
    return status;
}
