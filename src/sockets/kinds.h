#ifndef SOCKDIAG_SOCKETS_KINDS_H
#define SOCKDIAG_SOCKETS_KINDS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The kinds of socket that a program may ask socket(2) for: what this kernel makes of each, and what each
 * keeps of what is sent. Properties are tried on this machine where that is possible, by sockets of this
 * process that talk to each other over loopback; otherwise they are what the manual page says. */

enum kind_property {
    KIND_BOUNDARIES, /* one recv returns what one send sent */
    KIND_ORDER,
    KIND_DELIVERY,   /* nothing is lost while the receiver is slow: the sender waits instead */
    KIND_REST,       /* of a message longer than the buffer: the next recv returns the rest */
    KIND_CONNECTION, /* listen, connect, accept */
    KIND_PROPERTIES,
};

enum kind_answer {
    KIND_UNKNOWN, /* there is no such socket, or nobody tells */
    KIND_KEPT,    /* kept; of KIND_CONNECTION: it has one */
    KIND_LOST,
};

/* How two sockets of a kind are brought to talk. */
enum kind_trial {
    TRIAL_NONE,
    TRIAL_PAIR,    /* socketpair(2) */
    TRIAL_CONNECT, /* bind, listen, connect, accept */
    TRIAL_BOUND,   /* both bound and connected to each other */
    TRIAL_ECHO,    /* one, whose echo requests the kernel answers */
    TRIAL_RAW,     /* one, which receives its own packets of an experimental ICMP type */
};

struct socket_kind {
    int family, type, protocol;
    const char *family_name, *type_name, *protocol_name; /* protocol_name NULL: there is but one */
    enum kind_answer manual_says[KIND_PROPERTIES];
    enum kind_trial trial;
    const char *calls;   /* that move bytes: "send recv" */
    const char *manual;  /* "unix(7)" */
    const char *meaning; /* one sentence */
};

/* The table. */
extern const struct socket_kind socket_kinds[];
extern const size_t socket_kind_count;

struct kind_result {
    int refused; /* errno of socket(2), 0: it can be made */
    enum kind_answer answer[KIND_PROPERTIES];
    bool tried[KIND_PROPERTIES]; /* the answer was seen just now */
};

/* Ask the kernel for a socket of the kind and try it; at most about a second. */
struct kind_result kind_probe(const struct socket_kind *kind);

/* Try the properties of a kind that can be made; fills `result`. */
void kind_try(const struct socket_kind *kind, struct kind_result *result);

/* Why socket(2) refused, and what helps. */
struct kind_refusal {
    const char *why;
    const char *remedy; /* NULL: nothing does */
};

/* `code`: the errno. Never NULL in `why` for an errno that socket(2) documents. */
struct kind_refusal kind_refusal(const struct socket_kind *kind, int code);

#endif
