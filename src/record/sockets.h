#ifndef SOCKDIAG_RECORD_SOCKETS_H
#define SOCKDIAG_RECORD_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "capture/call.h"

/* The sockets of the recorded programs, known by inode, and which descriptor stands for which of them.
 *
 * A descriptor is looked up in /proc once and then remembered in the process's table. What it stands for can
 * change only through calls that the recorder stops at (close, dup2, close_range, exec), which forget it
 * again: a new descriptor always takes a number that was free.
 *
 * What the kernel knows of a socket is read through a copy of the descriptor (pidfd_getfd(2)). Whoever holds
 * a copy keeps the connection open, so it is let go of before the program may close its own. */

struct recorded_call; /* task.h */

enum socket_way {
    WAY_SEND,
    WAY_RECV,
    WAY_COUNT,
};

struct tracked_socket {
    uint64_t inode;
    enum call_family family;
    enum call_type type;
    int protocol;
    bool is_tcp;
    struct packet_address local, peer;
    uint16_t local_port, peer_port;
    uint64_t moved[WAY_COUNT]; /* bytes so far: the offset of the next call */
    bool inexact[WAY_COUNT];   /* the offset is not known: opened before the recording, urgent data, … */
    const char *note;          /* why it is inexact, or what cannot be seen of it; static */
    int nodelay, cork;         /* options as last seen, -1: not yet */
    int copy;                  /* our own descriptor of it (pidfd_getfd(2)), -1: none now */
    unsigned refs;             /* table slots and calls in flight */
    uint64_t seen;             /* when it was last looked up by inode, in such lookups */
    struct recorded_call *in_flight[WAY_COUNT];
    struct tracked_socket *next_in_bucket;
    struct tracked_socket *next_with_copy, **copy_link;
};

struct fd_table; /* of one process, or of several that share it (CLONE_FILES) */

struct sockets; /* all of them */

struct sockets *sockets_new(void);
void sockets_free(struct sockets *all);

struct fd_table *fd_table_new(void);
struct fd_table *fd_table_share(struct fd_table *table);
void fd_table_drop(struct sockets *all, struct fd_table *table);

/* A descriptor of a program: of thread `tid` in process `pid`. */
struct fd_place {
    pid_t pid, tid;
    int fd;
};

/* The socket at a place, or NULL when there is none (or it cannot be looked up). The answer is remembered.
 * `fresh`: the socket was made by the call just seen, so its byte counts begin at 0; one that is met for the
 * first time otherwise was opened before the recording, and its offsets are not known. */
struct tracked_socket *fd_lookup(struct sockets *all, struct fd_table *table, struct fd_place place,
                                 bool fresh);

/* Did a lookup since the last question fail because the process may not be looked into? */
bool sockets_refused(struct sockets *all);

/* Forget what `fd` stands for (first <= fd <= last), and let go of our copies: the program is about to close
 * them, and a copy held here would keep the connection open. */
void fd_forget(struct sockets *all, struct fd_table *table, unsigned first, unsigned last);

/* Let go of the copies of all sockets of a table: the program is about to end. */
void fd_table_let_go(struct sockets *all, struct fd_table *table);

/* Our own descriptor of a socket, taken if there is none; -1 when it cannot be had. */
int socket_copy(struct sockets *all, struct tracked_socket *socket, struct fd_place place);

/* From now on the offsets of one way, or of both, are not known. `why` is static. */
void socket_inexact_way(struct tracked_socket *socket, enum socket_way way, const char *why);
void socket_inexact(struct tracked_socket *socket, const char *why);

/* A TCP socket was taken off its connection (connect to AF_UNSPEC): its next one begins at byte 0. */
void socket_disconnected(struct tracked_socket *socket);

/* What socket(2) was asked to make, for where the socket itself cannot be had. */
void socket_take_kind(struct tracked_socket *socket, int domain, int type, int protocol);

/* The same for an accepted socket: that of the one it was accepted on. */
void socket_inherit_kind(struct tracked_socket *socket, const struct tracked_socket *listener);

/* The errno for which copies could not be had so far, 0: none failed. It is told once: forgotten by the
 * question. */
int sockets_copy_failure(struct sockets *all);

/* Read local and peer address from the kernel; the peer's family is 0 when there is none. */
void socket_read_names(struct tracked_socket *socket, pid_t tid);

/* What the kernel knows of a TCP socket now. `way` says which of inq and outq is worth a system call. Where
 * more bytes went that way than calls were seen to move, the socket becomes inexact. */
bool socket_snapshot(struct tracked_socket *socket, enum socket_way way, struct call_tcpi *out);

void socket_ref(struct tracked_socket *socket);
void socket_unref(struct tracked_socket *socket);

#endif
