#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/lesson.h"
#include "lesson/facts.h"
#include "lesson/run.h"
#include "view/prose.h"

/* The commands of a lesson: runs, facts, pictures. */

#define OUTPUT_INDENT 2
#define OUTPUT_LINES 200 /* of a run that are shown */

/* ---- the environment of a command ---- */

#define VARIABLES 8

struct environment {
    char *texts[VARIABLES + 1];
    size_t count;
    bool failed;
};

__attribute__((format(printf, 2, 3))) static void set(struct environment *e, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (e->count == VARIABLES || vasprintf(&e->texts[e->count], format, args) < 0)
        e->failed = true;
    else
        e->count++;
    va_end(args);
}

static void environment_fini(struct environment *e)
{
    for (size_t i = 0; i < e->count; i++)
        free(e->texts[i]);
}

/* This sockdiag first in PATH; colours and language as the lesson has them. */
static void environment_init(struct environment *e, const struct play *play, unsigned columns)
{
    const char *path = getenv("PATH");
    *e = (struct environment){0};
    set(e, "PATH=%s:%s", play->program,
        path != NULL && path[0] != '\0' ? path : "/usr/local/bin:/usr/bin:/bin");
    set(e, "COLUMNS=%u", columns);
    set(e, play->style.color ? "CLICOLOR_FORCE=1" : "NO_COLOR=1");
    set(e, "LC_ALL=C.UTF-8");
    set(e, "LANGUAGE=%s", i18n_language());
    set(e, "PYTHONUNBUFFERED=1");
    set(e, "PYTHONDONTWRITEBYTECODE=1");
    set(e, "HOME=%s", play->folder);
}

/* ---- output as it comes ---- */

struct tap {
    struct play *play;
    struct buf line[3]; /* of each descriptor, the line that has no end yet */
    unsigned shown, beyond;
    bool quiet;
};

/* The room that a command's output has. */
static unsigned tap_columns(const struct tap *tap)
{
    return tap->play->style.columns - OUTPUT_INDENT;
}

/* A line of facts is for the lesson. */
static void show_line(struct tap *tap, const struct buf *line)
{
    struct buf clean = {0}, text = {0};
    const size_t columns = tap_columns(tap);
    if (facts_is_line((const char *)line->data, line->len))
        return;
    if (tap->shown >= OUTPUT_LINES) {
        tap->beyond++;
        return;
    }
    tap->shown++;
    text_escape(&clean, line->data, line->len);
    const char *rest = buf_cstr(&clean);
    do {
        const size_t fits = say_fit(rest, columns);
        buf_text(&text, "  ");
        buf_append(&text, rest, fits);
        buf_char(&text, '\n');
        rest += fits;
        rest += *rest == ' ' && fits > 0;
    } while (*rest != '\0');
    say_text(tap->play, &text);
    buf_free(&clean);
}

static void on_output(void *context, int fd, const void *data, size_t len)
{
    struct tap *tap = context;
    const char *text = data;
    struct buf *line = &tap->line[fd];
    while (!tap->quiet && len > 0) {
        const char *newline = memchr(text, '\n', len);
        const size_t n = newline != NULL ? (size_t)(newline - text) : len;
        buf_append(line, text, n);
        if (newline != NULL) {
            show_line(tap, line);
            line->len = 0;
        }
        text += n + (newline != NULL);
        len -= n + (newline != NULL);
    }
}

static void tap_end(struct tap *tap)
{
    char text[80];
    for (int fd = 1; fd <= 2; fd++) {
        if (tap->line[fd].len > 0)
            show_line(tap, &tap->line[fd]);
        buf_free(&tap->line[fd]);
    }
    if (tap->beyond > 0) {
        snprintf(text, sizeof text, _("  … and %u lines more"), tap->beyond);
        say_line(tap->play, text);
    }
}

/* ---- running ---- */

static bool is_expected(const json_t *statuses, int status)
{
    for (size_t i = 0; i < json_array_size(statuses); i++) {
        if (json_integer_value(json_array_get(statuses, i)) == status)
            return true;
    }
    return false;
}

/* The last line of what a command said, for a message. */
static const char *last_line(const struct buf *said, struct buf *text)
{
    size_t end = said->len, begin;
    while (end > 0 && said->data[end - 1] == '\n')
        end--;
    for (begin = end; begin > 0 && said->data[begin - 1] != '\n';)
        begin--;
    if (end > begin)
        text_escape(text, said->data + begin, end - begin);
    return buf_cstr(text);
}

static enum play_end judge(struct play *play, const struct run_config *config,
                           const struct run_result *result, const json_t *statuses)
{
    struct buf said = {0};
    const int status = run_shell_status(result->status);
    if (result->end == RUN_STOPPED)
        return PLAY_QUIT;
    const enum play_end again = result->end == RUN_LATE ? play_again(play) : PLAY_ON;
    if (again != PLAY_ON)
        return again;
    if (result->end == RUN_LATE)
        sd_fail(&play->err, ETIMEDOUT, "'%.200s' did not end within %u s", config->command, config->seconds);
    else if (result->end == RUN_FLOOD)
        sd_fail(&play->err, EFBIG, "'%.200s' printed too much", config->command);
    else if (!is_expected(statuses, status))
        sd_fail(&play->err, ECHILD, "'%.180s' ended with status %d: %.200s", config->command, status,
                last_line(result->err.len > 0 ? &result->err : &result->out, &said));
    else
        return PLAY_ON;
    buf_free(&said);
    return PLAY_ERROR;
}

