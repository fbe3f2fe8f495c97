#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "cmd/cmd.h"
#include "cmd/lesson.h"
#include "lesson/facts.h"
#include "lesson/number.h"

/* Questions: asked before the run, answered after it. */

/* ---- asking ---- */

/* For the translators: what numbers in questions are of. */
static const char *const units[] = {N_("bytes"), N_("milliseconds"), N_("seconds"), N_("sends"),
                                    N_("recvs"), N_("segments"),     N_("packets"), N_("messages"),
                                    N_("hops"),  N_("characters")};

static const char *unit_text(const char *unit)
{
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(units[i], unit) == 0)
            return _(units[i]);
    }
    return unit;
}

static bool is_choice(const struct lesson_ask *ask, const char *text)
{
    for (size_t i = 0; i < ask->choice_count; i++) {
        if (strcmp(ask->choices[i], text) == 0)
            return true;
    }
    return false;
}

static bool is_answer(const struct lesson_ask *ask, const char *text)
{
    struct number number;
    return ask->choices != NULL ? is_choice(ask, text) : number_from_text(text, strlen(text), &number);
}

/* "a, b, c" or "a number, bytes" */
static void put_wanted(struct buf *out, const struct lesson_ask *ask)
{
    for (size_t i = 0; i < ask->choice_count; i++)
        buf_printf(out, "%s%s", i > 0 ? ", " : "", ask->choices[i]);
    if (ask->choices == NULL)
        buf_printf(out, _("a number: %s"), unit_text(ask->unit));
}

static enum play_end say_again(struct play *play, const struct lesson_ask *ask, const char *line)
{
    struct buf text = {0}, wanted = {0};
    if (strcmp(line, "h") == 0 || strcmp(line, "?") == 0) {
        if (ask->hint != NULL)
            return say_section(play, ask->hint, MARKDOWN_BODY);
        return say_section(play, ask->section, MARKDOWN_ALL);
    }
    put_wanted(&wanted, ask);
    buf_printf(&text, _("Possible answers: %s."), buf_cstr(&wanted));
    const enum play_end end = say_line(play, buf_cstr(&text));
    buf_free(&text);
    buf_free(&wanted);
    return end;
}

static enum play_end prompt(struct play *play, const struct lesson_ask *ask, char **answer)
{
    struct buf line = {0}, wanted = {0}, text = {0};
    enum play_end end = PLAY_ON;
    put_wanted(&wanted, ask);
    buf_printf(&text, _("Your answer (%s; h: hint, q: quit): "), buf_cstr(&wanted));
    while (end == PLAY_ON && *answer == NULL) {
        end = input_line(buf_cstr(&text), &line, &play->err);
        if (end != PLAY_ON)
            break;
        if (strcmp(buf_cstr(&line), "q") == 0)
            end = PLAY_QUIT;
        else if (is_answer(ask, buf_cstr(&line)))
            *answer = strdup(buf_cstr(&line));
        else
            end = say_again(play, ask, buf_cstr(&line));
    }
    play->fresh = false;
    buf_free(&line);
    buf_free(&wanted);
    buf_free(&text);
    return end;
}

/* What --answer says; NULL: nothing. */
static const char *find_given(const struct play *play, const struct lesson_ask *ask)
{
    for (size_t i = 0; i < play->options->given_count; i++) {
        if (strcmp(play->options->given[i].id, ask->section) == 0)
            return play->options->given[i].value;
    }
    return NULL;
}

enum play_end play_ask(struct play *play, const struct lesson_step *step)
{
    const struct lesson_ask *ask = &step->ask;
    const char *given = find_given(play, ask);
    char **answer = &play->answers[step->number - 1];
    const enum play_end end = say_section(play, ask->section, MARKDOWN_ALL);
    if (end != PLAY_ON)
        return end;
    if (given != NULL && !is_answer(ask, given)) {
        sd_fail(&play->err, EINVAL, "'%s' is no answer to %s", given, ask->section);
        return PLAY_ERROR;
    }
    if (given != NULL)
        *answer = strdup(given);
    return given == NULL && play->asks ? prompt(play, ask, answer) : PLAY_ON;
}

/* ---- answering ---- */

struct verdict {
    json_t *right;  /* what would have been right; null: the run did not show it */
    json_t *answer; /* what was answered */
    bool correct;
    const char *item; /* of the section that tells why not; NULL: none */
};

static void verdict_fini(struct verdict *v)
{
    json_decref(v->right);
    json_decref(v->answer);
}

static void judge_choice(const struct lesson_ask *ask, const char *given, struct verdict *v)
{
    v->right = json_string(ask->right_choice);
    v->answer = json_string(given != NULL ? given : ask->right_choice);
    v->correct = given == NULL || strcmp(given, ask->right_choice) == 0;
    v->item = given;
}

/* The item of the first wrong answer that this one is. */
static enum play_end find_wrong(struct play *play, const struct lesson_ask *ask, struct verdict *v)
{
    v->item = "else";
    json_object_set(play->facts, "answer", v->answer);
    for (size_t i = 0; i < json_array_size(ask->wrong); i++) {
        const json_t *pair = json_array_get(ask->wrong, i);
        bool holds = false;
        if (facts_hold(play->facts, json_array_get(pair, 0), &holds, &play->err) != 0)
            return PLAY_ERROR;
        if (holds) {
            v->item = json_string_value(json_array_get(pair, 1));
            break;
        }
    }
    return PLAY_ON;
}

