#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/i18n.h"
#include "cmd/cmd.h"
#include "cmd/route.h"

/* --watch on a terminal: the alternate screen, drawn again where it stands. What was there before comes back
 * at the end, whatever ended it. */

#define ENTER "\x1b[?1049h\x1b[?25l\x1b[H\x1b[2J"
#define LEAVE "\x1b[?25h\x1b[?1049l"

enum {
    USUAL_LINES = 24
};

struct route_screen {
    struct termios saved;
    bool has_keys; /* stdin is a terminal whose lines and echo were turned off */
};

static void take_terminal(struct route_screen *screen)
{
    screen->has_keys = isatty(STDIN_FILENO) != 0 && tcgetattr(STDIN_FILENO, &screen->saved) == 0;
    if (screen->has_keys) {
        struct termios keys = screen->saved;
        keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        keys.c_cc[VMIN] = 0;
        keys.c_cc[VTIME] = 0;
        screen->has_keys = tcsetattr(STDIN_FILENO, TCSANOW, &keys) == 0;
    }
}

static void give_terminal(const struct route_screen *screen)
{
    if (screen->has_keys)
        (void)tcsetattr(STDIN_FILENO, TCSANOW,
                        &screen->saved); /* it may be gone: then so is what we changed */
}

int route_watch_begin(struct route *route)
{
    struct route_screen *screen = calloc(1, sizeof *screen);
    if (screen == NULL)
        return sd_fail_errno(&route->err, ENOMEM, "cannot watch");
    const int failed = cmd_write_stdout(ENTER, sizeof ENTER - 1);
    if (failed != 0) {
        free(screen);
        return sd_fail_errno(&route->err, -failed, "cannot draw");
    }
    take_terminal(screen);
    route->screen = screen;
    route->news = true;
    return 0;
}

static unsigned screen_lines(void)
{
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 1 ? size.ws_row : USUAL_LINES;
}

/* As many lines as there is room for; each erases what stood behind it. */
static void put_screen(struct buf *out, const char *text, unsigned lines)
{
    buf_text(out, "\x1b[H");
    for (unsigned i = 1; *text != '\0' && i < lines; i++) {
        const size_t len = strcspn(text, "\n");
        buf_append(out, text, len);
        buf_text(out, "\x1b[K\n");
        text += len;
        text += *text == '\n';
    }
    buf_text(out, "\x1b[J");
}

void route_watch_draw(struct route *route)
{
    struct buf text = {0}, out = {0};
    if (route->screen == NULL)
        return;
    route_text_head(route, &text);
    buf_char(&text, '\n');
    route_text_table(route, &text);
    route_text_end(route, &text);
    put_screen(&out, buf_cstr(&text), screen_lines());
    buf_printf(&out,
               route_watch_has_keys(route) ? _(" round %" PRIu64 ", q ends")
                                           : _(" round %" PRIu64 ", Ctrl-C ends"),
               route->round);
    (void)route_print(route, &out); /* which ends the watch where it fails */
    buf_free(&text);
    buf_free(&out);
}

bool route_watch_has_keys(const struct route *route)
{
    return route->screen != NULL && route->screen->has_keys;
}

void route_watch_key(struct route *route)
{
    char keys[64];
    const ssize_t got = read(STDIN_FILENO, keys, sizeof keys);
    if (got > 0 && memchr(keys, 'q', (size_t)got) != NULL)
        route->stopped = true;
    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
        route->stopped = true; /* the terminal is gone */
}

void route_watch_resize(struct route *route)
{
    const struct view_style style = screen_style(&route->options.screen, &route->options.common);
    route->style.columns = style.columns;
    route->news = true;
}

void route_watch_suspend(struct route *route)
{
    const struct route_screen *screen = route->screen;
    if (screen != NULL) {
        give_terminal(screen);
        (void)cmd_write_stdout(LEAVE, sizeof LEAVE - 1);
    }
    raise(SIGSTOP);
    if (screen != NULL) {
        (void)cmd_write_stdout(ENTER, sizeof ENTER - 1);
        take_terminal(route->screen);
        route_watch_resize(route);
    }
}

void route_watch_end(struct route *route)
{
    if (route->screen == NULL)
        return;
    give_terminal(route->screen);
    (void)cmd_write_stdout(LEAVE, sizeof LEAVE - 1);
    free(route->screen);
    route->screen = NULL;
}
