#ifndef SOCKDIAG_LESSON_EXERCISE_PRIVATE_H
#define SOCKDIAG_LESSON_EXERCISE_PRIVATE_H

#include "lesson/bundle.h"
#include "lesson/confine.h"
#include "lesson/exercise.h"

/* The parts of exercise.c. */

/* ---- exercise_networks.c ---- */

struct exercise_network {
    const char *name, *options;
};

struct exercise_networks {
    struct exercise_network *items;
    size_t count;
    json_t *json; /* owns the texts */
};

/* Those that the exercise is tried in, from the networks.json beside the lesson's folder. 0 or a negative
 * errno. */
int exercise_networks_load(struct exercise_networks *networks, const struct lesson *lesson,
                           const struct lesson_exercise *exercise, struct sd_err *err);
void exercise_networks_free(struct exercise_networks *networks);

/* ---- exercise_program.c ---- */

struct exercise_program {
    struct bundle folder; /* what each run finds, the program in it */
    char word[80];        /* the argument that its command line has: "receiver.py", "./receiver" */
    char command[96];     /* "python3 receiver.py" */
    struct buf warnings;  /* of the compiler */
    bool compiled;        /* or no compiling was needed; else `warnings` is why not */
    bool stopped;
};

/* Put the folder together, and compile a C program. 0 or a negative errno. exercise_program_fini() in any
 * case. */
int exercise_program_make(struct exercise_program *program, const struct exercise_config *config,
                          const struct lesson_exercise *exercise, struct sd_err *err);
void exercise_program_fini(struct exercise_program *program);

/* ---- exercise_evidence.c: pure ---- */

/* The first byte at which they differ; nothing is known where they are equal. */
void exercise_compare(struct exercise_difference *difference, const struct buf *want, const struct buf *got);

/* Which hosts the learner's program is on, by where {program} stands in the command of a run. */
struct exercise_role {
    bool client, server;
};

struct exercise_role exercise_role_of(const char *run);

/* What the recording (NDJSON of `sockdiag show --json`) tells of byte `offset`: of its recv only where the
 * learner's program is the one who reads. `*finding` is a new reference, or NULL. */
void exercise_find_place(struct exercise_place *place, json_t **finding, struct exercise_role role,
                         const char *ndjson, size_t len, uint64_t offset);

/* Append `command` with each `{word}` of it replaced. */
void exercise_fill(struct buf *out, const char *command, const char *word, const char *value);

#endif
