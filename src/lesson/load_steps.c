#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lesson/facts.h"
#include "lesson/load_private.h"

/* The steps of lesson.json: each is checked against the texts and those before it. */

#define SECONDS_MOST 60

struct loader {
    struct lesson *lesson;
    const json_t *step; /* that is being read */
    struct lesson_step *steps;
    unsigned number; /* of it, from 1 */
    const char *path, *kind;
    struct sd_err *err;
};

/* "…/lesson.json: step 5 (facts): TEXT" */
__attribute__((format(printf, 2, 3))) static int fail(const struct loader *l, const char *format, ...)
{
    char text[300];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return sd_fail(l->err, EINVAL, "%s: step %u (%s): %s", l->path, l->number, l->kind, text);
}

/* Put the place in front of what a check of facts said. */
static int fail_at(const struct loader *l, const char *key)
{
    char text[sizeof l->err->text];
    memcpy(text, l->err->text, sizeof text);
    return fail(l, "\"%s\": %.200s", key, text);
}

/* ---- members ---- */

static int get_text(const struct loader *l, const char *key, const char **text)
{
    const json_t *value = json_object_get(l->step, key);
    *text = json_string_value(value);
    if (*text == NULL || (*text)[0] == '\0')
        return fail(l, "\"%s\" is a text", key);
    return 0;
}

static int check_section(const struct loader *l, const char *section)
{
    if (section != NULL && markdown_has(l->lesson->text, section))
        return 0;
    return fail(l, "%s has no section '%s'", markdown_name(l->lesson->text), section != NULL ? section : "?");
}

static int get_section(const struct loader *l, const char *key, const char **section)
{
    const int failed = get_text(l, key, section);
    return failed != 0 ? failed : check_section(l, *section);
}

/* A list of texts, at least one. */
static int get_texts(const struct loader *l, const char *key, const char *const **texts, size_t *count)
{
    const json_t *list = json_object_get(l->step, key);
    const size_t n = json_array_size(list);
    const char **all = arena_alloc(&l->lesson->arena, (n + 1) * sizeof *all);
    if (all == NULL)
        return sd_fail(l->err, ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++) {
        all[i] = json_string_value(json_array_get(list, i));
        if (all[i] == NULL || all[i][0] == '\0')
            return fail(l, "\"%s\" is a list of texts", key);
    }
    *texts = all;
    *count = n;
    return n > 0 ? 0 : fail(l, "\"%s\" is a list of texts", key);
}

static int get_seconds(const struct loader *l, unsigned *seconds)
{
    const json_t *value = json_object_get(l->step, "seconds");
    *seconds = LESSON_SECONDS;
    if (value == NULL)
        return 0;
    if (!json_is_integer(value) || json_integer_value(value) < 1 || json_integer_value(value) > SECONDS_MOST)
        return fail(l, "\"seconds\" is a number from 1 to %d", SECONDS_MOST);
    *seconds = (unsigned)json_integer_value(value);
    return 0;
}

static int get_conditions(const struct loader *l, const json_t *holder, const json_t **conditions)
{
    const json_t *list = json_object_get(holder, "expect");
    *conditions = list;
    if (json_array_size(list) == 0)
        return fail(l, "\"expect\" is a list of conditions");
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (facts_check_condition(json_array_get(list, i), l->err) != 0)
            return fail_at(l, "expect");
    }
    return 0;
}

static int check_fact_name(const struct loader *l, const char *name)
{
    if (facts_is_name(name, strlen(name)) && strcmp(name, "answer") != 0)
        return 0;
    return fail(l, "'%s' is no name of a fact: small letters, digits and _ (but not 'answer')", name);
}

static int get_take(const struct loader *l, const json_t **take)
{
    const char *name;
    json_t *one;
    *take = json_object_get(l->step, "take");
    if (json_object_size(*take) == 0)
        return fail(l, "\"take\" is {\"name\": { … }, …}");
    json_object_foreach((json_t *)(uintptr_t)*take, name, one)
    {
        const int failed = check_fact_name(l, name);
        if (failed != 0)
            return failed;
        if (facts_check_take(one, l->err) != 0)
            return fail_at(l, name);
    }
    return 0;
}

/* ---- the kinds of step ---- */

static int read_say(const struct loader *l, struct lesson_step *step)
{
    const json_t *proof = json_object_get(l->step, "proof");
    if (proof != NULL && !json_is_boolean(proof))
        return fail(l, "\"proof\" is true or false");
    step->say.proof = json_is_true(proof);
    return get_section(l, "say", &step->say.section);
}

