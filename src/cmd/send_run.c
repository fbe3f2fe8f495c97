#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/io.h"
#include "base/privilege.h"
#include "cmd/cmd.h"
#include "cmd/send_live.h"

/* Sending for real, in the order of the privileges: sockets are opened, by the kinds of packets that the
 * expressions ask for; the privileges are given up; names are looked up, and the way to each target; system
 * calls are filtered; and only then packets leave, and answers are looked at. */

#define ROOM 65600 /* for a packet that comes */

/* Signals that end the sending come by a descriptor. */
static int take_signals(struct send_live *live)
{
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGTERM);
    sigprocmask(SIG_BLOCK, &ending, NULL);
    live->signal_fd = signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK);
    return live->signal_fd < 0 ? sd_fail_errno(&live->err, errno, "cannot receive signals") : 0;
}

static int make_memory(struct send_live *live)
{
    const struct hash_key key = hash_key_random();
    bool good = true;
    live->got = malloc(sizeof *live->got);
    live->mine = malloc(sizeof *live->mine);
    live->got_room = malloc(sizeof *live->got_room);
    live->my_room = malloc(sizeof *live->my_room);
    live->batch = rawsock_batch_new(ROOM);
    for (int ear = 0; ear < SEND_EARS && good; ear++)
        good = (live->sent[ear] = sent_new(&key)) != NULL;
    for (int way = 0; way < SEND_WAYS && good; way++)
        good = !live->send->plan.ways[way] ||
               (live->ids[way] = calloc(SEND_IDS, sizeof *live->ids[way])) != NULL;
    if (!good || live->got == NULL || live->mine == NULL || live->got_room == NULL || live->my_room == NULL ||
        live->batch == NULL)
        return sd_fail_errno(&live->err, ENOMEM, "cannot begin");
    return 0;
}

static void free_memory(struct send_live *live)
{
    free(live->got);
    free(live->mine);
    free(live->got_room);
    free(live->my_room);
    rawsock_batch_free(live->batch);
    for (int ear = 0; ear < SEND_EARS; ear++)
        sent_free(live->sent[ear]);
    for (int way = 0; way < SEND_WAYS; way++)
        free(live->ids[way]);
    buf_free(&live->scratch);
    rtt_free(&live->rtt);
    send_ring_free(&live->ring);
}

/* Frames leave by the one interface that was opened. */
static int check_links(struct send_live *live)
{
    const struct send_plan *plan = &live->send->plan;
    char text[PACKET_ADDRESS_TEXT];
    for (size_t i = 0; i < plan->target_count; i++) {
        struct send_target *t = &plan->targets[i];
        if (!t->by_link || strcmp(t->path.name, live->link_name) == 0)
            continue;
        /* Who asks all addresses of a link by ARP asks for his own, too. */
        if (t->path.local && !t->needs_mac) {
            if (path_of_interface(&t->path, live->link_name, &live->err) != 0)
                return -live->err.code;
            t->path.source = t->address;
            continue;
        }
        packet_address_text(&t->address, text);
        return sd_fail(&live->err, EINVAL,
                       "%s is reached by %s, and the frames leave by %s: -i names the interface for all",
                       text, t->path.name, live->link_name);
    }
    return 0;
}

/* A socket that has one target alone is told it once, which spares the kernel to read it with each packet. */
static int connect_to_one(struct send_live *live)
{
    const struct send_plan *plan = &live->send->plan;
    const enum send_way way = live->has[SEND_RAW4] ? SEND_RAW4 : SEND_RAW6;
    if (plan->target_count != 1 || live->has[SEND_LINK] || live->has[SEND_RAW4] == live->has[SEND_RAW6])
        return 0;
    live->ring.connected = true;
    return rawsock_connect(&live->sockets[way], &plan->targets[0].address, send_scope(&plan->targets[0]),
                           &live->err);
}

/* Everything up to the filter. 0; or a negative errno with live->err filled, or empty where a message was
 * printed. */
static int prepare(struct send_live *live)
{
    struct send *send = live->send;
    int failed = send_sockets_open(live);
    if (failed == 0)
        failed = send_sockets_no_rst(live);
    if (failed == 0)
        failed = privilege_drop(&live->err);
    if (failed == 0 && send->plan.has_names && send_parse(send, true) != CMD_OK)
        return -EINVAL;
    if (failed == 0)
        failed = send_plan_targets(&send->plan, &live->err);
    if (failed == 0)
        failed = send_plan_paths(&send->plan, true, &live->err);
    if (failed == 0)
        failed = check_links(live);
    if (failed == 0)
        failed = connect_to_one(live);
    if (failed == 0)
        failed = make_memory(live);
    if (failed == 0)
        failed = send_sockets_filter(live);
    if (failed == 0 && send_report_leave(live) != CMD_OK)
        return -EPERM;
    if (failed == 0)
        failed = take_signals(live); /* until now, while names are waited for, they just end us */
    if (failed == 0)
        failed = privilege_filter(0, &live->err);
    return failed == -ENOSYS ? 0
                             : failed; /* a kernel without filters: the privileges are gone all the same */
}

static int status_of(const struct send_live *live, int failed)
{
    if (live->write_failed)
        return CMD_ERROR;
    if (live->no_reader)
        return CMD_OK;
    if ((failed != 0 || live->failed > 0) && live->pieces == 0)
        return CMD_ERROR;
    if (failed != 0 || live->failed > 0)
        return CMD_PARTIAL;
    return live->awaits && live->answered == 0 ? CMD_NO : CMD_OK;
}

int send_run(struct send *send)
{
    const struct send_options *o = &send->options;
    struct send_live live = {
        .send = send,
        .signal_fd = -1,
        .awaits = o->wait.ns > 0,
        .watches = o->common.verbose,
        .tells = o->common.json && !o->common.quiet,
    };
    int failed = prepare(&live);
    const bool began = failed == 0;
    if (failed == 0)
        failed = send_ring_fill(&live.ring, &send->plan, 0, o->count, o->mtu, &live.err);
    if (failed == 0) {
        send_report_rewrites(&live);
        send_report_arp(&live);
    }
    if (failed == 0)
        failed = send_loop(&live);
    if (failed != 0 && live.err.text[0] != '\0')
        cmd_fail("send", "%s", live.err.text);
    if (began && !live.no_reader && live.begin_ns != 0) {
        send_report_unanswered(&live);
        send_report_summary(&live);
        (void)send_loop_write(&live);
    }
    const int status = status_of(&live, failed);
    send_sockets_close(&live);
    io_close(&live.signal_fd);
    free_memory(&live);
    return status;
}
