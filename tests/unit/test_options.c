/* needs: src/cmd/options.c src/base/buf.c src/base/err.c src/base/text.c src/view/prose.c src/base/i18n.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "cmd/options.h"

/* One command line's result. The table has a row of each kind. */
struct target {
    bool ascii;
    const char *output;
    uint64_t mtu, count;
    const char *drop;
    unsigned drops;
    struct options_common common;
    struct sd_err err;
    char *argv[16];
    int argc, first;
};

static int take_drop(void *target, const char *argument, struct sd_err *err)
{
    struct target *t = target;
    if (argument != NULL && strcmp(argument, "bad") == 0)
        return sd_fail(err, EINVAL, "a bad rule");
    t->drop = argument;
    t->drops++;
    return 0;
}

static bool looks_like_rule(const char *word)
{
    return strchr(word, ':') != NULL || strchr(word, '%') != NULL;
}

/* Parse "WORD WORD …" (the words after the command's name). */
static int parse_words(struct target *t, const char *line, char *space, bool stop)
{
    const struct option_row rows[] = {
        {0, "ascii", NULL, "plain", OPTION_FLAG, &t->ascii, 0, 0, NULL, NULL},
        {'o', "output", "FILE", "file", OPTION_TEXT, &t->output, 0, 0, NULL, NULL},
        {0, "mtu", "N", "bytes", OPTION_NUMBER, &t->mtu, 68, 65535, NULL, NULL},
        {'c', "count", "N", "how many", OPTION_NUMBER, &t->count, 1, 0, NULL, NULL},
        {'d', "drop", "[SPEC]", "rule", OPTION_CUSTOM, t, 0, 0, take_drop, looks_like_rule},
    };
    *t = (struct target){.argc = 1};
    t->argv[0] = (char *)(uintptr_t) "demo";
    strcpy(space, line);
    for (char *word = strtok(space, " "); word != NULL; word = strtok(NULL, " "))
        t->argv[t->argc++] = word;
    return options_parse(t->argc, t->argv, rows, sizeof rows / sizeof rows[0], &t->common, stop, &t->first,
                         &t->err);
}

#define PARSE(t, line) parse_words(t, line, (char[200]){0}, false)
#define PARSE_STOP(t, line) parse_words(t, line, (char[200]){0}, true)

static void expect_operands(const struct target *t, const char *joined)
{
    char text[200] = "";
    for (int i = t->first; i < t->argc; i++) {
        strcat(text, i > t->first ? " " : "");
        strcat(text, t->argv[i]);
    }
    assert_string_equal(text, joined);
}

static void no_options(void **state)
{
    (void)state;
    struct target t;
    assert_int_equal(PARSE(&t, ""), 0);
    assert_int_equal(t.first, 1);
    assert_string_equal(t.common.color, "auto");
    assert_false(t.common.json || t.common.quiet || t.common.verbose || t.common.help);
}

static void forms(void **state)
{
    (void)state;
    struct target t;
    assert_int_equal(PARSE(&t, "--ascii --output f --mtu=576"), 0);
    assert_true(t.ascii && t.mtu == 576);
    assert_string_equal(t.output, "f");
    assert_int_equal(PARSE(&t, "--output= -c7"), 0);
    assert_string_equal(t.output, "");
    assert_int_equal(t.count, 7);
    assert_int_equal(PARSE(&t, "-o --ascii"), 0); /* the argument is the next word, whatever it looks like */
    assert_string_equal(t.output, "--ascii");
    assert_false(t.ascii);
    assert_int_equal(PARSE(&t, "--mtu 576 --mtu 1280"), 0);
    assert_int_equal(t.mtu, 1280);
}

static void grouped_letters(void **state)
{
    (void)state;
    struct target t;
    assert_int_equal(PARSE(&t, "-qv"), 0);
    assert_true(t.common.quiet && t.common.verbose);
    assert_int_equal(PARSE(&t, "-vof.pcapng"), 0);
    assert_true(t.common.verbose);
    assert_string_equal(t.output, "f.pcapng");
    assert_int_equal(PARSE(&t, "-qo f x"), 0);
    assert_string_equal(t.output, "f");
    expect_operands(&t, "x");
    assert_int_equal(PARSE(&t, "-qZ"), -EINVAL);
    assert_string_equal(t.err.text, "there is no option -Z");
}

/* Operands go to the end in their order; a lone dash is one. */
static void operands_move(void **state)
{
    (void)state;
    struct target t;
    assert_int_equal(PARSE(&t, "a --mtu 576 b -q - c --ascii"), 0);
    assert_true(t.mtu == 576 && t.common.quiet && t.ascii);
    expect_operands(&t, "a b - c");
    assert_int_equal(PARSE(&t, "a b"), 0);
    expect_operands(&t, "a b");
}

