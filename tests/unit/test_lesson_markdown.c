/* needs: src/lesson/markdown.c src/lesson/markdown_inline.c src/lesson/markdown_layout.c src/lesson/facts.c
 * src/lesson/number.c src/base/arena.c src/base/buf.c src/base/text.c src/base/err.c src/base/i18n.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "lesson/markdown.h"

#define HEAD "# Title\n\nWhat it is about,\non two lines.\n\n"

static struct markdown *parse(const char *text)
{
    struct markdown *md = NULL;
    struct sd_err err = {0};
    if (markdown_parse(&md, text, strlen(text), "t.md", &err) != 0)
        fail_msg("%s", err.text);
    return md;
}

/* A section "s" with this body, laid out without its heading. */
static void expect_layout(const char *body, unsigned columns, bool color, const char *expected)
{
    struct buf text = {0}, out = {0};
    buf_printf(&text, HEAD "## Heading <!-- s -->\n\n%s\n", body);
    struct markdown *md = parse(buf_cstr(&text));
    json_t *facts = json_pack("{sisssn}", "n", 38, "word", "a*b", "none");
    const struct markdown_style style = {.columns = columns, .color = color};
    struct sd_err err = {0};
    assert_int_equal(markdown_section(&out, md, "s", MARKDOWN_BODY | MARKDOWN_CHOICES, facts, &style, &err),
                     0);
    assert_string_equal(buf_cstr(&out), expected);
    buf_free(&out);
    buf_free(&text);
    json_decref(facts);
    markdown_free(md);
}

static void paragraphs(void **state)
{
    (void)state;
    expect_layout("one\ntwo", 40, false, "one two\n");
    expect_layout("one\n\n\ntwo", 40, false, "one\n\ntwo\n");
    expect_layout("aaaa bbbb cccc", 9, false, "aaaa bbbb\ncccc\n"); /* fills the line exactly */
    expect_layout("aaaa bbbb cccc", 8, false, "aaaa\nbbbb\ncccc\n");
    expect_layout("aaaabbbbcccc dd", 5, false,
                  "aaaab\nbbbcc\ncc dd\n"); /* a word longer than a line is cut */
    expect_layout("a {n} b {word} c {none}", 40, false, "a 38 b a*b c ?\n");
    expect_layout("{n}%", 40, false, "38%\n");
}

static void signs(void **state)
{
    (void)state;
    expect_layout("**strong** *weak* `code *x*`", 40, false, "*strong* *weak* `code *x*`\n");
    expect_layout("**strong** *weak* `code *x*`", 40, true,
                  "\x1b[1mstrong\x1b[0m \x1b[3mweak\x1b[0m \x1b[36mcode *x*\x1b[0m\n");
    expect_layout("2 * 3 * 4, a ** b, ``a`b``", 40, true, "2 * 3 * 4, a ** b, \x1b[36ma`b\x1b[0m\n");
    expect_layout("\\*no\\* \\`no\\` \\{n\\} a\\b", 40, true, "*no* `no` {n} a\\b\n");
    expect_layout("`{n}` `{other}` `{\"a\": 1}`", 40, false, "`38` `{other}` `{\"a\": 1}`\n");
    expect_layout("unclosed ` tick *star", 40, true, "unclosed ` tick *star\n");
    /* a style goes over the end of a line, and is closed there */
    expect_layout("**aa bb**", 3, true, "\x1b[1maa\x1b[0m\n\x1b[1mbb\x1b[0m\n");
    /* code breaks at its spaces only */
    expect_layout("xx `a --long-word`", 9, true,
                  "xx \x1b[36ma\x1b[0m\n\x1b[36m--long-wo\x1b[0m\n\x1b[36mrd\x1b[0m\n");
}

static void lists(void **state)
{
    (void)state;
    expect_layout("- one\n- two\n  and more\n\n1. first\n2. second", 40, false,
                  "  - one\n  - two and more\n\n  1. first\n  2. second\n");
    expect_layout("text\n\n- aaaa bbbb\n\nmore", 9, false, "text\n\n  - aaaa\n    bbbb\n\nmore\n");
    expect_layout("- a) yes\n- else) no\n- A) plain", 40, false, "  a) yes\n  else) no\n  - A) plain\n");
    expect_layout("12-3 is no list", 40, false, "12-3 is no list\n");
}

static void code(void **state)
{
    (void)state;
    expect_layout("```\nx = 1\n\n  y {n} {z}\n```\nafter", 40, false, "  x = 1\n\n    y 38 {z}\n\nafter\n");
    expect_layout("```\nabcdefghij\n```", 8, false, "  abcdef\n  ghij\n");
}

static void chinese(void **state)
{
    (void)state;
    /* no space where lines are joined, breaks between characters, none before a full stop */
    expect_layout("粘包\n拆包 and\nmore", 40, false, "粘包拆包 and more\n");
    expect_layout("一二三四五", 6, false, "一二三\n四五\n");
    expect_layout("一二三。四五", 6, false, "一二\n三。四\n五\n");
    expect_layout("用 `recv(1024)` 读", 12, false, "用\n`recv(1024)`\n读\n");
    expect_layout("（一二三）四", 8, false, "（一二\n三）四\n");
}

