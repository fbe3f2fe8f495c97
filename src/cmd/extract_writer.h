#ifndef SOCKDIAG_CMD_EXTRACT_WRITER_H
#define SOCKDIAG_CMD_EXTRACT_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* A thread that writes files, and the index, while packets are read on: to make and fill a file costs the
 * system more than to find its bytes costs us. What it is given is done in that order, so that the index
 * never names a file that could not be written; after a failure nothing more is. */

#define EXTRACT_WRITER_MOST ((size_t)64 << 10) /* bytes of a whole file, or of a piece */

struct extract_writer;

struct extract_writer_config {
    int directory_fd;      /* the caller's, as what follows; both outlive the writer */
    const char *directory; /* for messages */
    bool force;            /* write over files that are there */
};

/* Make a file that is not there, or with `force` empty one that is. A descriptor, the caller's; negative
 * errno with `err` filled: -EEXIST, -EINVAL where it is no regular file. For any thread. */
int extract_create(const struct extract_writer_config *config, const char *name, struct sd_err *err);

/* Lifecycle: new, before system calls are filtered; file and index; wait; free. 0 or a negative errno with
 * `err` filled, which may be of something that was handed over before. */
int extract_writer_new(struct extract_writer **out, const struct extract_writer_config *config,
                       struct sd_err *err);
void extract_writer_free(struct extract_writer *writer); /* what was handed over is written before */

/* A new file of `len` bytes; `name` has less than 48. */
int extract_writer_file(struct extract_writer *writer, const char *name, const uint8_t *data, size_t len,
                        struct sd_err *err);

/* A piece of the file `name`, at its place. The descriptor stays open until the writer closes it. */
int extract_writer_piece(struct extract_writer *writer, const char *name, int fd, uint64_t offset,
                         const uint8_t *data, size_t len, struct sd_err *err);
int extract_writer_close(struct extract_writer *writer, int fd, struct sd_err *err);

/* Write on to a descriptor. */
int extract_writer_append(struct extract_writer *writer, int fd, const uint8_t *data, size_t len,
                          struct sd_err *err);

/* Until all is written. */
int extract_writer_wait(struct extract_writer *writer, struct sd_err *err);

#endif
