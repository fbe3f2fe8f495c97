#ifndef SOCKDIAG_LAB_WIRE_H
#define SOCKDIAG_LAB_WIRE_H

#include "lab/lab.h"

/* The forwarder: a process in the wire's namespace that moves frames between the two cables' near ends. */

#define WIRE_STOP 's' /* written to the control pipe: end when the wire is quiet */

struct wire_process {
    const struct lab_wire *wire;
    const struct lab_tap *tap; /* or NULL */
    unsigned mtu;
    int control; /* read end; its end of file ends the forwarder at once */
    int report;  /* write end: a struct sd_err when ready or not, and one at the end; code 0: all well */
    pid_t parent;
};

/* The life of the forwarder. Called in a forked child; never returns. */
_Noreturn void wire_run(const struct wire_process *process);

#endif
