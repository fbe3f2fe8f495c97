#ifndef SOCKDIAG_SOCKETS_PROBLEMS_H
#define SOCKDIAG_SOCKETS_PROBLEMS_H

#include <assert.h>

#include "sockets/owners.h"
#include "sockets/socket.h"

/* What is wrong with open sockets, and the fields that prove it. Pure: sockets in, problems out.
 *
 * A problem is proved where the fields of one look leave no other reading: many of them hold a time ("the
 * last data came 3 s ago"). Where they show a moment only, it is likely; a second look that finds the same
 * proves it (problems_confirm). */

/* What the machine tells beside its sockets; -1: it does not. */
struct problem_world {
    int64_t listen_overflows;       /* of this network namespace, since it is there */
    uint16_t port_first, port_last; /* ephemeral ports; 0: not known */
};

#define PROBLEM_FACTS 10

/* A field that proves: the name that `--list -v` and JSON have for it. */
struct problem_fact {
    const char *name;
    int64_t value;
};

struct problem_kind {
    const char *name;   /* "close-wait" */
    const char *what;   /* what is wrong */
    const char *advice; /* what to do */
};

/* What a problem is about: one socket, or those that have this in common. Compared as bytes: no padding. */
struct problem_key {
    uint64_t kind;
    uint64_t id; /* a socket's cookie or inode, a process, a user */
    struct packet_address local, peer;
    uint16_t local_port, peer_port, zero;
};

static_assert(sizeof(struct problem_key) == 2 * 8 + 2 * sizeof(struct packet_address) + 3 * 2, "no padding");

struct problem {
    const struct problem_kind *kind;
    bool likely;
    const struct open_socket *socket; /* the one, or the first of them; of the list that was looked at */
    size_t sockets;
    struct problem_fact facts[PROBLEM_FACTS];
    size_t fact_count;
    struct problem_key key;
};

struct problem_list {
    struct problem *all;
    size_t count;
};

/* 0 or -ENOMEM. problem_list_free() in any case. The list refers to `sockets`. */
int problems_find(struct problem_list *out, const struct open_sockets *sockets,
                  const struct socket_owners *owners, const struct problem_world *world);
void problem_list_free(struct problem_list *list);

/* What was there before, too, is not only likely. */
void problems_confirm(struct problem_list *now, const struct problem_list *before);

/* All kinds, for the manual and the tests. */
size_t problem_kind_count(void);
const struct problem_kind *problem_kind(size_t number);

/* ---- the world ---- */

/* Read it: a field that cannot be had is -1 (0 of the ports). */
void problem_world_read(struct problem_world *world);

/* A counter of /proc/net/netstat by the name of its group and its own: "TcpExt", "ListenOverflows"; -1: it is
 * not there. `text` is the whole file. */
int64_t problem_world_counter(const char *text, const char *group, const char *name);

#endif
