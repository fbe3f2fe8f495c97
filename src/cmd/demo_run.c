#include "cmd/demo_run.h"

#include <errno.h>
#include <fcntl.h>
#include <pcap/dlt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/i18n.h"
#include "base/io.h"
#include "record/recorder.h"
#include "record/recording.h"

#define LINGER_MS 12000 /* longer than any transfer's own timeout */
#define GOODBYE_MS 3000
#define TIMEOUT_S "8" /* of silence between client and server */

/* A host of the demo: where its program runs and what it may see. */
struct host {
    const struct lab *lab;
    enum lab_host which;
    int directory;
    int log;
};

/* One run's context for the recorder and the wire. */
struct stage {
    struct recording *recording;
    struct demo_result *result;
};

static int enter_host(void *context, struct sd_err *err)
{
    const struct host *host = context;
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int failed = lab_enter(host->lab, host->which, err);
    if (failed != 0)
        return failed;
    if (nothing < 0 || dup2(nothing, 0) < 0 || dup2(host->log, 1) < 0 || dup2(host->log, 2) < 0 ||
        fchdir(host->directory) != 0)
        return sd_fail_errno(err, errno, "cannot set up the demo's %s",
                             host->which == LAB_CLIENT ? "client" : "server");
    return 0;
}

static void on_call(void *context, const struct call *call)
{
    recording_call(((struct stage *)context)->recording, call);
}

static void on_notice(void *context, const char *text)
{
    struct demo_result *result = ((struct stage *)context)->result;
    snprintf(result->notice, sizeof result->notice, "%s", text);
}

static void on_frame(void *context, enum lab_host from, uint64_t time_ns, const uint8_t *data,
                     uint32_t captured_len, uint32_t wire_len, const char *comment)
{
    recording_packet(((struct stage *)context)->recording, (unsigned)from, time_ns, data, captured_len,
                     wire_len, comment);
}

static void on_drained(void *context, uint64_t time_ns)
{
    recording_drained(((struct stage *)context)->recording, time_ns);
}

static void on_busy(void *context, bool busy)
{
    recording_busy(((struct stage *)context)->recording, busy);
}

static void on_wire_end(void *context, const uint64_t received[LAB_HOSTS], const uint64_t dropped[LAB_HOSTS])
{
    for (unsigned i = 0; i < LAB_HOSTS; i++)
        recording_stats(((struct stage *)context)->recording, i, received[i], dropped[i]);
}

/* The file that is sent: numbered lines, so that every place in it can be recognised. With the bug that
 * counts characters it needs some that are longer than a byte. */
