#ifndef SOCKDIAG_LESSON_BUNDLE_H
#define SOCKDIAG_LESSON_BUNDLE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* A small folder in memory: what goes into a sandbox, and what came of it. Names are relative paths without
 * "." and "..". Zero-initialise, bundle_free. */

#define BUNDLE_MOST_BYTES (64U << 20)
#define BUNDLE_MOST_FILES 1024U

struct bundle {
    struct bundle_file *files;
    size_t count;
    size_t bytes;
};

struct bundle_file {
    char *name;
    mode_t mode; /* permission bits */
    struct buf data;
};

/* Add the regular files below the folder that `dir` is open on, except those folders in it that `except`
 * names (NULL-terminated; may be NULL). Links, sockets and the like are left out: nothing outside of the
 * folder is ever opened. A file of the same name is replaced. 0, or a negative errno; -E2BIG where it is
 * more than the limits above. */
int bundle_load(struct bundle *bundle, int dir, const char *const *except, struct sd_err *err);

/* Add or replace one file. 0, -E2BIG or -ENOMEM. */
int bundle_put(struct bundle *bundle, const char *name, const void *data, size_t len, mode_t mode,
               struct sd_err *err);

/* The file of that name, or NULL. */
const struct bundle_file *bundle_find(const struct bundle *bundle, const char *name);

/* Write all of it into the empty folder that `dir` is open on. 0 or a negative errno. */
int bundle_write(const struct bundle *bundle, int dir, struct sd_err *err);

void bundle_free(struct bundle *bundle);

/* The bytes of one regular file of a folder that a stranger's program wrote, at most `most`. 0, or a negative
 * errno: -ENOENT, -E2BIG, -EINVAL where it is no regular file. */
int bundle_read_file(int dir, const char *name, size_t most, struct buf *data, struct sd_err *err);

#endif