static int read_choices(const struct loader *l, struct lesson_ask *ask)
{
    int failed = get_texts(l, "choices", &ask->choices, &ask->choice_count);
    if (failed == 0)
        failed = get_text(l, "right", &ask->right_choice);
    bool right = false;
    for (size_t i = 0; failed == 0 && i < ask->choice_count; i++) {
        right = right || strcmp(ask->choices[i], ask->right_choice) == 0;
        if (!markdown_has_item(l->lesson->text, ask->section, ask->choices[i]))
            failed = fail(l, "section %s has no item '- %s) …'", ask->section, ask->choices[i]);
    }
    return failed != 0 || right ? failed : fail(l, "\"right\" is one of the choices");
}

static int read_wrong(const struct loader *l, const json_t *wrong)
{
    if (wrong != NULL && !json_is_array(wrong))
        return fail(l, "\"wrong\" is [[condition, \"x\"], …]");
    for (size_t i = 0; i < json_array_size(wrong); i++) {
        const json_t *pair = json_array_get(wrong, i);
        if (json_array_size(pair) != 2 || !json_is_string(json_array_get(pair, 1)))
            return fail(l, "\"wrong\" is [[condition, \"x\"], …]");
        if (facts_check_condition(json_array_get(pair, 0), l->err) != 0)
            return fail_at(l, "wrong");
    }
    return 0;
}

static int read_number(const struct loader *l, struct lesson_ask *ask)
{
    const json_t *near = json_object_get(l->step, "near");
    int failed = get_text(l, "number", &ask->unit);
    ask->right = json_object_get(l->step, "right");
    ask->wrong = json_object_get(l->step, "wrong");
    ask->near = json_number_value(near);
    if (failed == 0 && facts_check_expression(ask->right, l->err) != 0)
        failed = fail_at(l, "right");
    if (failed == 0 && near != NULL && (!json_is_number(near) || ask->near < 0))
        failed = fail(l, "\"near\" is a number, not below 0");
    return failed != 0 ? failed : read_wrong(l, ask->wrong);
}

static const struct lesson_ask *find_ask(const struct loader *l, const char *section)
{
    for (unsigned i = 0; i + 1 < l->number; i++) {
        if (l->steps[i].kind == LESSON_ASK && strcmp(l->steps[i].ask.section, section) == 0)
            return &l->steps[i].ask;
    }
    return NULL;
}

static int read_ask(const struct loader *l, struct lesson_step *step)
{
    const int failed = get_section(l, "ask", &step->ask.section);
    if (failed != 0)
        return failed;
    if (find_ask(l, step->ask.section) != NULL)
        return fail(l, "section %s is asked twice", step->ask.section);
    if (json_object_get(l->step, "hint") != NULL && get_section(l, "hint", &step->ask.hint) != 0)
        return -EINVAL;
    return json_object_get(l->step, "choices") != NULL ? read_choices(l, &step->ask)
                                                       : read_number(l, &step->ask);
}

static int read_status(const struct loader *l, const json_t **status)
{
    json_t *value = json_object_get(l->step, "status");
    if (value == NULL || json_is_integer(value)) {
        json_t *list = json_array();
        if (list == NULL ||
            json_array_append_new(list, value != NULL ? json_incref(value) : json_integer(0)) != 0 ||
            json_object_set_new((json_t *)(uintptr_t)l->step, "status", list) != 0)
            return sd_fail(l->err, ENOMEM, "out of memory");
        value = list;
    }
    *status = value;
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (!json_is_integer(json_array_get(value, i)))
            return fail(l, "\"status\" is a number or a list of numbers");
    }
    return json_array_size(value) > 0 ? 0 : fail(l, "\"status\" is a number or a list of numbers");
}

static int read_run(const struct loader *l, struct lesson_step *step)
{
    const json_t *quiet = json_object_get(l->step, "quiet");
    int failed = get_text(l, "run", &step->run.command);
    if (failed == 0)
        failed = get_seconds(l, &step->run.seconds);
    if (failed == 0 && quiet != NULL && !json_is_boolean(quiet))
        failed = fail(l, "\"quiet\" is true or false");
    step->run.quiet = json_is_true(quiet);
    return failed != 0 ? failed : read_status(l, &step->run.status);
}

static int read_facts(const struct loader *l, struct lesson_step *step)
{
    const int failed = get_text(l, "facts", &step->facts.command);
    return failed != 0 ? failed : get_take(l, &step->facts.take);
}

static int read_compute(const struct loader *l, struct lesson_step *step)
{
    const char *name;
    json_t *expression;
    step->compute.values = json_object_get(l->step, "compute");
    if (json_object_size(step->compute.values) == 0)
        return fail(l, "\"compute\" is {\"name\": expression, …}");
    json_object_foreach((json_t *)(uintptr_t)step->compute.values, name, expression)
    {
        const int failed = check_fact_name(l, name);
        if (failed != 0)
            return failed;
        if (facts_check_expression(expression, l->err) != 0)
            return fail_at(l, name);
    }
    return 0;
}

