/* needs: src/lesson/facts.c src/lesson/facts_take.c src/lesson/facts_check.c src/lesson/number.c
 * src/base/buf.c src/base/text.c src/base/err.c src/base/i18n.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lesson/facts.h"
#include "lesson/number.h"

static json_t *parse(const char *text)
{
    json_error_t where;
    json_t *value = json_loads(text, JSON_DECODE_ANY, &where);
    if (value == NULL)
        fail_msg("%s: %s", text, where.text);
    return value;
}

static json_t *some_facts(void)
{
    return parse(
        "{\"sends\":2,\"sent_ns\":\"1795421793174070229\",\"late_ns\":\"1795421793279473557\",\"share\":0.25,"
        "\"word\":\"TypeError\",\"nothing\":null,\"flag\":true,\"list\":[1,2,40]}");
}

/* `text` is an expression; the value as a lesson's text has it, "!" for an error. */
static void expect_number(const char *text, const char *expected)
{
    json_t *facts = some_facts(), *expression = parse(text);
    struct sd_err err = {0};
    struct buf out = {0};
    assert_int_equal(facts_check_expression(expression, &err), 0);
    json_t *value = facts_value(facts, expression, &err);
    if (value == NULL) {
        assert_int_not_equal(err.code, 0);
        buf_text(&out, "!");
    } else
        facts_print(&out, value);
    assert_string_equal(buf_cstr(&out), expected);
    buf_free(&out);
    json_decref(value);
    json_decref(expression);
    json_decref(facts);
}

static void values(void **state)
{
    (void)state;
    expect_number("7", "7");
    expect_number("\"sends\"", "2");
    expect_number("\"nothing\"", "?");
    expect_number("\"list\"", "1, 2, 40");
    expect_number("{\"text\":\"sends\"}", "sends");
    expect_number("[\"+\",\"sends\",1,1]", "4");
    expect_number("[\"-\",\"late_ns\",\"sent_ns\"]", "105403328"); /* whole to the last nanosecond */
    expect_number("[\"ms\",[\"-\",\"late_ns\",\"sent_ns\"]]", "105.4");
    expect_number("[\"ms\",20000000]", "20");
    expect_number("[\"/\",7,2]", "3.5");
    expect_number("[\"/\",8,2]", "4");
    expect_number("[\"/\",1,3]", "0.33");
    expect_number("[\"/\",1,3000]", "0.00033");
    expect_number("[\"round\",[\"/\",7,2]]", "4");
    expect_number("[\"round\",[\"/\",1,3],1]", "0.3");
    expect_number("[\"min\",3,\"share\",5]", "0.25");
    expect_number("[\"max\",3,\"share\",5]", "5");
    expect_number("[\"+\",\"nothing\",1]", "?");
    expect_number("[\"*\",\"share\",[\"-\",10,2]]", "2");
    expect_number("[\"/\",1,0]", "!");
    expect_number("[\"+\",\"word\",1]", "!");
    expect_number("\"missing\"", "!");
    expect_number("[\"*\",9223372036854775807,2]", "!");
    expect_number("[\"/\",-6,-1]", "6");
}

static void expect_condition(const char *text, int expected)
{
    json_t *facts = some_facts(), *condition = parse(text);
    struct sd_err err = {0};
    bool holds = false;
    assert_int_equal(facts_check_condition(condition, &err), 0);
    const int failed = facts_hold(facts, condition, &holds, &err);
    if ((failed != 0 ? -1 : (int)holds) != expected)
        fail_msg("%s: %d, not %d (%s)", text, failed != 0 ? -1 : (int)holds, expected, err.text);
    json_decref(condition);
    json_decref(facts);
}

static void conditions(void **state)
{
    (void)state;
    expect_condition("[\"=\",\"sends\",2]", 1);
    expect_condition("[\"!=\",\"sends\",2]", 0);
    expect_condition("[\"<\",\"sends\",2]", 0);
    expect_condition("[\"<=\",\"sends\",2]", 1);
    expect_condition("[\">\",\"sends\",1]", 1);
    expect_condition("[\">=\",\"sends\",3]", 0);
    expect_condition("[\">\",\"late_ns\",\"sent_ns\"]", 1); /* texts of digits are numbers */
    expect_condition("[\"=\",\"word\",{\"text\":\"TypeError\"}]", 1);
    expect_condition("[\"=\",\"word\",2]", 0);
    expect_condition("[\"<\",\"word\",2]", 0);
    expect_condition("[\"=\",\"flag\",true]", 1);
    expect_condition("[\"=\",\"flag\",1]", 0);
    /* a null makes all false but = null */
    expect_condition("[\"=\",\"nothing\",null]", 1);
    expect_condition("[\"=\",\"sends\",null]", 0);
    expect_condition("[\"!=\",\"nothing\",2]", 0);
    expect_condition("[\"!=\",\"sends\",null]", 0);
    expect_condition("[\">=\",\"nothing\",0]", 0);
    expect_condition("[\"contains\",\"nothing\",{\"text\":\"\"}]", 0);
    expect_condition("[\"contains\",\"word\",{\"text\":\"Error\"}]", 1);
    expect_condition("[\"contains\",\"word\",{\"text\":\"error\"}]", 0);
    expect_condition("[\"contains\",\"list\",40]", 1);
    expect_condition("[\"contains\",\"list\",4]", 0);
    expect_condition("[\"and\",[\"=\",1,1],[\"=\",1,2]]", 0);
    expect_condition("[\"or\",[\"=\",1,2],[\"=\",1,1]]", 1);
    expect_condition("[\"not\",[\"=\",1,2]]", 1);
    expect_condition("[\"and\",[\"=\",1,2],[\"=\",\"missing\",2]]", 0); /* decided before it */
    expect_condition("[\"=\",\"missing\",2]", -1);
    expect_condition("[\"not\",[\"=\",\"missing\",2]]", -1);
}

