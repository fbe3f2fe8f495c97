#ifndef SOCKDIAG_CMD_EXTRACT_FILES_H
#define SOCKDIAG_CMD_EXTRACT_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Files of payload in one directory, written at offsets, as many at a time as there are streams: few are open
 * at once, small pieces are gathered, and all together they take no more of the disk than a limit. Gaps take
 * no room where the file system has sparse files. Names are made of numbers; no link is followed. */

struct extract_files;
struct extract_file;

struct extract_files_config {
    const char *directory; /* made if it is not there; its parent must be */
    bool force;            /* write over files that are there */
    bool hex;
    uint64_t limit;     /* bytes of the disk, in whole blocks */
    uint64_t max_files; /* with the index */
};

/* 0 or a negative errno with `err` filled. */
int extract_files_open(struct extract_files **out, const struct extract_files_config *config,
                       struct sd_err *err);
void extract_files_close(struct extract_files *files);

/* A descriptor of a new file in the directory; its caller's. Negative errno with `err` filled: -EEXIST where
 * it is there and `force` is not set. */
int extract_files_create(struct extract_files *files, const char *name, struct sd_err *err);

/* Take room of the disk for so many bytes of a file that the caller writes. False: there is none left. */
bool extract_files_take(struct extract_files *files, uint64_t bytes);

struct extract_counts {
    uint64_t files, bytes;                 /* written */
    uint64_t files_refused, bytes_refused; /* not, for the limits */
};
struct extract_counts extract_files_counts(const struct extract_files *files);

/* A file that does not exist before its first byte is written. NULL: out of memory. */
struct extract_file *extract_file_new(struct extract_files *files, uint64_t stream, const char *from);

/* Write bytes of the stream at their offset. What the limits refuse is counted and not written. 0 or a
 * negative errno with `err` filled (-ENOSPC: the disk is full). */
int extract_file_write(struct extract_file *file, uint64_t offset, const uint8_t *data, size_t len,
                       struct sd_err *err);

/* Write zeros over a gap: in a raw file nothing is to be done, for it reads as zeros. */
int extract_file_fill(struct extract_file *file, uint64_t offset, uint64_t len, struct sd_err *err);

/* All bytes are there; the file gets its full length. Its name; NULL where nothing was ever written. */
int extract_file_finish(struct extract_file *file, uint64_t len, const char **name, struct sd_err *err);

/* Bytes of this file that the limits refused. */
uint64_t extract_file_refused(const struct extract_file *file);

void extract_file_free(struct extract_file *file);

#endif
