#ifndef SOCKDIAG_RECORD_SYSCALLS_H
#define SOCKDIAG_RECORD_SYSCALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "capture/call.h"

/* The system calls that the recorder stops at, as data. */

/* How a call's arguments tell what is asked. */
enum syscall_shape {
    SHAPE_PLAIN,    /* nothing to read from memory */
    SHAPE_BUFFER,   /* (fd, buffer, length, …) */
    SHAPE_IOVEC,    /* (fd, iovec[], count, …) */
    SHAPE_MSGHDR,   /* (fd, msghdr, flags) */
    SHAPE_MMSGHDR,  /* (fd, mmsghdr[], count, flags, …); returns messages */
    SHAPE_SENDFILE, /* (out, in, offset, count): no bytes in the program's memory */
    SHAPE_SPLICE,   /* (in, offset, out, offset, length, flags): likewise */
    SHAPE_SOCKADDR, /* (fd, sockaddr, length) */
};

/* What the call does besides moving bytes. */
enum syscall_effect {
    EFFECT_NONE,
    EFFECT_CREATE, /* socket: returns one */
    EFFECT_ACCEPT, /* returns a new one from that of args[0] */
    EFFECT_PAIR,   /* socketpair: two descriptors in memory */
    EFFECT_CONNECT,
    EFFECT_LISTEN,
    EFFECT_BIND,
    EFFECT_CLOSE, /* takes descriptor args[0] away */
    EFFECT_CLOSE_RANGE,
    EFFECT_DUP,      /* returns another descriptor for args[0] */
    EFFECT_DUP_ONTO, /* and puts it in the place of args[1] */
    EFFECT_UNSHARE,
    EFFECT_OPTION, /* setsockopt */
    EFFECT_SHUTDOWN,
    EFFECT_BLIND, /* makes the recorder blind for something: io_uring_setup, a further filter, ptrace */
};

struct syscall_row {
    const char *name;
    enum call_op op;
    enum syscall_shape shape;
    enum syscall_effect effect;
    int flags_arg;     /* argument with MSG_… flags, -1: none */
    const char *blind; /* EFFECT_BLIND: what cannot be seen from now on */
};

extern const struct syscall_row syscall_rows[];
extern const unsigned syscall_row_count;

/* The row of a system call of this machine, or NULL where it does not matter (fcntl, say, only duplicates
 * descriptors with F_DUPFD). */
const struct syscall_row *syscall_find(uint64_t number, const uint64_t args[6]);

/* In the child, before its exec: stop at these calls for the tracer, let all others pass. Sets no_new_privs
 * where the process may not install a filter without. 0 or a negative errno. */
int syscall_filter_install(struct sd_err *err);

/* The MSG_… flags as names joined by '|'. NULL where there are none. `out` must hold SYSCALL_FLAGS_TEXT
 * bytes. */
#define SYSCALL_FLAGS_TEXT 224
const char *syscall_flags_text(uint64_t flags, char out[SYSCALL_FLAGS_TEXT]);

#endif
