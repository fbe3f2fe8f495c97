/* needs: src/lesson/load.c src/lesson/load_steps.c src/lesson/markdown.c src/lesson/markdown_inline.c
 * src/lesson/markdown_layout.c src/lesson/facts.c src/lesson/facts_check.c src/lesson/number.c
 * src/lesson/folder.c src/base/arena.c src/base/buf.c src/base/text.c src/base/err.c src/base/i18n.c
 * src/base/io.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lesson/folder.h"
#include "lesson/lesson.h"

static char *parent; /* of the folders below */

static int make_parent(void **state)
{
    struct sd_err err = {0};
    (void)state;
    return folder_make(&parent, &err);
}

static int remove_parent(void **state)
{
    struct sd_err err = {0};
    (void)state;
    const int failed = folder_remove(parent, &err);
    free(parent);
    return failed;
}

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_not_equal(fputs(text, file), EOF);
    assert_int_equal(fclose(file), 0);
}

#define TEXT                                                                                                 \
    "# Sample\n\nAbout it.\n\n## Intro <!-- intro -->\n\n{n}\n\n## Q <!-- q -->\n\n- a) x\n- b) y\n\n"       \
    "## A <!-- why -->\n\n- a) no\n- c) no\n- else) no\n\n## Other <!-- other -->\n"

/* A folder "07-sample" with these steps. */
static int load(struct lesson **lesson, const char *steps, const char *language, struct sd_err *err)
{
    char folder[4096], exercise[4200];
    struct buf json = {0};
    snprintf(folder, sizeof folder, "%s/07-sample", parent);
    snprintf(exercise, sizeof exercise, "%s/exercise", folder);
    mkdir(folder, 0700);
    mkdir(exercise, 0700);
    buf_printf(&json, "{\"minutes\": 5, \"steps\": [%s]}", steps);
    write_file(folder, "lesson.json", buf_cstr(&json));
    write_file(folder, "lesson.md", TEXT);
    write_file(folder, "lesson.zh_CN.md", "# 例子\n\n关于它。\n\n## 引言 <!-- intro -->\n");
    write_file(exercise, "mend.py", "pass\n");
    buf_free(&json);
    *err = (struct sd_err){0};
    return lesson_load(lesson, folder, language, err);
}

#define ASK "{\"ask\": \"q\", \"choices\": [\"a\", \"b\"], \"right\": \"b\"}"
#define NUMBER                                                                                               \
    "{\"ask\": \"q\", \"number\": \"bytes\", \"right\": \"n\", \"wrong\": [[[\"=\", \"answer\", 1], "        \
    "\"c\"]]}"
#define ANSWER "{\"answer\": \"q\", \"say\": \"why\"}"
#define EXERCISE(more)                                                                                       \
    "{\"exercise\": \"other\", \"programs\": [\"mend.py\"], \"networks\": \"all\", \"run\": \"x\"" more "}"

static void whole(void **state)
{
    struct lesson *lesson = NULL;
    struct sd_err err = {0};
    (void)state;
    const int failed =
        load(&lesson,
             "{\"say\": \"intro\"}," ASK
             ",{\"run\": \"true\", \"status\": [0, 3], \"seconds\": 4, \"quiet\": true},"
             "{\"facts\": \"cat x\", \"take\": {\"n\": {\"where\": {\"n\": 1}, \"value\": \"n\"}}},"
             "{\"compute\": {\"m\": [\"+\", \"n\", 1]}},{\"expect\": [[\"=\", \"n\", 1]], \"otherwise\": "
             "\"other\"},"
             "{\"lanes\": \"cat x\", \"status\": 1}," ANSWER
             "," EXERCISE(", \"seconds\": 7, \"same\": [\"a\", \"b\"], \"hints\": [\"intro\"], \"facts\": "
                          "\"y\", \"take\": {\"z\": "
                          "{\"where\": {}, \"pick\": \"count\"}}, \"judge\": [{\"expect\": [[\"=\", \"z\", "
                          "0]], \"say\": \"why\"}]"),
             "", &err);
    if (failed != 0)
        fail_msg("%s", err.text);
    assert_int_equal(lesson->number, 7);
    assert_string_equal(lesson->name, "sample");
    assert_int_equal(lesson->minutes, 5);
    assert_int_equal(lesson->step_count, 9);
    const struct lesson_step *steps = lesson->steps;
    for (unsigned i = 0; i < 9; i++) {
        static const enum lesson_step_kind kinds[] = {LESSON_SAY,   LESSON_ASK,     LESSON_RUN,
                                                      LESSON_FACTS, LESSON_COMPUTE, LESSON_EXPECT,
                                                      LESSON_LANES, LESSON_ANSWER,  LESSON_EXERCISE};
        assert_int_equal(steps[i].kind, kinds[i]);
        assert_int_equal(steps[i].number, i + 1);
    }
    assert_string_equal(steps[1].ask.choices[1], "b");
    assert_string_equal(steps[1].ask.right_choice, "b");
    assert_int_equal(steps[2].run.seconds, 4);
    assert_true(steps[2].run.quiet);
    assert_int_equal(json_array_size(steps[2].run.status), 2);
    assert_int_equal(json_integer_value(json_array_get(steps[6].lanes.status, 0)), 1);
    assert_ptr_equal(steps[7].answer.ask, &steps[1].ask);
    const struct lesson_exercise *e = lesson_exercise_of(lesson);
    assert_ptr_equal(e, &steps[8].exercise);
    assert_null(e->networks);
    assert_int_equal(e->seconds, 7);
    assert_string_equal(e->same[1], "b");
    assert_string_equal(e->judges[0].section, "why");
    assert_string_equal(e->hints[0], "intro");
    lesson_free(lesson);
}

