#include "cmd/screen.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/i18n.h"

#define NARROWEST 40
#define USUAL 100

static int set_ascii(void *target, const char *argument, struct sd_err *err)
{
    (void)argument;
    (void)err;
    *(bool *)target = true;
    i18n_off();
    return 0;
}

size_t screen_option_rows(struct screen_options *options, struct option_row rows[SCREEN_OPTION_ROWS])
{
    rows[0] = (struct option_row){
        0, "ascii",   NULL, N_("draw with |, - and x; in English"), OPTION_CUSTOM, &options->ascii, 0,
        0, set_ascii, NULL};
    rows[1] = (struct option_row){0,
                                  "width",
                                  N_("N"),
                                  N_("columns (default: the terminal's)"),
                                  OPTION_NUMBER,
                                  &options->width,
                                  NARROWEST,
                                  1000,
                                  NULL,
                                  NULL};
    return SCREEN_OPTION_ROWS;
}

static unsigned find_width(void)
{
    struct winsize size;
    const char *columns = getenv("COLUMNS");
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    unsigned long told = columns != NULL ? strtoul(columns, NULL, 10) : 0;
    return told > 0 && told <= 1000 ? (unsigned)told : USUAL;
}

unsigned screen_width(const struct screen_options *options)
{
    const unsigned width = options->width != 0 ? (unsigned)options->width : find_width();
    return width < NARROWEST ? NARROWEST : width;
}

/* Does the locale say that the terminal has more than ASCII? Without a locale (cron, a bare container) UTF-8
 * is what terminals have today; a locale of its own that is not UTF-8 is believed. */
static bool only_ascii(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        if (value == NULL || value[0] == '\0')
            continue;
        if (strcmp(value, "C") == 0 || strcmp(value, "POSIX") == 0)
            return false;
        return strcasestr(value, "utf-8") == NULL && strcasestr(value, "utf8") == NULL &&
               strchr(value, '.') != NULL;
    }
    return false;
}

struct view_style screen_style(const struct screen_options *options, const struct options_common *common)
{
    const char *no_color = getenv("NO_COLOR"), *forced = getenv("CLICOLOR_FORCE"), *term = getenv("TERM");
    const bool dumb = term != NULL && strcmp(term, "dumb") == 0;
    const bool terminal = (isatty(STDOUT_FILENO) != 0 && !dumb) ||
                          (forced != NULL && forced[0] != '\0' && strcmp(forced, "0") != 0);
    bool plain = (no_color != NULL && no_color[0] != '\0') || !terminal;
    return (struct view_style){
        .columns = screen_width(options),
        .ascii = options->ascii || only_ascii(),
        .color = strcmp(common->color, "always") == 0 || (strcmp(common->color, "auto") == 0 && !plain),
        .verbose = common->verbose,
        .brief = common->quiet,
    };
}
