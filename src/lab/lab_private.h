#ifndef SOCKDIAG_LAB_LAB_PRIVATE_H
#define SOCKDIAG_LAB_LAB_PRIVATE_H

#include "lab/lab.h"

/* What a lab is, for the files of this folder. */

struct lab {
    pid_t supervisor;
    int supervisor_alive; /* pidfd: readable once the supervisor is dead */
    unsigned mtu;
    bool ipv6;
    int wire_ns;
    int host_ns[LAB_HOSTS];
    char host_path[LAB_HOSTS][64];
    struct {
        pid_t pid;           /* 0: none runs */
        int control, report; /* pipes: to it, from it */
        bool ended;          /* reaped, by lab_wait_any() */
        int status;
        uint64_t lost; /* see lab_wire_lost() */
    } wire;
};

#endif
