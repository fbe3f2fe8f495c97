#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "cmd/cmd.h"
#include "cmd/lesson.h"
#include "lesson/facts.h"
#include "lesson/folder.h"
#include "view/prose.h"

/* The steps of one lesson, one after the other. */

#define TEXT_COLUMNS 96 /* longer lines are hard to read */
#define TRIES 3         /* of runs that did not show what they should */

static enum play_end play_say(struct play *play, const struct lesson_step *step)
{
    if (step->say.proof && !play->proved)
        return PLAY_ON;
    const enum play_end end = input_pause(play, _("go on"));
    return end == PLAY_ON ? say_section(play, step->say.section, MARKDOWN_ALL) : end;
}

static enum play_end play_compute(struct play *play, const struct lesson_step *step)
{
    json_t *before = json_copy(play->facts);
    enum play_end end =
        facts_compute(play->facts, step->compute.values, &play->err) == 0 ? PLAY_ON : PLAY_ERROR;
    if (end == PLAY_ON)
        end = say_facts(play, before);
    json_decref(before);
    return end;
}

static enum play_end expect_all(struct play *play, const json_t *conditions, bool *all)
{
    enum play_end end = PLAY_ON;
    *all = true;
    for (size_t i = 0; i < json_array_size(conditions) && end == PLAY_ON; i++) {
        json_t *condition = json_array_get(conditions, i);
        bool holds = false;
        if (facts_hold(play->facts, condition, &holds, &play->err) != 0)
            return PLAY_ERROR;
        json_t *object = say_object(play, "expect");
        json_object_set(object, "condition", condition);
        json_object_set_new(object, "holds", json_boolean(holds));
        end = say_object_end(play, object);
        *all = *all && holds;
    }
    return end;
}

/* Is it part of a run: itself, or what is made of it? */
static bool is_of_run(const struct lesson_step *step)
{
    return step->kind == LESSON_RUN || step->kind == LESSON_FACTS || step->kind == LESSON_COMPUTE ||
           step->kind == LESSON_EXPECT;
}

/* The first of the steps before `i` that make a run; `i` itself where there is none that could be repeated.
 */
static size_t begin_of_run(const struct lesson *lesson, size_t i)
{
    size_t first = i;
    for (size_t k = i; k > 0 && is_of_run(&lesson->steps[k - 1]); k--) {
        if (lesson->steps[k - 1].kind == LESSON_RUN)
            first = k - 1;
    }
    return first;
}

enum play_end play_again(struct play *play)
{
    if (play->again >= TRIES - 1)
        return PLAY_ON;
    play->again++;
    enum play_end said =
        say_line(play, _("That went otherwise than it should; perhaps this machine was busy. Once more:"));
    if (said == PLAY_ON)
        said = say_line(play, "");
    return said == PLAY_ON ? PLAY_AGAIN : said;
}

static enum play_end play_expect(struct play *play, const struct lesson_step *step)
{
    bool all = true;
    const enum play_end end = expect_all(play, step->expect.conditions, &all);
    play->proved = all;
    if (end != PLAY_ON || all)
        return end;
    const enum play_end again = play_again(play);
    if (again != PLAY_ON)
        return again;
    play->shown = false;
    return say_section(play, step->expect.otherwise, MARKDOWN_HEADING | MARKDOWN_BODY);
}

static enum play_end (*const steps[])(struct play *play, const struct lesson_step *step) = {
    [LESSON_SAY] = play_say,     [LESSON_ASK] = play_ask,         [LESSON_RUN] = play_run,
    [LESSON_FACTS] = play_facts, [LESSON_COMPUTE] = play_compute, [LESSON_EXPECT] = play_expect,
    [LESSON_LANES] = play_lanes, [LESSON_ANSWER] = play_answer,   [LESSON_EXERCISE] = play_exercise,
};