static int read_expect(const struct loader *l, struct lesson_step *step)
{
    const int failed = get_conditions(l, l->step, &step->expect.conditions);
    return failed != 0 ? failed : get_section(l, "otherwise", &step->expect.otherwise);
}

static int read_lanes(const struct loader *l, struct lesson_step *step)
{
    const int failed = get_text(l, "lanes", &step->lanes.command);
    return failed != 0 ? failed : read_status(l, &step->lanes.status);
}

/* Every wrong answer has its sentence: an item of the section. */
static int check_sentences(const struct loader *l, const struct lesson_answer *answer)
{
    const struct markdown *md = l->lesson->text;
    const struct lesson_ask *ask = answer->ask;
    int failed = 0;
    for (size_t i = 0; i < ask->choice_count && failed == 0; i++) {
        if (strcmp(ask->choices[i], ask->right_choice) != 0 &&
            !markdown_has_item(md, answer->section, ask->choices[i]))
            failed = fail(l, "section %s has no item '- %s) …' for who chose that", answer->section,
                          ask->choices[i]);
    }
    for (size_t i = 0; i < json_array_size(ask->wrong) && failed == 0; i++) {
        const char *mark = json_string_value(json_array_get(json_array_get(ask->wrong, i), 1));
        if (!markdown_has_item(md, answer->section, mark))
            failed = fail(l, "section %s has no item '- %s) …'", answer->section, mark);
    }
    if (failed == 0 && ask->choices == NULL && !markdown_has_item(md, answer->section, "else"))
        failed = fail(l, "section %s has no item '- else) …' for any other number", answer->section);
    return failed;
}

static int read_answer(const struct loader *l, struct lesson_step *step)
{
    const char *ask = NULL;
    int failed = get_text(l, "answer", &ask);
    if (failed == 0)
        failed = get_section(l, "say", &step->answer.section);
    if (failed != 0)
        return failed;
    step->answer.ask = find_ask(l, ask);
    if (step->answer.ask == NULL)
        return fail(l, "no step before this one asks '%s'", ask);
    for (unsigned i = 0; i + 1 < l->number; i++) {
        if (l->steps[i].kind == LESSON_ANSWER && l->steps[i].answer.ask == step->answer.ask)
            return fail(l, "'%s' is answered twice", ask);
    }
    return check_sentences(l, &step->answer);
}

/* ---- the exercise ---- */

static int check_programs(const struct loader *l, const struct lesson_exercise *e)
{
    char path[4096];
    for (size_t i = 0; i < e->program_count; i++) {
        snprintf(path, sizeof path, "%s/exercise/%s", l->lesson->folder, e->programs[i]);
        if (strchr(e->programs[i], '/') != NULL || access(path, R_OK) != 0)
            return fail(l, "there is no file exercise/%s", e->programs[i]);
    }
    return 0;
}

static int read_networks(const struct loader *l, struct lesson_exercise *e)
{
    const json_t *networks = json_object_get(l->step, "networks");
    if (json_is_string(networks) && strcmp(json_string_value(networks), "all") == 0)
        return 0;
    return get_texts(l, "networks", &e->networks, &e->network_count);
}

static int read_same(const struct loader *l, struct lesson_exercise *e)
{
    const char *const *names = NULL;
    size_t count = 0;
    if (json_object_get(l->step, "same") == NULL)
        return 0;
    const int failed = get_texts(l, "same", &names, &count);
    if (failed != 0 || count != 2)
        return failed != 0 ? failed : fail(l, "\"same\" is the names of two files");
    e->same[0] = names[0];
    e->same[1] = names[1];
    return 0;
}

static int read_judges(const struct loader *l, struct lesson_exercise *e)
{
    const json_t *list = json_object_get(l->step, "judge");
    const size_t count = json_array_size(list);
    struct lesson_judge *judges = arena_alloc(&l->lesson->arena, (count + 1) * sizeof *judges);
    int failed = judges == NULL ? sd_fail(l->err, ENOMEM, "out of memory") : 0;
    if (failed == 0 && list != NULL && count == 0)
        failed = fail(l, "\"judge\" is [{\"expect\": [ … ], \"say\": \"section\"}, …]");
    for (size_t i = 0; i < count && failed == 0; i++) {
        const json_t *one = json_array_get(list, i);
        failed = get_conditions(l, one, &judges[i].conditions);
        judges[i].section = json_string_value(json_object_get(one, "say"));
        if (failed == 0)
            failed = check_section(l, judges[i].section);
    }
    e->judges = judges;
    e->judge_count = count;
    return failed;
}

static int read_hints(const struct loader *l, struct lesson_exercise *e)
{
    int failed = 0;
    if (json_object_get(l->step, "hints") == NULL)
        return 0;
    failed = get_texts(l, "hints", &e->hints, &e->hint_count);
    for (size_t i = 0; i < e->hint_count && failed == 0; i++)
        failed = check_section(l, e->hints[i]);
    return failed;
}

