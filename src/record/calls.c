#include "record/calls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/i18n.h"
#include "base/text.h"
#include "record/memory.h"

/* The kernel's own results for a call that a signal broke (include/linux/errno.h): the program never sees
 * these. */
#define FIRST_RESTART 512
#define LAST_RESTART 516

#ifndef TCP_ULP
#define TCP_ULP 31
#endif

static void tell(struct calls *c, struct task *task, const char *call, const char *what, uint64_t now_ns)
{
    struct buf text = {0}, comm = {0};
    text_escape(&comm, task->process->comm, strlen(task->process->comm));
    buf_printf(&text, _("%s (process %d) %s"), buf_cstr(&comm), (int)task->process->pid, _(what));
    c->notice(c->context, buf_cstr(&text));
    buf_free(&text);
    buf_free(&comm);
    struct call record = {.pid = task->process->pid,
                          .tid = task->tid,
                          .fd = -1,
                          .note = what,
                          .enter_ns = now_ns,
                          .exit_ns = now_ns};
    snprintf(record.name, sizeof record.name, "%s", call);
    snprintf(record.comm, sizeof record.comm, "%s", task->process->comm);
    c->call(c->context, &record);
}

static struct fd_place place_of(const struct task *task, int fd)
{
    return (struct fd_place){.pid = task->process->pid, .tid = task->tid, .fd = fd};
}

static struct tracked_socket *lookup(struct calls *c, struct task *task, int fd, bool fresh)
{
    struct tracked_socket *socket = fd_lookup(c->sockets, task->fds, place_of(task, fd), fresh);
    if (socket == NULL && sockets_refused(c->sockets) && !task->process->refused) {
        task->process->refused = true;
        tell(c, task, "dumpable",
             N_("lets nobody look into it (it is not \"dumpable\": its file may not be read, or it changed "
                "its "
                "user, or wants it so): its socket calls are not seen; root sees them"),
             clock_real_ns());
    }
    return socket;
}

/* ---- calls in flight on a socket ---- */

static void join_flight(struct recorded_call *call)
{
    struct recorded_call **head = &call->socket->in_flight[call->way];
    for (struct recorded_call *other = *head; other != NULL; other = other->next)
        other->overlapped = call->overlapped = true;
    call->next = *head;
    call->link = head;
    if (*head != NULL)
        (*head)->link = &call->next;
    *head = call;
}

static void leave_flight(struct recorded_call *call)
{
    if (call->link == NULL)
        return;
    *call->link = call->next;
    if (call->next != NULL)
        call->next->link = call->link;
    call->link = NULL;
}

/* ---- entry ---- */

static void tell_blind(struct calls *c, struct task *task, const struct syscall_row *row, uint64_t now_ns)
{
    unsigned bit = 1U << (row - syscall_rows) % 32;
    if ((task->process->blind & bit) != 0)
        return;
    task->process->blind |= bit;
    tell(c, task, row->name, row->blind, now_ns);
}

/* Which socket a moving call is about: splice and sendfile have two descriptors. */
static void find_socket(struct calls *c, struct task *task, struct recorded_call *call)
{
    call->op = call->row->op;
    call->fd = (int)call->args[0];
    if (call->row->shape == SHAPE_SPLICE) {
        call->fd = (int)call->args[2];
        call->socket = lookup(c, task, call->fd, false);
        if (call->socket != NULL)
            return;
        call->op = CALL_RECV;
        call->fd = (int)call->args[0];
    }
    call->socket = lookup(c, task, call->fd, false);
}

static uint64_t flags_of(const struct recorded_call *call)
{
    return call->row->flags_arg < 0 ? 0 : call->args[call->row->flags_arg];
}

static void tell_no_copy(struct calls *c)
{
    int failure = sockets_copy_failure(c->sockets);
    char text[480];
    if (failure == 0)
        return;
    snprintf(
        text, sizeof text,
        _("the sockets themselves cannot be looked at (pidfd_getfd: %s; since Linux 5.6, and many containers "
          "allow it only with CAP_SYS_PTRACE): the records tell nothing of TCP's state"),
        sd_errno_text(failure));
    c->notice(c->context, text);
}