/* "Lesson 4: Sticky …, about 12 minutes" */
static enum play_end say_title(struct play *play)
{
    const struct lesson *lesson = play->lesson;
    struct buf text = {0};
    buf_printf(
        &text,
        ngettext("Lesson %u: %s (about %u minute)", "Lesson %u: %s (about %u minutes)", lesson->minutes),
        lesson->number, markdown_title(lesson->text), lesson->minutes);
    enum play_end end = say_line(play, buf_cstr(&text));
    buf_free(&text);
    return end == PLAY_ON ? say_line(play, "") : end;
}

static enum play_end play_steps(struct play *play)
{
    const struct lesson *lesson = play->lesson;
    size_t run = SIZE_MAX; /* where the run at hand begins */
    enum play_end end = say_title(play);
    play->fresh = false;
    for (size_t i = 0; i < lesson->step_count && end == PLAY_ON; i++) {
        const struct lesson_step *step = &lesson->steps[i];
        if (!is_of_run(step) || begin_of_run(lesson, i) != run) {
            run = begin_of_run(lesson, i);
            play->again = lesson->steps[run].kind == LESSON_RUN ? 0 : TRIES; /* nothing to repeat */
        }
        end = steps[step->kind](play, step);
        if (end == PLAY_AGAIN) {
            i = run - 1;
            end = PLAY_ON;
        }
    }
    return end;
}

/* ---- the end ---- */

static const char *const exercise_words[] = {
    [PLAY_EXERCISE_NONE] = NULL,
    [PLAY_EXERCISE_OPEN] = "open",
    [PLAY_EXERCISE_FAILED] = "failed",
    [PLAY_EXERCISE_PASSED] = "passed",
};

static enum play_end say_result_json(struct play *play, enum play_end end)
{
    const char *exercise = exercise_words[play->exercise];
    json_t *object = say_object(play, "result");
    json_object_set_new(object, "name", json_string(play->lesson->name));
    json_object_set_new(object, "shown", json_boolean(play->shown && end == PLAY_ON));
    json_object_set_new(object, "questions", json_integer(play->questions));
    json_object_set_new(object, "right", json_integer(play->right));
    json_object_set_new(object, "exercise", exercise != NULL ? json_string(exercise) : json_null());
    json_object_set_new(object, "error", end == PLAY_ERROR ? json_string(play->err.text) : json_null());
    return say_object_end(play, object);
}

/* "Lesson 4, sticky: the run showed it all; 2 of 3 answers were right; the exercise is passed." */
static void say_result(struct play *play)
{
    struct buf text = {0};
    buf_printf(&text, _("Lesson %u, %s: "), play->lesson->number, play->lesson->name);
    buf_text(&text,
             play->shown ? _("its runs showed what they should") : _("a run did not show what it should"));
    if (play->questions > 0 && (play->asks || play->was_wrong))
        buf_printf(&text, _("; %u of %u answers right"), play->right, play->questions);
    if (play->exercise == PLAY_EXERCISE_PASSED)
        buf_text(&text, _("; the exercise is passed"));
    else if (play->exercise == PLAY_EXERCISE_FAILED)
        buf_text(&text, _("; the exercise is not passed"));
    else if (play->exercise == PLAY_EXERCISE_OPEN && play->asks)
        buf_text(&text, _("; the exercise is still open"));
    buf_char(&text, '.');
    struct buf out = {0};
    prose_wrap(&out, buf_cstr(&text), 0, 0, play->text.columns);
    if (!play->options->common.json && !out.failed)
        (void)say_out(&out, false);
    buf_free(&out);
    buf_free(&text);
}

/* What the learner has done is kept; what nobody was asked for is not. */
static void keep(const struct play *play, enum progress_part part)
{
    struct sd_err err = {0};
    if (play->progress != NULL && progress_note(play->progress, play->lesson->name, part, &err) != 0)
        cmd_fail("lesson", "%s", err.text);
}

