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
 * and why. Nothing is written outside of the sandboxes. */

enum exercise_reason {
    EXERCISE_PASSED,
    EXERCISE_NOT_COMPILED, /* see `output` */
    EXERCISE_TIME,         /* it ran longer than `seconds`; `call` tells what it was doing */
    EXERCISE_PROCESSES,    /* it had more than `processes` */
    EXERCISE_MEMORY,
    EXERCISE_BROKEN,  /* the sandbox was brought down */
    EXERCISE_STATUS,  /* the run ended with `status` */
    EXERCISE_MISSING, /* it left no file `file`, or none that can be read: `detail` */
    EXERCISE_DIFFERS, /* see `difference` */
    EXERCISE_FACTS,   /* its recording cannot be read: `detail` */
    EXERCISE_JUDGED,  /* what `section` says */
    EXERCISE_STOPPED, /* by `stop` */
};

/* Where the file that the run made is not the wanted one. Told beside any reason that lets the files be
 * compared. */
struct exercise_difference {
    bool known;
    uint64_t offset; /* the first byte that differs */
    uint64_t want_len, got_len;
    char want[52], got[52]; /* what should stand there and what stands there, escaped for a terminal; "":
                               the end of the file */
    size_t want_shown;      /* bytes of the file that these are; less than the rest: more follows */
    size_t got_shown;
};

/* What the recording tells of that place. The file need not be the stream byte for byte; its offset is taken
 * for the stream's. */
struct exercise_place {
    /* The last send before it that took less than it was given; 0: there is none. */
    uint64_t short_send, short_len, short_asked;
    /* The recv that brought it; 0: there is none. */
    uint64_t recv, recv_len, asked;   /* its number, what it returned, what it could have */
    uint64_t send_first, send_last;   /* the sends whose bytes it returned */
    uint64_t part_of, part_len;       /* it returned only a part of this send, of that length; 0: not so */
    uint64_t parts_first, parts_last; /* the recvs that this send took */
};

struct exercise_result {
    enum exercise_reason reason;
    char *network, *options; /* its name in networks.json and its options of `sockdiag lab`; NULL before */
    int status;
    unsigned seconds, processes;
    char *file;   /* of the two of `same`: the one that the run should make */
    char *wanted; /* and the one that it should equal */
    char *detail;
    struct exercise_difference difference;
    struct exercise_place place;
    json_t *finding; /* at that place, as `sockdiag show --json` has it; or NULL */
    char *call;      /* the call in which the learner's program was: "recvfrom(5)", "" when it was computing;
                        NULL: not known */
    const char *section; /* of the judge; the lesson's */
    json_t *facts;       /* those that were taken */
    struct buf output;   /* what the compiler warned of, and the end of what the run printed: as it came */
    uint64_t elapsed_ns;
};

struct exercise_config {
    const struct lesson *lesson;
    /* The learner's file. The one of the exercise's programs with the same ending (.py, .c) tells under
     * which name it is run. */
    const char *program;
    bool all;                          /* go on after a network in which it failed */
    const volatile sig_atomic_t *stop; /* as that of confine_config */
    /* Or NULL. Before a network is tried, `index` of `count`, and after it. */
    void (*begins)(void *context, const char *network, size_t index, size_t count);
    void (*ended)(void *context, const struct exercise_result *result);
    void *context;
};

struct exercise_report {
    bool passed;                     /* in all networks */
    struct exercise_result *results; /* of those that were tried, in order */
    size_t count;
    size_t networks; /* to be tried */
};

/* 0 when it was judged. A negative errno with `err` filled where it could not be: no such file, no compiler
 * (-ENOENT), no user namespaces (-EPERM, with what to do), a mistake of the lesson (-EINVAL).
 * exercise_report_fini() in any case. */
int exercise_check(const struct exercise_config *config, struct exercise_report *report, struct sd_err *err);
void exercise_report_fini(struct exercise_report *report);

/* Append in plain words what went wrong, a sentence a line, in the user's language; nothing where it passed.
 * Lines that begin with two blanks show bytes. The network, `output` and the judge's section are the caller's
 * to show. */
void exercise_describe(struct buf *out, const struct exercise_result *result);

/* The word of a reason in JSON: "passed", "differs", … */
const char *exercise_reason_word(enum exercise_reason reason);

#endif
