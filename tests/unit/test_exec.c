/* needs: src/base/exec.c src/base/i18n.c src/base/err.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "base/exec.h"

static void absent_program_is_not_found(void **state)
{
    (void)state;
    setenv("PATH", "/proc/1/root:/usr/bin::/bin", 1);
    assert_int_equal(exec_error("no-such-program-here", EACCES), ENOENT);
    assert_int_equal(exec_error("no-such-program-here", ENOENT), ENOENT);
}

static void present_file_is_not_executable(void **state)
{
    (void)state;
    setenv("PATH", "/nowhere:/etc", 1);
    assert_int_equal(exec_error("passwd", EACCES), EACCES);
    setenv("PATH", "/etc:/nowhere", 1);
    assert_int_equal(exec_error("passwd", EACCES), EACCES);
}

static void paths_and_other_errors_stay(void **state)
{
    (void)state;
    assert_int_equal(exec_error("./no-such-program-here", EACCES), EACCES);
    assert_int_equal(exec_error("sh", ENOEXEC), ENOEXEC);
    unsetenv("PATH");
    assert_int_equal(exec_error("no-such-program-here", EACCES), EACCES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_program_is_not_found),
        cmocka_unit_test(present_file_is_not_executable),
        cmocka_unit_test(paths_and_other_errors_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
