#include "cmd/route.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/privilege.h"
#include "cmd/cmd.h"

/* route: what takes privileges is opened, then they are given up; names are looked up and the helper for
 * reverse names is started as the caller; system calls are filtered; only then a probe is sent. */

/* Room for an answer as large as its question. */
#define PACKET_ROOM 65536
#define STAMP_ROOM 2048

static const char *const name = "route";

static int take_signals(struct route *route)
{
    static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT}, watching[] = {SIGWINCH, SIGTSTP};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof ending / sizeof ending[0]; i++)
        sigaddset(&set, ending[i]);
    for (size_t i = 0; route->options.watch && i < sizeof watching / sizeof watching[0]; i++)
        sigaddset(&set, watching[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    route->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return route->signal_fd < 0 ? sd_fail_errno(&route->err, errno, "cannot receive signals") : 0;
}

static bool draws(const struct route *route)
{
    return route->options.watch && !route->options.common.json && isatty(STDOUT_FILENO) != 0;
}

/* The last door: from here on, bytes that somebody else chose are looked at. */
static int filter_calls(struct route *route)
{
    const int failed = privilege_filter(draws(route) ? PRIVILEGE_MAY_SET_TERMINAL : 0, &route->err);
    return failed == -ENOSYS ? 0
                             : failed; /* a kernel without filters: the privileges are gone all the same */
}

static int open_all(struct route *route)
{
    int failed = route_open_sockets(route);
    if (failed == 0)
        failed = privilege_drop(&route->err);
    if (failed == 0)
        failed = route_find_target(route);
    if (failed == 0)
        failed = take_signals(route); /* until now, while a name is looked up, they just end us */
    if (failed == 0 && !route->options.numeric)
        failed = names_start(&route->names, &route->err);
    if (failed != 0)
        return failed;
    route->packets = rawsock_batch_new(PACKET_ROOM);
    route->stamps = rawsock_batch_new(STAMP_ROOM);
    if (route->packets == NULL || route->stamps == NULL)
        return sd_fail_errno(&route->err, ENOMEM, "cannot receive");
    failed = filter_calls(route);
    if (failed == 0)
        route->err = (struct sd_err){0}; /* of an address that had no route, before one that has */
    return failed;
}

int route_print(struct route *route, struct buf *out)
{
    int failed = out->failed ? -ENOMEM : cmd_write_stdout(out->data, out->len);
    buf_free(out);
    if (failed == -EPIPE)
        route->reader_gone = true;
    if (failed != 0) {
        route->stopped = true;
        route->err = (struct sd_err){.code = -failed};
    }
    return failed;
}

static int print_head(struct route *route)
{
    struct buf out = {0};
    if (route->options.common.json || draws(route))
        return 0;
    route_text_head(route, &out);
    buf_char(&out, '\n');
    return route_print(route, &out);
}

/* The last word. */
static int print_end(struct route *route)
{
    struct buf out = {0};
    names_take(route->names);
    if (route->options.common.json) {
        route_json(route, &out);
        return route_print(route, &out);
    }
    if (draws(route)) {
        route_text_head(route, &out);
        buf_char(&out, '\n');
    }
    route_text_table(route, &out);
    if (!route->options.common.quiet)
        route_text_end(route, &out);
    return route_print(route, &out);
}

static void count_drops(struct route *route)
{
    for (unsigned i = 0; i < ROUTE_RECEIVERS; i++) {
        struct route_receiver *receiver = &route->way->receiver[i];
        if (receiver->open)
            route->drops += rawsock_drops(&receiver->raw);
    }
}

static int status_of(const struct route *route)
{
    if (route->hops.target == 0 || route_has_black_hole(route))
        return CMD_NO;
    return route->drops > 0 || route->not_sent > 0 ? CMD_PARTIAL : CMD_OK;
}

static int run(struct route *route)
{
    int failed = open_all(route);
    if (failed == 0)
        failed = print_head(route);
    if (failed == 0 && draws(route))
        failed = route_watch_begin(route);
    if (failed == 0)
        failed = route_loop(route);
    route_watch_end(route);
    if (failed == 0 && !route->reader_gone && route->err.code == 0) {
        count_drops(route);
        failed = print_end(route);
    }
    if (route->reader_gone)
        return status_of(route);
    if (failed != 0 || route->err.code != 0)
        return route->err.text[0] != '\0' ? cmd_fail(name, "%s", route->err.text) : CMD_ERROR;
    if (route->not_sent > 0 && route->track.sent == 0)
        return CMD_ERROR;
    return status_of(route);
}

static void route_free(struct route *route)
{
    names_stop(route->names);
    route_close_sockets(route);
    rawsock_batch_free(route->packets);
    rawsock_batch_free(route->stamps);
    hops_free(&route->hops);
    track_free(&route->track);
    buf_free(&route->packet);
    io_close(&route->signal_fd);
    free(route);
}

int cmd_route(int argc, char **argv)
{
    struct route *route = calloc(1, sizeof *route);
    int status = CMD_ERROR;
    if (route == NULL)
        return cmd_fail(name, "out of memory");
    route->signal_fd = route->family[0].port_fd = route->family[1].port_fd = -1;
    if (route_options_parse(&route->options, argc, argv, &route->err) != 0)
        status = cmd_usage(name, route->err.text);
    else if (route->options.common.help)
        status = CMD_OK;
    else {
        route->style = screen_style(&route->options.screen, &route->options.common);
        status = run(route);
    }
    route_free(route);
    return status;
}
