#include "sockets/problems.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sockets/problems_private.h"

/* Each socket is put to each row's test. Those that it fits become members; members with equal keys stand
 * together after sorting, and such a run is one problem. In the end, what is a consequence of another problem
 * is left out. */

struct member {
    struct problem_key key;
    const struct open_socket *socket;
    bool likely;
};

struct members {
    struct member *all;
    size_t count, cap;
};

/* ---- facts ---- */

enum source {
    OF_SOCKET,
    OF_TCP,
    OF_MEMORY,
    OF_GROUP,
    OF_WORLD,
};

static const struct {
    const char *name;
    enum source source;
    size_t at; /* of an int64_t in the source */
} fact_rows[FACTS] = {
    [FACT_COUNT] = {"sockets", OF_GROUP, 0},
    [FACT_RECEIVE_QUEUE] = {"recv_queue", OF_SOCKET, offsetof(struct open_socket, receive_queue)},
    [FACT_SEND_QUEUE] = {"send_queue", OF_SOCKET, offsetof(struct open_socket, send_queue)},
    [FACT_WAITING] = {"waiting", OF_SOCKET, offsetof(struct open_socket, receive_queue)},
    [FACT_BACKLOG] = {"backlog", OF_SOCKET, offsetof(struct open_socket, send_queue)},
    [FACT_TIMER_MS] = {"timer_ms", OF_SOCKET, offsetof(struct open_socket, timer_ms)},
    [FACT_REPEATS] = {"timer_repeats", OF_SOCKET, offsetof(struct open_socket, timer_repeats)},
    [FACT_RECEIVED] = {"received", OF_MEMORY, offsetof(struct socket_memory, received)},
    [FACT_RECEIVE_LIMIT] = {"receive_limit", OF_MEMORY, offsetof(struct socket_memory, receive_limit)},
    [FACT_QUEUED] = {"queued", OF_MEMORY, offsetof(struct socket_memory, queued)},
    [FACT_SENT] = {"sent", OF_MEMORY, offsetof(struct socket_memory, sent)},
    [FACT_SEND_LIMIT] = {"send_limit", OF_MEMORY, offsetof(struct socket_memory, send_limit)},
    [FACT_DROPS] = {"drops", OF_MEMORY, offsetof(struct socket_memory, drops)},
    [FACT_OWN_WINDOW] = {"own_window", OF_TCP, offsetof(struct socket_tcp, own_window)},
    [FACT_PEER_WINDOW] = {"peer_window", OF_TCP, offsetof(struct socket_tcp, peer_window)},
    [FACT_RECEIVED_AGO] = {"received_ms_ago", OF_TCP, offsetof(struct socket_tcp, received_ms_ago)},
    [FACT_SENT_AGO] = {"sent_ms_ago", OF_TCP, offsetof(struct socket_tcp, sent_ms_ago)},
    [FACT_ACKED_AGO] = {"acked_ms_ago", OF_TCP, offsetof(struct socket_tcp, acked_ms_ago)},
    [FACT_RETRANSMITS] = {"retransmits", OF_TCP, offsetof(struct socket_tcp, retransmits)},
    [FACT_BACKOFF] = {"backoff", OF_TCP, offsetof(struct socket_tcp, backoff)},
    [FACT_RTO] = {"rto_us", OF_TCP, offsetof(struct socket_tcp, rto_us)},
    [FACT_UNACKED] = {"unacked", OF_TCP, offsetof(struct socket_tcp, unacked)},
    [FACT_WINDOW_LIMITED] = {"window_limited_us", OF_TCP, offsetof(struct socket_tcp, window_limited_us)},
    [FACT_OVERFLOWS] = {"listen_overflows", OF_WORLD, 0},
    [FACT_PORTS] = {"ephemeral_ports", OF_WORLD, 0},
};

static int64_t port_count(const struct problem_world *world)
{
    return world->port_last == 0 ? -1 : world->port_last - world->port_first + 1;
}

/* -1: it is not known. */
static int64_t fact_value(const struct problem *problem, const struct problem_world *world,
                          enum problem_fact_id id)
{
    const struct open_socket *socket = problem->socket;
    const void *from = NULL;
    int64_t value = -1;
    switch (fact_rows[id].source) {
    case OF_GROUP:
        return (int64_t)problem->sockets;
    case OF_WORLD:
        if (id == FACT_PORTS)
            return port_count(world);
        return socket->transport == SOCKET_TCP ? world->listen_overflows : -1;
    case OF_SOCKET:
        from = socket;
        break;
    case OF_TCP:
        from = socket->has_tcp ? &socket->tcp : NULL;
        break;
    case OF_MEMORY:
        from = socket->has_memory ? &socket->memory : NULL;
        break;
    }
    if (from != NULL)
        memcpy(&value, (const uint8_t *)from + fact_rows[id].at, sizeof value);
    return value;
}

