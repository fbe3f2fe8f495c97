#ifndef SOCKDIAG_LESSON_FIND_H
#define SOCKDIAG_LESSON_FIND_H

#include <stddef.h>

#include "base/err.h"

/* Where the lessons are, and which. */

/* The folder of this program's file, for the caller to free(). 0 or a negative errno. */
int find_program_folder(char **path, struct sd_err *err);

/* The folder of the lessons, for the caller to free(): SOCKDIAG_LESSONS; else what is called
 * lessons beside the program, where `make` puts a link to those of the source tree; else where `make install`
 * puts them. -ENOENT tells where they were looked for. */
int find_lessons(char **path, struct sd_err *err);

/* A folder named NN-name with a lesson.json in it. */
struct find_entry {
    unsigned number;
    char *name; /* "sticky" */
    char *path;
};

struct find_list {
    struct find_entry *entries; /* by number */
    size_t count;
};

/* 0 or a negative errno. find_list_free() in any case. */
int find_list(struct find_list *list, const char *folder, struct sd_err *err);
void find_list_free(struct find_list *list);

/* By number ("4", "04"), name ("sticky") or both ("04-sticky"); NULL where there is none. */
const struct find_entry *find_entry(const struct find_list *list, const char *word);

#endif
