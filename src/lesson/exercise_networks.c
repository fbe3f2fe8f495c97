#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "lesson/exercise_private.h"

/* The networks of exercises: [{"name": "delay", "options": "--delay 20"}, …]. */

static int fail(const char *what, struct sd_err *err)
{
    return sd_fail(err, EINVAL, "networks.json of the lessons: %s", _(what));
}

static int add(struct exercise_networks *networks, const json_t *item, struct sd_err *err)
{
    const char *name = json_string_value(json_object_get(item, "name"));
    const char *options = json_string_value(json_object_get(item, "options"));
    if (name == NULL || options == NULL)
        return fail(N_("each network has a name and options, texts"), err);
    networks->items[networks->count++] = (struct exercise_network){name, options};
    return 0;
}

static const json_t *find(const json_t *all, const char *name)
{
    for (size_t i = 0; i < json_array_size(all); i++) {
        const char *other = json_string_value(json_object_get(json_array_get(all, i), "name"));
        if (other != NULL && strcmp(other, name) == 0)
            return json_array_get(all, i);
    }
    return NULL;
}

static int choose(struct exercise_networks *networks, const struct lesson_exercise *exercise,
                  struct sd_err *err)
{
    const size_t count =
        exercise->networks != NULL ? exercise->network_count : json_array_size(networks->json);
    if (!json_is_array(networks->json) || count == 0)
        return fail(N_("a list of networks is wanted"), err);
    networks->items = calloc(count, sizeof *networks->items);
    if (networks->items == NULL)
        return sd_fail(err, ENOMEM, "out of memory");
    int failed = 0;
    for (size_t i = 0; i < count && failed == 0; i++) {
        const char *name = exercise->networks != NULL ? exercise->networks[i] : NULL;
        const json_t *item = name != NULL ? find(networks->json, name) : json_array_get(networks->json, i);
        if (item == NULL)
            return sd_fail(err, EINVAL, "networks.json of the lessons: there is no network '%s'", name);
        failed = add(networks, item, err);
    }
    return failed;
}

int exercise_networks_load(struct exercise_networks *networks, const struct lesson *lesson,
                           const struct lesson_exercise *exercise, struct sd_err *err)
{
    json_error_t error;
    char *path = NULL;
    *networks = (struct exercise_networks){0};
    if (asprintf(&path, "%s/../networks.json", lesson->folder) < 0)
        return sd_fail(err, ENOMEM, "out of memory");
    networks->json = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (networks->json == NULL) {
        sd_fail(err, EINVAL, "%s:%d: %s", path, error.line, error.text);
        free(path);
        return -EINVAL;
    }
    free(path);
    return choose(networks, exercise, err);
}

void exercise_networks_free(struct exercise_networks *networks)
{
    free(networks->items);
    json_decref(networks->json);
    *networks = (struct exercise_networks){0};
}