static void put_facts(struct problem *problem, const struct problem_world *world)
{
    const enum problem_fact_id *ids = problem_rows[problem->key.kind].facts;
    for (; *ids != FACT_END; ids++) {
        const int64_t value = fact_value(problem, world, *ids);
        if (value >= 0)
            problem->facts[problem->fact_count++] = (struct problem_fact){fact_rows[*ids].name, value};
    }
}

/* ---- members ---- */

static void make_key(struct problem_key *key, size_t row, const struct open_socket *socket,
                     const struct socket_owners *owners)
{
    size_t count;
    const struct socket_owner *owner;
    *key = (struct problem_key){.kind = row};
    switch (problem_rows[row].group) {
    case GROUP_SOCKET:
        key->id = socket->cookie != 0 ? socket->cookie : socket->inode;
        /* Sockets of /proc/net without an inode have nothing else to be known by. */
        key->local_port = socket->local_port;
        key->peer_port = socket->peer_port;
        key->local = socket->local;
        key->peer = socket->peer;
        break;
    case GROUP_PROCESS:
        owner = socket_owners_find(owners, socket->inode, &count);
        key->id = owner != NULL ? (uint64_t)owner->pid : (uint64_t)socket->uid | UINT64_C(1) << 63;
        break;
    case GROUP_PORT:
        key->local_port = socket->local_port;
        break;
    case GROUP_DESTINATION:
        key->local = socket->local;
        key->peer = socket->peer;
        key->peer_port = socket->peer_port;
        break;
    }
}

static struct member *add_member(struct members *members)
{
    if (members->count == members->cap) {
        const size_t cap = members->cap == 0 ? 32 : members->cap * 2;
        void *moved = reallocarray(members->all, cap, sizeof *members->all);
        if (moved == NULL)
            return NULL;
        members->all = moved;
        members->cap = cap;
    }
    return &members->all[members->count++];
}

static int gather(struct members *members, const struct open_sockets *sockets,
                  const struct socket_owners *owners, const struct problem_world *world)
{
    for (size_t row = 0; row < problem_row_count; row++) {
        for (size_t i = 0; i < sockets->count; i++) {
            const enum problem_verdict verdict = problem_rows[row].test(&sockets->all[i], world);
            if (verdict == PROBLEM_NO)
                continue;
            struct member *member = add_member(members);
            if (member == NULL)
                return -ENOMEM;
            member->socket = &sockets->all[i];
            member->likely = verdict == PROBLEM_LIKELY;
            make_key(&member->key, row, &sockets->all[i], owners);
        }
    }
    return 0;
}

/* By kind in the table's order, then by what they have in common, then as the sockets stand in their list. */
static int compare(const void *left, const void *right)
{
    const struct member *a = left, *b = right;
    if (a->key.kind != b->key.kind)
        return a->key.kind < b->key.kind ? -1 : 1;
    const int keys = memcmp(&a->key, &b->key, sizeof a->key);
    if (keys != 0)
        return keys;
    return a->socket < b->socket ? -1 : a->socket > b->socket;
}

/* ---- problems ---- */

static bool is_enough(const struct problem *problem, const struct problem_world *world)
{
    const struct problem_row *row = &problem_rows[problem->key.kind];
    if (row->least_percent_of_ports > 0 &&
        (int64_t)problem->sockets * 100 < port_count(world) * row->least_percent_of_ports)
        return false;
    return problem->sockets >= row->least;
}

/* Runs of members with one key become problems; there is room for as many as there are members. */
static void join(struct problem_list *out, const struct members *members, const struct problem_world *world)
{
    for (size_t i = 0; i < members->count;) {
        const struct member *first = &members->all[i];
        struct problem problem = {
            .kind = &problem_rows[first->key.kind].kind, .socket = first->socket, .key = first->key};
        for (; i < members->count && memcmp(&members->all[i].key, &first->key, sizeof first->key) == 0; i++) {
            problem.likely = problem.likely || members->all[i].likely;
            problem.sockets++;
        }
        if (!is_enough(&problem, world))
            continue;
        put_facts(&problem, world);
        out->all[out->count++] = problem;
    }
}

/* ---- consequences ---- */

static bool is_unspecified(const struct packet_address *address)
{
    static const uint8_t zeros[16];
    return memcmp(address->bytes, zeros, sizeof zeros) == 0;
}

