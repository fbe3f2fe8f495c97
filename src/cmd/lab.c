#include <errno.h>
#include <fcntl.h>
#include <pcap/dlt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/exec.h"
#include "base/i18n.h"
#include "base/io.h"
#include "cmd/cmd.h"
#include "cmd/outcome.h"
#include "cmd/wire_options.h"
#include "lab/lab.h"
#include "record/recorder.h"
#include "record/recording.h"

/* Three processes: this command, the lab's supervisor, and what the user runs in the lab. The first two stay
 * out of the way of the third: it is in the terminal's foreground group and gets the keys' signals, which
 * they ignore, as sh(1) and time(1) do. */

#define READY_MS 30000  /* for --server-cmd to listen; on a busy machine an interpreter takes its time */
#define LINGER_MS 500   /* that a recorded one has to end by itself after the client's program */
#define GOODBYE_MS 1000 /* for a recording to have the last FINs, lost ones too */
#define GRACE_MS 2000   /* from SIGTERM to SIGKILL for it */

struct lab_options {
    struct options_common common;
    struct wire_options wire;
    const char *server_cmd, *file;
    bool keep_bytes;
    char *const *argv;        /* the client's program */
    bool shell;               /* nobody named one: it is the user's shell */
    struct sigaction keys[2]; /* SIGINT, SIGQUIT as this command found them */
};

static const int key_signals[2] = {SIGINT, SIGQUIT};

static const struct command_help help = {
    .no_json = true,
    .name = "lab",
    .usage = N_("lab [options] [-- CMD [ARG…]]"),
    .summary = N_("a shell or a command in a private network of two hosts, without root"),
    .examples =
        N_("sockdiag lab\ta shell on the client host\n"
           "sockdiag lab -- ping -c 3 10.77.0.2\ta command there\n"
           "sockdiag lab --drop data:2 --server-cmd 'nc -l 5000' -- nc -N 10.77.0.2 5000\tboth ends, and a "
           "loss\n"
           "sockdiag lab -o f.pcapng --server-cmd ./server -- ./client\trecord wire and calls"),
    .notes = wire_options_notes,
};

/* ---- in the children ---- */

static void restore_keys(const struct lab_options *o)
{
    for (size_t i = 0; i < 2; i++)
        sigaction(key_signals[i], &o->keys[i], NULL);
}

struct place {
    const struct lab_options *options;
    const struct lab *lab;
    enum lab_host host;
};

/* Make this process, which will exec, one of a host. The server's program is no part of the terminal's
 * foreground group: keys are for the client's. */
static int prepare(void *context, struct sd_err *err)
{
    const struct place *place = context;
    restore_keys(place->options);
    if (setenv("SOCKDIAG_LAB", place->host == LAB_CLIENT ? "client" : "server", 1) != 0 ||
        setenv("SOCKDIAG_LAB_SERVER", lab_namespace_path(place->lab, LAB_SERVER), 1) != 0)
        return sd_fail_errno(err, errno, "cannot set the environment");
    if (place->host == LAB_SERVER) {
        int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (null < 0 || dup2(null, 0) < 0)
            return sd_fail_errno(err, errno, "cannot open /dev/null");
        setpgid(0, 0);
    }
    return lab_enter(place->lab, place->host, err);
}

/* Fork and exec. Its pid, or a negative errno: then it never ran. */
static pid_t start(const struct place *place, char *const *argv, struct sd_err *err)
{
    int report[2];
    struct sd_err failure = {0};
    if (pipe2(report, O_CLOEXEC) < 0)
        return sd_fail_errno(err, errno, "cannot make a pipe");
    pid_t pid = fork();
    if (pid == 0) {
        struct place here = *place;
        if (prepare(&here, &failure) == 0)
            sd_fail_errno(&failure, exec_program(argv), "cannot run '%s'", argv[0]);
        (void)io_write_all(report[1], &failure, sizeof failure);
        _exit(127);
    }
    const int code = errno;
    close(report[1]);
    ssize_t got = pid < 0 ? 0 : io_read_full(report[0], &failure, sizeof failure);
    close(report[0]);
    if (pid < 0)
        return sd_fail_errno(err, code, "cannot fork");
    if (got != (ssize_t)sizeof failure)
        return pid;
    *err = failure;
    return -failure.code;
}

/* ---- in the supervisor ---- */

static pid_t start_server(const struct lab_options *o, const struct lab *lab, struct sd_err *err)
{
    const struct place place = {.options = o, .lab = lab, .host = LAB_SERVER};
    char *argv[] = {"/bin/sh", "-c", (char *)(uintptr_t)o->server_cmd, NULL};
    pid_t pid = start(&place, argv, err);
    if (pid < 0)
        return pid;
    int failed = lab_wait_ready(lab, LAB_SERVER, pid, READY_MS, err);
    if (failed == -ECHILD)
        return sd_fail(err, ECHILD, "'%s' ended before it listened on the server host", o->server_cmd);
    if (failed == -ETIMEDOUT)
        return sd_fail(err, ETIMEDOUT, "'%s' did not listen on the server host within %d s", o->server_cmd,
                       READY_MS / 1000);
    return failed == 0 ? pid : failed;
}

