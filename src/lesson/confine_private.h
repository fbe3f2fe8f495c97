#ifndef SOCKDIAG_LESSON_CONFINE_PRIVATE_H
#define SOCKDIAG_LESSON_CONFINE_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "lesson/confine.h"

/* The sandbox, for the files of this folder.
 *
 *     caller ── reads the output, waits
 *       └ keeper        new user, mount, pid, net, ipc, uts, cgroup namespaces; counts and ends
 *           └ init      process 1 of the pid namespace: builds the file system, reaps; its end ends all
 *               └ command   another user and mount namespace inside: the read-only mounts are locked to it
 *                           (mount_namespaces(7)), init and the keeper are beyond its reach
 *
 * Each of the first three ends with the one above it. Nothing has a name outside, so nothing is left. */

/* Paths inside. */
#define CONFINE_FOLDER "/lesson"
#define CONFINE_PROGRAMS "/sockdiag" /* holds a copy of this program; first in PATH */

#define CONFINE_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Of all processes together: what they share is in nobody's count, but in somebody's address space. */
#define CONFINE_MOST_ADDRESSES (UINT64_C(2) << 30)

/* ---- messages: one a packet of a SOCK_SEQPACKET pair ---- */

enum confine_word {
    CONFINE_WORD_MAP = 1, /* keeper to caller: the user namespace is there, map its ids; and back: done */
    CONFINE_WORD_FAILED,  /* it could not be made: `err` */
    CONFINE_WORD_READY,   /* init to keeper: the command begins; keeper to caller: with the folder's fd */
    CONFINE_WORD_STATUS,  /* init to keeper: the command ended */
    CONFINE_WORD_REPORT,  /* keeper to caller: all is over */
    CONFINE_WORD_STOP,    /* caller to keeper */
};

struct confine_message {
    enum confine_word word;
    int status;
    enum confine_end end;
    unsigned most_processes;
    uint64_t most_memory;
    struct confine_waiting waiting[CONFINE_MOST_WAITING];
    size_t waiting_count;
    struct sd_err err;
};

/* 0 or a negative errno. `fd` -1: none. */
int confine_send(int socket, const struct confine_message *message, int fd);

/* 0; -EPIPE when the other side is gone. A descriptor that came is put into `*fd`, if that is not NULL. */
int confine_receive(int socket, struct confine_message *message, int *fd);

/* ---- the processes ---- */

struct confine_place {
    const struct confine_config *config; /* its limits have no zeros left */
    int control;                         /* the keeper's end towards the caller */
    int out, err;                        /* where the command writes */
    int own_program;                     /* /proc/self/exe of the caller */
    int catalogue;                       /* of its language; -1: none */
    pid_t caller;
    bool root; /* the caller's: the namespace's ids are others, which are to be taken on */
};

_Noreturn void confine_keep(const struct confine_place *place);

/* `keeper`: the end of a socket pair whose other end is the keeper's. */
_Noreturn void confine_init(const struct confine_place *place, int keeper);

/* In init: make the file system of the sandbox and enter it, read-only where it is to be. 0 or a negative
 * errno. */
int confine_build_root(const struct confine_place *place, struct sd_err *err);

/* In the command's process: what it may use and call. For good. 0 or a negative errno. */
int confine_limit(const struct confine_limits *limits, struct sd_err *err);
int confine_filter(struct sd_err *err);

/* ---- what is in the sandbox ---- */

struct confine_usage {
    unsigned processes; /* and threads, without init */
    uint64_t memory;    /* that belongs to one of them alone */
    uint64_t addresses; /* their address spaces: a bound for what they share */
};

/* `proc`: a descriptor of the sandbox's /proc. 0 or a negative errno. */
int confine_count(int proc, struct confine_usage *usage);

/* What each process is doing; returns how many were put into `waiting`. */
size_t confine_look(int proc, struct confine_waiting waiting[CONFINE_MOST_WAITING]);

/* MemAvailable of /proc/meminfo, below that descriptor; 0 where it is not told. */
uint64_t confine_free_memory(int proc);

#endif