static int conclude(struct play *play, enum play_end end)
{
    if (say_result_json(play, end) != PLAY_ON && end == PLAY_ON)
        end = PLAY_QUIT;
    if (play->exercise == PLAY_EXERCISE_PASSED)
        keep(play, PROGRESS_EXERCISE);
    if (end == PLAY_ERROR)
        return cmd_fail("lesson", "lesson %u, %s: %s", play->lesson->number, play->lesson->name,
                        play->err.text);
    if (end == PLAY_QUIT)
        return CMD_PARTIAL;
    if (play->asks)
        keep(play, PROGRESS_READ);
    say_result(play);
    const bool exercise = play->exercise == PLAY_EXERCISE_NONE || play->exercise == PLAY_EXERCISE_PASSED;
    return play->shown && (play->asks ? exercise : !play->was_wrong) ? CMD_OK : CMD_NO;
}

/* ---- a lesson ---- */

static int open_play(struct play *play)
{
    play->facts = json_object();
    play->answers = calloc(play->lesson->step_count, sizeof *play->answers);
    if (play->facts == NULL || play->answers == NULL)
        return sd_fail(&play->err, ENOMEM, "out of memory");
    int failed = find_program_folder(&play->program, &play->err);
    if (failed == 0)
        failed = folder_make(&play->folder, &play->err);
    return failed != 0 ? failed : folder_copy(play->lesson->folder, play->folder, "solution", &play->err);
}

static void close_play(struct play *play)
{
    struct sd_err err = {0};
    if (play->folder != NULL && folder_remove(play->folder, &err) != 0)
        cmd_fail("lesson", "%s", err.text);
    for (size_t i = 0; play->answers != NULL && i < play->lesson->step_count; i++)
        free(play->answers[i]);
    free(play->answers);
    free(play->folder);
    free(play->program);
    json_decref(play->facts);
}

static struct play new_play(const struct lesson_options *o, const struct lesson *lesson)
{
    struct play play = {.options = o,
                        .lesson = lesson,
                        .style = screen_style(&o->screen, &o->common),
                        .asks = !o->automatic && o->check == NULL && !o->hints,
                        .exercise = PLAY_EXERCISE_NONE,
                        .shown = true,
                        .proved = true};
    play.text.columns = play.style.columns < TEXT_COLUMNS ? play.style.columns : TEXT_COLUMNS;
    play.text.color = play.style.color;
    return play;
}

int lesson_play(const struct lesson_options *o, const struct lesson *lesson, struct progress *progress)
{
    struct play play = new_play(o, lesson);
    play.progress = play.asks ? progress : NULL;
    const enum play_end end = open_play(&play) == 0 ? play_steps(&play) : PLAY_ERROR;
    const int status = conclude(&play, end);
    close_play(&play);
    return status;
}

static int no_exercise(const struct lesson *lesson)
{
    return cmd_fail("lesson", "lesson %u, %s, has no exercise", lesson->number, lesson->name);
}

int lesson_hints(const struct lesson_options *o, const struct lesson *lesson)
{
    const struct lesson_exercise *exercise = lesson_exercise_of(lesson);
    struct play play = new_play(o, lesson);
    enum play_end end = PLAY_ON;
    if (exercise == NULL)
        return no_exercise(lesson);
    for (size_t i = 0; i < exercise->hint_count && end == PLAY_ON; i++)
        end = say_section(&play, exercise->hints[i], MARKDOWN_BODY);
    if (exercise->hint_count == 0)
        end = say_line(&play, _("This exercise has no hints."));
    return end == PLAY_ERROR ? cmd_fail("lesson", "%s", play.err.text) : CMD_OK;
}

int lesson_check(const struct lesson_options *o, const struct lesson *lesson, struct progress *progress)
{
    struct play play = new_play(o, lesson);
    if (lesson_exercise_of(lesson) == NULL)
        return no_exercise(lesson);
    const enum play_end end = check_named(&play, o->check);
    play.progress = progress;
    if (play.exercise == PLAY_EXERCISE_PASSED)
        keep(&play, PROGRESS_EXERCISE);
    if (end == PLAY_ERROR)
        return cmd_fail("lesson", "%s", play.err.text);
    return end == PLAY_QUIT ? CMD_PARTIAL : play.exercise == PLAY_EXERCISE_PASSED ? CMD_OK : CMD_NO;
}
