#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/exec.h"
#include "base/i18n.h"
#include "base/io.h"
#include "cmd/cmd.h"
#include "cmd/lesson.h"
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

static _Noreturn void run_pager(int from)
{
    const char *pager = getenv("PAGER");
    const bool own = pager == NULL || pager[0] == '\0';
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        signal(numbers[i], SIG_DFL);
    setenv("LESS", "FRXK", 0); /* colours; no screen of its own; Ctrl-C ends it */
    if (dup2(from, STDIN_FILENO) < 0)
        _exit(126);
    execl("/bin/sh", "sh", "-c", own ? "less" : pager, (char *)NULL);
    _exit(127);
}

/* False where there is no pager: then nothing was shown. */
static bool page(const struct buf *text)
{
    int ends[2], status = 0;
    const char *pager = getenv("PAGER");
    if ((pager == NULL || pager[0] == '\0') && system("command -v less >/dev/null 2>&1") != 0)
        return false;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    const pid_t pid = fork();
    if (pid == 0)
        run_pager(ends[0]);
    io_close(&ends[0]);
    if (pid > 0)
        (void)io_write_all(ends[1], text->data, text->len); /* who leaves the pager early has read enough */
    io_close(&ends[1]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return pid > 0 && !(WIFEXITED(status) && WEXITSTATUS(status) >= 126);
}

/* ---- text ---- */

static enum play_end out_of_memory(struct play *play)
{
    sd_fail(&play->err, ENOMEM, "out of memory");
    return PLAY_ERROR;
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
    } else if (!play->options->common.json) {
        const unsigned rows = play->asks ? screen_rows() : 0;
        if (!(rows > 0 && count_lines(text) >= rows && page(text)) &&
            cmd_write_stdout(text->data, text->len) != 0)
            end = PLAY_QUIT;
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

/* ---- JSON ---- */

json_t *say_object(const struct play *play, const char *type)
{
    return json_pack("{sssi}", "type", type, "lesson", (int)play->lesson->number);
}

enum play_end say_object_end(struct play *play, json_t *object)
{
    char *line = play->options->common.json ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
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
