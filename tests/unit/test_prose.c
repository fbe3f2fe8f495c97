/* needs: src/view/prose.c src/base/buf.c src/base/text.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "view/prose.h"

static void expect(const char *text, unsigned at, unsigned indent, unsigned columns, const char *wanted)
{
    struct buf out = {0};
    prose_wrap(&out, text, at, indent, columns);
    assert_string_equal(buf_cstr(&out), wanted);
    buf_free(&out);
}

static void words(void **state)
{
    (void)state;
    expect("", 0, 0, 10, "\n");
    expect("one two  three", 0, 2, 9, "one two\n  three\n");
    expect("one two", 6, 2, 9, "one\n  two\n");
    expect("a --long-option/with-signs b", 0, 0, 28, "a --long-option/with-signs b\n");
    expect("a --long-option/with-signs b", 0, 0, 25, "a\n--long-option/with-signs\nb\n");
    expect("abcdefghij", 0, 1, 4, "abcd\n efg\n hij\n");
}

/* Ideographs take two columns, and a line may end between any two of them; but it does not begin with a comma
 * or a closing bracket, nor end with an opening one. */
static void ideographs(void **state)
{
    (void)state;
    expect("一二三四五", 0, 0, 6, "一二三\n四五\n");
    expect("一二三四五", 0, 0, 7, "一二三\n四五\n");
    expect("一二，三", 0, 0, 4, "一\n二，\n三\n");
    expect("一（二）三", 0, 0, 6, "一\n（二）\n三\n");
    expect("一二（三）", 0, 0, 6, "一二\n（三）\n");
    expect("一二 abc 三四", 0, 2, 8, "一二 abc\n  三四\n");
    expect("一二abc三四", 0, 0, 7, "一二abc\n三四\n");
    expect("一二--json三", 0, 0, 8, "一\n二--json\n三\n");
}

static void not_even_a_character_fits(void **state)
{
    (void)state;
    expect("一二", 0, 0, 1, "一\n二\n");
    expect("\xff\xfe", 0, 0, 1, "\xff\n\xfe\n");
}

/* Whatever the text, all of it is there, and no line is wider than it must be. */
static void nothing_is_lost(void **state)
{
    static const char text[] = "TCP 流没有消息。一次 send()、五次 recv()（“粘包”）：a b,c\u202f1\u00a0234 …x";
    (void)state;
    for (unsigned columns = 8; columns < 80; columns++) {
        struct buf out = {0};
        prose_wrap(&out, text, 0, 0, columns);
        const char *line = buf_cstr(&out), *from = text;
        for (; *line != '\0'; line++) {
            if (*line == '\n' || *line == ' ')
                continue;
            while (*from == ' ')
                from++;
            assert_int_equal(*line, *from);
            from++;
        }
        assert_int_equal(*from, '\0');
        for (line = buf_cstr(&out); *line != '\0'; line += strcspn(line, "\n") + 1)
            assert_true(text_width(line, strcspn(line, "\n")) <= columns);
        buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),
        cmocka_unit_test(ideographs),
        cmocka_unit_test(not_even_a_character_fits),
        cmocka_unit_test(nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
