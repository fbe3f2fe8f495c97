/* needs: src/view/columns.c src/view/prose.c src/base/buf.c src/base/text.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "view/columns.h"

static const struct columns_head words_last[] = {
    {"#", "#", true, 0},
    {"send()", "send()", false, 0},
    {"outcome", "outcome", false, 0},
};

static const struct columns_head number_last[] = {
    {"who", "who", false, 0},
    {"bytes", "bytes", true, 0},
};

static void expect(const struct columns_head *heads, size_t count, const struct view_style *style,
                   const char *const *cells, size_t rows, const char *wanted)
{
    struct columns table;
    struct buf out = {0};
    columns_init(&table, heads, count, style);
    for (size_t r = 0; r < rows; r++) {
        char(*row)[COLUMNS_CELL] = columns_add(&table);
        assert_non_null(row);
        for (size_t c = 0; c < count; c++)
            strcpy(row[c], cells[r * count + c]);
    }
    columns_print(&table, &out);
    columns_fini(&table);
    assert_string_equal(buf_cstr(&out), wanted);
    for (const char *line = buf_cstr(&out); *line != '\0'; line += strcspn(line, "\n") + 1)
        assert_in_range(text_width(line, strcspn(line, "\n")), 0, style->columns);
    buf_free(&out);
}

/* What stands last has the lines below for itself. */
static void last_column_goes_on_below(void **state)
{
    static const char *const english[] = {"1", "#1 5", "received", "2", "", "cut: the buffer was too small",
                                          "3", "#2 5", "received"};
    static const char *const chinese[] = {"1", "#1 5", "收到", "2", "", "截断：缓冲区太小，丢掉了"};
    const struct view_style narrow = {.columns = 28}, wide = {.columns = 80};
    (void)state;
    expect(words_last, 3, &narrow, english, 3,
           " #  send()  outcome\n"
           " 1  #1 5    received\n"
           " 2  –       cut: the buffer\n"
           "            was too small\n"
           " 3  #2 5    received\n");
    expect(words_last, 3, &narrow, chinese, 2,
           " #  send()  outcome\n"
           " 1  #1 5    收到\n"
           " 2  –       截断：缓冲区太\n"
           "            小，丢掉了\n");
    expect(words_last, 3, &wide, english, 2,
           " #  send()  outcome\n"
           " 1  #1 5    received\n"
           " 2  –       cut: the buffer was too small\n");
}

/* Anything else shows that it was cut. */
static void others_end_in_dots(void **state)
{
    static const char *const english[] = {"10.77.0.1:40000", "1234", "host", "5"};
    static const char *const chinese[] = {"一二三四五六七", "1234", "一二三四", "5"};
    const struct view_style narrow = {.columns = 16}, ascii = {.columns = 16, .ascii = true};
    (void)state;
    expect(number_last, 2, &narrow, english, 2,
           " who       bytes\n"
           " 10.77.0…   1234\n"
           " host          5\n");
    expect(number_last, 2, &ascii, english, 2,
           " who       bytes\n"
           " 10.77...   1234\n"
           " host          5\n");
    expect(number_last, 2, &narrow, chinese, 2,
           " who       bytes\n"
           " 一二三…    1234\n"
           " 一二三四      5\n");
}

/* Running text of a few columns would be letters below each other. */
static void too_narrow_to_go_on(void **state)
{
    static const char *const cells[] = {"1", "#1 5", "cut: the buffer was too small"};
    const struct view_style narrow = {.columns = 20};
    (void)state;
    expect(words_last, 3, &narrow, cells, 1,
           " #  send()  outcome\n"
           " 1  #1 5    cut: th…\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(last_column_goes_on_below),
        cmocka_unit_test(others_end_in_dots),
        cmocka_unit_test(too_narrow_to_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
