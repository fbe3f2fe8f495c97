/* What a person sees: terminal, colours, characters, language; and what lessons run. */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/i18n.h"
#include "cmd/doctor.h"

#define CHINESE "zh_CN"

static bool is_set(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0';
}

enum {
    COMFORTABLE = 60
}; /* columns: below, tables lose most of theirs */

void doctor_terminal(struct doctor_report *report, const struct doctor_context *context)
{
    const struct view_style style = screen_style(context->screen, context->common);
    const char *term = getenv("TERM");
    const bool terminal = isatty(STDOUT_FILENO) != 0;
    if (terminal && (term == NULL || strcmp(term, "dumb") == 0))
        doctor_say(report, DOCTOR_NOTE, "export TERM=xterm-256color",
                   _("TERM is %s: no colours, and nothing that is drawn in place (route --watch)"),
                   term != NULL ? term : _("not set"));
    else if (style.columns < COMFORTABLE)
        doctor_say(report, DOCTOR_NOTE, NULL,
                   _("%u columns: tables leave out most of theirs under %d; make it wider"), style.columns,
                   COMFORTABLE);
    else if (terminal)
        doctor_say(report, DOCTOR_WORKS, NULL, _("%u columns"), style.columns);
    else
        doctor_say(report, DOCTOR_WORKS, NULL,
                   _("the output goes to no terminal; %u columns (COLUMNS, --width)"), style.columns);
}

void doctor_color(struct doctor_report *report, const struct doctor_context *context)
{
    const struct view_style style = screen_style(context->screen, context->common);
    if (style.color)
        doctor_say(report, DOCTOR_WORKS, NULL, _("is used; no meaning hangs on it"));
    else if (is_set("NO_COLOR"))
        doctor_say(report, DOCTOR_WORKS, "unset NO_COLOR", _("is off, by NO_COLOR"));
    else if (isatty(STDOUT_FILENO) == 0)
        doctor_say(report, DOCTOR_WORKS, NULL,
                   _("is off, as the output goes to no terminal (--color always)"));
    else
        doctor_say(report, DOCTOR_WORKS, NULL, _("is off, by TERM or --color"));
}

/* The variable that says which characters there are, and its value; NULL: none does. */
static const char *locale_variable(const char **value)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        *value = getenv(names[i]);
        if (is_set(names[i]))
            return names[i];
    }
    *value = NULL;
    return NULL;
}

void doctor_locale(struct doctor_report *report, const struct doctor_context *context)
{
    static const char remedy[] = "export LC_ALL=C.UTF-8";
    const struct view_style style = screen_style(context->screen, context->common);
    const char *value, *variable = locale_variable(&value);
    if (context->screen->ascii)
        doctor_say(report, DOCTOR_WORKS, NULL, _("ASCII, by --ascii"));
    else if (style.ascii)
        doctor_say(report, DOCTOR_NOTE, remedy,
                   _("ASCII, for %s=%s is not UTF-8: lanes are drawn with | and -"), variable, value);
    else if (variable == NULL || strcasestr(value, "utf") == NULL)
        doctor_say(report, DOCTOR_NOTE, remedy,
                   _("the locale does not say which characters the terminal has (%s=%s): UTF-8 is assumed; "
                     "where ✓ and ┃ look "
                     "wrong, --ascii helps"),
                   variable != NULL ? variable : "LANG", variable != NULL ? value : "");
    else
        doctor_say(report, DOCTOR_WORKS, NULL, _("UTF-8, by %s=%s"), variable, value);
}

/* In a process of its own: it changes the language. */
void doctor_language(struct doctor_report *report, const struct doctor_context *context)
{
    const char *now = i18n_language();
    struct sd_err err = {0};
    char language[16];
    (void)context;
    snprintf(language, sizeof language, "%s", now);
    const int failed = i18n_use(CHINESE, &err);
    (void)i18n_use(language, NULL);
    if (failed == -ENOTSUP)
        doctor_say(report, DOCTOR_NOTE, "sudo apt-get install locales", "%s", err.text);
    else if (failed != 0)
        doctor_say(report, DOCTOR_NOTE, "sudo make install",
                   _("%s; the translation %s is not installed beside the program"), language, CHINESE);
    else
        doctor_say(report, DOCTOR_WORKS, NULL, _("%s; %s is there (--lang %s)"), language, CHINESE, CHINESE);
}

/* ---- programs ---- */

static const struct {
    const char *names[3]; /* any of them */
    enum doctor_verdict without;
    const char *meaning, *package;
} programs[] = {
    {{"python3"}, DOCTOR_FAILS, N_("exercises and programs of lessons are in Python"), "python3"},
    {{"cc", "gcc", "clang"},
     DOCTOR_NOTE,
     N_("exercises in C cannot be compiled; those in Python can"),
     "gcc libc6-dev"},
    {{"less", "more"}, DOCTOR_NOTE, N_("long texts of lessons are not shown page by page"), "less"},
};

static bool is_installed(const char *name)
{
    const char *path = getenv("PATH");
    char file[PATH_MAX];
    struct stat status;
    for (const char *at = path != NULL ? path : "/usr/bin:/bin"; *at != '\0'; at += *at == ':') {
        const size_t len = strcspn(at, ":");
        const int n = snprintf(file, sizeof file, "%.*s/%s", (int)len, at, name);
        at += len;
        if (n > 0 && (size_t)n < sizeof file && access(file, X_OK) == 0 && stat(file, &status) == 0 &&
            S_ISREG(status.st_mode))
            return true;
    }
    return false;
}

void doctor_programs(struct doctor_report *report, const struct doctor_context *context)
{
    char remedy[96];
    (void)context;
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
        bool found = false;
        for (size_t k = 0; k < sizeof programs[i].names / sizeof programs[i].names[0] && !found; k++)
            found = programs[i].names[k] != NULL && is_installed(programs[i].names[k]);
        if (found)
            continue;
        snprintf(remedy, sizeof remedy, "sudo apt-get install %s", programs[i].package);
        doctor_say(report, programs[i].without, remedy, _("there is no %s: %s"), programs[i].names[0],
                   _(programs[i].meaning));
    }
    if (report->count == 0)
        doctor_say(report, DOCTOR_WORKS, NULL, _("python3, a C compiler and a pager are there"));
}

/* ---- where lessons keep what is done ---- */

/* Of the folder itself, or of the nearest one above it that is there. */
static bool can_be_written(char *path)
{
    while (access(path, F_OK) != 0) {
        char *slash = strrchr(path, '/');
        if (slash == NULL || slash == path)
            return false;
        *slash = '\0';
    }
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode) && access(path, W_OK) == 0;
}

void doctor_state(struct doctor_report *report, const struct doctor_context *context)
{
    char path[PATH_MAX];
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    (void)context;
    if (is_set("XDG_STATE_HOME"))
        snprintf(path, sizeof path, "%s", state);
    else if (is_set("HOME"))
        snprintf(path, sizeof path, "%s/.local/state", home);
    else {
        doctor_say(report, DOCTOR_NOTE, "export HOME=…",
                   _("neither HOME nor XDG_STATE_HOME is set: which lessons are done is not kept"));
        return;
    }
    if (can_be_written(path))
        doctor_say(report, DOCTOR_WORKS, NULL, _("which lessons are done can be kept"));
    else
        doctor_say(report, DOCTOR_NOTE,
                   is_set("XDG_STATE_HOME") ? "export XDG_STATE_HOME=~/.local/state" : NULL,
                   _("%s cannot be written: which lessons are done is not kept"), path);
}
