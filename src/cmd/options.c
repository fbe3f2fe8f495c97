#include "cmd/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/i18n.h"
#include "base/text.h"
#include "view/prose.h"

/* The parse of one command line: the command's rows and the common ones, in one array. */
#define MAX_ROWS 48

struct parse {
    struct option_row rows[MAX_ROWS];
    size_t row_count;
    int argc;
    char **argv;
    int at;
    struct sd_err *err;
};

static int set_color(void *target, const char *argument, struct sd_err *err)
{
    static const char *const words[] = {"auto", "always", "never"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(argument, words[i]) == 0) {
            *(const char **)target = words[i];
            return 0;
        }
    }
    return sd_fail(err, EINVAL, "--color takes auto, always or never, not '%s'", argument);
}

static int set_language(void *target, const char *argument, struct sd_err *err)
{
    (void)target;
    return i18n_use(argument, err);
}

static int set_json(void *target, const char *argument, struct sd_err *err)
{
    (void)argument;
    (void)err;
    *(bool *)target = true;
    i18n_off();
    return 0;
}

static void gather_rows(struct parse *p, const struct option_row *rows, size_t row_count,
                        struct options_common *common)
{
    const struct option_row common_rows[] = {
        {0, "json", NULL, N_("one JSON object a line on stdout"), OPTION_CUSTOM, &common->json, 0, 0,
         set_json, NULL},
        {0, "color", N_("WHEN"), N_("auto, always or never"), OPTION_CUSTOM, &common->color, 0, 0, set_color,
         NULL},
        {0, "lang", N_("CODE"), N_("the language of messages: en, zh_CN"), OPTION_CUSTOM, NULL, 0, 0,
         set_language, NULL},
        {'q', "quiet", NULL, N_("say less"), OPTION_FLAG, &common->quiet, 0, 0, NULL, NULL},
        {'v', "verbose", NULL, N_("say more"), OPTION_FLAG, &common->verbose, 0, 0, NULL, NULL},
        {'h', "help", NULL, N_("this text"), OPTION_FLAG, &common->help, 0, 0, NULL, NULL},
    };
    const size_t commons = sizeof common_rows / sizeof common_rows[0];
    for (size_t i = 0; i < row_count && p->row_count < MAX_ROWS - commons; i++)
        p->rows[p->row_count++] = rows[i];
    for (size_t i = common->no_json ? 1 : 0; i < commons; i++)
        p->rows[p->row_count++] = common_rows[i];
}

static int parse_number(const struct option_row *row, const char *text, struct sd_err *err)
{
    char *end = NULL;
    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0)
        return sd_fail(err, EINVAL, "--%s takes a whole number, not '%s'", row->name, text);
    if (value < row->min || (row->max != 0 && value > row->max)) {
        if (row->max == 0)
            return sd_fail(err, EINVAL, "--%s takes a number from %" PRIu64 " on, not %s", row->name,
                           row->min, text);
        return sd_fail(err, EINVAL, "--%s takes a number from %" PRIu64 " to %" PRIu64 ", not %s", row->name,
                       row->min, row->max, text);
    }
    *(uint64_t *)row->target = value;
    return 0;
}

static int apply(const struct option_row *row, const char *argument, struct sd_err *err)
{
    switch (row->kind) {
    case OPTION_FLAG:
        *(bool *)row->target = true;
        return 0;
    case OPTION_TEXT:
        *(const char **)row->target = argument;
        return 0;
    case OPTION_NUMBER:
        return parse_number(row, argument, err);
    case OPTION_CUSTOM:
        return row->parse(row->target, argument, err);
    }
    return 0;
}

static int unknown_option(const struct parse *p, const char *word, size_t len)
{
    char name[40];
    snprintf(name, sizeof name, "%.*s", (int)(len < 39 ? len : 39), word);
    const char *nearest = NULL;
    size_t best = 4;
    for (size_t i = 0; i < p->row_count; i++) {
        size_t d = text_distance(name, strlen(name), p->rows[i].name);
        if (d < best && d < strlen(name)) {
            best = d;
            nearest = p->rows[i].name;
        }
    }
    if (nearest != NULL)
        return sd_fail(p->err, EINVAL, "there is no option --%s; did you mean --%s?", name, nearest);
    return sd_fail(p->err, EINVAL, "there is no option --%s", name);
}

/* The argument that an option takes from the next word, or NULL where the word is not for it. */
static const char *next_word(struct parse *p, const struct option_row *row)
{
    if (p->at + 1 >= p->argc)
        return NULL;
    const char *word = p->argv[p->at + 1];
    if (row->argument[0] == '[' && (row->accepts == NULL || !row->accepts(word)))
        return NULL;
    p->at++;
    return word;
}

static int take_argument(struct parse *p, const struct option_row *row, const char *attached)
{
    const char *argument = attached != NULL ? attached : next_word(p, row);
    if (argument == NULL && row->argument[0] != '[')
        return sd_fail(p->err, EINVAL, "--%s needs an argument (%s)", row->name, _(row->argument));
    return apply(row, argument, p->err);
}

static int parse_long(struct parse *p, const char *word)
{
    const char *equals = strchr(word, '=');
    size_t len = equals != NULL ? (size_t)(equals - word) : strlen(word);
    for (size_t i = 0; i < p->row_count; i++) {
        const struct option_row *row = &p->rows[i];
        if (strlen(row->name) != len || strncmp(row->name, word, len) != 0)
            continue;
        if (row->argument == NULL && equals != NULL)
            return sd_fail(p->err, EINVAL, "--%s takes no argument", row->name);
        return row->argument == NULL ? apply(row, NULL, p->err)
                                     : take_argument(p, row, equals != NULL ? equals + 1 : NULL);
    }
    return unknown_option(p, word, len);
}

