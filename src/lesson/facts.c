#include "lesson/facts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "lesson/number.h"

bool facts_is_name(const char *text, size_t len)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    if (len == 0 || len > FACTS_NAME_MOST || text[0] == '\0' || strchr(letters, text[0]) == NULL)
        return false;
    for (size_t i = 1; i < len; i++) {
        if (text[i] == '\0' || strchr("abcdefghijklmnopqrstuvwxyz0123456789_", text[i]) == NULL)
            return false;
    }
    return true;
}

/* ---- the values of expressions ---- */

static json_t *value_of(const json_t *facts, const json_t *expression, struct sd_err *err);

/* The numbers of an operation's operands. 0; 1 where one of them is null; or -EINVAL. */
static int operands(const json_t *facts, const json_t *expression, struct number *numbers, struct sd_err *err)
{
    int outcome = 0;
    for (size_t i = 1; i < json_array_size(expression) && outcome >= 0; i++) {
        json_t *value = value_of(facts, json_array_get(expression, i), err);
        if (value == NULL)
            return -EINVAL;
        if (json_is_null(value))
            outcome = 1;
        else if (!number_from_json(value, &numbers[i - 1])) {
            struct buf text = {0};
            facts_print(&text, value);
            outcome = sd_fail(err, EINVAL, "'%s' is no number, which %s needs", buf_cstr(&text),
                              json_string_value(json_array_get(expression, 0)));
            buf_free(&text);
        }
        json_decref(value);
    }
    return outcome;
}

#define OPERANDS_MOST 16

static json_t *operate(const json_t *facts, const json_t *expression, struct sd_err *err)
{
    struct number numbers[OPERANDS_MOST];
    const char *op = json_string_value(json_array_get(expression, 0));
    const size_t count = json_array_size(expression) - 1;
    const int outcome = operands(facts, expression, numbers, err);
    if (outcome != 0)
        return outcome > 0 ? json_null() : NULL;
    if (strcmp(op, "ms") == 0) /* of whole nanoseconds: tenths of a millisecond, rounded */
        return number_to_json(number_round(number_real(numbers[0].value / 1e6), 1));
    if (strcmp(op, "round") == 0)
        return number_to_json(number_round(numbers[0], count > 1 ? (unsigned)numbers[1].whole : 0));
    struct number result = numbers[0];
    for (size_t i = 1; i < count; i++) {
        if (!number_apply(op, result, numbers[i], &result)) {
            sd_fail(err, EINVAL, "%s has no answer here: division by 0, or a number out of range", op);
            return NULL;
        }
    }
    return number_to_json(result);
}

static json_t *value_of(const json_t *facts, const json_t *expression, struct sd_err *err)
{
    json_t *value = NULL;
    if (json_is_array(expression))
        return operate(facts, expression, err);
    if (json_is_object(expression))
        value = json_object_get(expression, "text");
    else if (json_is_string(expression)) {
        value = json_object_get(facts, json_string_value(expression));
        if (value == NULL)
            sd_fail(err, EINVAL, "there is no fact '%s': no step has made it", json_string_value(expression));
    } else
        return json_deep_copy(expression);
    return json_incref(value);
}

json_t *facts_value(const json_t *facts, const json_t *expression, struct sd_err *err)
{
    json_t *value = value_of(facts, expression, err);
    if (value == NULL && err != NULL && err->code == 0)
        sd_fail(err, ENOMEM, "out of memory");
    return value;
}

int facts_compute(json_t *facts, const json_t *values, struct sd_err *err)
{
    const char *name;
    json_t *expression;
    json_object_foreach((json_t *)(uintptr_t)values, name, expression)
    {
        json_t *value = facts_value(facts, expression, err);
        if (value == NULL || json_object_set_new(facts, name, value) != 0)
            return -EINVAL;
    }
    return 0;
}

/* ---- conditions ---- */

static bool equal(const json_t *a, const json_t *b)
{
    struct number x, y;
    if (json_is_null(a) || json_is_null(b))
        return json_is_null(a) && json_is_null(b);
    if (number_from_json(a, &x) && number_from_json(b, &y))
        return number_compare(x, y) == 0;
    return json_equal(a, b) != 0;
}

/* By the six signs; a null, and a text where an order is asked for, make it false. */
static bool compare(const char *op, const json_t *a, const json_t *b)
{
    struct number x, y;
    if (strcmp(op, "=") == 0)
        return equal(a, b);
    if (json_is_null(a) || json_is_null(b))
        return false;
    if (strcmp(op, "!=") == 0)
        return !equal(a, b);
    if (!number_from_json(a, &x) || !number_from_json(b, &y))
        return false;
    const int order = number_compare(x, y);
    return (order == 0 && op[1] == '=') || (order != 0 && (order < 0) == (op[0] == '<'));
}

static bool contains(const json_t *whole, const json_t *part)
{
    if (json_is_array(whole)) {
        for (size_t i = 0; i < json_array_size(whole); i++) {
            if (equal(json_array_get(whole, i), part))
                return true;
        }
        return false;
    }
    struct buf a = {0}, b = {0};
    facts_print(&a, whole);
    facts_print(&b, part);
    const bool found =
        !json_is_null(whole) && !json_is_null(part) && strstr(buf_cstr(&a), buf_cstr(&b)) != NULL;
    buf_free(&a);
    buf_free(&b);
    return found;
}

