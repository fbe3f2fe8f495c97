#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/io.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/lesson.h"
#include "lesson/facts.h"
#include "view/prose.h"

/* What a lesson prints. */

/* ---- the pager ---- */

/* Rows of the terminal; 0 where there is none to read from. */
static unsigned screen_rows(void)
{
    struct winsize size;
    if (isatty(STDIN_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
        return 0;
    return size.ws_row;
}

static unsigned count_lines(const struct buf *text)
{
    unsigned lines = 0;
    for (size_t i = 0; i < text->len; i++)
        lines += text->data[i] == '\n';
    return lines;
}

/* False where there is no pager: then nothing was shown. */
static bool page(const struct buf *text)
{
    const char *pager = getenv("PAGER");
    const bool own = pager == NULL || pager[0] == '\0';
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    /* -F ends at once what fits, -R keeps colours, -X keeps the text on the screen, -K ends at Ctrl-C; no
     * file of what was searched for is left in the home. */
    const char *ours = "LESSHISTFILE=${LESSHISTFILE--} LESS=${LESS-FRXK} exec less";
    const pid_t pid = input_lend(own ? ours : pager, NULL, ends[0]);
    io_close(&ends[0]);
    if (pid > 0)
        (void)io_write_all(ends[1], text->data, text->len); /* who leaves the pager early has read enough */
    io_close(&ends[1]);
    return pid > 0 && input_take_back(pid) < 126;
}

bool say_out(const struct buf *text, bool asks)
{
    const unsigned rows = asks ? screen_rows() : 0;
    return (rows > 0 && count_lines(text) >= rows && page(text)) ||
           cmd_write_stdout(text->data, text->len) == 0;
}

/* ---- text ---- */

static enum play_end out_of_memory(struct play *play)
{
    sd_fail(&play->err, ENOMEM, "out of memory");
    return PLAY_ERROR;
}

/* Results are said otherwise. */
static bool is_silent(const struct play *play)
{
    return play->options->common.json || (play->options->common.quiet && !play->asks);
}

enum play_end say_text(struct play *play, struct buf *text)
{
    struct buf plain = {0};
    enum play_end end = PLAY_ON;
    if (play->style.ascii) {
        prose_ascii(&plain, buf_cstr(text));
        buf_free(text);
        *text = plain;
    }
    if (text->failed) {
        end = out_of_memory(play);
    } else if (!is_silent(play)) {
        end = say_out(text, play->asks) ? PLAY_ON : PLAY_QUIT;
        play->fresh = true;
    }
    buf_free(text);
    return end == PLAY_ON && *input_stop() != 0 ? PLAY_QUIT : end;
}

enum play_end say_section(struct play *play, const char *section, unsigned parts)
{
    struct buf text = {0};
    if (markdown_section(&text, play->lesson->text, section, parts, play->facts, &play->text, &play->err) !=
        0) {
        buf_free(&text);
        return PLAY_ERROR;
    }
    buf_char(&text, '\n');
    return say_text(play, &text);
}

enum play_end say_line(struct play *play, const char *line)
{
    struct buf text = {0};
    prose_wrap(&text, line, 0, 0, play->text.columns);
    return say_text(play, &text);
}

size_t say_fit(const char *text, size_t columns)
{
    const size_t len = strlen(text), fits = text_fit(text, len, columns);
    if (fits == len || text[fits] == ' ')
        return fits;
    for (size_t i = fits; i > fits - fits / 3; i--) {
        if (text[i - 1] == ' ')
            return i - 1;
    }
    return fits;
}

/* ---- JSON ---- */

json_t *say_object(const struct play *play, const char *type)
{
    return json_pack("{sssi}", "type", type, "lesson", (int)play->lesson->number);
}

enum play_end say_object_end(struct play *play, json_t *object)
{
    char *line =
        play->options->common.json ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
    struct buf text = {0};
    enum play_end end = PLAY_ON;
    if (line != NULL) {
        buf_text(&text, line);
        buf_char(&text, '\n');
        if (!text.failed && cmd_write_stdout(text.data, text.len) != 0)
            end = PLAY_QUIT;
    }
    if (play->options->common.json && (line == NULL || text.failed))
        end = out_of_memory(play);
    free(line);
    buf_free(&text);
    json_decref(object);
    return end;
}

/* ---- facts ---- */

static enum play_end say_fact(struct play *play, const char *name, json_t *value)
{
    json_t *object = say_object(play, "fact");
    json_object_set_new(object, "name", json_string(name));
    json_object_set(object, "value", value);
    const enum play_end end = say_object_end(play, object);
    if (end != PLAY_ON || !play->options->common.verbose)
        return end;
    struct buf text = {0};
    buf_printf(&text, "  %s = ", name);
    facts_print(&text, value);
    buf_char(&text, '\n');
    return say_text(play, &text);
}

enum play_end say_facts(struct play *play, const json_t *before)
{
    const char *name;
    json_t *value;
    enum play_end end = PLAY_ON;
    json_object_foreach(play->facts, name, value)
    {
        const json_t *old = json_object_get(before, name);
        if (end == PLAY_ON && (old == NULL || !json_equal(old, value)))
            end = say_fact(play, name, value);
    }
    if (end == PLAY_ON && play->options->common.verbose)
        end = say_line(play, "");
    return end;
}
