#ifndef SOCKDIAG_CMD_DEMO_RUN_H
#define SOCKDIAG_CMD_DEMO_RUN_H

#include "base/err.h"
#include "capture/framing.h"
#include "lab/lab.h"

/* The transfers of the demo: each framing once, in one lab, each recorded into a file of its own. */

#define DEMO_FILE "notes.txt"

struct demo_plan {
    const struct framing *framing[FRAMING_COUNT]; /* in the order of the runs */
    size_t count;
    const char *bug;   /* NULL: none */
    uint64_t work_ms;  /* what the server does before it reads */
    uint64_t pause_ms; /* between sends, for a framing that sleeps */
    uint64_t size;     /* of the file */
    int family;        /* 4 or 6 */
    bool keep_bytes;
    struct lab_config lab;
    struct lab_wire wire;
};

/* What came of a run; lies in memory that the lab's process shares. */
struct demo_result {
    bool done;
    int client, server; /* wait(2) statuses; -1: not started */
    bool lost;          /* the recording is not whole: err says how */
    struct sd_err err;
    char notice[256]; /* what the recorder could not see, "" if nothing */
};

struct demo_run {
    int capture; /* file that the recording goes to */
    int log;     /* what client and server print */
    struct demo_result *result;
};

/* Run the plan; in a process that lab_supervise() made. 0, or a negative errno with `err` filled. */
int demo_run_all(const struct demo_plan *plan, const struct demo_run *runs, struct sd_err *err);

#endif
