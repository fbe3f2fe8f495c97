/* needs: src/lesson/progress.c src/lesson/folder.c src/base/err.c src/base/i18n.c src/base/io.c
 * src/base/clock.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lesson/folder.h"
#include "lesson/progress.h"

static char file[4200]; /* the state, below a folder of each test's own */

static int set_up(void **state)
{
    char *folder = NULL;
    struct sd_err err = {0};
    if (folder_make(&folder, &err) != 0 || setenv("XDG_STATE_HOME", folder, 1) != 0)
        return -1;
    snprintf(file, sizeof file, "%s/sockdiag/lessons/progress.json", folder);
    *state = folder;
    return 0;
}

static int tear_down(void **state)
{
    struct sd_err err = {0};
    const int failed = folder_remove(*state, &err);
    free(*state);
    return failed;
}

static struct progress *open_it(int expected)
{
    struct progress *p = NULL;
    struct sd_err err = {0};
    assert_int_equal(progress_open(&p, &err) != 0, expected != 0);
    assert_int_equal(err.code != 0, expected != 0);
    assert_non_null(p);
    return p;
}

static void notes(void **state)
{
    struct sd_err err = {0};
    (void)state;
    struct progress *p = open_it(0); /* nothing is there yet, and nothing is made by looking */
    assert_int_not_equal(access(file, F_OK), 0);
    assert_false(progress_has(p, "sticky", PROGRESS_READ));
    assert_int_equal(progress_note(p, "sticky", PROGRESS_READ, &err), 0);
    assert_true(progress_has(p, "sticky", PROGRESS_READ));
    progress_free(p);
    p = open_it(0);
    assert_true(progress_has(p, "sticky", PROGRESS_READ));
    assert_false(progress_has(p, "sticky", PROGRESS_EXERCISE));
    assert_false(progress_has(p, "split", PROGRESS_READ));
    assert_int_equal(progress_note(p, "sticky", PROGRESS_EXERCISE, &err), 0);
    assert_true(progress_has(p, "sticky", PROGRESS_READ));
    progress_free(p);
    char aside[4300];
    snprintf(aside, sizeof aside, "%s.new", file);
    assert_int_not_equal(access(aside, F_OK), 0); /* nothing is left of writing */
}

/* What another process noted between is not lost. */
static void two_at_once(void **state)
{
    struct sd_err err = {0};
    (void)state;
    struct progress *a = open_it(0), *b = open_it(0);
    assert_int_equal(progress_note(a, "sticky", PROGRESS_READ, &err), 0);
    assert_int_equal(progress_note(b, "split", PROGRESS_READ, &err), 0);
    progress_free(a);
    progress_free(b);
    a = open_it(0);
    assert_true(progress_has(a, "sticky", PROGRESS_READ) && progress_has(a, "split", PROGRESS_READ));
    progress_free(a);
}

static void write_text(const char *text)
{
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    assert_int_not_equal(fputs(text, out), EOF);
    assert_int_equal(fclose(out), 0);
}

/* A damaged state is said, taken for empty, and kept aside when there is something to write. */
static void damaged(void **state)
{
    static const char *const texts[] = {"", "{", "[]", "{\"lessons\": 7}", "{\"lessons\": {}} x", "\xff"};
    struct sd_err err = {0};
    char aside[4300];
    (void)state;
    snprintf(aside, sizeof aside, "%s.damaged", file);
    struct progress *p = open_it(0);
    assert_int_equal(progress_note(p, "first", PROGRESS_READ, &err), 0);
    progress_free(p);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        write_text(texts[i]);
        p = open_it(-1);
        assert_false(progress_has(p, "first", PROGRESS_READ));
        assert_int_equal(progress_note(p, "sticky", PROGRESS_READ, &err), 0);
        assert_int_equal(access(aside, F_OK), 0);
        progress_free(p);
        p = open_it(0);
        assert_true(progress_has(p, "sticky", PROGRESS_READ));
        progress_free(p);
    }
    write_text("{\"lessons\": {\"sticky\": 7, \"split\": {\"read\": 7}, \"nagle\": {\"read\": \"2026\"}}, "
               "\"more\": 1}");
    p = open_it(0);
    assert_false(progress_has(p, "sticky", PROGRESS_READ) || progress_has(p, "split", PROGRESS_READ));
    assert_true(progress_has(p, "nagle", PROGRESS_READ));
    assert_int_equal(progress_note(p, "sticky", PROGRESS_READ, &err), 0);
    assert_true(progress_has(p, "sticky", PROGRESS_READ));
    progress_free(p);
}

static void unwritable(void **state)
{
    struct sd_err err = {0};
    (void)state;
    assert_int_equal(setenv("XDG_STATE_HOME", "/proc/self", 1), 0);
    struct progress *p = open_it(0);
    assert_int_not_equal(progress_note(p, "sticky", PROGRESS_READ, &err), 0);
    assert_non_null(strstr(err.text, "/proc/self/sockdiag"));
    progress_free(p);
    assert_int_equal(setenv("XDG_STATE_HOME", "relative", 1), 0); /* invalid: as if it were not there */
    assert_int_equal(setenv("HOME", "/nowhere", 1), 0);
    p = open_it(0);
    assert_string_equal(progress_folder(p), "/nowhere/.local/state/sockdiag/lessons");
    progress_free(p);
    assert_int_equal(unsetenv("HOME"), 0);
    p = open_it(-1);
    assert_null(progress_folder(p));
    assert_int_not_equal(progress_note(p, "sticky", PROGRESS_READ, &err), 0);
    progress_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(notes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unwritable, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
