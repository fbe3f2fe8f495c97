#ifndef SOCKDIAG_SOCKETS_PROBLEMS_PRIVATE_H
#define SOCKDIAG_SOCKETS_PROBLEMS_PRIVATE_H

#include "sockets/problems.h"

/* The table of problems: what stands in a row, for problems.c to go by. */

enum problem_verdict {
    PROBLEM_NO,
    PROBLEM_LIKELY,
    PROBLEM_PROVED,
};

/* Which sockets are one problem together. */
enum problem_group {
    GROUP_SOCKET,      /* each is one */
    GROUP_PROCESS,     /* those of a process; where it is not seen, of a user */
    GROUP_PORT,        /* those of a local port */
    GROUP_DESTINATION, /* those with the same local address, peer and peer's port */
};

/* Of whom a problem may be only a consequence, which is then not told. */
enum problem_other {
    OTHER_NONE,
    OTHER_SAME_SOCKET,
    OTHER_SAME_PORT, /* of the same local port */
    OTHER_END,       /* of the other end of the connection, in the same list */
};

enum problem_fact_id {
    FACT_END,
    FACT_COUNT,
    FACT_RECEIVE_QUEUE,
    FACT_SEND_QUEUE,
    FACT_WAITING,
    FACT_BACKLOG,
    FACT_TIMER_MS,
    FACT_REPEATS,
    FACT_RECEIVED,
    FACT_RECEIVE_LIMIT,
    FACT_QUEUED,
    FACT_SENT,
    FACT_SEND_LIMIT,
    FACT_DROPS,
    FACT_OWN_WINDOW,
    FACT_PEER_WINDOW,
    FACT_RECEIVED_AGO,
    FACT_SENT_AGO,
    FACT_ACKED_AGO,
    FACT_RETRANSMITS,
    FACT_BACKOFF,
    FACT_RTO,
    FACT_UNACKED,
    FACT_WINDOW_LIMITED,
    FACT_OVERFLOWS,
    FACT_PORTS,
    FACTS,
};

struct problem_row {
    struct problem_kind kind;
    enum problem_verdict (*test)(const struct open_socket *socket, const struct problem_world *world);
    enum problem_group group;
    size_t least;                    /* sockets of a group, from which on it is a problem */
    unsigned least_percent_of_ports; /* or: of the ephemeral ports; 0: not */
    enum problem_other hidden_by_of;
    const char *hidden_by; /* name of another kind */
    enum problem_fact_id facts[PROBLEM_FACTS + 1];
};

#define PROBLEM_ROWS_MOST 32

extern const struct problem_row problem_rows[];
extern const size_t problem_row_count;

#endif
