#include "lesson/find.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int find_program_folder(char **path, struct sd_err *err)
{
    char file[4096];
    const ssize_t len = readlink("/proc/self/exe", file, sizeof file - 1);
    *path = NULL;
    if (len <= 0)
        return sd_fail_errno(err, errno, "cannot find this program's file (/proc/self/exe)");
    file[len] = '\0';
    char *slash = strrchr(file, '/');
    if (slash != NULL)
        *slash = '\0';
    *path = strdup(file);
    return *path != NULL ? 0 : sd_fail(err, ENOMEM, "out of memory");
}

int find_lessons(char **path, struct sd_err *err)
{
    const char *named = getenv("SOCKDIAG_LESSONS");
    char *program = NULL, beside[4200];
    *path = NULL;
    if (named != NULL && named[0] != '\0') {
        *path = realpath(named, NULL);
        return *path != NULL ? 0 : sd_fail_errno(err, errno, "cannot find SOCKDIAG_LESSONS, %s", named);
    }
    const int failed = find_program_folder(&program, err);
    if (failed != 0)
        return failed;
    snprintf(beside, sizeof beside, "%s/lessons", program);
    free(program);
    *path = realpath(beside, NULL);
    if (*path == NULL)
        *path = realpath(SOCKDIAG_LESSONDIR, NULL);
    if (*path != NULL)
        return 0;
    return sd_fail(err, ENOENT,
                   "the lessons are not there: neither %.180s ('make') nor %s ('make install'); "
                   "SOCKDIAG_LESSONS may name their folder",
                   beside, SOCKDIAG_LESSONDIR);
}

/* "04-sticky": the number and the name; NULL where it is no such name. */
static const char *split_name(const char *folder, unsigned *number)
{
    char *end = NULL;
    const unsigned long n = folder[0] >= '0' && folder[0] <= '9' ? strtoul(folder, &end, 10) : 0;
    if (end == NULL || *end != '-' || end[1] == '\0' || n == 0 || n > 999)
        return NULL;
    *number = (unsigned)n;
    return end + 1;
}

static int add(struct find_list *list, const char *folder, const char *name)
{
    struct find_entry entry = {0};
    char file[4400];
    const char *called = split_name(name, &entry.number);
    snprintf(file, sizeof file, "%s/%s/lesson.json", folder, name);
    if (called == NULL || access(file, R_OK) != 0)
        return 0;
    struct find_entry *more = reallocarray(list->entries, list->count + 1, sizeof *more);
    if (more == NULL)
        return -ENOMEM;
    list->entries = more;
    entry.name = strdup(called);
    if (entry.name == NULL || asprintf(&entry.path, "%s/%s", folder, name) < 0) {
        free(entry.name);
        return -ENOMEM;
    }
    list->entries[list->count++] = entry;
    return 0;
}

static int by_number(const void *a, const void *b)
{
    const struct find_entry *x = a, *y = b;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return strcmp(x->name, y->name);
}

int find_list(struct find_list *list, const char *folder, struct sd_err *err)
{
    const struct dirent *entry;
    int failed = 0;
    *list = (struct find_list){0};
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return sd_fail_errno(err, errno, "cannot list the lessons in %s", folder);
    while (failed == 0 && (errno = 0, entry = readdir(dir)) != NULL)
        failed = add(list, folder, entry->d_name);
    if (failed == 0 && errno != 0)
        failed = -errno;
    closedir(dir);
    if (failed != 0)
        return sd_fail_errno(err, -failed, "cannot list the lessons in %s", folder);
    if (list->count == 0)
        return sd_fail(err, ENOENT, "there is no lesson in %s", folder);
    qsort(list->entries, list->count, sizeof *list->entries, by_number);
    return 0;
}

void find_list_free(struct find_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->entries[i].name);
        free(list->entries[i].path);
    }
    free(list->entries);
    *list = (struct find_list){0};
}

const struct find_entry *find_entry(const struct find_list *list, const char *word)
{
    unsigned number = 0;
    char *end = NULL;
    const char *name = split_name(word, &number);
    if (name == NULL && word[0] >= '0' && word[0] <= '9') {
        number = (unsigned)strtoul(word, &end, 10);
        number = *end == '\0' ? number : 0;
    }
    for (size_t i = 0; i < list->count; i++) {
        const struct find_entry *e = &list->entries[i];
        const bool fits_number = number != 0 && e->number == number;
        if (name != NULL ? fits_number && strcmp(e->name, name) == 0
                         : fits_number || strcmp(e->name, word) == 0)
            return e;
    }
    return NULL;
}