static void expect_refused(int (*check)(const json_t *value, struct sd_err *err), const char *text,
                           const char *part)
{
    json_t *value = parse(text);
    struct sd_err err = {0};
    assert_int_not_equal(check(value, &err), 0);
    if (strstr(err.text, part) == NULL)
        fail_msg("%s: '%s' does not speak of '%s'", text, err.text, part);
    json_decref(value);
}

static void shapes(void **state)
{
    (void)state;
    expect_refused(facts_check_expression, "[\"pow\",1,2]", "pow");
    expect_refused(facts_check_expression, "[\"-\",1,2,3]", "2 operands");
    expect_refused(facts_check_expression, "[\"+\",1]", "2 operands");
    expect_refused(facts_check_expression, "[]", "op");
    expect_refused(facts_check_expression, "\"Type Error\"", "no name of a fact");
    expect_refused(facts_check_expression, "{\"txt\":\"x\"}", "text");
    expect_refused(facts_check_expression, "[\"round\",1,\"sends\"]", "digits");
    expect_refused(facts_check_condition, "[\"==\",1,1]", "==");
    expect_refused(facts_check_condition, "[\"=\",1]", "2 operands");
    expect_refused(facts_check_condition, "[\"and\",[\"+\",1,1]]", "+");
    expect_refused(facts_check_condition, "7", "op");
    expect_refused(facts_check_take, "{\"value\":\"n\"}", "where");
    expect_refused(facts_check_take, "{\"where\":{}}", "value");
    expect_refused(facts_check_take, "{\"where\":{},\"pick\":\"count\",\"value\":\"n\"}", "count");
    expect_refused(facts_check_take, "{\"where\":{},\"value\":\"n\",\"pick\":\"middle\"}", "pick");
    expect_refused(facts_check_take, "{\"where\":{\"n\":[1]},\"value\":\"n\"}", "in");
    expect_refused(facts_check_take, "{\"where\":{\"n\":{\"~\":1}},\"value\":\"n\"}", "~");
    expect_refused(facts_check_take, "{\"where\":{\"n\":{\"in\":1}},\"value\":\"n\"}", "list");
    expect_refused(facts_check_take, "{\"where\":{},\"value\":\"n\",\"pik\":1}", "pik");
    char deep[400] = "";
    for (int i = 0; i < 40; i++)
        strcat(deep, "[\"ms\",");
    strcat(deep, "1");
    for (int i = 0; i < 40; i++)
        strcat(deep, "]");
    expect_refused(facts_check_expression, deep, "deep");
}

static const char ndjson[] =
    "{\"type\":\"span\",\"lane\":\"send\",\"n\":1,\"length\":5,\"time_ns\":\"900\"}\n"
    "\n"
    "{\"type\":\"span\",\"lane\":\"send\",\"n\":2,\"length\":9,\"time_ns\":\"1000\"}\n"
    "{\"type\":\"span\",\"lane\":\"recv\",\"n\":1,\"length\":14,\"error\":null}\n"
    "{\"type\":\"finding\",\"kind\":\"merged\",\"evidence\":{\"sends\":[1,2]}}";

static void expect_taken(const char *take, const char *expected)
{
    json_t *takes = json_object(), *facts = some_facts();
    struct sd_err err = {0};
    struct buf out = {0};
    json_object_set_new(takes, "it", parse(take));
    assert_int_equal(facts_check_take(json_object_get(takes, "it"), &err), 0);
    if (facts_take(facts, takes, ndjson, strlen(ndjson), &err) == 0)
        facts_print(&out, json_object_get(facts, "it"));
    else
        buf_printf(&out, "! %s", err.text);
    if (strcmp(buf_cstr(&out), expected) != 0)
        fail_msg("%s: %s, not %s", take, buf_cstr(&out), expected);
    buf_free(&out);
    json_decref(takes);
    json_decref(facts);
}