static void languages(void **state)
{
    static const struct {
        const char *language, *title;
    } cases[] = {{"", "Sample"},
                 {"en", "Sample"},
                 {"zh_CN", "例子"},
                 {"de", "Sample"},
                 {"../07-sample/lesson.zh_CN", "Sample"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct lesson *lesson = NULL;
        struct sd_err err = {0};
        assert_int_equal(load(&lesson, "{\"say\": \"intro\"}", cases[i].language, &err), 0);
        assert_string_equal(markdown_title(lesson->text), cases[i].title);
        lesson_free(lesson);
    }
}

/* A lesson's steps, and what is said of the mistake in them. */
static const struct {
    const char *steps, *part;
} mistaken[] = {
    {"", "\"steps\" is a list"},
    {"7", "step 1 (?)"},
    {"{\"do\": 1}", "step 1 (do): no step does this"},
    {"{\"say\": \"none\"}", "07-sample/lesson.md has no section 'none'"},
    {"{\"say\": \"intro\", \"loud\": true}", "there is no \"loud\" in such a step"},
    {"{\"say\": \"intro\"},{\"say\": 7}", "step 2 (say): \"say\" is a text"},
    {ASK, "step 1 (ask): no step answers it"},
    {ASK "," ASK "," ANSWER, "step 2 (ask): section q is asked twice"},
    {ASK "," ANSWER "," ANSWER, "step 3 (answer): 'q' is answered twice"},
    {ANSWER, "no step before this one asks 'q'"},
    {"{\"ask\": \"q\", \"choices\": [\"a\", \"b\"], \"right\": \"z\"}," ANSWER,
     "\"right\" is one of the choices"},
    {"{\"ask\": \"q\", \"choices\": [\"a\", \"c\"], \"right\": \"a\"}," ANSWER,
     "section q has no item '- c) …'"},
    {"{\"ask\": \"q\", \"choices\": [\"a\", \"b\"], \"right\": \"a\"}," ANSWER,
     "section why has no item '- b) …'"},
    {"{\"ask\": \"q\", \"choices\": [], \"right\": \"a\"}," ANSWER, "\"choices\" is a list of texts"},
    {"{\"ask\": \"q\", \"number\": \"bytes\"}," ANSWER, "\"right\": an expression is missing"},
    {"{\"ask\": \"q\", \"number\": \"bytes\", \"right\": 1, \"near\": -1}," ANSWER, "\"near\" is a number"},
    {"{\"ask\": \"q\", \"number\": \"bytes\", \"right\": 1, \"wrong\": [[[\"=\", 1, 1], \"z\"]]}," ANSWER,
     "no item '- z) …'"},
    {"{\"ask\": \"q\", \"number\": \"bytes\", \"right\": 1, \"wrong\": [1]}," ANSWER, "\"wrong\" is"},
    {NUMBER ",{\"answer\": \"q\", \"say\": \"intro\"}", "section intro has no item '- c) …'"},
    {"{\"ask\": \"q\", \"number\": \"bytes\", \"right\": 1},{\"answer\": \"q\", \"say\": \"intro\"}",
     "'- else) …'"},
    {"{\"ask\": \"q\", \"number\": \"bytes\", \"right\": 1, \"hint\": \"none\"}," ANSWER,
     "no section 'none'"},
    {"{\"run\": \"\"}", "\"run\" is a text"},
    {"{\"run\": \"x\", \"seconds\": 0}", "\"seconds\" is a number from 1"},
    {"{\"run\": \"x\", \"status\": \"0\"}", "\"status\" is a number"},
    {"{\"run\": \"x\", \"status\": []}", "\"status\" is a number"},
    {"{\"run\": \"x\", \"quiet\": 1}", "\"quiet\" is true or false"},
    {"{\"facts\": \"x\"}", "\"take\" is"},
    {"{\"facts\": \"x\", \"take\": {\"Big\": {}}}", "'Big' is no name of a fact"},
    {"{\"facts\": \"x\", \"take\": {\"answer\": {}}}", "'answer' is no name of a fact"},
    {"{\"facts\": \"x\", \"take\": {\"n\": {}}}", "step 1 (facts): \"n\": a take needs"},
    {"{\"compute\": {\"n\": [\"pow\", 1, 2]}}", "\"n\": there is no operation \"pow\""},
    {"{\"compute\": {}}", "\"compute\" is"},
    {"{\"expect\": [], \"otherwise\": \"other\"}", "\"expect\" is a list"},
    {"{\"expect\": [[\"~\", 1, 1]], \"otherwise\": \"other\"}", "there is no condition \"~\""},
    {"{\"expect\": [[\"=\", 1, 1]]}", "\"otherwise\" is a text"},
    {"{\"lanes\": 1}", "\"lanes\" is a text"},
    {EXERCISE("") "," EXERCISE(""), "step 2 (exercise): a lesson has one exercise"},
    {EXERCISE(", \"same\": [\"a\"]"), "\"same\" is the names of two files"},
    {EXERCISE(", \"judge\": []"), "\"judge\" is"},
    {EXERCISE(", \"judge\": [{\"expect\": [[\"=\", 1, 1]]}]"), "has no section '?'"},
    {EXERCISE(", \"hints\": [\"none\"]"), "has no section 'none'"},
    {"{\"exercise\": \"other\", \"programs\": [\"none.py\"], \"networks\": \"all\", \"run\": \"x\"}",
     "no file exercise/none.py"},
    {"{\"exercise\": \"other\", \"programs\": [\"../lesson.md\"], \"networks\": \"all\", \"run\": \"x\"}",
     "no file exercise/../"},
    {"{\"exercise\": \"other\", \"programs\": [\"mend.py\"], \"networks\": \"none\", \"run\": \"x\"}",
     "\"networks\" is a list"},
};

/* Each mistake is named, with the file and the step. */
static void mistakes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mistaken / sizeof mistaken[0]; i++) {
        struct lesson *lesson = NULL;
        struct sd_err err = {0};
        assert_int_not_equal(load(&lesson, mistaken[i].steps, "", &err), 0);
        assert_null(lesson);
        if (strstr(err.text, mistaken[i].part) == NULL || strstr(err.text, "07-sample/lesson.json") == NULL)
            fail_msg("%s: '%s' does not speak of '%s'", mistaken[i].steps, err.text, mistaken[i].part);
    }
}

