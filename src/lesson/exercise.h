#ifndef SOCKDIAG_LESSON_EXERCISE_H
#define SOCKDIAG_LESSON_EXERCISE_H

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "lesson/lesson.h"

/* The judge of exercises: runs a learner's program in one network after the other, each time in a sandbox
 * (lesson/confine.h) with a fresh copy of the lesson's folder, and says in which it failed, at which byte
 * and why. Nothing is written anywhere. */

enum exercise_reason {
    EXERCISE_PASSED,
    EXERCISE_NOT_COMPILED, /* what the compiler says is in `output` */
    EXERCISE_STATUS,       /* the run ended with `status` */
    EXERCISE_TIME,         /* it ran longer than `seconds`; `call` tells of the last socket call */
    EXERCISE_PROCESSES,
    EXERCISE_MEMORY,
    EXERCISE_BROKEN,  /* it brought the sandbox down */
    EXERCISE_MISSING, /* it made no file `file` */
    EXERCISE_DIFFERS, /* `file` differs at byte `offset` */
    EXERCISE_JUDGED,  /* the conditions of the judge with the section `section` do not hold */
    EXERCISE_STOPPED, /* by `stop` */
};

struct exercise_result {
    bool passed;
    char *network; /* its name in networks.json; NULL before the first one */
    char *options; /* of `sockdiag lab` for it */
    enum exercise_reason reason;
    int status;
    unsigned seconds;
    char *file;
    uint64_t offset;
    uint64_t want_len, got_len;
    char *want, *got;     /* what should stand there and what stands there, escaped for a terminal */
    char *finding;        /* of the recording at that place: kind, … */
    char *cause, *advice; /* … its cause and advice; each NULL where there is none */
    char *call;           /* the last socket call of the program, as the recording tells it; or NULL */
    const char *section;  /* of the judge; the lesson's */
    json_t *facts;        /* that were taken, or NULL */
    struct buf output;    /* the end of what the run printed, escaped, lines whole */
    uint64_t elapsed_ns;
};

struct exercise_config {
    const struct lesson *lesson;
    /* The learner's file. The one of the exercise's programs with the same ending (.py, .c) tells under
     * which name it is run. */
    const char *program;
    bool all;                          /* go on after a network in which it failed */
    const volatile sig_atomic_t *stop; /* as that of confine_config */
    void *context;
    /* Or NULL. Before a network is tried, `index` of `count`; after it. */
    void (*begins)(void *context, const char *network, size_t index, size_t count);
    void (*ended)(void *context, const struct exercise_result *result);
};

struct exercise_report {
    bool passed;                     /* in all networks */
    struct exercise_result *results; /* one a network that was tried, in order */
    size_t count;
};

/* 0 when it was judged. A negative errno with `err` filled where it could not be: no such file, no compiler
 * (-ENOENT), no user namespaces (-EPERM, with what to do), a mistake of the lesson (-EINVAL). */
int exercise_check(const struct exercise_config *config, struct exercise_report *report, struct sd_err *err);
void exercise_report_fini(struct exercise_report *report);

/* Append in plain words what went wrong, one sentence a line; nothing where it passed. */
void exercise_describe(struct buf *out, const struct exercise_result *result);

#endif
