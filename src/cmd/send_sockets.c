#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "cmd/cmd.h"
#include "cmd/send_filter.h"
#include "cmd/send_live.h"
#include "lab/no_reset.h"

/* What takes privilege: opened by what the expressions begin with, before names are looked up. */

#define BUFFER (4U << 20)

/* ---- the interface of whole frames ---- */

/* -i; else the one by which the first frame's target is reached. */
static int choose_link(struct send_live *live)
{
    const struct send_plan *plan = &live->send->plan;
    struct path path;
    struct packet_address target;
    if (plan->interface != NULL) {
        if (path_of_interface(&path, plan->interface, &live->err) != 0)
            return -live->err.code;
    } else {
        if (!send_plan_link_target(plan, &target))
            return sd_fail(&live->err, EINVAL,
                           "these frames name no target: say with -i which interface they leave by");
        if (plan->has_names)
            return sd_fail(&live->err, EINVAL,
                           "whole frames to a name: say with -i which interface they leave by, for it is "
                           "opened before the name is looked up");
        if (send_plan_look_up(plan, &target, &path, &live->err) != 0)
            return -live->err.code;
    }
    if (path.link_type != ARPHRD_ETHER && path.link_type != ARPHRD_LOOPBACK)
        return sd_fail(&live->err, EINVAL, "%s carries no Ethernet frames: --raw sends IP datagrams by it",
                       path.name);
    memcpy(live->link_name, path.name, sizeof live->link_name);
    return 0;
}

/* ---- opening ---- */

static int open_way(struct send_live *live, enum send_way way)
{
    static const enum rawsock_kind kinds[SEND_WAYS] = {
        [SEND_RAW4] = RAWSOCK_IP4, [SEND_RAW6] = RAWSOCK_IP6, [SEND_LINK] = RAWSOCK_LINK};
    const struct send_options *o = &live->send->options;
    const bool link = way == SEND_LINK;
    int failed = link ? choose_link(live) : 0;
    if (failed != 0)
        return failed;
    const struct rawsock_config config = {
        .kind = kinds[way],
        .protocol = IPPROTO_RAW,
        .interface = link ? live->link_name : o->interface,
        .tx_stamps = live->awaits,
        .rx_stamps = link && live->awaits,
        .broadcast = true,
        .send_only = !link || !live->awaits,
        .qdisc_bypass = link && (o->rate == 0 || o->rate > SEND_POLITE),
        .buffer_bytes = BUFFER,
    };
    failed = rawsock_open(&live->sockets[way], &config, &live->err);
    live->has[way] = failed == 0;
    return failed;
}

static int open_witness(struct send_live *live)
{
    const struct rawsock_config config = {
        .kind = RAWSOCK_WITNESS,
        .interface = live->send->options.interface,
        .rx_stamps = true,
        .buffer_bytes = BUFFER,
    };
    const int failed = rawsock_open(&live->witness, &config, &live->err);
    live->has_witness = failed == 0;
    return failed;
}

int send_sockets_open(struct send_live *live)
{
    const bool *ways = live->send->plan.ways;
    int failed = 0;
    for (int way = 0; way < SEND_WAYS && failed == 0; way++) {
        if (ways[way])
            failed = open_way(live, (enum send_way)way);
    }
    if (failed == 0 && (ways[SEND_RAW4] || ways[SEND_RAW6]) && (live->awaits || live->watches))
        failed = open_witness(live);
    return failed;
}

int send_sockets_filter(struct send_live *live)
{
    struct sock_filter *program = malloc(SEND_FILTER_MOST * sizeof *program);
    if (program == NULL)
        return sd_fail_errno(&live->err, ENOMEM, "cannot filter packets");
    const size_t len = send_filter(&live->send->plan, program);
    int failed = live->has_witness ? rawsock_filter(&live->witness, program, len, &live->err) : 0;
    if (failed == 0 && live->has[SEND_LINK] && live->awaits)
        failed = rawsock_filter(&live->sockets[SEND_LINK], program, len, &live->err);
    free(program);
    return failed;
}

void send_sockets_close(struct send_live *live)
{
    for (int way = 0; way < SEND_WAYS; way++) {
        if (live->has[way])
            rawsock_close(&live->sockets[way]);
    }
    if (live->has_witness)
        rawsock_close(&live->witness);
}

/* ---- --no-rst ---- */

/* The lab's interface here; false: this is no lab. */
static bool find_lab(char name[IF_NAMESIZE])
{
    struct if_nameindex *all = if_nameindex();
    struct path path;
    bool found = false;
    for (struct if_nameindex *i = all; i != NULL && i->if_index != 0 && !found; i++) {
        found = path_of_interface(&path, i->if_name, NULL) == 0 && path.lab;
        if (found)
            memcpy(name, path.name, IF_NAMESIZE);
    }
    if_freenameindex(all);
    return found;
}

/* Bits of ports as ranges. How many; more than `most` are not written. */
static size_t ranges_of(const uint8_t *bits, struct no_reset_ports *ranges, size_t most)
{
    size_t count = 0;
    for (uint32_t port = 0; port <= UINT16_MAX; port++) {
        if ((bits[port / 8] >> port % 8 & 1) == 0)
            continue;
        const uint32_t first = port;
        while (port < UINT16_MAX && (bits[(port + 1) / 8] >> (port + 1) % 8 & 1) != 0)
            port++;
        if (count < most)
            ranges[count] = (struct no_reset_ports){(uint16_t)first, (uint16_t)port};
        count++;
    }
    return count;
}

static void say_quiet(const struct send_live *live, const struct no_reset_ports *ranges, size_t count)
{
    if (live->send->options.common.quiet)
        return;
    struct buf ports = {0};
    for (size_t i = 0; i < count && i < 8; i++) {
        buf_printf(&ports, "%s%u", i > 0 ? ", " : "", ranges[i].first);
        if (ranges[i].last != ranges[i].first)
            buf_printf(&ports, "-%u", ranges[i].last);
    }
    if (count > 8)
        buf_text(&ports, ", …");
    fprintf(stderr, _("sockdiag send: until the lab ends, TCP of this host does not see port %s\n"),
            buf_cstr(&ports));
    buf_free(&ports);
}

int send_sockets_no_rst(struct send_live *live)
{
    char name[IF_NAMESIZE];
    struct no_reset_ports ranges[NO_RESET_RANGES];
    uint8_t bits[(UINT16_MAX + 1) / 8] = {0};
    if (!live->send->options.no_rst)
        return 0;
    if (!find_lab(name))
        return sd_fail(
            &live->err, EPERM,
            "--no-rst is for a lab: on this machine it would take the ports from programs that use "
            "them. 'sockdiag lab' opens one, 'sockdiag lab -- sockdiag send …' runs this in one");
    if (!send_plan_tcp_ports(&live->send->plan, bits))
        return sd_fail(&live->err, EINVAL, "--no-rst: no expression has tcp in it");
    const size_t count = ranges_of(bits, ranges, NO_RESET_RANGES);
    if (count > NO_RESET_RANGES)
        return sd_fail(
            &live->err, E2BIG,
            "--no-rst takes %d ranges of source ports, and these are %zu: a range (sport=4000-4999) "
            "is one",
            NO_RESET_RANGES, count);
    const int failed = no_reset(name, ranges, count, &live->err);
    if (failed == 0)
        say_quiet(live, ranges, count);
    return failed;
}
