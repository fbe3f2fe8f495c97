#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/lesson.h"
#include "lesson/facts.h"
#include "lesson/folder.h"

/* The steps of one lesson, one after the other. */

#define TEXT_COLUMNS 96 /* longer lines are hard to read */

static enum play_end play_say(struct play *play, const struct lesson_step *step)
{
    const enum play_end end = input_pause(play, _("go on"));
    return end == PLAY_ON ? say_section(play, step->say.section, MARKDOWN_ALL) : end;
}

static enum play_end say_computed(struct play *play, const json_t *values)
{
    const char *name;
    json_t *unused;
    enum play_end end = PLAY_ON;
    json_object_foreach((json_t *)(uintptr_t)values, name, unused)
    {
        json_t *object = say_object(play, "fact");
        json_object_set_new(object, "name", json_string(name));
        json_object_set(object, "value", json_object_get(play->facts, name));
        end = end == PLAY_ON ? say_object_end(play, object) : end;
    }
    return end;
}

static enum play_end play_compute(struct play *play, const struct lesson_step *step)
{
    if (facts_compute(play->facts, step->compute.values, &play->err) != 0)
        return PLAY_ERROR;
    return say_computed(play, step->compute.values);
}

static enum play_end play_expect(struct play *play, const struct lesson_step *step)
{
    const json_t *conditions = step->expect.conditions;
    bool all = true;
    for (size_t i = 0; i < json_array_size(conditions); i++) {
        json_t *condition = json_array_get(conditions, i);
        bool holds = false;
        if (facts_hold(play->facts, condition, &holds, &play->err) != 0)
            return PLAY_ERROR;
        json_t *object = say_object(play, "expect");
        json_object_set(object, "condition", condition);
        json_object_set_new(object, "holds", json_boolean(holds));
        const enum play_end end = say_object_end(play, object);
        if (end != PLAY_ON)
            return end;
        all = all && holds;
    }
    play->shown = play->shown && all;
    return all ? PLAY_ON : say_section(play, step->expect.otherwise, MARKDOWN_HEADING | MARKDOWN_BODY);
}

static enum play_end play_exercise(struct play *play, const struct lesson_step *step)
{
    const enum play_end end = input_pause(play, _("go on"));
    return end == PLAY_ON ? say_section(play, step->exercise.section, MARKDOWN_ALL) : end;
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
    buf_printf(&text, _("Lesson %u: %s (about %u minutes)"), lesson->number, markdown_title(lesson->text),
               lesson->minutes);
    enum play_end end = say_line(play, buf_cstr(&text));
    buf_free(&text);
    return end == PLAY_ON ? say_line(play, "") : end;
}

static enum play_end play_steps(struct play *play)
{
    enum play_end end = say_title(play);
    play->fresh = false;
    for (size_t i = 0; i < play->lesson->step_count && end == PLAY_ON; i++) {
        const struct lesson_step *step = &play->lesson->steps[i];
        end = steps[step->kind](play, step);
    }
    return end;
}

static enum play_end say_result(struct play *play, enum play_end end)
{
    json_t *object = say_object(play, "result");
    json_object_set_new(object, "name", json_string(play->lesson->name));
    json_object_set_new(object, "shown", json_boolean(play->shown && end == PLAY_ON));
    json_object_set_new(object, "questions", json_integer(play->questions));
    json_object_set_new(object, "right", json_integer(play->right));
    json_object_set_new(object, "error", end == PLAY_ERROR ? json_string(play->err.text) : json_null());
    return say_object_end(play, object);
}

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

static int conclude(struct play *play, enum play_end end)
{
    if (end == PLAY_ERROR)
        cmd_fail("lesson", _("lesson %u, %s: %s"), play->lesson->number, play->lesson->name, play->err.text);
    if (end != PLAY_ON)
        return end == PLAY_ERROR ? CMD_ERROR : CMD_PARTIAL;
    return !play->shown || (play->was_wrong && !play->asks) ? CMD_NO : CMD_OK;
}

int lesson_play(const struct lesson_options *o, const struct lesson *lesson)
{
    struct play play = {.options = o,
                        .lesson = lesson,
                        .style = screen_style(&o->screen, &o->common),
                        .asks = !o->automatic,
                        .shown = true};
    play.text.columns = play.style.columns < TEXT_COLUMNS ? play.style.columns : TEXT_COLUMNS;
    play.text.color = play.style.color;
    enum play_end end = open_play(&play) == 0 ? play_steps(&play) : PLAY_ERROR;
    if (say_result(&play, end) != PLAY_ON && end == PLAY_ON)
        end = PLAY_QUIT;
    const int status = conclude(&play, end);
    close_play(&play);
    return status;
}
