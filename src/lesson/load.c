#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "lesson/facts.h"
#include "lesson/load_private.h"

/* From a folder to a struct lesson. Steps are read in load_steps.c. */

#define TEXT_MOST (1U << 20) /* bytes of a lesson's text */

/* ---- the folder's name ---- */

/* "04-sticky": number and name. */
static int read_name(struct lesson *lesson, const char *path, struct sd_err *err)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    char *end = NULL;
    const unsigned long number = name[0] >= '0' && name[0] <= '9' ? strtoul(name, &end, 10) : 0;
    if (end == NULL || *end != '-' || end[1] == '\0' || number == 0 || number > 999)
        return sd_fail(err, EINVAL, "%s: a lesson's folder is named NN-name", path);
    lesson->number = (unsigned)number;
    lesson->name = arena_text(&lesson->arena, end + 1, strlen(end + 1));
    lesson->folder = arena_text(&lesson->arena, path, strlen(path));
    return lesson->name != NULL && lesson->folder != NULL ? 0 : sd_fail(err, ENOMEM, "out of memory");
}

/* ---- the texts ---- */

static int read_file(struct buf *out, const char *path, struct sd_err *err)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC), failed = 0;
    if (fd < 0 || fstat(fd, &info) != 0)
        failed = -errno;
    else if (!S_ISREG(info.st_mode))
        failed = -EINVAL;
    else if (info.st_size > (off_t)TEXT_MOST)
        failed = -EFBIG;
    else if (!buf_grow(out, (size_t)info.st_size + 1))
        failed = -ENOMEM;
    if (failed == 0) {
        const ssize_t n = io_read_full(fd, out->data, (size_t)info.st_size);
        failed = n < 0 ? (int)n : 0;
        out->len = n < 0 ? 0 : (size_t)n;
    }
    io_close(&fd);
    return failed == 0 ? 0 : sd_fail_errno(err, -failed, "cannot read %s", path);
}

/* A language is letters and one underscore: it becomes part of a path. */
static bool is_language(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    return text[0] != '\0' && text[strspn(text, letters)] == '\0';
}

static int read_text(struct lesson *lesson, const char *language, struct sd_err *err)
{
    char path[4096], name[128];
    struct buf text = {0};
    const char *dot = is_language(language) ? "." : "", *code = is_language(language) ? language : "";
    snprintf(path, sizeof path, "%s/lesson%s%s.md", lesson->folder, dot, code);
    if (access(path, F_OK) != 0) {
        dot = code = "";
        snprintf(path, sizeof path, "%s/lesson.md", lesson->folder);
    }
    snprintf(name, sizeof name, "%02u-%s/lesson%s%s.md", lesson->number, lesson->name, dot, code);
    int failed = read_file(&text, path, err);
    if (failed == 0)
        failed = markdown_parse(&lesson->text, (const char *)text.data, text.len, name, err);
    buf_free(&text);
    return failed;
}

/* ---- lesson.json ---- */

static int read_json(struct lesson *lesson, struct sd_err *err)
{
    char path[4096];
    json_error_t where;
    snprintf(path, sizeof path, "%s/lesson.json", lesson->folder);
    lesson->json = json_load_file(path, JSON_REJECT_DUPLICATES, &where);
    if (lesson->json == NULL)
        return sd_fail(err, EINVAL, "%s:%d: %s", path, where.line, where.text);
    const json_t *minutes = json_object_get(lesson->json, "minutes");
    if (!json_is_integer(minutes) || json_integer_value(minutes) < 1 || json_integer_value(minutes) > 999)
        return sd_fail(err, EINVAL, "%s: \"minutes\" is a number from 1 to 999", path);
    lesson->minutes = (unsigned)json_integer_value(minutes);
    return load_steps(lesson, path, err);
}

int lesson_load(struct lesson **out, const char *path, const char *language, struct sd_err *err)
{
    struct lesson *lesson = calloc(1, sizeof *lesson);
    *out = NULL;
    if (lesson == NULL)
        return sd_fail(err, ENOMEM, "out of memory");
    int failed = read_name(lesson, path, err);
    if (failed == 0)
        failed = read_text(lesson, language, err);
    if (failed == 0)
        failed = read_json(lesson, err);
    if (failed != 0)
        lesson_free(lesson);
    else
        *out = lesson;
    return failed;
}

void lesson_free(struct lesson *lesson)
{
    if (lesson == NULL)
        return;
    markdown_free(lesson->text);
    json_decref(lesson->json);
    arena_free(&lesson->arena);
    free(lesson);
}

const struct lesson_exercise *lesson_exercise_of(const struct lesson *lesson)
{
    for (size_t i = 0; i < lesson->step_count; i++) {
        if (lesson->steps[i].kind == LESSON_EXERCISE)
            return &lesson->steps[i].exercise;
    }
    return NULL;
}