/* Is `b` the other end of `a`'s connection, or the listener that it goes to, on this machine? */
static bool is_other_end(const struct open_socket *a, const struct open_socket *b)
{
    if (a->transport != b->transport)
        return false;
    if (a->transport == SOCKET_UNIX)
        return a->peer_inode != 0 && a->peer_inode == b->inode;
    if (a->peer_port != b->local_port)
        return false;
    if (b->state == STATE_LISTEN)
        return packet_address_equal(&a->peer, &b->local) ||
               (is_unspecified(&b->local) && packet_address_equal(&a->peer, &a->local));
    return a->local_port == b->peer_port && packet_address_equal(&a->peer, &b->local) &&
           packet_address_equal(&a->local, &b->peer);
}

static bool is_about(const struct problem *problem, const struct problem *of, enum problem_other other)
{
    switch (other) {
    case OTHER_NONE:
    case OTHER_SAME_SOCKET: /* is_consequence() knows */
        return false;
    case OTHER_SAME_PORT:
        return problem->socket->local_port == of->socket->local_port;
    case OTHER_END:
        return is_other_end(problem->socket, of->socket);
    }
    return false;
}

/* What was found so far: of each kind, whose problems stand together in the list, and of each socket. */
struct hiders {
    struct {
        size_t first, count;
    } span[PROBLEM_ROWS_MOST];
    const struct open_socket *sockets;
    uint32_t *kinds; /* of each socket: bits of the kinds that it is the first or only one of */
};

static_assert(PROBLEM_ROWS_MOST <= 32, "a bit for each kind");

static size_t kind_named(const char *name)
{
    size_t kind = 0;
    while (strcmp(problem_rows[kind].kind.name, name) != 0)
        kind++;
    return kind;
}

static bool is_consequence(const struct problem *problem, const struct problem_list *list,
                           const struct hiders *hiders)
{
    const struct problem_row *row = &problem_rows[problem->key.kind];
    if (row->hidden_by == NULL)
        return false;
    const size_t hider = kind_named(row->hidden_by);
    if (row->hidden_by_of == OTHER_SAME_SOCKET)
        return (hiders->kinds[problem->socket - hiders->sockets] >> hider & 1) != 0;
    for (size_t i = 0; i < hiders->span[hider].count; i++) {
        if (is_about(problem, &list->all[hiders->span[hider].first + i], row->hidden_by_of))
            return true;
    }
    return false;
}

/* What hides others stands before them in the table, and what is left out itself hides nothing. 0 or -ENOMEM.
 */
static int leave_out_consequences(struct problem_list *list, const struct open_sockets *sockets)
{
    struct hiders hiders = {.sockets = sockets->all,
                            .kinds = calloc(sockets->count + 1, sizeof *hiders.kinds)};
    size_t kept = 0;
    if (hiders.kinds == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < list->count; i++) {
        const size_t kind = list->all[i].key.kind;
        if (is_consequence(&list->all[i], list, &hiders))
            continue;
        if (hiders.span[kind].count++ == 0)
            hiders.span[kind].first = kept;
        hiders.kinds[list->all[i].socket - hiders.sockets] |= UINT32_C(1) << kind;
        list->all[kept++] = list->all[i];
    }
    list->count = kept;
    free(hiders.kinds);
    return 0;
}

int problems_find(struct problem_list *out, const struct open_sockets *sockets,
                  const struct socket_owners *owners, const struct problem_world *world)
{
    struct members members = {0};
    *out = (struct problem_list){0};
    int failed = gather(&members, sockets, owners, world);
    if (failed == 0 && members.count > 0) {
        qsort(members.all, members.count, sizeof *members.all, compare);
        out->all = calloc(members.count, sizeof *out->all);
        failed = out->all == NULL ? -ENOMEM : 0;
    }
    if (failed == 0) {
        join(out, &members, world);
        failed = leave_out_consequences(out, sockets);
    }
    free(members.all);
    return failed;
}

void problem_list_free(struct problem_list *list)
{
    free(list->all);
    *list = (struct problem_list){0};
}

void problems_confirm(struct problem_list *now, const struct problem_list *before)
{
    for (size_t i = 0; i < now->count; i++) {
        for (size_t k = 0; k < before->count && now->all[i].likely; k++)
            now->all[i].likely = memcmp(&now->all[i].key, &before->all[k].key, sizeof now->all[i].key) != 0;
    }
}

size_t problem_kind_count(void)
{
    return problem_row_count;
}

const struct problem_kind *problem_kind(size_t number)
{
    return number < problem_row_count ? &problem_rows[number].kind : NULL;
}
