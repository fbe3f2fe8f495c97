/* needs: src/base/err.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

static void fills_and_returns(void **state)
{
    (void)state;
    struct sd_err err = {0};
    assert_int_equal(sd_fail(&err, EINVAL, "no rule '%s'", "data:"), -EINVAL);
    assert_int_equal(err.code, EINVAL);
    assert_string_equal(err.text, "no rule 'data:'");
    assert_int_equal(sd_fail_errno(&err, ENOENT, "cannot open %s", "f.pcapng"), -ENOENT);
    assert_string_equal(err.text, "cannot open f.pcapng: No such file or directory");
}

/* Who does not want the text passes NULL and still gets the code. */
static void without_text(void **state)
{
    (void)state;
    assert_int_equal(sd_fail(NULL, EIO, "%d", 1), -EIO);
    assert_int_equal(sd_fail_errno(NULL, EIO, "%d", 1), -EIO);
}

/* A text longer than the field is cut, and stays a string: also where the errno's text no longer fits. */
static void long_text_is_cut(void **state)
{
    (void)state;
    struct sd_err err;
    for (int len = (int)sizeof err.text - 30; len < (int)sizeof err.text + 30; len++) {
        memset(&err, 'x', sizeof err);
        assert_int_equal(sd_fail_errno(&err, ENOENT, "%0*d", len, 1), -ENOENT);
        assert_true(strlen(err.text) < sizeof err.text);
        assert_int_equal(err.text[0], '0');
    }
}

static void cut_between_characters(void **state)
{
    (void)state;
    struct sd_err err;
    const char *sign = "\xe5\xad\x97"; /* a Chinese character */
    for (int len = (int)sizeof err.text - 8; len < (int)sizeof err.text + 2; len++) {
        sd_fail(&err, EINVAL, "%0*d%s", len, 1, sign);
        const size_t whole = (size_t)len + 3 < sizeof err.text ? 3 : 0;
        const size_t digits = (size_t)len < sizeof err.text ? (size_t)len : sizeof err.text - 1;
        assert_int_equal(strlen(err.text), digits + whole);
        assert_string_equal(err.text + digits, whole > 0 ? sign : "");
    }
}

static void texts_of_errno(void **state)
{
    (void)state;
    for (int code = 0; code < 140; code++) {
        char *text = strdup(strerror(code)); /* the next call of strerror(3) may free it */
        assert_non_null(text);
        assert_string_equal(sd_errno_text(code), text);
        free(text);
    }
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(sd_errno_name(ECONNRESET), "ECONNRESET");
    assert_string_equal(sd_errno_name(EAGAIN), "EAGAIN");
    assert_string_equal(sd_errno_name(12345), "E?");
    assert_string_equal(sd_errno_name(-1), "E?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_and_returns), cmocka_unit_test(without_text),
        cmocka_unit_test(long_text_is_cut),  cmocka_unit_test(cut_between_characters),
        cmocka_unit_test(texts_of_errno),    cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
