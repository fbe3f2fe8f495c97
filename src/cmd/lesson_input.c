#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/i18n.h"
#include "cmd/cmd.h"
#include "cmd/lesson.h"
#include "lesson/run.h"
#include "view/prose.h"

#define LINE_MOST 4096

static volatile sig_atomic_t stopped; /* the number of the signal */

static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
#define NUMBERS (sizeof numbers / sizeof numbers[0])

static struct {
    struct sigaction before[NUMBERS];
    struct sigaction pipe_before;
    struct termios modes;
    bool has_modes;
    struct buf held; /* bytes behind the line that was returned last */
    bool ended;
} input;

static void on_signal(int number)
{
    stopped = number;
}

/* A signal that the caller has us ignore (nohup) is still ignored. */
void input_begin(void)
{
    struct sigaction note = {.sa_handler = on_signal};
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    for (size_t i = 0; i < NUMBERS; i++) {
        sigaction(numbers[i], NULL, &input.before[i]);
        if (input.before[i].sa_handler != SIG_IGN)
            sigaction(numbers[i], &note, NULL);
    }
    sigaction(SIGPIPE, &ignore, &input.pipe_before);
    input.has_modes = tcgetattr(STDIN_FILENO, &input.modes) == 0;
}

/* The terminal as it was found, where it is ours. */
static void restore_modes(void)
{
    if (input.has_modes && tcgetpgrp(STDIN_FILENO) == getpgrp())
        tcsetattr(STDIN_FILENO, TCSADRAIN, &input.modes);
}

void input_end(void)
{
    const int number = stopped;
    restore_modes();
    for (size_t i = 0; i < NUMBERS; i++)
        sigaction(numbers[i], &input.before[i], NULL);
    sigaction(SIGPIPE, &input.pipe_before, NULL);
    buf_free(&input.held);
    if (number != 0)
        raise(number);
}

const volatile sig_atomic_t *input_stop(void)
{
    return &stopped;
}

/* ---- other programs at the terminal ---- */

pid_t input_lend(const char *command, const char *argument, int from)
{
    const pid_t pid = fork();
    if (pid != 0)
        return pid;
    for (size_t i = 0; i < NUMBERS; i++)
        sigaction(numbers[i], &input.before[i], NULL);
    sigaction(SIGPIPE, &input.pipe_before, NULL);
    if (from >= 0 && dup2(from, STDIN_FILENO) < 0)
        _exit(126);
    i18n_environment_restore();
    execl("/bin/sh", "sh", "-c", command, "sh", argument, (char *)NULL);
    _exit(127);
}

int input_take_back(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    restore_modes();
    return run_shell_status(status);
}

void input_forget_interrupt(void)
{
    if (stopped == SIGINT)
        stopped = 0;
}

/* ---- input ---- */

/* Wait for input with the signals let through only while waiting, so that none is missed before it. */
static enum play_end wait_for_input(struct sd_err *err)
{
    struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
    sigset_t blocked, before;
    sigemptyset(&blocked);
    for (size_t i = 0; i < NUMBERS; i++)
        sigaddset(&blocked, numbers[i]);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    int ready = 0, code = 0;
    while (stopped == 0 && ready == 0) {
        ready = ppoll(&fd, 1, NULL, &before);
        code = errno;
        ready = ready < 0 && code == EINTR ? 0 : ready;
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (stopped != 0)
        return PLAY_QUIT;
    if (ready > 0)
        return PLAY_ON;
    sd_fail_errno(err, code, "cannot wait for input");
    return PLAY_ERROR;
}

static enum play_end read_more(struct sd_err *err)
{
    char piece[512];
    const enum play_end end = wait_for_input(err);
    if (end != PLAY_ON)
        return end;
    const ssize_t n = read(STDIN_FILENO, piece, sizeof piece);
    if (n < 0 && errno != EINTR && errno != EAGAIN && errno != EIO) { /* EIO: the terminal has gone */
        sd_fail_errno(err, errno, "cannot read the input");
        return PLAY_ERROR;
    }
    input.ended = n == 0 || (n < 0 && errno == EIO);
    if (n > 0)
        buf_append(&input.held, piece, (size_t)n);
    if (!input.held.failed)
        return PLAY_ON;
    sd_fail(err, ENOMEM, "out of memory");
    return PLAY_ERROR;
}

static void take_line(struct buf *line, size_t len, size_t with_end)
{
    const char *text = (const char *)input.held.data;
    size_t begin = 0, end = len < LINE_MOST ? len : LINE_MOST;
    while (begin < end && strchr(" \t\r", text[begin]) != NULL)
        begin++;
    while (end > begin && strchr(" \t\r", text[end - 1]) != NULL)
        end--;
    line->len = 0;
    buf_append(line, text + begin, end - begin);
    memmove(input.held.data, input.held.data + with_end, input.held.len - with_end);
    input.held.len -= with_end;
}

enum play_end input_line(const char *prompt, struct buf *line, struct sd_err *err)
{
    if (cmd_write_stdout(prompt, strlen(prompt)) != 0)
        return PLAY_QUIT;
    for (;;) {
        const char *newline = input.held.len > 0 ? memchr(input.held.data, '\n', input.held.len) : NULL;
        if (newline != NULL || (input.ended && input.held.len > 0)) {
            const size_t len =
                newline != NULL ? (size_t)(newline - (const char *)input.held.data) : input.held.len;
            take_line(line, len, len + (newline != NULL));
            return PLAY_ON;
        }
        const enum play_end end = input.ended ? PLAY_QUIT : read_more(err);
        if (end != PLAY_ON) {
            cmd_write_stdout("\n", 1);
            return end;
        }
    }
}

enum play_end input_pause(struct play *play, const char *what)
{
    struct buf line = {0};
    char prompt[160];
    if (!play->asks || !play->fresh)
        return PLAY_ON;
    snprintf(prompt, sizeof prompt, _("[Enter: %s   q: quit] "), what);
    enum play_end end = PLAY_ON;
    do {
        end = input_line(prompt, &line, &play->err);
        if (end == PLAY_ON && strcmp(buf_cstr(&line), "q") == 0)
            end = PLAY_QUIT;
    } while (end == PLAY_ON && line.len > 0);
    buf_free(&line);
    play->fresh = false;
    return end;
}