static bool enter_move(struct calls *c, struct task *task, struct recorded_call *call)
{
    find_socket(c, task, call);
    if (call->socket == NULL)
        return false;
    uint64_t flags = flags_of(call);
    if (call->op == CALL_RECV && (flags & MSG_ERRQUEUE) != 0)
        call->op = CALL_OTHER;
    call->way = call->op == CALL_SEND ? WAY_SEND : WAY_RECV;
    call->moves = call->op != CALL_OTHER && !(call->op == CALL_RECV && (flags & MSG_PEEK) != 0);
    call->asked = memory_asked(task->tid, call->row->shape, call->args);
    if (socket_copy(c->sockets, call->socket, place_of(task, call->fd)) < 0)
        tell_no_copy(c);
    call->has_tcpi = socket_snapshot(call->socket, call->way, &call->tcpi);
    if (call->moves)
        join_flight(call);
    return true;
}

/* The call is about an existing socket or none of our business. */
static bool enter_on_socket(struct calls *c, struct task *task, struct recorded_call *call)
{
    call->fd = (int)call->args[0];
    call->socket = lookup(c, task, call->fd, false);
    return call->socket != NULL;
}

static bool enter_effect(struct calls *c, struct task *task, struct recorded_call *call)
{
    switch (call->row->effect) {
    case EFFECT_CREATE:
    case EFFECT_PAIR:
    case EFFECT_UNSHARE:
        call->fd = -1;
        return true;
    case EFFECT_CLOSE:
        enter_on_socket(c, task, call);
        if (call->socket != NULL)
            socket_ref(call->socket); /* the table's reference goes now, the record is made at the exit */
        fd_forget(c->sockets, task->fds, (unsigned)call->fd, (unsigned)call->fd);
        return call->socket != NULL;
    case EFFECT_CLOSE_RANGE:
        fd_forget(c->sockets, task->fds, (unsigned)call->args[0], (unsigned)call->args[1]);
        return true;
    case EFFECT_DUP_ONTO:
        fd_forget(c->sockets, task->fds, (unsigned)call->args[1], (unsigned)call->args[1]);
        enter_on_socket(c, task, call);
        return true;
    default:
        return enter_on_socket(c, task, call);
    }
}

bool calls_enter(struct calls *c, struct task *task, const struct syscall_row *row, const uint64_t args[6],
                 uint64_t now_ns)
{
    if (row->effect == EFFECT_BLIND) {
        tell_blind(c, task, row, now_ns);
        return false;
    }
    struct recorded_call *call = &task->call;
    *call = (struct recorded_call){.row = row, .enter_ns = now_ns};
    memcpy(call->args, args, sizeof call->args);
    bool wanted = row->op != CALL_OTHER ? enter_move(c, task, call) : enter_effect(c, task, call);
    if (!wanted)
        call->row = NULL;
    else if (call->socket != NULL && row->effect != EFFECT_CLOSE)
        socket_ref(call->socket);
    return wanted;
}

/* ---- exit ---- */