static int read_exercise(const struct loader *l, struct lesson_step *step)
{
    struct lesson_exercise *e = &step->exercise;
    int failed = get_section(l, "exercise", &e->section);
    if (failed == 0 && lesson_exercise_of(l->lesson) != NULL)
        failed = fail(l, "a lesson has one exercise");
    if (failed == 0)
        failed = get_texts(l, "programs", &e->programs, &e->program_count);
    if (failed == 0)
        failed = check_programs(l, e);
    if (failed == 0)
        failed = read_networks(l, e);
    if (failed == 0)
        failed = get_text(l, "run", &e->run);
    if (failed == 0)
        failed = get_seconds(l, &e->seconds);
    if (failed == 0 && json_object_get(l->step, "facts") != NULL) {
        failed = get_text(l, "facts", &e->facts);
        if (failed == 0)
            failed = get_take(l, &e->take);
    }
    if (failed == 0)
        failed = read_same(l, e);
    if (failed == 0)
        failed = read_judges(l, e);
    return failed != 0 ? failed : read_hints(l, e);
}

/* ---- all of them ---- */

static const struct reader {
    const char *name;
    int (*read)(const struct loader *l, struct lesson_step *step);
    const char *keys; /* that it may have, each between blanks */
} readers[] = {
    [LESSON_SAY] = {"say", read_say, " proof "},
    [LESSON_ASK] = {"ask", read_ask, " choices right number near wrong hint "},
    [LESSON_RUN] = {"run", read_run, " status seconds quiet "},
    [LESSON_FACTS] = {"facts", read_facts, " take "},
    [LESSON_COMPUTE] = {"compute", read_compute, " "},
    [LESSON_EXPECT] = {"expect", read_expect, " otherwise "},
    [LESSON_LANES] = {"lanes", read_lanes, " status "},
    [LESSON_ANSWER] = {"answer", read_answer, " say "},
    [LESSON_EXERCISE] = {"exercise", read_exercise,
                         " programs networks run seconds facts take same judge hints "},
};
#define KINDS (sizeof readers / sizeof readers[0])

static int check_keys(const struct loader *l, const struct reader *reader)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)l->step, key, value)
    {
        char word[40];
        snprintf(word, sizeof word, " %.32s ", key);
        if (strcmp(key, reader->name) != 0 && strstr(reader->keys, word) == NULL)
            return fail(l, "there is no \"%s\" in such a step", key);
    }
    return 0;
}

/* The first key says what a step does. */
static int read_step(struct loader *l, struct lesson_step *step)
{
    void *first = json_object_iter((json_t *)(uintptr_t)l->step);
    const char *key = first != NULL ? json_object_iter_key(first) : "?";
    l->kind = key;
    step->number = l->number;
    for (size_t kind = 0; kind < KINDS; kind++) {
        if (strcmp(readers[kind].name, key) != 0)
            continue;
        step->kind = (enum lesson_step_kind)kind;
        const int failed = check_keys(l, &readers[kind]);
        return failed != 0 ? failed : readers[kind].read(l, step);
    }
    return fail(l,
                "no step does this; its first key is say, ask, run, facts, compute, expect, lanes, answer or "
                "exercise");
}

/* A question that no step answers would never be judged. */
static int check_answered(struct loader *l)
{
    for (unsigned i = 0; i < l->lesson->step_count; i++) {
        bool answered = l->steps[i].kind != LESSON_ASK;
        for (unsigned k = i + 1; k < l->lesson->step_count && !answered; k++)
            answered = l->steps[k].kind == LESSON_ANSWER && l->steps[k].answer.ask == &l->steps[i].ask;
        l->number = i + 1;
        l->kind = "ask";
        if (!answered)
            return fail(l, "no step answers it");
    }
    return 0;
}

int load_steps(struct lesson *lesson, const char *path, struct sd_err *err)
{
    const json_t *list = json_object_get(lesson->json, "steps");
    const size_t count = json_array_size(list);
    struct loader l = {.lesson = lesson, .path = path, .err = err};
    int failed = 0;
    if (count == 0)
        return sd_fail(err, EINVAL, "%s: \"steps\" is a list of steps", path);
    l.steps = arena_alloc(&lesson->arena, count * sizeof *l.steps);
    if (l.steps == NULL)
        return sd_fail(err, ENOMEM, "out of memory");
    lesson->steps = l.steps;
    for (size_t i = 0; i < count && failed == 0; i++) {
        l.step = json_array_get(list, i);
        l.number = (unsigned)i + 1;
        failed = read_step(&l, &l.steps[i]);
        lesson->step_count = i + 1;
    }
    return failed != 0 ? failed : check_answered(&l);
}