static void broken_files(void **state)
{
    struct lesson *lesson = NULL;
    struct sd_err err = {0};
    char folder[4096], path[4200];
    (void)state;
    assert_int_equal(load(&lesson, "{\"say\": \"intro\"}", "", &err), 0);
    lesson_free(lesson);
    snprintf(folder, sizeof folder, "%s/07-sample", parent);
    write_file(folder, "lesson.json", "{\"minutes\": 5,\n \"steps\": [}");
    assert_int_not_equal(lesson_load(&lesson, folder, "", &err), 0);
    assert_non_null(strstr(err.text, "lesson.json:2:"));
    write_file(folder, "lesson.json", "{\"steps\": []}");
    assert_int_not_equal(lesson_load(&lesson, folder, "", &err), 0);
    assert_non_null(strstr(err.text, "minutes"));
    snprintf(path, sizeof path, "%s/lesson.md", folder);
    assert_int_equal(remove(path), 0);
    assert_int_not_equal(lesson_load(&lesson, folder, "", &err), 0);
    assert_non_null(strstr(err.text, "lesson.md"));
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_not_equal(lesson_load(&lesson, folder, "", &err), 0);
    assert_int_not_equal(lesson_load(&lesson, parent, "", &err), 0);
    assert_non_null(strstr(err.text, "NN-name"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole),
        cmocka_unit_test(languages),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(broken_files),
    };
    return cmocka_run_group_tests(tests, make_parent, remove_parent);
}
