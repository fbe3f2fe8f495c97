#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "cmd/cmd.h"
#include "cmd/lesson.h"
#include "view/prose.h"

/* The lessons, and which of them are done. */

#define INDENT 5

enum state {
    STATE_NEW,
    STATE_READ, /* and its exercise is open */
    STATE_DONE,
};

static enum state state_of(const struct lesson *lesson, const struct progress *progress)
{
    const bool read = progress_has(progress, lesson->name, PROGRESS_READ);
    const bool open =
        lesson_exercise_of(lesson) != NULL && !progress_has(progress, lesson->name, PROGRESS_EXERCISE);
    return !read ? STATE_NEW : open ? STATE_READ : STATE_DONE;
}

/* " 4 ✓ Sticky: two sends, one recv (sticky, 12 minutes, done)", and what it is about. */
static void put_lesson(struct buf *out, const struct lesson *lesson, enum state state,
                       const struct lesson_options *o, unsigned columns)
{
    static const char *const signs[] = {[STATE_NEW] = " ", [STATE_READ] = "•", [STATE_DONE] = "✓"};
    const char *const words[] = {
        [STATE_NEW] = "", [STATE_READ] = _(", the exercise is open"), [STATE_DONE] = _(", done")};
    struct buf text = {0};
    buf_printf(out, "%2u %s ", lesson->number, signs[state]);
    buf_printf(&text, ngettext("%s (%s, %u minute%s)", "%s (%s, %u minutes%s)", lesson->minutes),
               markdown_title(lesson->text), lesson->name, lesson->minutes, words[state]);
    prose_wrap(out, buf_cstr(&text), INDENT, INDENT, columns);
    if (!o->common.quiet) {
        buf_printf(out, "%*s", INDENT, "");
        prose_wrap(out, markdown_summary(lesson->text), INDENT, INDENT, columns);
    }
    if (o->common.verbose) {
        buf_printf(out, "%*s", INDENT, "");
        prose_wrap(out, lesson->folder, INDENT, INDENT, columns);
    }
    buf_free(&text);
}

static void put_json(struct buf *out, const struct lesson *lesson, enum state state)
{
    json_t *object = json_pack("{sssisssssisb}", "type", "lesson", "lesson", (int)lesson->number, "name",
                               lesson->name, "title", markdown_title(lesson->text), "minutes",
                               (int)lesson->minutes, "done", state == STATE_DONE);
    char *line = json_dumps(object, JSON_COMPACT);
    if (line == NULL)
        out->failed = true;
    else
        buf_printf(out, "%s\n", line);
    free(line);
    json_decref(object);
}

static int write_list(const struct lesson_options *o, const struct view_style *style, struct buf *out)
{
    struct buf plain = {0};
    const bool text = !o->common.json;
    if (text && style->ascii)
        prose_ascii(&plain, buf_cstr(out));
    const struct buf *all = text && style->ascii ? &plain : out;
    int status = CMD_OK;
    if (all->failed)
        status = cmd_fail("lesson", "out of memory");
    else if (!say_out(all, text))
        status = CMD_ERROR;
    buf_free(&plain);
    return status;
}

int lesson_list(const struct lesson_options *o, const struct find_list *list, const struct progress *progress)
{
    const struct view_style style = screen_style(&o->screen, &o->common);
    struct buf out = {0};
    int status = CMD_OK;
    for (size_t i = 0; i < list->count; i++) {
        struct lesson *lesson = NULL;
        struct sd_err err = {0};
        if (lesson_load(&lesson, list->entries[i].path, i18n_language(), &err) != 0) {
            status = cmd_fail("lesson", "%s", err.text);
            continue;
        }
        const enum state state = state_of(lesson, progress);
        if (o->common.json)
            put_json(&out, lesson, state);
        else
            put_lesson(&out, lesson, state, o, style.columns);
        lesson_free(lesson);
    }
    if (!o->common.json && !o->common.quiet) {
        buf_char(&out, '\n');
        prose_wrap(&out, _("'sockdiag lesson N' begins one of them."), 0, 0, style.columns);
    }
    const int written = write_list(o, &style, &out);
    buf_free(&out);
    return written != CMD_OK ? written : status;
}
