#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "cmd/cmd.h"
#include "cmd/lesson.h"
#include "view/prose.h"

static void put_lesson(struct buf *out, const struct lesson *lesson, unsigned columns)
{
    char left[32];
    snprintf(left, sizeof left, "%3u  ", lesson->number);
    buf_text(out, left);
    struct buf text = {0};
    buf_printf(&text, _("%s (%s, %u minutes)"), markdown_title(lesson->text), lesson->name, lesson->minutes);
    prose_wrap(out, buf_cstr(&text), 5, 5, columns);
    buf_free(&text);
}

static void put_json(struct buf *out, const struct lesson *lesson)
{
    json_t *object =
        json_pack("{sssisssssi}", "type", "lesson", "lesson", (int)lesson->number, "name", lesson->name,
                  "title", markdown_title(lesson->text), "minutes", (int)lesson->minutes);
    char *line = json_dumps(object, JSON_COMPACT);
    if (line == NULL)
        out->failed = true;
    else
        buf_printf(out, "%s\n", line);
    free(line);
    json_decref(object);
}

int lesson_list(const struct lesson_options *o, const struct find_list *list)
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
        if (o->common.json)
            put_json(&out, lesson);
        else
            put_lesson(&out, lesson, style.columns);
        lesson_free(lesson);
    }
    if (out.failed)
        status = cmd_fail("lesson", "out of memory");
    else if (cmd_write_stdout(out.data, out.len) != 0)
        status = CMD_ERROR;
    buf_free(&out);
    return status;
}