static int hold_all(const json_t *facts, const json_t *condition, bool *holds, struct sd_err *err)
{
    const bool is_or = strcmp(json_string_value(json_array_get(condition, 0)), "or") == 0;
    *holds = !is_or;
    for (size_t i = 1; i < json_array_size(condition) && *holds != is_or; i++) {
        const int failed = facts_hold(facts, json_array_get(condition, i), holds, err);
        if (failed != 0)
            return failed;
    }
    return 0;
}

int facts_hold(const json_t *facts, const json_t *condition, bool *holds, struct sd_err *err)
{
    const char *op = json_string_value(json_array_get(condition, 0));
    *holds = false;
    if (strcmp(op, "and") == 0 || strcmp(op, "or") == 0)
        return hold_all(facts, condition, holds, err);
    if (strcmp(op, "not") == 0) {
        const int failed = facts_hold(facts, json_array_get(condition, 1), holds, err);
        *holds = !*holds;
        return failed;
    }
    json_t *left = facts_value(facts, json_array_get(condition, 1), err);
    json_t *right = left != NULL ? facts_value(facts, json_array_get(condition, 2), err) : NULL;
    const bool known = right != NULL;
    if (known)
        *holds = strcmp(op, "contains") == 0 ? contains(left, right) : compare(op, left, right);
    json_decref(left);
    json_decref(right);
    return known ? 0 : -EINVAL;
}

/* ---- facts as text ---- */

static void print_real(struct buf *out, double value)
{
    char text[48];
    int len = snprintf(text, sizeof text, value > -0.01 && value < 0.01 ? "%.2g" : "%.2f", value);
    while (len > 1 && strchr(text, '.') != NULL && strchr(text, 'e') == NULL && text[len - 1] == '0')
        text[--len] = '\0';
    if (len > 1 && text[len - 1] == '.')
        text[--len] = '\0';
    buf_text(out, text);
}

void facts_print(struct buf *out, const json_t *value)
{
    if (json_is_string(value))
        text_escape(out, json_string_value(value), json_string_length(value));
    else if (json_is_integer(value))
        buf_i64(out, json_integer_value(value));
    else if (json_is_real(value))
        print_real(out, json_real_value(value));
    else if (json_is_boolean(value))
        buf_text(out, json_is_true(value) ? "true" : "false");
    else if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value); i++) {
            buf_text(out, i > 0 ? ", " : "");
            facts_print(out, json_array_get(value, i));
        }
    } else
        buf_text(out, "?");
}

/* One fact into a command: what the shell would take for something else has no place there. */
static int fill_one(struct buf *out, const char *name, const json_t *value, struct sd_err *err)
{
    static const char harmless[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/+-,";
    struct buf text = {0};
    int failed = 0;
    facts_print(&text, value);
    const char *word = buf_cstr(&text);
    if (word[0] == '\0' || word[strspn(word, harmless)] != '\0')
        failed = sd_fail(err, EINVAL, "the fact %s is '%s', which cannot stand in a command", name, word);
    else
        buf_text(out, word);
    buf_free(&text);
    return failed;
}

int facts_fill(struct buf *out, const char *command, const json_t *facts, struct sd_err *err)
{
    while (*command != '\0') {
        const size_t before = strcspn(command, "{");
        buf_append(out, command, before);
        command += before;
        const size_t len = *command == '{' ? strcspn(command + 1, "}") : 0;
        char name[64] = "";
        if (len > 0 && len < sizeof name && command[1 + len] == '}')
            memcpy(name, command + 1, len);
        const json_t *value = facts_is_name(name, strlen(name)) ? json_object_get(facts, name) : NULL;
        if (value != NULL) {
            const int failed = fill_one(out, name, value, err);
            if (failed != 0)
                return failed;
            command += len + 2;
        } else if (*command != '\0')
            buf_char(out, *command++);
    }
    return out->failed ? sd_fail(err, ENOMEM, "out of memory") : 0;
}

/* ---- name=value ---- */

bool facts_is_line(const char *line, size_t len)
{
    const char *equals = len > 0 ? memchr(line, '=', len) : NULL; /* no line at all may be NULL */
    return equals != NULL && facts_is_name(line, (size_t)(equals - line));
}

static int take_line(json_t *facts, const char *line, size_t len, struct sd_err *err)
{
    const char *equals = memchr(line, '=', len);
    struct number number;
    if (!facts_is_line(line, len))
        return 0;
    const char *value = equals + 1;
    const size_t value_len = len - (size_t)(value - line);
    json_t *fact = NULL;
    if (number_from_text(value, value_len, &number))
        fact = number_to_json(number);
    else {
        struct buf text = {0};
        text_escape(&text, value, value_len); /* a program's bytes may be no UTF-8 */
        fact = json_string(buf_cstr(&text));
        buf_free(&text);
    }
    char name[FACTS_NAME_MOST + 1];
    snprintf(name, sizeof name, "%.*s", (int)(equals - line), line);
    return json_object_set_new(facts, name, fact) == 0 ? 0 : sd_fail(err, ENOMEM, "out of memory");
}

int facts_take_lines(json_t *facts, const char *text, size_t len, struct sd_err *err)
{
    while (len > 0) {
        const char *end = memchr(text, '\n', len);
        const size_t line = end != NULL ? (size_t)(end - text) : len;
        const size_t bare = line > 0 && text[line - 1] == '\r' ? line - 1 : line;
        const int failed = take_line(facts, text, bare, err);
        if (failed != 0)
            return failed;
        text += line + (end != NULL);
        len -= line + (end != NULL);
    }
    return 0;
}