static int make_file(int directory, const struct demo_plan *plan, struct sd_err *err)
{
    struct buf text = {0};
    bool wide = plan->bug != NULL && strcmp(plan->bug, "size-chars") == 0;
    for (unsigned line = 1; text.len < plan->size && !text.failed; line++)
        buf_printf(&text, wide ? "%u 粘包 sticky, 拆包 split\n" : "line %u of " DEMO_FILE "\n", line);
    int fd = openat(directory, DEMO_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int failed = text.failed ? -ENOMEM : fd < 0 ? -errno : io_write_all(fd, text.data, plan->size);
    io_close(&fd);
    buf_free(&text);
    return failed == 0 ? 0
                       : sd_fail_errno(err, -failed, "cannot make the demo's file of %llu bytes",
                                       (unsigned long long)plan->size);
}

/* The words of the two command lines. */
struct words {
    char program[4096], address[64], work[24], pause[24];
    char *server[24], *client[24];
};

static void put_words(char **out, char *const *words)
{
    while (*out != NULL)
        out++;
    while (*words != NULL)
        *out++ = *words++;
}

static int make_words(struct words *w, const struct demo_plan *plan, const struct framing *framing,
                      struct sd_err *err)
{
    ssize_t len = readlink("/proc/self/exe", w->program, sizeof w->program - 1);
    if (len <= 0)
        return sd_fail_errno(err, errno, "cannot find this program's file (/proc/self/exe)");
    w->program[len] = '\0';
    snprintf(w->address, sizeof w->address, plan->family == 6 ? "[%s]:2121" : "%s:2121",
             lab_address(LAB_SERVER, plan->family));
    snprintf(w->work, sizeof w->work, "%llu", (unsigned long long)plan->work_ms);
    snprintf(w->pause, sizeof w->pause, "%llu", (unsigned long long)plan->pause_ms);
    char *name = (char *)(uintptr_t)framing->name, *language = (char *)(uintptr_t)i18n_language();
    put_words(w->server,
              (char *[]){w->program, "ftp", "serve", ".", "--listen", w->address, "--once", "--framing", name,
                         "--work", w->work, "--timeout", TIMEOUT_S, "--lang", language, NULL});
    put_words(w->client, (char *[]){w->program, "ftp", "put", w->address, DEMO_FILE, "--framing", name,
                                    "--pause", w->pause, "--timeout", TIMEOUT_S, "--lang", language, NULL});
    if (plan->bug != NULL) {
        char *bug = (char *)(uintptr_t)plan->bug;
        put_words(w->server, (char *[]){"--bug", bug, NULL});
        put_words(w->client, (char *[]){"--bug", bug, NULL});
    }
    return 0;
}

static int run_programs(const struct lab *lab, const struct demo_plan *plan, const struct framing *framing,
                        const struct demo_run *run, struct stage *stage, const int disks[LAB_HOSTS],
                        struct sd_err *err)
{
    struct words words = {0};
    struct recorder_result recorded;
    struct host server = {lab, LAB_SERVER, disks[LAB_SERVER], run->log};
    struct host client = {lab, LAB_CLIENT, disks[LAB_CLIENT], run->log};
    int failed = make_words(&words, plan, framing, err);
    if (failed != 0)
        return failed;
    const struct recorder_program programs[] = {
        {.argv = words.server, .prepare = enter_host, .context = &server},
        {.argv = words.client, .prepare = enter_host, .context = &client, .after_listen = true},
    };
    const struct recorder_config config = {
        .programs = programs,
        .count = 2,
        .linger_ms = LINGER_MS,
        .keep_bytes = plan->keep_bytes,
        .context = stage,
        .call = on_call,
        .busy = on_busy,
        .notice = on_notice,
    };
    failed = recorder_run(&config, &recorded, err);
    run->result->server = recorded.status[0];
    run->result->client = recorded.status[1];
    return failed;
}

static int run_one(struct lab *lab, const struct demo_plan *plan, const struct framing *framing,
                   const struct demo_run *run, const int disks[LAB_HOSTS], struct sd_err *err)
{
    struct stage stage = {.result = run->result};
    char comment[64];
    const struct recording_config file = {.name = _("the recording"),
                                          .comment = comment,
                                          .interface = {"client", "server"},
                                          .linktype = {DLT_EN10MB, DLT_EN10MB},
                                          .interface_count = 2};
    const struct lab_tap tap = {
        .context = &stage, .frame = on_frame, .drained = on_drained, .finished = on_wire_end};
    snprintf(comment, sizeof comment, "framing=%s", framing->name);
    int failed = recording_open(&stage.recording, run->capture, &file, err);
    if (failed != 0)
        return failed;
    failed = lab_wire_start(lab, &plan->wire, &tap, err);
    if (failed == 0) {
        failed = run_programs(lab, plan, framing, run, &stage, disks, err);
        int left = failed == 0 ? lab_wait_closed(lab, GOODBYE_MS, err) : 0;
        failed = left < 0 ? left : failed;
        int stopped = lab_wire_stop(lab, failed == 0 ? err : NULL);
        failed = failed != 0 ? failed : stopped;
    }
    int closed = recording_close(stage.recording, &run->result->err);
    run->result->lost = closed != 0;
    run->result->done = failed == 0;
    return failed;
}

int demo_run_all(const struct demo_plan *plan, const struct demo_run *runs, struct sd_err *err)
{
    struct lab *lab = NULL;
    int disks[LAB_HOSTS] = {-1, -1};
    int failed = lab_open(&lab, &plan->lab, err);
    if (failed == 0 && plan->family == 6 && !lab_has_ipv6(lab))
        failed =
            sd_fail(err, EAFNOSUPPORT, "no IPv6 in the lab: the kernel has none, or the MTU is under 1280");
    for (int i = 0; failed == 0 && i < LAB_HOSTS; i++) {
        disks[i] = lab_private_dir(err);
        failed = disks[i] < 0 ? disks[i] : 0;
    }
    if (failed == 0)
        failed = make_file(disks[LAB_CLIENT], plan, err);
    for (size_t i = 0; failed == 0 && i < plan->count; i++)
        failed = run_one(lab, plan, plan->framing[i], &runs[i], disks, err);
    io_close(&disks[0]);
    io_close(&disks[1]);
    lab_close(lab);
    return failed;
}