static const char *option_name(const uint64_t args[6])
{
    static const struct {
        int level, option;
        const char *name;
    } names[] = {
        {IPPROTO_TCP, TCP_NODELAY, "TCP_NODELAY"},   {IPPROTO_TCP, TCP_CORK, "TCP_CORK"},
        {IPPROTO_TCP, TCP_QUICKACK, "TCP_QUICKACK"}, {IPPROTO_TCP, TCP_ULP, "TCP_ULP"},
        {IPPROTO_TCP, TCP_MAXSEG, "TCP_MAXSEG"},     {IPPROTO_TCP, TCP_USER_TIMEOUT, "TCP_USER_TIMEOUT"},
        {SOL_SOCKET, SO_RCVBUF, "SO_RCVBUF"},        {SOL_SOCKET, SO_SNDBUF, "SO_SNDBUF"},
        {SOL_SOCKET, SO_RCVTIMEO, "SO_RCVTIMEO"},    {SOL_SOCKET, SO_SNDTIMEO, "SO_SNDTIMEO"},
        {SOL_SOCKET, SO_LINGER, "SO_LINGER"},        {SOL_SOCKET, SO_REUSEADDR, "SO_REUSEADDR"},
        {SOL_SOCKET, SO_KEEPALIVE, "SO_KEEPALIVE"},  {SOL_SOCKET, SO_RCVLOWAT, "SO_RCVLOWAT"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if ((int)args[1] == names[i].level && (int)args[2] == names[i].option)
            return names[i].name;
    }
    return "another option";
}

static void exit_option(struct tracked_socket *socket, const uint64_t args[6])
{
    if ((int)args[1] != IPPROTO_TCP)
        return;
    if ((int)args[2] == TCP_NODELAY || (int)args[2] == TCP_CORK)
        socket->nodelay = -1; /* read again at the next snapshot */
    if ((int)args[2] == TCP_ULP)
        socket_inexact(socket, "the kernel encrypts or wraps this stream (TCP_ULP)");
    if ((int)args[2] == TCP_REPAIR)
        socket_inexact(socket, "the program moved the stream itself (TCP_REPAIR)");
}

/* A call made a socket, which its record is about from now on. */
static void take_made(struct calls *c, struct task *task, struct recorded_call *call, int fd)
{
    struct tracked_socket *made = lookup(c, task, fd, true), *listener = call->socket;
    if (made == NULL)
        return;
    if (made->copy < 0 && call->row->effect != EFFECT_ACCEPT) {
        socket_take_kind(made, (int)call->args[0], (int)call->args[1], (int)call->args[2]);
    } else if (made->copy < 0 && listener != NULL) {
        socket_inherit_kind(made, listener);
        socket_read_names(made, task->tid);
    }
    if (listener != NULL)
        socket_unref(listener);
    socket_ref(made);
    call->socket = made;
}

static void take_pair(struct calls *c, struct task *task, struct recorded_call *call)
{
    int pair[2];
    if (!memory_read(task->tid, call->args[3], pair, sizeof pair))
        return;
    call->fd = pair[0];
    take_made(c, task, call, pair[1]);
    take_made(c, task, call, pair[0]);
}

static bool is_ip_datagram(const struct tracked_socket *socket)
{
    return socket != NULL && socket->type == CALL_DGRAM &&
           (socket->family == CALL_INET || socket->family == CALL_INET6);
}

/* What a call that succeeded changes in what we know. */
static void apply_effect(struct calls *c, struct task *task, struct recorded_call *call, int64_t value)
{
    const uint64_t *args = call->args;
    switch (call->row->effect) {
    case EFFECT_CREATE:
    case EFFECT_ACCEPT:
        take_made(c, task, call, (int)value);
        return;
    case EFFECT_PAIR:
        take_pair(c, task, call);
        return;
    case EFFECT_CLOSE_RANGE:
        if ((args[2] & (1U << 1)) != 0) /* CLOSE_RANGE_UNSHARE */
            task_unshare_files(c->tasks, task);
        fd_forget(c->sockets, task->fds, (unsigned)args[0], (unsigned)args[1]);
        return;
    case EFFECT_DUP:
    case EFFECT_DUP_ONTO: /* again: another thread may have looked at the number meanwhile */
        fd_forget(c->sockets, task->fds, (unsigned)value, (unsigned)value);
        return;
    case EFFECT_UNSHARE:
        if ((args[0] & CLONE_FILES) != 0)
            task_unshare_files(c->tasks, task);
        return;
    case EFFECT_LISTEN:
        c->listens++;
        return;
    case EFFECT_BIND:
        c->listens += is_ip_datagram(call->socket);
        return;
    case EFFECT_OPTION:
        exit_option(call->socket, args);
        return;
    default:
        return;
    }
}

static void names_after(struct calls *c, struct task *task, struct recorded_call *call, int64_t value,
                        struct call *out)
{
    struct tracked_socket *socket = call->socket;
    enum syscall_effect effect = call->row->effect;
    bool bound = (effect == EFFECT_BIND || effect == EFFECT_LISTEN) && value >= 0;
    if (bound || effect == EFFECT_CONNECT ||
        (call->op != CALL_OTHER && socket->local_port == 0 && socket->family != CALL_UNIX)) {
        socket_copy(c->sockets, socket, place_of(task, call->fd));
        socket_read_names(socket, task->tid);
    }
    if (effect == EFFECT_CONNECT && socket->peer.family == 0) {
        memory_sockaddr(task->tid, call->args[1], call->args[2], &socket->peer, &socket->peer_port);
        if (socket->is_tcp && socket->peer.family == 0 && value == 0) /* AF_UNSPEC */
            socket_disconnected(socket);
    }
    out->local = socket->local;
    out->local_port = socket->local_port;
    out->peer = socket->peer;
    out->peer_port = socket->peer_port;
    if (socket->peer.family == 0 && call->op != CALL_OTHER && value >= 0 && !socket->is_tcp)
        memory_peer(task->tid, call->row->shape, call->args, call->op == CALL_RECV, &out->peer,
                    &out->peer_port);
}

/* Offset, digest and bytes of a call that moved some. */
static void account(struct recorded_call *call, struct call *out)
{
    struct tracked_socket *socket = call->socket;
    if (!call->moves || out->result <= 0 || socket->type != CALL_STREAM)
        return;
    uint64_t moved = (uint64_t)out->result;
    if (call->op == CALL_RECV && (flags_of(call) & MSG_OOB) != 0)
        socket_inexact_way(socket, WAY_RECV, "urgent data was read past the others (MSG_OOB)");
    out->has_offset = !socket->inexact[call->way];
    out->offset = socket->moved[call->way];
    out->ambiguous = call->overlapped;
    socket->moved[call->way] += moved;
}

static void look_at_bytes(struct calls *c, struct task *task, struct recorded_call *call, struct call *out)
{
    static const struct hash_key zero;
    bool discarded = call->op == CALL_RECV && (flags_of(call) & MSG_TRUNC) != 0 && call->socket->is_tcp;
    if ((!c->keep_bytes && !out->ambiguous) || out->result <= 0 || discarded)
        return;
    c->bytes.len = 0;
    if (!memory_gather(task->tid, call->row->shape, call->args, (uint64_t)out->result, &c->bytes)) {
        c->bytes.failed = false;
        return;
    }
    out->has_digest = out->ambiguous;
    if (out->ambiguous)
        out->digest = hash_bytes(&zero, c->bytes.data, c->bytes.len);
    if (c->keep_bytes) {
        out->data = c->bytes.data;
        out->data_len = c->bytes.len;
    }
}

static void describe(const struct task *task, const struct recorded_call *call, int64_t value,
                     uint64_t now_ns, struct call *out)
{
    const struct tracked_socket *socket = call->socket;
    *out = (struct call){
        .op = call->op,
        .pid = task->process->pid,
        .tid = task->tid,
        .fd = call->fd,
        .socket = socket->inode,
        .family = socket->family,
        .type = socket->type,
        .enter_ns = call->enter_ns,
        .exit_ns = now_ns,
        .asked = call->asked,
        .result = value,
        .peeked = call->op == CALL_RECV && !call->moves,
        .note = socket->note,
        .has_tcpi = call->has_tcpi,
        .tcpi = call->tcpi,
    };
    strncpy(out->name, call->row->name, sizeof out->name - 1);
    memcpy(out->comm, task->process->comm, sizeof out->comm);
}

static void finish(struct recorded_call *call)
{
    leave_flight(call);
    if (call->socket != NULL)
        socket_unref(call->socket);
    call->row = NULL;
}

void calls_exit(struct calls *c, struct task *task, int64_t value, uint64_t now_ns)
{
    struct recorded_call *call = &task->call;
    char flags[SYSCALL_FLAGS_TEXT];
    struct call out;
    if (call->row == NULL)
        return;
    bool interrupted = value <= -FIRST_RESTART && value >= -LAST_RESTART;
    if (interrupted)
        value = -EINTR;
    if (call->row->shape == SHAPE_MMSGHDR && value > 0)
        value = (int64_t)memory_mmsg_moved(task->tid, call->args[1], (uint64_t)value);
    if (value >= 0)
        apply_effect(c, task, call, value);
    if (call->row->effect ==
        EFFECT_CLOSE) /* again: another thread may have looked at it until it was closed */
        fd_forget(c->sockets, task->fds, (unsigned)call->fd, (unsigned)call->fd);
    if (call->socket != NULL) {
        describe(task, call, value, now_ns, &out);
        names_after(c, task, call, value, &out);
        account(call, &out);
        look_at_bytes(c, task, call, &out);
        out.flags = call->row->effect == EFFECT_OPTION ? option_name(call->args)
                                                       : syscall_flags_text(flags_of(call), flags);
        if (interrupted)
            out.note = N_("a signal came in between");
        c->count++;
        c->call(c->context, &out);
    }
    finish(call);
}

void calls_abandon(struct calls *c, struct task *task, uint64_t now_ns)
{
    struct recorded_call *call = &task->call;
    struct call out;
    if (call->row == NULL)
        return;
    if (call->socket != NULL) {
        describe(task, call, -EINTR, now_ns, &out);
        out.local = call->socket->local;
        out.local_port = call->socket->local_port;
        out.peer = call->socket->peer;
        out.peer_port = call->socket->peer_port;
        out.note = N_("never returned: the thread ended in this call");
        c->count++;
        c->call(c->context, &out);
        if (call->moves && !call->has_tcpi) /* else the next snapshot tells */
            socket_inexact_way(call->socket, call->way,
                               "a thread ended in a call: what that moved is not known");
    }
    finish(call);
}
