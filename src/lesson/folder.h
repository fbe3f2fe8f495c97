#ifndef SOCKDIAG_LESSON_FOLDER_H
#define SOCKDIAG_LESSON_FOLDER_H

#include "base/err.h"

/* Private copies of a lesson's folder. */

/* Make a folder under TMPDIR (or /tmp) that only the caller may enter; `path` is for the caller to free(). 0
 * or a negative errno. */
int folder_make(char **path, struct sd_err *err);

/* Copy what is in `from`, files and folders of files, into the folder `to`, without what is named `except`
 * (NULL: nothing is left out). Files are writable for the owner and keep their x bits. 0 or a negative
 * errno. */
int folder_copy(const char *from, const char *to, const char *except, struct sd_err *err);

/* Copy one file into the folder `to`, unless there is one of its name: then -EEXIST, without a message. */
int folder_copy_file(const char *from, const char *to, struct sd_err *err);

/* Remove a folder and all that is in it, without following links; one that is not there is fine. 0 or a
 * negative errno. */
int folder_remove(const char *path, struct sd_err *err);

#endif
