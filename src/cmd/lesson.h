#ifndef SOCKDIAG_CMD_LESSON_H
#define SOCKDIAG_CMD_LESSON_H

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>

#include "cmd/options.h"
#include "cmd/screen.h"
#include "lesson/find.h"
#include "lesson/lesson.h"

/* lesson: its files are lesson.c (options, which lessons), lesson_list.c (the list), lesson_play.c (the steps
 * of one), lesson_ask.c (questions and answers), lesson_run.c (commands and pictures), lesson_say.c (what is
 * printed), lesson_input.c (what is typed, and signals). */

#define LESSON_GIVEN_MOST 64

struct lesson_options {
    struct options_common common;
    struct screen_options screen;
    bool automatic;
    struct lesson_given {
        const char *id, *value;
    } given[LESSON_GIVEN_MOST]; /* --answer */
    size_t given_count;
    const char *word; /* which lesson; NULL: none was named */
};

/* One lesson while it runs. */
struct play {
    const struct lesson_options *options;
    const struct lesson *lesson;
    json_t *facts;
    char *folder;  /* the private copy */
    char *program; /* the folder of this program */
    struct view_style style;
    struct markdown_style text;
    bool asks;      /* there is somebody to ask */
    bool fresh;     /* something was printed since the last prompt */
    char **answers; /* by step: what was answered to a question */
    unsigned questions, right;
    bool shown;     /* so far all runs showed what they should */
    bool was_wrong; /* an answer was wrong, or the exercise not passed */
    struct sd_err err;
};

/* How a step ended. */
enum play_end {
    PLAY_ON,
    PLAY_QUIT,  /* the learner has enough, or a signal came */
    PLAY_ERROR, /* play->err tells */
};

/* ---- lesson_list.c ---- */

int lesson_list(const struct lesson_options *o, const struct find_list *list);

/* ---- lesson_play.c ---- */

/* Run a lesson. Returns the exit status. */
int lesson_play(const struct lesson_options *o, const struct lesson *lesson);

/* ---- lesson_ask.c ---- */

enum play_end play_ask(struct play *play, const struct lesson_step *step);
enum play_end play_answer(struct play *play, const struct lesson_step *step);

/* ---- lesson_run.c ---- */

enum play_end play_run(struct play *play, const struct lesson_step *step);
enum play_end play_facts(struct play *play, const struct lesson_step *step);
enum play_end play_lanes(struct play *play, const struct lesson_step *step);

/* ---- lesson_say.c ---- */

/* Print what was laid out for the terminal, by a pager where it is longer than the screen; frees it. */
enum play_end say_text(struct play *play, struct buf *text);

/* Parts of a section, then an empty line. */
enum play_end say_section(struct play *play, const char *section, unsigned parts);

/* A line of the runner itself, wrapped. */
enum play_end say_line(struct play *play, const char *text);

/* With --json: {"type":TYPE,"lesson":N} to add to, and to print and free. json_t objects may be NULL when
 * memory is out: then printing fails. */
json_t *say_object(const struct play *play, const char *type);
enum play_end say_object_end(struct play *play, json_t *object);

/* ---- lesson_input.c ---- */

/* Between these two, SIGINT, SIGTERM and SIGHUP only set a flag, and a closed pipe is an error of write(2);
 * input_end() gives the terminal its modes back, and ends the process by a signal that came. */
void input_begin(void);
void input_end(void);
const volatile sig_atomic_t *input_stop(void);

/* Prompt, and read a line without its newline, blanks around it cut away. PLAY_ON; PLAY_QUIT at the end of
 * the input or when a signal came; PLAY_ERROR, with `err` filled. */
enum play_end input_line(const char *prompt, struct buf *line, struct sd_err *err);

/* "Enter: PROMPT" where somebody is there who may have something to read first; PLAY_QUIT for q. */
enum play_end input_pause(struct play *play, const char *prompt);

#endif