/* After "--" everything is an operand; the "--" itself is none. */
static void double_dash(void **state)
{
    (void)state;
    struct target t;
    assert_int_equal(PARSE(&t, "-q -- --ascii -v"), 0);
    assert_true(t.common.quiet && !t.ascii && !t.common.verbose);
    expect_operands(&t, "--ascii -v");
    assert_int_equal(PARSE(&t, "a -- -q -- b"), 0);
    assert_false(t.common.quiet);
    expect_operands(&t, "a -q -- b");
    assert_int_equal(PARSE(&t, "--"), 0);
    expect_operands(&t, "");
}

/* A command that runs a command: options end where that begins. */
static void stops_at_operand(void **state)
{
    (void)state;
    struct target t;
    assert_int_equal(PARSE_STOP(&t, "-q curl -v --ascii"), 0);
    assert_true(t.common.quiet && !t.common.verbose && !t.ascii);
    expect_operands(&t, "curl -v --ascii");
    assert_int_equal(PARSE_STOP(&t, "-q -- curl -v"), 0);
    assert_false(t.common.verbose);
    expect_operands(&t, "curl -v");
}

static void optional_argument(void **state)
{
    (void)state;
    struct target t;
    assert_int_equal(PARSE(&t, "--drop data:3 file"), 0);
    assert_string_equal(t.drop, "data:3");
    expect_operands(&t, "file");
    assert_int_equal(PARSE(&t, "--drop file"), 0);
    assert_true(t.drops == 1 && t.drop == NULL);
    expect_operands(&t, "file");
    assert_int_equal(PARSE(&t, "--drop=file -d --drop"), 0);
    assert_true(t.drops == 3 && t.drop == NULL);
    assert_int_equal(PARSE(&t, "-d2%"), 0);
    assert_string_equal(t.drop, "2%");
    assert_int_equal(PARSE(&t, "--drop=bad"), -EINVAL);
    assert_string_equal(t.err.text, "a bad rule");
}

static void numbers(void **state)
{
    (void)state;
    struct target t;
    assert_int_equal(PARSE(&t, "--mtu 68"), 0);
    assert_int_equal(PARSE(&t, "--mtu 65535"), 0);
    static const char *const wrong[] = {"--mtu 67",   "--mtu 65536", "--mtu -1",
                                        "--mtu +70",  "--mtu 576x",  "--mtu=",
                                        "--mtu 0x90", "--mtu many",  "--mtu 99999999999999999999",
                                        "--count 0",  "-c 1e3"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(PARSE(&t, wrong[i]), -EINVAL);
        assert_int_equal(t.err.code, EINVAL);
        assert_int_equal(t.mtu, 0);
    }
    assert_int_equal(PARSE(&t, "--mtu 67"), -EINVAL);
    assert_string_equal(t.err.text, "--mtu takes a number from 68 to 65535, not 67");
    assert_int_equal(PARSE(&t, "--count 0"), -EINVAL);
    assert_string_equal(t.err.text, "--count takes a number from 1 on, not 0");
    assert_int_equal(PARSE(&t, "--count 18446744073709551615"), 0);
    assert_true(t.count == UINT64_MAX);
}

static void unknown(void **state)
{
    (void)state;
    struct target t;
    assert_int_equal(PARSE(&t, "--outptu f"), -EINVAL);
    assert_string_equal(t.err.text, "there is no option --outptu; did you mean --output?");
    assert_int_equal(PARSE(&t, "--jso=1"), -EINVAL);
    assert_string_equal(t.err.text, "there is no option --jso; did you mean --json?");
    assert_int_equal(PARSE(&t, "--something-else"), -EINVAL);
    assert_string_equal(t.err.text, "there is no option --something-else");
    assert_int_equal(PARSE(&t, "--out f"),
                     -EINVAL); /* no abbreviations: a later option would change their meaning */
    assert_int_equal(PARSE(&t, "-x"), -EINVAL);
    assert_string_equal(t.err.text, "there is no option -x");
}

static void wrong_arguments(void **state)
{
    (void)state;
    struct target t;
    assert_int_equal(PARSE(&t, "--output"), -EINVAL);
    assert_string_equal(t.err.text, "--output needs an argument (FILE)");
    assert_int_equal(PARSE(&t, "-o"), -EINVAL);
    assert_int_equal(PARSE(&t, "--ascii=1"), -EINVAL);
    assert_string_equal(t.err.text, "--ascii takes no argument");
    assert_int_equal(PARSE(&t, "--color sometimes"), -EINVAL);
    assert_string_equal(t.err.text, "--color takes auto, always or never, not 'sometimes'");
    assert_int_equal(PARSE(&t, "--color never"), 0);
    assert_string_equal(t.common.color, "never");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_options),        cmocka_unit_test(forms),
        cmocka_unit_test(grouped_letters),   cmocka_unit_test(operands_move),
        cmocka_unit_test(double_dash),       cmocka_unit_test(stops_at_operand),
        cmocka_unit_test(optional_argument), cmocka_unit_test(numbers),
        cmocka_unit_test(unknown),           cmocka_unit_test(wrong_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