static const struct option_row *find_letter(const struct parse *p, char letter)
{
    for (size_t i = 0; i < p->row_count; i++) {
        if (p->rows[i].letter == letter)
            return &p->rows[i];
    }
    return NULL;
}

static int parse_letters(struct parse *p, const char *letters)
{
    for (; *letters != '\0'; letters++) {
        const struct option_row *row = find_letter(p, *letters);
        if (row == NULL)
            return sd_fail(p->err, EINVAL, "there is no option -%c", *letters);
        if (row->argument != NULL)
            return take_argument(p, row, letters[1] != '\0' ? letters + 1 : NULL);
        int failed = apply(row, NULL, p->err);
        if (failed != 0)
            return failed;
    }
    return 0;
}

/* Move the word at `from` down to `to`, keeping the order of the others. */
static void move_word(char **argv, int from, int to)
{
    char *word = argv[from];
    memmove(argv + to + 1, argv + to, (size_t)(from - to) * sizeof *argv);
    argv[to] = word;
}

int options_parse(int argc, char **argv, const struct option_row *rows, size_t row_count,
                  struct options_common *common, bool stop_at_operand, int *first_operand, struct sd_err *err)
{
    struct parse p = {.argc = argc, .argv = argv, .at = 1, .err = err};
    if (common->color == NULL)
        common->color = "auto";
    gather_rows(&p, rows, row_count, common);
    int operands = 1; /* words before this index are options and their arguments */
    while (p.at < argc) {
        const char *word = argv[p.at];
        int begin = p.at, failed = 0;
        if (strcmp(word, "--") == 0) {
            move_word(argv, p.at, operands++);
            break;
        }
        if (word[0] != '-' || word[1] == '\0') {
            if (stop_at_operand)
                break;
            p.at++;
            continue;
        }
        failed = word[1] == '-' ? parse_long(&p, word + 2) : parse_letters(&p, word + 1);
        if (failed != 0)
            return failed;
        for (; begin <= p.at; begin++)
            move_word(argv, begin, operands++);
        p.at++;
    }
    *first_operand = operands;
    return 0;
}

/* ---- help ---- */

#define HELP_COLUMNS 80 /* what every terminal has */
#define EXAMPLE_COLUMNS 40
#define OPTION_COLUMNS 26
#define NOTE_COLUMNS 27

/* "  left  right", the right side wrapped in its own column, which begins below a left side that is wider
 * than `width`. */
static void put_pair(struct buf *out, const char *left, const char *right, unsigned width)
{
    const unsigned have = (unsigned)text_width(left, strlen(left)), column = width + 3;
    buf_printf(out, "  %s", left);
    if (right[0] == '\0') {
        buf_char(out, '\n');
        return;
    }
    if (have > width)
        buf_char(out, '\n');
    buf_printf(out, "%*s", (int)(have > width ? column : column - have - 2), "");
    prose_wrap(out, right, column, column, HELP_COLUMNS);
}

/* Each line of `lines`: a pair where it has a tab, otherwise a paragraph. */
static void put_lines(struct buf *out, const char *lines, unsigned width)
{
    while (*lines != '\0') {
        const size_t len = strcspn(lines, "\n");
        char *line = strndup(lines, len);
        char *tab = line != NULL ? strchr(line, '\t') : NULL;
        if (line == NULL)
            out->failed = true;
        else if (tab != NULL) {
            *tab = '\0';
            put_pair(out, line, tab + 1, width);
        } else
            prose_wrap(out, line, 0, 0, HELP_COLUMNS);
        free(line);
        lines += len;
        lines += *lines == '\n';
    }
}

static void put_usage(struct buf *out, const char *usage)
{
    usage = _(usage);
    while (*usage != '\0') {
        const size_t len = strcspn(usage, "\n");
        buf_printf(out, "  sockdiag %.*s\n", (int)len, usage);
        usage += len;
        usage += *usage == '\n';
    }
}

static void put_row(struct buf *out, const struct option_row *row)
{
    char left[96];
    char letter[8] = "    ";
    if (row->letter != 0)
        snprintf(letter, sizeof letter, "-%c, ", row->letter);
    snprintf(left, sizeof left, "%s--%s%s%s", letter, row->name, row->argument != NULL ? " " : "",
             row->argument != NULL ? _(row->argument) : "");
    put_pair(out, left, _(row->help), OPTION_COLUMNS);
}

void options_help(const struct command_help *help, const struct option_row *rows, size_t row_count)
{
    struct options_common unused = {.no_json = help->no_json};
    struct parse p = {.argc = 0};
    struct buf out = {0};
    gather_rows(&p, rows, row_count, &unused);
    buf_printf(&out, "sockdiag %s: ", help->name);
    prose_wrap(&out, _(help->summary), (unsigned)out.len, 2, HELP_COLUMNS);
    buf_printf(&out, "\n%s\n", _("Examples:"));
    put_lines(&out, _(help->examples), EXAMPLE_COLUMNS);
    buf_printf(&out, "\n%s\n", _("Usage:"));
    put_usage(&out, help->usage);
    buf_printf(&out, "\n%s\n", _("Options:"));
    for (size_t i = 0; i < p.row_count; i++)
        put_row(&out, &p.rows[i]);
    if (help->notes != NULL) {
        buf_char(&out, '\n');
        put_lines(&out, _(help->notes), NOTE_COLUMNS);
    }
    fputs(out.failed ? _("out of memory\n") : buf_cstr(&out), stdout);
    buf_free(&out);
}
