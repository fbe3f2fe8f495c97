#ifndef SOCKDIAG_LESSON_LESSON_H
#define SOCKDIAG_LESSON_LESSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "lesson/markdown.h"

/* A lesson: the steps of its lesson.json and its texts, as docs/lessons/README.md describes them. Everything
 * is checked when it is loaded: a step that names a section which is not there, an expression of the wrong
 * shape, a choice without a sentence. What is left to go wrong while it runs are the runs. */

#define LESSON_SECONDS 10 /* a run's limit where the step names none */

enum lesson_step_kind {
    LESSON_SAY,
    LESSON_ASK,
    LESSON_RUN,
    LESSON_FACTS,
    LESSON_COMPUTE,
    LESSON_EXPECT,
    LESSON_LANES,
    LESSON_ANSWER,
    LESSON_EXERCISE,
};

/* Ids of sections are those of the texts; in all languages the same. JSON values are conditions, expressions
 * and takes (lesson/facts.h), checked. All of it is owned by the lesson. */

struct lesson_say {
    const char *section;
    bool proof; /* it speaks of what a run showed: left out where it did not */
};

struct lesson_ask {
    const char *section;
    const char *const *choices; /* NULL: a number is asked for */
    size_t choice_count;
    const char *right_choice; /* one of them */
    const char *unit;         /* of the number */
    const json_t *right;      /* expression */
    double near;
    const json_t *wrong; /* [[condition, "x"], …] or NULL */
    const char *hint;    /* section, or NULL */
};

struct lesson_run {
    const char *command;
    const json_t *status; /* array of the exit statuses that are expected */
    unsigned seconds;
    bool quiet;
};

struct lesson_facts {
    const char *command;
    const json_t *take; /* {"name": take, …} */
};

struct lesson_compute {
    const json_t *values; /* {"name": expression, …} */
};

struct lesson_expect {
    const json_t *conditions; /* array */
    const char *otherwise;    /* section */
};

struct lesson_lanes {
    const char *command;
    const json_t *status; /* as that of a run */
};

struct lesson_answer {
    const struct lesson_ask *ask;
    const char *section;
};

/* What an exercise is judged by, besides the status of its run and `same`. */
struct lesson_judge {
    const json_t *conditions; /* array: all must hold */
    const char *section;      /* otherwise this is said */
};

struct lesson_exercise {
    const char *section;
    const char *const *programs; /* names of files in the folders exercise/ and solution/ */
    size_t program_count;
    const char *const *networks; /* names; NULL: all */
    size_t network_count;
    const char *run; /* with {network} and {program} in it */
    unsigned seconds;
    const char *facts; /* a command, or NULL */
    const json_t *take;
    const char *same[2]; /* the wanted file and the one that the run made; NULL: nothing is compared */
    const struct lesson_judge *judges;
    size_t judge_count;
    const char *const *hints; /* sections */
    size_t hint_count;
};

struct lesson_step {
    enum lesson_step_kind kind;
    unsigned number; /* from 1, for messages */
    union {
        struct lesson_say say;
        struct lesson_ask ask;
        struct lesson_run run;
        struct lesson_facts facts;
        struct lesson_compute compute;
        struct lesson_expect expect;
        struct lesson_lanes lanes;
        struct lesson_answer answer;
        struct lesson_exercise exercise;
    };
};

struct lesson {
    unsigned number;  /* 4 */
    const char *name; /* "sticky" */
    const char *folder;
    unsigned minutes;
    const struct lesson_step *steps;
    size_t step_count;
    struct markdown *text;
    /* the loader's own */
    json_t *json;
    struct arena arena;
};

/* Read the folder `path` (…/04-sticky), its texts in `language` ("zh_CN"; "" or a language that it does not
 * have: English). 0, or a negative errno and `err` names the file and the place. lesson_free() takes NULL. */
int lesson_load(struct lesson **lesson, const char *path, const char *language, struct sd_err *err);
void lesson_free(struct lesson *lesson);

/* The lesson's exercise, or NULL. A lesson has one at most. */
const struct lesson_exercise *lesson_exercise_of(const struct lesson *lesson);

#endif