static enum play_end judge_number(struct play *play, const struct lesson_ask *ask, const char *given,
                                  struct verdict *v)
{
    struct number right, answer;
    v->right = facts_value(play->facts, ask->right, &play->err);
    if (v->right == NULL)
        return PLAY_ERROR;
    const bool known = number_from_json(v->right, &right);
    if (given == NULL) {
        v->answer = json_incref(v->right);
        v->correct = true;
        return PLAY_ON;
    }
    number_from_text(given, strlen(given), &answer);
    v->answer = number_to_json(answer);
    v->correct =
        known && (number_compare(answer, right) == 0 || fabs(answer.value - right.value) <= ask->near);
    return v->correct || !known ? PLAY_ON : find_wrong(play, ask, v);
}

static enum play_end say_verdict_json(struct play *play, const struct lesson_ask *ask,
                                      const struct verdict *v)
{
    json_t *object = say_object(play, "question");
    json_object_set_new(object, "id", json_string(ask->section));
    json_object_set(object, "answer", v->answer);
    json_object_set(object, "right", v->right);
    json_object_set_new(object, "correct", json_boolean(v->correct));
    json_object_set_new(object, "item", v->correct || v->item == NULL ? json_null() : json_string(v->item));
    return say_object_end(play, object);
}

/* "✗ Not 9: it is 10." */
static enum play_end say_verdict(struct play *play, const struct verdict *v, bool answered)
{
    struct buf answer = {0}, right = {0}, text = {0};
    facts_print(&answer, v->answer);
    facts_print(&right, v->right);
    if (json_is_null(v->right))
        buf_printf(&text, _("Your answer: %s. This run did not show what would be right."),
                   buf_cstr(&answer));
    else if (!answered)
        buf_printf(&text, _("The answer: %s."), buf_cstr(&right));
    else if (v->correct && json_equal(v->answer, v->right))
        buf_printf(&text, _("✓ Right: %s."), buf_cstr(&right));
    else if (v->correct)
        buf_printf(&text, _("✓ Right: %s (you said %s)."), buf_cstr(&right), buf_cstr(&answer));
    else
        buf_printf(&text, _("✗ Not %s: it is %s."), buf_cstr(&answer), buf_cstr(&right));
    const enum play_end end = say_line(play, buf_cstr(&text));
    buf_free(&answer);
    buf_free(&right);
    buf_free(&text);
    return end;
}

/* The text of the right choice, which may have scrolled away. */
static enum play_end say_right_choice(struct play *play, const struct lesson_ask *ask)
{
    struct buf item = {0}, text = {0};
    const struct markdown_style style = {.columns = play->text.columns - 2, .color = play->text.color};
    if (markdown_item(&item, play->lesson->text, ask->section, ask->right_choice, play->facts, &style,
                      &play->err) != 0) {
        buf_free(&item);
        return PLAY_ERROR;
    }
    for (const char *line = buf_cstr(&item); *line != '\0';) {
        const size_t len = strcspn(line, "\n");
        buf_printf(&text, "  %.*s\n", (int)len, line);
        line += len;
        line += *line == '\n';
    }
    buf_char(&text, '\n');
    buf_free(&item);
    return say_text(play, &text);
}

static enum play_end say_why(struct play *play, const struct lesson_ask *ask, const char *section,
                             const struct verdict *v)
{
    struct buf text = {0};
    if (v->item == NULL || (v->correct && !markdown_has_item(play->lesson->text, section, v->item)))
        return ask->choices != NULL ? PLAY_ON : say_line(play, "");
    if (markdown_item(&text, play->lesson->text, section, v->item, play->facts, &play->text, &play->err) !=
        0) {
        buf_free(&text);
        return PLAY_ERROR;
    }
    buf_char(&text, '\n');
    return say_text(play, &text);
}

enum play_end play_answer(struct play *play, const struct lesson_step *step)
{
    const struct lesson_ask *ask = step->answer.ask;
    const struct lesson_step *asked = play->lesson->steps;
    struct verdict v = {0};
    while (&asked->ask != ask)
        asked++;
    const char *given = play->answers[asked->number - 1];
    enum play_end end = PLAY_ON;
    if (ask->choices != NULL)
        judge_choice(ask, given, &v);
    else
        end = judge_number(play, ask, given, &v);
    play->questions++;
    play->right += v.correct;
    if (end == PLAY_ON)
        end = say_verdict_json(play, ask, &v);
    if (end == PLAY_ON)
        end = say_verdict(play, &v, given != NULL);
    if (end == PLAY_ON && ask->choices != NULL)
        end = say_right_choice(play, ask);
    if (end == PLAY_ON && !play->proved)
        end = ask->choices != NULL ? PLAY_ON : say_line(play, "");
    else if (end == PLAY_ON && (end = say_why(play, ask, step->answer.section, &v)) == PLAY_ON)
        end = say_section(play, step->answer.section, MARKDOWN_HEADING | MARKDOWN_BODY);
    play->was_wrong = play->was_wrong || (!v.correct && !json_is_null(v.right));
    verdict_fini(&v);
    return end;
}
