#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/lesson.h"
#include "lesson/facts.h"
#include "view/prose.h"

/* A learner's program is judged: in which networks it is right, and what went wrong in the first where it is
 * not. */

#define OUTPUT_LINES 12 /* of a run that failed */

struct check {
    struct play *play;
    const char *name; /* of the program, for JSON */
    enum play_end end;
};

/* ---- JSON ---- */

static json_t *text_value(const char *text)
{
    struct buf clean = {0};
    if (text == NULL)
        return json_null();
    text_escape(&clean, text, strlen(text));
    json_t *value = json_string(buf_cstr(&clean));
    buf_free(&clean);
    return value;
}

static void add_difference(json_t *object, const struct exercise_difference *d)
{
    if (!d->known)
        return;
    json_object_set_new(object, "offset", json_integer((json_int_t)d->offset));
    json_object_set_new(object, "want", json_string(d->want));
    json_object_set_new(object, "got", json_string(d->got));
    json_object_set_new(object, "want_length", json_integer((json_int_t)d->want_len));
    json_object_set_new(object, "got_length", json_integer((json_int_t)d->got_len));
}

static enum play_end say_json(struct check *check, const struct exercise_result *r)
{
    json_t *object = say_object(check->play, "exercise");
    json_object_set_new(object, "id", json_string(lesson_exercise_of(check->play->lesson)->section));
    json_object_set_new(object, "program", text_value(check->name));
    json_object_set_new(object, "network", text_value(r->network));
    json_object_set_new(object, "passed", json_boolean(r->reason == EXERCISE_PASSED));
    json_object_set_new(object, "reason", json_string(exercise_reason_word(r->reason)));
    json_object_set_new(object, "status", json_integer(r->status));
    json_object_set_new(object, "section", text_value(r->section));
    add_difference(object, &r->difference);
    if (r->finding != NULL)
        json_object_set(object, "finding", r->finding);
    json_object_set_new(object, "elapsed_ns", json_integer((json_int_t)r->elapsed_ns));
    return say_object_end(check->play, object);
}

/* ---- words ---- */

static const char *network_name(const struct exercise_result *r)
{
    return r->network != NULL ? r->network : _("before the first network");
}

/* The last lines of what the run printed. */
static void put_output(struct buf *text, const struct buf *output, unsigned columns)
{
    size_t begin = output->len;
    unsigned lines = 0;
    while (begin > 0 && (output->data[begin - 1] != '\n' || lines < OUTPUT_LINES)) {
        begin--;
        lines += output->data[begin] == '\n' && begin + 1 < output->len;
    }
    while (begin < output->len) {
        const char *line = (const char *)output->data + begin;
        const char *newline = memchr(line, '\n', output->len - begin);
        const size_t len = newline != NULL ? (size_t)(newline - line) : output->len - begin;
        struct buf clean = {0};
        begin += len + 1;
        if (facts_is_line(line, len)) /* for the lesson, as those of a run */
            continue;
        text_escape(&clean, line, len);
        const char *rest = buf_cstr(&clean);
        do {
            const size_t fits = say_fit(rest, columns - 4);
            buf_printf(text, "    %.*s\n", (int)fits, rest);
            rest += fits;
            rest += *rest == ' ' && fits > 0;
        } while (*rest != '\0');
        buf_free(&clean);
    }
}

/* Each line of a description, wrapped; code keeps its lines. */
static void put_lines(struct buf *text, const char *lines, unsigned columns)
{
    while (*lines != '\0') {
        const size_t len = strcspn(lines, "\n");
        char *line = strndup(lines, len);
        if (line == NULL) {
            text->failed = true;
            return;
        }
        const unsigned indent = strncmp(line, "  ", 2) == 0 ? 6 : 4;
        buf_printf(text, "%*s", (int)indent, "");
        prose_wrap(text, line, indent, indent, columns);
        free(line);
        lines += len;
        lines += *lines == '\n';
    }
}

/* The judge's section speaks of what the run of the exercise showed, besides what the lesson's runs did. */
static enum play_end say_judgement(struct play *play, const struct exercise_result *r)
{
    json_t *lesson_facts = play->facts;
    json_t *all = lesson_facts != NULL ? json_copy(lesson_facts) : json_object();
    if (all == NULL || (r->facts != NULL && json_object_update(all, r->facts) != 0)) {
        json_decref(all);
        sd_fail_errno(&play->err, ENOMEM, "cannot judge the exercise");
        return PLAY_ERROR;
    }
    play->facts = all;
    const enum play_end end = say_section(play, r->section, MARKDOWN_BODY);
    play->facts = lesson_facts;
    json_decref(all);
    return end;
}

static enum play_end say_failure(struct check *check, const struct exercise_result *r)
{
    struct buf text = {0}, words = {0};
    const unsigned columns = check->play->text.columns;
    exercise_describe(&words, r);
    put_lines(&text, buf_cstr(&words), columns);
    buf_free(&words);
    put_output(&text, &r->output, columns);
    buf_char(&text, '\n');
    const enum play_end end = say_text(check->play, &text);
    if (end != PLAY_ON || r->section == NULL)
        return end;
    return say_judgement(check->play, r);
}

/* "  ✗ lossy (--delay 2 --drop 5%@7)" */
static enum play_end say_network(struct check *check, const struct exercise_result *r)
{
    struct buf text = {0}, line = {0};
    const bool passed = r->reason == EXERCISE_PASSED;
    buf_printf(&line, "%s %s", passed ? "✓" : "✗", network_name(r));
    if (r->options != NULL && r->options[0] != '\0')
        buf_printf(&line, " (%s)", r->options);
    buf_text(&text, "  ");
    prose_wrap(&text, buf_cstr(&line), 2, 4, check->play->text.columns);
    buf_free(&line);
    return say_text(check->play, &text);
}

static void on_end(void *context, const struct exercise_result *r)
{
    struct check *check = context;
    if (r->reason == EXERCISE_STOPPED || check->end != PLAY_ON)
        return;
    check->end = say_json(check, r);
    if (check->end == PLAY_ON)
        check->end = say_network(check, r);
    if (check->end == PLAY_ON && r->reason != EXERCISE_PASSED)
        check->end = say_failure(check, r);
}

static enum play_end say_outcome(struct play *play, const struct exercise_report *report)
{
    char line[160];
    if (!report->passed)
        return PLAY_ON;
    snprintf(line, sizeof line,
             ngettext("✓ Passed in %zu network.", "✓ Passed in all %zu networks.", report->count),
             report->count);
    return say_line(play, line);
}

enum play_end check_program(struct play *play, const char *path, const char *name)
{
    struct check check = {.play = play, .name = name};
    struct exercise_report report = {0};
    const struct exercise_config config = {
        .lesson = play->lesson, .program = path, .stop = input_stop(), .ended = on_end, .context = &check};
    enum play_end end = PLAY_ERROR;
    if (exercise_check(&config, &report, &play->err) == 0) {
        end = check.end == PLAY_ON && *input_stop() != 0 ? PLAY_QUIT : check.end;
        play->exercise = report.passed ? PLAY_EXERCISE_PASSED : PLAY_EXERCISE_FAILED;
        if (end == PLAY_ON)
            end = say_outcome(play, &report);
    }
    exercise_report_fini(&report);
    return end;
}

enum play_end check_named(struct play *play, const char *name)
{
    char beside[4200];
    snprintf(beside, sizeof beside, "%s/%s", play->lesson->folder, name);
    const bool there = name[0] == '/' || access(name, F_OK) == 0 || access(beside, F_OK) != 0;
    return check_program(play, there ? name : beside, name);
}