/* SIGTERM to the server's process group; what is left of it after the grace is killed by lab_close(). */
static void end_server(struct lab *lab, pid_t server)
{
    int status;
    if (server <= 0)
        return;
    for (int waited = 0; waited < GRACE_MS && kill(-server, waited == 0 ? SIGTERM : 0) == 0; waited += 5) {
        pid_t pid = lab_wait_any(lab, 5, &status, NULL);
        if (pid < 0 && pid != -EIO)
            return;
    }
}

/* The status of the main program when it ends; programs that it left behind are reaped on the way. */
static int wait_for(struct lab *lab, pid_t main_pid, int *status, struct sd_err *err)
{
    for (;;) {
        pid_t pid = lab_wait_any(lab, -1, status, err);
        if (pid == main_pid)
            return 0;
        if (pid < 0)
            return (int)pid;
    }
}

static int exit_status(int wait_status)
{
    return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

static int run_programs(const struct lab_options *o, struct lab *lab)
{
    const struct place place = {.options = o, .lab = lab, .host = LAB_CLIENT};
    struct sd_err err = {0};
    int status = 0, failed = 0;
    pid_t server = o->server_cmd != NULL ? start_server(o, lab, &err) : 0;
    if (server < 0)
        return cmd_fail("lab", "%s", err.text);
    pid_t client = start(&place, o->argv, &err);
    if (client < 0) {
        cmd_fail("lab", "%s", err.text);
        return outcome_of_failure((int)client);
    }
    failed = wait_for(lab, client, &status, &err);
    if (failed != 0)
        return cmd_fail("lab", "%s", err.text);
    end_server(lab, server);
    return exit_status(status);
}

/* ---- with a recording ---- */

static void on_frame(void *recording, enum lab_host from, uint64_t time_ns, const uint8_t *data,
                     uint32_t captured_len, uint32_t wire_len, const char *comment)
{
    recording_packet(recording, from, time_ns, data, captured_len, wire_len, comment);
}

static void on_drained(void *recording, uint64_t time_ns)
{
    recording_drained(recording, time_ns);
}

static void on_finished(void *recording, const uint64_t received[LAB_HOSTS],
                        const uint64_t dropped[LAB_HOSTS])
{
    for (unsigned host = 0; host < LAB_HOSTS; host++)
        recording_stats(recording, host, received[host], dropped[host]);
    recording_leave(recording);
}

static void on_notice(void *unused, const char *text)
{
    (void)unused;
    cmd_fail("lab", "%s", text);
}

static int run_recorded(const struct lab_options *o, struct lab *lab, struct recording *recording)
{
    struct place server = {.options = o, .lab = lab, .host = LAB_SERVER};
    struct place client = {.options = o, .lab = lab, .host = LAB_CLIENT};
    char *server_argv[] = {"/bin/sh", "-c", (char *)(uintptr_t)o->server_cmd, NULL};
    const struct recorder_program programs[] = {
        {.argv = server_argv, .title = o->server_cmd, .prepare = prepare, .context = &server},
        {.argv = o->argv, .prepare = prepare, .context = &client, .after_listen = o->server_cmd != NULL},
    };
    const size_t skip = o->server_cmd == NULL;
    const struct recorder_config config = {
        .programs = programs + skip,
        .count = 2 - skip,
        .linger_ms = LINGER_MS,
        .end_all = true,
        .keep_bytes = o->keep_bytes,
        .listen_deadline_ms = READY_MS,
        .context = recording,
        .call = recording_call,
        .busy = recording_busy,
        .notice = on_notice,
    };
    struct recorder_result result;
    struct sd_err err = {0};
    int failed = recorder_run(&config, &result, &err);
    if (failed != 0) {
        cmd_fail("lab", "%s", err.text);
        return outcome_of_failure(failed);
    }
    return exit_status(result.status[config.count - 1]);
}

/* ---- the whole ---- */

static void banner(const struct lab *lab)
{
    const bool ipv6 = lab_has_ipv6(lab);
    fprintf(stderr,
            _("\n"
              "  ┌ client ────┐            ┌ server ────┐\n"
              "  │ %-10s │─── wire ───│ %-10s │\n"
              "  │ %-10s │            │ %-10s │\n"
              "  └── you ─────┘            "
              "└────────────┘\n\n"
              "  on the server:  nsenter --net=$SOCKDIAG_LAB_SERVER CMD\n"
              "  'exit' ends it all\n\n"),
            lab_address(LAB_CLIENT, 4), lab_address(LAB_SERVER, 4),
            ipv6 ? lab_address(LAB_CLIENT, 6) : _("no IPv6"),
            ipv6 ? lab_address(LAB_SERVER, 6) : _("no IPv6"));
}

struct run {
    struct lab_options *options;
    int fd; /* of the capture file, or -1 */
};

/* 0; or the status that the command ends with, after a message. */
static int open_lab(const struct run *run, struct lab **lab, struct recording **recording)
{
    const struct lab_options *o = run->options;
    const struct lab_config config = {.mtu = (unsigned)o->wire.mtu};
    const struct recording_config file = {.name = o->file,
                                          .interface = {"client", "server"},
                                          .linktype = {DLT_EN10MB, DLT_EN10MB},
                                          .interface_count = 2};
    struct sd_err err = {0};
    int failed = lab_open(lab, &config, &err);
    if (failed == 0 && run->fd >= 0)
        failed = recording_open(recording, run->fd, &file, &err);
    const struct lab_tap tap = {
        .context = *recording, .frame = on_frame, .drained = on_drained, .finished = on_finished};
    if (failed == 0)
        failed = lab_wire_start(*lab, &o->wire.wire, *recording != NULL ? &tap : NULL, &err);
    return failed == 0 ? 0 : cmd_fail("lab", "%s", err.text);
}

/* What was lost without being asked for. */
static int close_wire(struct lab *lab, struct recording *recording, int status)
{
    struct sd_err err = {0};
    bool lost = false;
    if (recording != NULL && lab_wait_closed(lab, GOODBYE_MS, &err) < 0)
        cmd_fail("lab", "%s", err.text); /* the recording may lack the last segments */
    if (lab_wire_stop(lab, &err) != 0) {
        status = cmd_fail("lab", "%s", err.text);
    } else if (lab_wire_lost(lab) > 0) {
        cmd_fail("lab", "the wire was too slow here: %llu frames were lost that no rule took",
                 (unsigned long long)lab_wire_lost(lab));
        lost = true;
    }
    if (recording_close(recording, &err) != 0) {
        cmd_fail("lab", "%s", err.text);
        lost = true;
    }
    return status == CMD_OK && lost ? CMD_PARTIAL : status;
}

static int run_lab(void *context)
{
    const struct run *run = context;
    const struct lab_options *o = run->options;
    struct lab *lab = NULL;
    struct recording *recording = NULL;
    int status = open_lab(run, &lab, &recording);
    if (status != 0) {
        recording_close(recording, NULL);
        lab_close(lab);
        return status;
    }
    if ((o->shell || o->common.verbose) && !o->common.quiet)
        banner(lab);
    status = recording != NULL ? run_recorded(o, lab, recording) : run_programs(o, lab);
    status = close_wire(lab, recording, status);
    lab_close(lab);
    return status;
}

/* The terminal's foreground group is this command's again, also where a shell in the lab was killed that had
 * taken it. */
static void take_terminal_back(pid_t foreground)
{
    if (foreground != getpgrp() || tcgetpgrp(0) == foreground)
        return;
    signal(SIGTTOU, SIG_IGN);
    tcsetpgrp(0, foreground);
}

static int supervise(struct lab_options *o, int fd)
{
    struct run run = {.options = o, .fd = fd};
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sd_err err = {0};
    const pid_t foreground = tcgetpgrp(0);
    for (size_t i = 0; i < 2; i++)
        sigaction(key_signals[i], &ignore, &o->keys[i]);
    int status = lab_supervise(run_lab, &run, &err);
    take_terminal_back(foreground);
    return status < 0 ? cmd_fail("lab", "%s", err.text) : status;
}

int cmd_lab(int argc, char **argv)
{
    struct lab_options o = {.common.no_json = true};
    const struct option_row own[] = {
        {0, "server-cmd", N_("CMD"), N_("run on the server host (/bin/sh -c), wait until it listens"),
         OPTION_TEXT, &o.server_cmd, 0, 0, NULL, NULL},
        {'o', "output", N_("FILE"), N_("record the wire and the programs' calls to a capture file"),
         OPTION_TEXT, &o.file, 0, 0, NULL, NULL},
        {0, "bytes", NULL, N_("keep the bytes that each call moved, too"), OPTION_FLAG, &o.keep_bytes, 0, 0,
         NULL, NULL},
    };
    const size_t own_count = sizeof own / sizeof own[0];
    struct option_row rows[WIRE_OPTION_ROWS + sizeof own / sizeof own[0]];
    const size_t wire_count = wire_options_rows(&o.wire, N_("each way, in milliseconds (default 0)"), rows);
    struct sd_err err = {0};
    int first = 0;
    memcpy(rows + wire_count, own, sizeof own);
    if (options_parse(argc, argv, rows, wire_count + own_count, &o.common, true, &first, &err) != 0)
        return cmd_usage("lab", err.text);
    if (o.common.help) {
        options_help(&help, rows, wire_count + own_count);
        return CMD_OK;
    }
    const char *shell = getenv("SHELL");
    char *const shell_argv[] = {(char *)(uintptr_t)(shell != NULL && *shell != '\0' ? shell : "/bin/sh"),
                                NULL};
    int fd = -1;
    if (o.file != NULL && (fd = open(o.file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) < 0)
        return cmd_fail("lab", "cannot write %s: %s", o.file, sd_errno_text(errno));
    o.shell = first >= argc;
    o.argv = o.shell ? shell_argv : argv + first;
    int status = supervise(&o, fd);
    io_close(&fd);
    return status;
}