/* Run a command with facts filled in. On PLAY_ON `result` is for the caller to free. */
static enum play_end execute(struct play *play, const char *command, unsigned seconds, const json_t *statuses,
                             struct tap *tap, struct run_result *result)
{
    struct environment environment;
    struct buf filled = {0};
    enum play_end end = PLAY_ERROR;
    *result = (struct run_result){0};
    environment_init(&environment, play, tap != NULL ? tap_columns(tap) : play->style.columns);
    if (environment.failed)
        sd_fail(&play->err, ENOMEM, "out of memory");
    else if (facts_fill(&filled, command, play->facts, &play->err) == 0) {
        const struct run_config config = {
            .command = buf_cstr(&filled),
            .directory = play->folder,
            .environment = (const char *const *)environment.texts,
            .seconds = seconds,
            .output = tap != NULL ? on_output : NULL,
            .context = tap,
            .stop = input_stop(),
        };
        if (run_command(&config, result, &play->err) == 0)
            end = judge(play, &config, result, statuses);
    }
    if (tap != NULL)
        tap_end(tap);
    if (end != PLAY_ON)
        run_result_free(result);
    buf_free(&filled);
    environment_fini(&environment);
    return end;
}

/* A picture as JSON has it: its lines, each escaped. */
static json_t *lines_value(const struct buf *text)
{
    struct buf clean = {0};
    for (size_t at = 0; at < text->len;) {
        const uint8_t *line = text->data + at, *newline = memchr(line, '\n', text->len - at);
        const size_t len = newline != NULL ? (size_t)(newline - line) : text->len - at;
        text_escape(&clean, line, len);
        buf_text(&clean, newline != NULL ? "\n" : "");
        at += len + (newline != NULL);
    }
    json_t *value = json_string(buf_cstr(&clean));
    buf_free(&clean);
    return value;
}

static void object_status(json_t *object, const char *command, const struct run_result *result)
{
    json_object_set_new(object, "command", json_string(command));
    json_object_set_new(object, "status", json_integer(run_shell_status(result->status)));
    json_object_set_new(object, "elapsed_ns", json_integer((json_int_t)result->elapsed_ns));
}

/* "$ COMMAND", in lines that the terminal has room for. */
static enum play_end say_command(struct play *play, const char *command)
{
    struct buf text = {0};
    buf_text(&text, play->style.color ? "\x1b[1m$\x1b[0m " : "$ ");
    prose_wrap(&text, command, 2, 4, play->style.columns);
    return say_text(play, &text);
}

enum play_end play_run(struct play *play, const struct lesson_step *step)
{
    const struct lesson_run *run = &step->run;
    struct tap tap = {.play = play, .quiet = run->quiet};
    struct run_result result;
    json_t *before = NULL;
    enum play_end end = input_pause(play, _("run it"));
    if (end == PLAY_ON)
        end = say_command(play, run->command);
    if (end == PLAY_ON)
        end = execute(play, run->command, run->seconds, run->status, &tap, &result);
    if (end != PLAY_ON)
        return end;
    json_t *object = say_object(play, "run");
    object_status(object, run->command, &result);
    end = say_object_end(play, object);
    before = json_copy(play->facts);
    if (end == PLAY_ON &&
        facts_take_lines(play->facts, (const char *)result.out.data, result.out.len, &play->err) != 0)
        end = PLAY_ERROR;
    if (end == PLAY_ON)
        end = say_facts(play, before);
    json_decref(before);
    run_result_free(&result);
    return end == PLAY_ON ? say_line(play, "") : end;
}

enum play_end play_facts(struct play *play, const struct lesson_step *step)
{
    json_t *before = json_copy(play->facts), *statuses = json_pack("[ii]", 0, 1); /* 1: a framing broke */
    struct run_result result;
    enum play_end end = execute(play, step->facts.command, LESSON_SECONDS, statuses, NULL, &result);
    if (end == PLAY_ON) {
        if (facts_take(play->facts, step->facts.take, (const char *)result.out.data, result.out.len,
                       &play->err) != 0)
            end = PLAY_ERROR;
        run_result_free(&result);
    }
    if (end == PLAY_ON)
        end = say_facts(play, before);
    json_decref(before);
    json_decref(statuses);
    return end;
}

enum play_end play_lanes(struct play *play, const struct lesson_step *step)
{
    struct run_result result;
    enum play_end end = execute(play, step->lanes.command, LESSON_SECONDS, step->lanes.status, NULL, &result);
    if (end != PLAY_ON)
        return end;
    json_t *object = say_object(play, "lanes");
    object_status(object, step->lanes.command, &result);
    json_object_set_new(object, "picture", lines_value(&result.out));
    end = say_object_end(play, object);
    if (end == PLAY_ON) {
        struct buf picture = result.out; /* sockdiag's own: it escapes what comes from outside */
        result.out = (struct buf){0};
        while (picture.len > 0 && picture.data[picture.len - 1] == '\n')
            picture.len--;
        buf_text(&picture, "\n\n");
        end = say_text(play, &picture);
    }
    run_result_free(&result);
    return end;
}
