#include <errno.h>
#include <string.h>

#include "lesson/facts.h"
#include "lesson/number.h"

/* Taking facts from NDJSON. */

/* The member of `object` at a path "evidence.sends.0"; NULL where there is none. A name may itself hold dots
 * only as a whole. */
static const json_t *reach(const json_t *object, const char *path)
{
    const json_t *whole = json_object_get(object, path);
    if (whole != NULL)
        return whole;
    while (object != NULL && *path != '\0') {
        char name[64];
        struct number index;
        const size_t len = strcspn(path, ".");
        if (len >= sizeof name)
            return NULL;
        memcpy(name, path, len);
        name[len] = '\0';
        if (json_is_array(object))
            object = number_from_text(name, len, &index) && index.whole >= 0
                         ? json_array_get(object, (size_t)index.whole)
                         : NULL;
        else
            object = json_object_get(object, name);
        path += len + (path[len] == '.');
    }
    return object;
}

/* One test of a where: the member `have` against an expression, by the conditions of steps. */
static int test(const json_t *facts, const char *op, const json_t *have, const json_t *want, bool *holds,
                struct sd_err *err)
{
    const bool in = strcmp(op, "in") == 0;
    json_t *value = in ? json_incref((json_t *)(uintptr_t)want) : facts_value(facts, want, err);
    json_t *pair = value != NULL ? json_pack("{sOsO}", "have", have, "want", value) : NULL;
    json_t *condition =
        in ? json_pack("[sss]", "contains", "want", "have") : json_pack("[sss]", op, "have", "want");
    int failed = value == NULL ? -EINVAL : 0;
    if (failed == 0 && (pair == NULL || condition == NULL))
        failed = sd_fail(err, ENOMEM, "out of memory");
    if (failed == 0)
        failed = facts_hold(pair, condition, holds, err);
    json_decref(value);
    json_decref(pair);
    json_decref(condition);
    return failed;
}

/* A value by itself is meant as it stands: a text is a text. */
static bool is_the_same(const json_t *have, const json_t *want)
{
    struct number a, b;
    if (number_from_json(have, &a) && number_from_json(want, &b))
        return number_compare(a, b) == 0;
    return json_equal(have, want) != 0;
}

static int fits_member(const json_t *facts, const json_t *have, const json_t *want, bool *fits,
                       struct sd_err *err)
{
    const char *op;
    json_t *value;
    *fits = have != NULL;
    if (have == NULL)
        return 0;
    if (!json_is_object(want)) {
        *fits = is_the_same(have, want);
        return 0;
    }
    json_object_foreach((json_t *)(uintptr_t)want, op, value)
    {
        const int failed = *fits ? test(facts, op, have, value, fits, err) : 0;
        if (failed != 0)
            return failed;
    }
    return 0;
}

static int fits_object(const json_t *facts, const json_t *object, const json_t *where, bool *fits,
                       struct sd_err *err)
{
    const char *path;
    json_t *want;
    *fits = true;
    json_object_foreach((json_t *)(uintptr_t)where, path, want)
    {
        const int failed = fits_member(facts, reach(object, path), want, fits, err);
        if (failed != 0 || !*fits)
            return failed;
    }
    return 0;
}

/* What has been picked so far. */
struct pick {
    const char *how;
    const json_t *value; /* first, last, min, max, only; borrowed */
    struct number sum;
    size_t count;
};

static bool better(const struct pick *pick, const json_t *value)
{
    struct number a, b;
    if (pick->value == NULL || strcmp(pick->how, "last") == 0)
        return true;
    if (strcmp(pick->how, "min") != 0 && strcmp(pick->how, "max") != 0)
        return false;
    if (!number_from_json(pick->value, &a) || !number_from_json(value, &b))
        return false;
    return (number_compare(b, a) < 0) == (pick->how[1] == 'i') && number_compare(b, a) != 0;
}

static int pick_one(struct pick *pick, const json_t *value, struct sd_err *err)
{
    struct number number;
    pick->count++;
    if (strcmp(pick->how, "sum") == 0 && value != NULL && !json_is_null(value)) {
        if (!number_from_json(value, &number) || !number_apply("+", pick->sum, number, &pick->sum))
            return sd_fail(err, EINVAL, "the sum is of something that is no number, or too large");
    }
    if (value != NULL && better(pick, value))
        pick->value = value;
    return 0;
}

static json_t *picked(const struct pick *pick)
{
    if (strcmp(pick->how, "count") == 0)
        return json_integer((json_int_t)pick->count);
    if (pick->count == 0 || (strcmp(pick->how, "sum") != 0 && pick->value == NULL))
        return json_null();
    return strcmp(pick->how, "sum") == 0 ? number_to_json(pick->sum)
                                         : json_incref((json_t *)(uintptr_t)pick->value);
}

static int take_one(json_t *facts, const char *name, const json_t *take, const json_t *objects,
                    struct sd_err *err)
{
    const char *how = json_string_value(json_object_get(take, "pick"));
    const char *value = json_string_value(json_object_get(take, "value"));
    struct pick pick = {.how = how != NULL ? how : "first", .sum = number_whole(0)};
    for (size_t i = 0; i < json_array_size(objects); i++) {
        const json_t *object = json_array_get(objects, i);
        bool fits = false;
        int failed = fits_object(facts, object, json_object_get(take, "where"), &fits, err);
        if (failed == 0 && fits)
            failed = pick_one(&pick, value != NULL ? reach(object, value) : NULL, err);
        if (failed != 0)
            return failed;
    }
    if (strcmp(pick.how, "only") == 0 && pick.count != 1)
        return sd_fail(err, EINVAL, "%s: there are %zu objects of which there should be one", name,
                       pick.count);
    return json_object_set_new(facts, name, picked(&pick)) == 0 ? 0 : sd_fail(err, ENOMEM, "out of memory");
}

/* The objects of NDJSON, in an array; NULL and `err` where a line is none. */
static json_t *read_objects(const char *text, size_t len, struct sd_err *err)
{
    json_t *objects = json_array();
    for (unsigned line = 1; len > 0 && objects != NULL; line++) {
        const char *newline = memchr(text, '\n', len);
        const size_t n = newline != NULL ? (size_t)(newline - text) : len;
        json_error_t where;
        json_t *object = n > 0 ? json_loadb(text, n, 0, &where) : NULL;
        if (n > 0 && (!json_is_object(object) || json_array_append_new(objects, object) != 0)) {
            sd_fail(err, EINVAL, "line %u of the output is no JSON object", line);
            if (!json_is_object(object))
                json_decref(object);
            json_decref(objects);
            return NULL;
        }
        text += n + (newline != NULL);
        len -= n + (newline != NULL);
    }
    return objects;
}

int facts_take(json_t *facts, const json_t *takes, const char *ndjson, size_t len, struct sd_err *err)
{
    json_t *objects = read_objects(ndjson, len, err);
    const char *name;
    json_t *take;
    int failed = objects == NULL ? -EINVAL : 0;
    json_object_foreach((json_t *)(uintptr_t)takes, name, take)
    {
        if (failed == 0)
            failed = take_one(facts, name, take, objects, err);
    }
    json_decref(objects);
    return failed;
}
