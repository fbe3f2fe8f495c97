#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/io.h"
#include "base/privilege.h"
#include "cmd/cmd.h"
#include "cmd/ping.h"

/* ping: sockets are opened with the privileges at hand, then they are given up; names are resolved as the
 * caller; system calls are filtered; only then a probe is sent and an answer looked at. */

enum {
    FLOOD_WINDOW = 256, /* probes under way to many hosts: their answers find room in the sockets */
    POLITE_NS = NS_PER_MS,
    WIDE_NS = 10 * NS_PER_MS,      /* between the first probes to several hosts, at most */
    FLOOD_GAP_NS = 10 * NS_PER_MS, /* 100 a second in any case */
};

static const char *const name = "ping";

/* ---- output ---- */

bool ping_flush(struct ping *ping)
{
    if (ping->out.failed && ping->err.code == 0)
        sd_fail_errno(&ping->err, ENOMEM, "cannot print");
    int failed =
        ping->out.len > 0 && !ping->reader_gone ? cmd_write_stdout(ping->out.data, ping->out.len) : 0;
    ping->out.len = 0;
    if (failed != 0) {
        ping->reader_gone = true;
        ping->out_failed = failed != -EPIPE;
    }
    return failed == 0;
}

void ping_say(struct ping *ping, const char *format, ...)
{
    char text[sizeof ping->err.text + 64];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, _(format), args);
    va_end(args);
    ping_flush(ping);
    cmd_fail(name, "%s", text);
}

/* ---- how fast, how long ---- */

static uint64_t interval_of(const struct ping *ping)
{
    const struct ping_options *o = &ping->options;
    return o->interval.given ? o->interval.ns : NS_PER_S;
}

/* Several hosts take turns within the interval, one behind the other, but not faster than is polite. */
static uint64_t gap_of(const struct ping *ping)
{
    const uint64_t interval = interval_of(ping);
    if (ping->target_count < 2)
        return interval;
    const uint64_t share = interval / ping->target_count;
    const uint64_t least = ping->is_root && ping->options.interval.given ? 0 : POLITE_NS;
    return share > WIDE_NS ? WIDE_NS : share < least ? least : share;
}

static void set_pace(struct ping *ping)
{
    const struct ping_options *o = &ping->options;
    struct ping_pace *pace = &ping->pace;
    const uint32_t least = ping->target_count > 1 ? FLOOD_WINDOW : 1;
    pace->preload = (uint32_t)o->preload;
    pace->gap_ns = gap_of(ping);
    if (ping->target_count > 1 && o->rate == 0 && !o->flood && !o->adaptive)
        ping->round_ns = interval_of(ping);
    if (o->rate != 0)
        pace->gap_ns = NS_PER_S / o->rate;
    const bool unlimited = o->interval.given ? o->interval.ns == 0 : o->flood;
    if (unlimited)
        pace->gap_ns = FLOOD_GAP_NS;
    if (o->adaptive || unlimited)
        pace->window = pace->preload > least ? pace->preload : least;
    if (!ping->is_root && o->adaptive)
        pace->least_ns = 2 * NS_PER_MS;
    ping->timeout_ns =
        o->timeout.given ? o->timeout.ns : (ping->target_count > 1 ? 1 : 10) * (uint64_t)NS_PER_S;
}

/* ---- opening, in the order of the privileges ---- */

static int block_signals(struct ping *ping)
{
    static const int wanted[] = {SIGINT, SIGTERM, SIGQUIT};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        sigaddset(&set, wanted[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    ping->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return ping->signal_fd < 0 ? sd_fail_errno(&ping->err, errno, "cannot receive signals") : 0;
}

static int open_all(struct ping *ping, int argc, char **argv)
{
    int failed = ping_sockets_open(ping);
    if (failed == 0)
        failed = privilege_drop(&ping->err);
    if (failed == 0)
        failed = ping_sockets_prepare(ping);
    if (failed == 0)
        failed = ping_targets_find(ping, argc, argv);
    ping_sockets_trim(ping);
    if (failed == 0 && ping->target_count > 0)
        ping_stamps_await();
    if (failed == 0)
        failed = block_signals(ping);
    if (failed == 0)
        failed = privilege_filter(0, &ping->err);
    return failed == -ENOSYS ? 0
                             : failed; /* a kernel without filters: the privileges are gone all the same */
}

/* ---- the end ---- */

/* As ping's: without any answer 1; with -c and -w, and fewer answers than -c by then, 1. */
static bool answered(const struct ping *ping, const struct ping_target *target)
{
    const struct ping_options *o = &ping->options;
    const uint64_t wanted = o->count != 0 && o->deadline.given ? o->count : 1;
    return target->track.answered >= wanted;
}

static int status_of(const struct ping *ping)
{
    int status = CMD_OK;
    for (uint32_t i = 0; i < ping->target_count && status == CMD_OK; i++)
        status = answered(ping, &ping->targets[i]) ? CMD_OK : CMD_NO;
    return ping->unresolved > 0 ? CMD_ERROR : status;
}

static int run(struct ping *ping, int argc, char **argv)
{
    int failed = open_all(ping, argc, argv);
    if (failed == 0 && ping->target_count > 0) {
        set_pace(ping);
        failed = ping_loop(ping);
        ping->view->summary(ping);
        ping_flush(ping);
    } else if (failed == 0 && ping->options.common.json) {
        ping->view->summary(ping);
        ping_flush(ping);
    }
    if (failed != 0 || ping->out.failed)
        return cmd_fail(name, "%s", ping->err.text);
    return ping->out_failed ? CMD_ERROR : status_of(ping);
}

static void release(struct ping *ping)
{
    ping_headers_free(ping);
    ping_sockets_close(ping);
    ping_targets_free(ping);
    io_close(&ping->signal_fd);
    for (unsigned family = 0; family < PING_FAMILIES; family++)
        free(ping->sender[family].ring);
    buf_free(&ping->packet);
    buf_free(&ping->out);
}

int cmd_ping(int argc, char **argv)
{
    struct ping ping = {.signal_fd = -1, .lookup_fd = {-1, -1}, .is_root = getuid() == 0};
    int first = 0;
    if (ping_options_parse(&ping.options, argc, argv, &first, &ping.err) != 0)
        return cmd_usage(name, ping.err.text);
    if (ping.options.common.help)
        return CMD_OK;
    const char *wrong = ping_options_contradiction(&ping.options, argc - first, ping.is_root);
    if (wrong != NULL)
        return cmd_usage(name, wrong);
    ping.style = screen_style(&ping.options.screen, &ping.options.common);
    ping.to_terminal = isatty(STDOUT_FILENO);
    ping.view = ping.options.common.json ? &ping_view_json : &ping_view_text;
    const int status = run(&ping, argc - first, argv + first);
    release(&ping);
    return status;
}