/* No line is wider than asked for, and nothing is lost, whatever the width. */
static void every_width(void **state)
{
    (void)state;
    static const char *const text = HEAD "## A heading `with code` 粘包 <!-- s -->\n\nSome **strong text** "
                                         "and 一些中文，标点。 `code span here` "
                                         "https://example.org/a-long/path {n}\n\n- a) first 选择\n- b) "
                                         "second choice, rather long 很长的一句话。\n\n```\n"
                                         "code 粘包 line\n```\n";
    struct markdown *md = parse(text);
    json_t *facts = json_pack("{si}", "n", 38);
    for (unsigned columns = 12; columns < 120; columns++) {
        const struct markdown_style style = {.columns = columns};
        struct buf out = {0};
        struct sd_err err = {0};
        assert_int_equal(markdown_section(&out, md, "s", MARKDOWN_ALL, facts, &style, &err), 0);
        for (const char *line = buf_cstr(&out); *line != '\0'; line += strcspn(line, "\n") + 1) {
            assert_true(text_width(line, strcspn(line, "\n")) <= columns);
            assert_true(line[0] == '\n' || line[strcspn(line, "\n") - 1] != ' ');
        }
        buf_free(&out);
    }
    json_decref(facts);
    markdown_free(md);
}

static void parts(void **state)
{
    (void)state;
    struct markdown *md =
        parse(HEAD "## Why {n}? <!-- why -->\n\n- b) not b\n- else) {n}!\n\nThe proof, `{m}` and {n}.\n\n"
                   "## Second <!-- second -->\n");
    const struct markdown_style style = {.columns = 40};
    json_t *facts = json_pack("{si}", "n", 38), *none = json_object();
    struct sd_err err = {0};
    struct buf out = {0};
    bool in_code = false;
    assert_string_equal(markdown_title(md), "Title");
    assert_string_equal(markdown_summary(md), "What it is about, on two lines.");
    assert_int_equal(markdown_section_count(md), 2);
    assert_string_equal(markdown_section_id(md, 1), "second");
    assert_true(markdown_has(md, "why"));
    assert_false(markdown_has(md, "whence"));
    assert_true(markdown_has_item(md, "why", "else"));
    assert_false(markdown_has_item(md, "why", "a"));
    assert_int_equal(markdown_section(&out, md, "why", MARKDOWN_HEADING | MARKDOWN_BODY, facts, &style, &err),
                     0);
    assert_string_equal(buf_cstr(&out), "Why 38?\n───────\n\nThe proof, `{m}` and 38.\n");
    out.len = 0;
    assert_int_equal(markdown_item(&out, md, "why", "else", facts, &style, &err), 0);
    assert_string_equal(buf_cstr(&out), "38!\n");
    assert_string_equal(markdown_fact(md, "why", 0, &in_code), "n");
    assert_false(in_code);
    assert_string_equal(markdown_fact(md, "why", 1, &in_code), "m");
    assert_true(in_code);
    assert_null(markdown_fact(md, "why", 2, &in_code));
    assert_int_not_equal(markdown_section(&out, md, "why", MARKDOWN_BODY, none, &style, &err), 0);
    assert_non_null(strstr(err.text, "{n}"));
    assert_int_not_equal(markdown_section(&out, md, "whence", MARKDOWN_BODY, none, &style, &err), 0);
    buf_free(&out);
    json_decref(facts);
    json_decref(none);
    markdown_free(md);
}

static void mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"", "t.md:0: the file begins with"},
        {"# T\n", "the file begins with"},
        {"text\n\n# T\n", "the file begins with"},
        {HEAD "more\n", "t.md:6: between the title"},
        {HEAD "## No id\n", "t.md:6: a section is"},
        {HEAD "## A <!-- Big -->\n", "a section is"},
        {HEAD "## A <!-- a --> x\n", "a section is"},
        {HEAD "## A <!-- a -->\n## B <!-- a -->\n", "t.md:7: there is a section of this id already"},
        {HEAD "### A\n", "only '# ' and '## ' are known"},
        {HEAD "## A <!-- a -->\n```\nx\n", "has no end"},
        {HEAD "## A <!-- a -->\n```\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n```\n",
         "t.md:8: a line of code"},
        {HEAD "# Again\n\n## A <!-- a -->\n", "there is one title"},
        {"# T\n\nab\xff\n", "is no UTF-8"},
        {"# T\n\nab\x1b[2J\n", "t.md:3: there is a tab or another control character"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct markdown *md = NULL;
        struct sd_err err = {0};
        assert_int_not_equal(markdown_parse(&md, cases[i].text, strlen(cases[i].text), "t.md", &err), 0);
        assert_null(md);
        if (strstr(err.text, cases[i].part) == NULL)
            fail_msg("case %zu: '%s' does not speak of '%s'", i, err.text, cases[i].part);
    }
}

static void every_prefix(void **state)
{
    (void)state;
    static const char text[] =
        HEAD "## A **b** {c} <!-- a -->\n\n- a) x `y\n1. z\n\n```\n{q}\n```\n\n**p *q `r` {s\n";
    for (size_t n = 0; n < sizeof text; n++) {
        struct markdown *md = NULL;
        struct sd_err err = {0};
        if (markdown_parse(&md, text, n, "t.md", &err) == 0) {
            const struct markdown_style style = {.columns = 3};
            struct buf out = {0};
            if (markdown_has(md, "a"))
                (void)markdown_section(&out, md, "a", MARKDOWN_ALL, NULL, &style, &err);
            buf_free(&out);
        }
        markdown_free(md);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paragraphs), cmocka_unit_test(signs),    cmocka_unit_test(lists),
        cmocka_unit_test(code),       cmocka_unit_test(chinese),  cmocka_unit_test(every_width),
        cmocka_unit_test(parts),      cmocka_unit_test(mistakes), cmocka_unit_test(every_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
