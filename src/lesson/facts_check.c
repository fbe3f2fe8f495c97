#include <errno.h>
#include <string.h>

#include "lesson/facts.h"

/* The shapes of takes, expressions and conditions. */

#define DEEPEST 32
#define OPERANDS_MOST 16 /* as in facts.c */

struct shape {
    const char *op;
    size_t least, most; /* operands */
};

static const struct shape operations[] = {
    {"+", 2, OPERANDS_MOST},   {"-", 2, 2},
    {"*", 2, OPERANDS_MOST},   {"/", 2, 2},
    {"min", 2, OPERANDS_MOST}, {"max", 2, OPERANDS_MOST},
    {"round", 1, 2},           {"ms", 1, 1},
};

static const struct shape comparisons[] = {
    {"=", 2, 2}, {"!=", 2, 2}, {"<", 2, 2}, {"<=", 2, 2}, {">", 2, 2}, {">=", 2, 2}, {"contains", 2, 2},
};

static const struct shape connectives[] = {{"and", 1, 64}, {"or", 1, 64}, {"not", 1, 1}};

#define FIND(table, op) find(table, sizeof(table) / sizeof(table)[0], op)

static const struct shape *find(const struct shape *table, size_t count, const json_t *op)
{
    for (size_t i = 0; i < count; i++) {
        if (json_is_string(op) && strcmp(table[i].op, json_string_value(op)) == 0)
            return &table[i];
    }
    return NULL;
}

static int check_count(const struct shape *shape, const json_t *list, struct sd_err *err)
{
    const size_t count = json_array_size(list) - 1;
    if (count >= shape->least && count <= shape->most)
        return 0;
    return sd_fail(err, EINVAL, "\"%s\" takes %zu operand%s%s, not %zu", shape->op, shape->least,
                   shape->least == 1 ? "" : "s", shape->most > shape->least ? " or more" : "", count);
}

static int unknown(const json_t *op, const char *what, struct sd_err *err)
{
    if (!json_is_string(op))
        return sd_fail(err, EINVAL, "%s is [\"op\", …]", what);
    return sd_fail(err, EINVAL, "there is no %s \"%s\"", what, json_string_value(op));
}

static int check_expression(const json_t *e, unsigned depth, struct sd_err *err)
{
    if (depth > DEEPEST)
        return sd_fail(err, EINVAL, "an expression is too deep");
    if (json_is_object(e))
        return json_is_string(json_object_get(e, "text")) && json_object_size(e) == 1
                   ? 0
                   : sd_fail(err, EINVAL, "an object in an expression is {\"text\": \"…\"}");
    if (json_is_string(e) && !facts_is_name(json_string_value(e), json_string_length(e)))
        return sd_fail(err, EINVAL, "'%s' is no name of a fact; a text is {\"text\": \"…\"}",
                       json_string_value(e));
    if (!json_is_array(e))
        return e != NULL ? 0 : sd_fail(err, EINVAL, "an expression is missing");
    const struct shape *shape = FIND(operations, json_array_get(e, 0));
    if (shape == NULL)
        return unknown(json_array_get(e, 0), "operation", err);
    int failed = check_count(shape, e, err);
    for (size_t i = 1; failed == 0 && i < json_array_size(e); i++)
        failed = check_expression(json_array_get(e, i), depth + 1, err);
    if (failed == 0 && strcmp(shape->op, "round") == 0 && json_array_size(e) == 3) {
        const json_int_t digits = json_integer_value(json_array_get(e, 2));
        if (!json_is_integer(json_array_get(e, 2)) || digits < 0 || digits > 9)
            return sd_fail(err, EINVAL, "\"round\" takes the number of digits, 0 to 9");
    }
    return failed;
}

int facts_check_expression(const json_t *expression, struct sd_err *err)
{
    return check_expression(expression, 0, err);
}

static int check_condition(const json_t *c, unsigned depth, struct sd_err *err)
{
    const json_t *op = json_array_get(c, 0);
    const struct shape *joined = FIND(connectives, op), *compared = FIND(comparisons, op);
    if (depth > DEEPEST)
        return sd_fail(err, EINVAL, "a condition is too deep");
    if (joined == NULL && compared == NULL)
        return unknown(op, "condition", err);
    int failed = check_count(joined != NULL ? joined : compared, c, err);
    for (size_t i = 1; failed == 0 && i < json_array_size(c); i++)
        failed = joined != NULL ? check_condition(json_array_get(c, i), depth + 1, err)
                                : check_expression(json_array_get(c, i), depth + 1, err);
    return failed;
}

int facts_check_condition(const json_t *condition, struct sd_err *err)
{
    return check_condition(condition, 0, err);
}

static int check_where(const char *member, const json_t *want, struct sd_err *err)
{
    const char *op;
    json_t *value;
    if (json_is_array(want))
        return sd_fail(err, EINVAL, "where \"%s\": a list is {\"in\": [ … ]}", member);
    if (!json_is_object(want))
        return 0;
    json_object_foreach((json_t *)(uintptr_t)want, op, value)
    {
        json_t *name = json_string(op);
        const struct shape *shape = FIND(comparisons, name);
        json_decref(name);
        const bool in = strcmp(op, "in") == 0;
        if (!in && shape == NULL)
            return sd_fail(err, EINVAL, "where \"%s\": there is no \"%s\"", member, op);
        if (in && !json_is_array(value))
            return sd_fail(err, EINVAL, "where \"%s\": \"in\" takes a list", member);
        if (!in && check_expression(value, 0, err) != 0)
            return err != NULL ? -err->code : -EINVAL;
    }
    return 0;
}

int facts_check_take(const json_t *take, struct sd_err *err)
{
    static const char *const picks[] = {"first", "last", "min", "max", "sum", "count", "only"};
    const json_t *pick = json_object_get(take, "pick"), *where = json_object_get(take, "where");
    const char *key;
    json_t *value;
    bool known = pick == NULL;
    for (size_t i = 0; i < sizeof picks / sizeof picks[0]; i++)
        known = known || (json_is_string(pick) && strcmp(json_string_value(pick), picks[i]) == 0);
    if (!known)
        return sd_fail(err, EINVAL, "\"pick\" is first, last, min, max, sum, count or only");
    if (!json_is_object(where))
        return sd_fail(err, EINVAL, "a take needs {\"where\": { … }}");
    const bool counts = pick != NULL && strcmp(json_string_value(pick), "count") == 0;
    if (counts == json_is_string(json_object_get(take, "value")))
        return sd_fail(err, EINVAL,
                       counts ? "a count has no \"value\"" : "a take needs \"value\": the member's name");
    json_object_foreach((json_t *)(uintptr_t)take, key, value)
    {
        if (strcmp(key, "pick") != 0 && strcmp(key, "where") != 0 && strcmp(key, "value") != 0)
            return sd_fail(err, EINVAL, "a take has no \"%s\"", key);
    }
    json_object_foreach((json_t *)(uintptr_t)where, key, value)
    {
        const int failed = check_where(key, value, err);
        if (failed != 0)
            return failed;
    }
    return 0;
}
