#ifndef SOCKDIAG_LAB_WIRE_H
#define SOCKDIAG_LAB_WIRE_H

#include "lab/lab.h"

/* The forwarder: a process in the wire's namespace that moves frames between the two cables' near ends. */

#define WIRE_STOP 's' /* written to the control pipe: end when the wire is quiet */

struct wire_report {
    struct sd_err err; /* code 0: all well */
    uint64_t lost;     /* frames that the kernel could not hand over in time: lost without a rule */
};

struct wire_process {
    const struct lab_wire *wire;
    const struct lab_tap *tap; /* or NULL */
    unsigned mtu;
    int control; /* read end; its end of file ends the forwarder at once */
    int report;  /* write end: a struct wire_report when ready or not, and one at the end */
    pid_t parent;
};

/* The life of the forwarder. Called in a forked child; never returns. */
_Noreturn void wire_run(const struct wire_process *process);

#endif