static void taken(void **state)
{
    (void)state;
    expect_taken("{\"where\":{\"lane\":\"send\"},\"value\":\"length\"}", "5");
    expect_taken("{\"where\":{\"lane\":\"send\"},\"value\":\"length\",\"pick\":\"last\"}", "9");
    expect_taken("{\"where\":{\"type\":\"span\"},\"value\":\"length\",\"pick\":\"max\"}", "14");
    expect_taken("{\"where\":{\"type\":\"span\"},\"value\":\"length\",\"pick\":\"min\"}", "5");
    expect_taken("{\"where\":{\"type\":\"span\"},\"value\":\"length\",\"pick\":\"sum\"}", "28");
    expect_taken("{\"where\":{\"lane\":\"send\"},\"value\":\"time_ns\",\"pick\":\"max\"}",
                 "1000"); /* not as texts */
    expect_taken("{\"where\":{\"type\":\"span\"},\"pick\":\"count\"}", "3");
    expect_taken("{\"where\":{\"lane\":\"wire\"},\"pick\":\"count\"}", "0");
    expect_taken("{\"where\":{\"lane\":\"wire\"},\"value\":\"n\"}", "?");
    expect_taken("{\"where\":{\"lane\":\"wire\"},\"value\":\"n\",\"pick\":\"sum\"}", "?");
    expect_taken("{\"where\":{\"lane\":\"recv\"},\"value\":\"error\"}", "?");
    expect_taken("{\"where\":{\"lane\":\"recv\"},\"value\":\"n\",\"pick\":\"only\"}", "1");
    expect_taken("{\"where\":{\"lane\":\"send\"},\"value\":\"n\",\"pick\":\"only\"}",
                 "! it: there are 2 objects of which there should be one");
    expect_taken("{\"where\":{\"kind\":\"merged\"},\"value\":\"evidence.sends\"}", "1, 2");
    expect_taken("{\"where\":{\"kind\":\"merged\"},\"value\":\"evidence.sends.1\"}", "2");
    expect_taken("{\"where\":{\"evidence.sends.0\":1},\"value\":\"kind\"}", "merged");
    expect_taken("{\"where\":{\"length\":{\">\":5}},\"value\":\"length\"}", "9");
    expect_taken("{\"where\":{\"length\":{\">=\":5,\"<\":9}},\"value\":\"length\",\"pick\":\"last\"}", "5");
    expect_taken("{\"where\":{\"n\":{\"in\":[2,3]}},\"value\":\"length\"}", "9");
    expect_taken("{\"where\":{\"lane\":{\"in\":[\"recv\",\"wire\"]}},\"value\":\"length\"}", "14");
    expect_taken("{\"where\":{\"n\":{\"=\":\"sends\"}},\"value\":\"length\"}", "9"); /* a fact */
    expect_taken("{\"where\":{\"lane\":{\"!=\":{\"text\":\"send\"}}},\"value\":\"length\"}", "14");
    expect_taken("{\"where\":{\"kind\":{\"contains\":{\"text\":\"erg\"}}},\"value\":\"kind\"}", "merged");
    expect_taken("{\"where\":{\"n\":{\"=\":\"missing\"}},\"value\":\"n\"}",
                 "! there is no fact 'missing': no step has made it");
}

static void no_json(void **state)
{
    (void)state;
    json_t *takes = parse("{\"it\":{\"where\":{},\"value\":\"n\"}}"), *facts = json_object();
    struct sd_err err = {0};
    const char *const texts[] = {"{}\nsockdiag: no\n", "[1]", "{\"a\":1", "7"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_not_equal(facts_take(facts, takes, texts[i], strlen(texts[i]), &err), 0);
        assert_non_null(strstr(err.text, "no JSON object"));
    }
    for (size_t n = 0; n < strlen(ndjson); n++) /* every prefix: an answer or an error, no crash */
        (void)facts_take(facts, takes, ndjson, n, &err);
    json_decref(takes);
    json_decref(facts);
}

static void lines(void **state)
{
    (void)state;
    json_t *facts = json_object();
    struct sd_err err = {0};
    struct buf out = {0};
    static const char text[] =
        "hello\nn=12\nshare=-0.5\r\nword=two words\nnot a name=1\nX=1\nempty=\nraw=\xff\x01\nbig=1.2.3"
        "\nlast=9";
    assert_int_equal(facts_take_lines(facts, text, sizeof text - 1, &err), 0);
    char *dump = json_dumps(facts, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(5));
    assert_string_equal(
        dump,
        "{\"big\":\"1.2.3\",\"empty\":\"\",\"last\":9,\"n\":12,\"raw\":\"\\\\xff\\\\x01\",\"share\":-0.5,"
        "\"word\":\"two words\"}");
    free(dump);
    assert_true(facts_is_line("a=", 2));
    assert_false(facts_is_line("a b=", 4));
    assert_false(facts_is_line(NULL, 0));
    json_object_set_new(facts, "unsafe", json_string("1; rm x"));
    assert_int_equal(facts_fill(&out, "show {last} {word ${n} {} awk '{print}' {nothing}", facts, &err), 0);
    assert_string_equal(buf_cstr(&out), "show 9 {word $12 {} awk '{print}' {nothing}");
    assert_int_not_equal(facts_fill(&out, "show {unsafe}", facts, &err), 0);
    assert_int_not_equal(facts_fill(&out, "show {empty}", facts, &err), 0);
    buf_free(&out);
    json_decref(facts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values), cmocka_unit_test(conditions), cmocka_unit_test(shapes),
        cmocka_unit_test(taken),  cmocka_unit_test(no_json),    cmocka_unit_test(lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
