#ifndef SOCKDIAG_CMD_LESSON_H
#define SOCKDIAG_CMD_LESSON_H

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>

#include "cmd/options.h"
#include "cmd/screen.h"
#include "lesson/exercise.h"
#include "lesson/find.h"
#include "lesson/lesson.h"
#include "lesson/progress.h"

/* lesson: its files are lesson.c (options, which lessons), lesson_list.c (the list), lesson_play.c (the steps
 * of one), lesson_ask.c (questions and answers), lesson_run.c (commands and pictures), lesson_exercise.c (the
 * learner's program), lesson_check.c (its judgement in words), lesson_say.c (what is printed), lesson_input.c
 * (what is typed, and signals). */

#define LESSON_GIVEN_MOST 64

struct lesson_options {
    struct options_common common;
    struct screen_options screen;
    bool automatic, hints;
    const char *check; /* the file that --check names */
    const char *dir;   /* for the learner's program */
    struct lesson_given {
        const char *id, *value;
    } given[LESSON_GIVEN_MOST]; /* --answer */
    size_t given_count;
    const char *word; /* which lesson; NULL: none was named */
};

enum play_exercise {
    PLAY_EXERCISE_NONE,
    PLAY_EXERCISE_OPEN, /* not tried */
    PLAY_EXERCISE_FAILED,
    PLAY_EXERCISE_PASSED,
};

/* One lesson while it runs. */
struct play {
    const struct lesson_options *options;
    const struct lesson *lesson;
    struct progress *progress;
    json_t *facts;
    char *folder;  /* the private copy */
    char *program; /* the folder of this program */
    struct view_style style;
    struct markdown_style text;
    bool asks;      /* there is somebody to ask */
    bool fresh;     /* something was printed since the last prompt */
    char **answers; /* by step: what was answered to a question */
    unsigned questions, right;
    unsigned again; /* how often the runs at hand were repeated */
    bool shown;     /* so far all runs showed what they should */
    bool proved;    /* what the last expectation spoke of was seen: a proof may be told */
    bool was_wrong; /* an answer was wrong */
    enum play_exercise exercise;
    struct sd_err err;
};

/* How a step ended. */
enum play_end {
    PLAY_ON,
    PLAY_AGAIN, /* the runs before it are to be repeated */
    PLAY_QUIT,  /* the learner has enough, or a signal came */
    PLAY_ERROR, /* play->err tells */
};

/* ---- lesson_list.c ---- */

int lesson_list(const struct lesson_options *o, const struct find_list *list,
                const struct progress *progress);

/* ---- lesson_play.c ---- */

/* A run was disturbed. PLAY_AGAIN where it is to be repeated, and the learner was told; PLAY_ON where it has
 * no further chance. */
enum play_end play_again(struct play *play);

/* Run a lesson; or only print its hints; or only judge the file that --check names. Returns the exit status.
 */
int lesson_play(const struct lesson_options *o, const struct lesson *lesson, struct progress *progress);
int lesson_hints(const struct lesson_options *o, const struct lesson *lesson);
int lesson_check(const struct lesson_options *o, const struct lesson *lesson, struct progress *progress);

/* ---- lesson_ask.c ---- */

enum play_end play_ask(struct play *play, const struct lesson_step *step);
enum play_end play_answer(struct play *play, const struct lesson_step *step);

/* ---- lesson_run.c ---- */

enum play_end play_run(struct play *play, const struct lesson_step *step);
enum play_end play_facts(struct play *play, const struct lesson_step *step);
enum play_end play_lanes(struct play *play, const struct lesson_step *step);

/* ---- lesson_exercise.c ---- */

enum play_end play_exercise(struct play *play, const struct lesson_step *step);

/* ---- lesson_check.c ---- */

/* Judge a learner's file in the exercise's networks and tell how each went. play->exercise is how it ended.
 */
enum play_end check_program(struct play *play, const char *path, const char *name);

/* The same of the file that --check names; where there is none, it may be one of the lesson's folder. */
enum play_end check_named(struct play *play, const char *name);

/* ---- lesson_say.c ---- */

/* Print; by a pager where `asks` and it is longer than the screen. False where stdout takes no more. */
bool say_out(const struct buf *text, bool asks);

/* Print what was laid out for the terminal, by a pager where it is longer than the screen; frees it. */
enum play_end say_text(struct play *play, struct buf *text);

/* Parts of a section, then an empty line. */
enum play_end say_section(struct play *play, const char *section, unsigned parts);

/* A line of the runner itself, wrapped. */
enum play_end say_line(struct play *play, const char *text);

/* How many bytes of a line go into `columns`: up to a space where one is near enough to the end. What follows
 * them may begin with that space. */
size_t say_fit(const char *text, size_t columns);

/* With --json: {"type":TYPE,"lesson":N} to add to, and to print and free. json_t objects may be NULL when
 * memory is out: then printing fails. */
json_t *say_object(const struct play *play, const char *type);
enum play_end say_object_end(struct play *play, json_t *object);

/* Tell the facts that are not in `before`, or have another value there: in JSON, and with -v. */
enum play_end say_facts(struct play *play, const json_t *before);

/* ---- lesson_input.c ---- */

/* Between these two, SIGINT, SIGTERM and SIGHUP only set a flag, and a closed pipe is an error of write(2);
 * input_end() gives the terminal its modes back, and ends the process by a signal that came. */
void input_begin(void);
void input_end(void);
const volatile sig_atomic_t *input_stop(void);

/* Start a command of /bin/sh (its $1 is `argument`) that has the terminal: keys are for it. `from` becomes
 * its stdin; -1: it keeps ours. The pid, or -1. input_take_back() waits for its end, gives the terminal its
 * modes back, and returns the exit status. */
pid_t input_lend(const char *command, const char *argument, int from);
int input_take_back(pid_t pid);

/* A SIGINT that came while another program had the terminal was for that one. */
void input_forget_interrupt(void);

/* Prompt, and read a line without its newline, blanks around it cut away. PLAY_ON; PLAY_QUIT at the end of
 * the input or when a signal came; PLAY_ERROR, with `err` filled. */
enum play_end input_line(const char *prompt, struct buf *line, struct sd_err *err);

/* "Enter: PROMPT" where somebody is there who may have something to read first; PLAY_QUIT for q. */
enum play_end input_pause(struct play *play, const char *prompt);

#endif
