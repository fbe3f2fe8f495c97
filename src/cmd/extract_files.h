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

/* A file of payload. Its fields are for the functions below; zeroed, it is none yet. */
struct extract_file {
    struct extract_files *files;
    struct extract_file *earlier, *later; /* written to, among the active ones */
    const char *from;
    uint64_t stream;
    uint64_t refused; /* bytes */
    uint64_t end;     /* behind the last byte that was written to the file */
    uint64_t offset;  /* of the buffer's first byte */
    uint8_t *buffer;
    uint32_t len, cap;   /* of the buffer */
    uint64_t last_block; /* that room was taken for, + 1 */
    int fd;
    bool active, admitted, created;
};

enum {
    EXTRACT_NAME = 48
}; /* room for a name */

struct extract_files_config {
    const char *directory; /* made if it is not there; its parent must be */
    bool force;            /* write over files that are there */
    bool hex;
    size_t gather;      /* bytes that wait to be written, of files that grow; 32 MiB at most are used */
    uint64_t limit;     /* bytes of the disk, in whole blocks */
    uint64_t max_files; /* with the index */
};

#define EXTRACT_FILES_MEMORY ((size_t)2 << 20) /* that are taken besides, at most */

/* 0 or a negative errno with `err` filled. */
int extract_files_open(struct extract_files **out, const struct extract_files_config *config,
                       struct sd_err *err);
void extract_files_close(struct extract_files *files);

/* A descriptor of a new file in the directory; its caller's. Negative errno with `err` filled: -EEXIST where
 * it is there and `force` is not set. */
int extract_files_create(struct extract_files *files, const char *name, struct sd_err *err);

/* Write on to such a descriptor, behind the files that are finished by now; no more than there is room for.
 */
int extract_files_append(struct extract_files *files, int fd, const uint8_t *data, size_t len,
                         struct sd_err *err);

/* Bytes of the disk that such writing may take now: what the limit leaves, and what was kept for it as each
 * file was made, so that payload does not use up the room of the lines that tell of it. */
uint64_t extract_files_room(const struct extract_files *files);

/* Until all that is finished is written: it may be written while its caller goes on, and a failure of that is
 * told by a later call. */
int extract_files_wait(struct extract_files *files, struct sd_err *err);

struct extract_counts {
    uint64_t files, bytes;                 /* written */
    uint64_t files_refused, bytes_refused; /* not, for the limits */
    bool reached_limit, reached_files;     /* which of them */
};
struct extract_counts extract_files_counts(const struct extract_files *files);

/* A file that does not exist before its first byte is written. `from` must outlive it. */
void extract_file_init(struct extract_file *file, struct extract_files *files, uint64_t stream,
                       const char *from);

/* Write bytes of the stream at their offset. What the limits refuse is counted and not written. 0 or a
 * negative errno with `err` filled (-ENOSPC: the disk is full). */
int extract_file_write(struct extract_file *file, uint64_t offset, const uint8_t *data, size_t len,
                       struct sd_err *err);

/* Write zeros over a gap: in a raw file nothing is to be done, for it reads as zeros. */
int extract_file_fill(struct extract_file *file, uint64_t offset, uint64_t len, struct sd_err *err);

/* No more bytes are awaited: if all of them are gathered, they are written now. More may come all the same.
 */
int extract_file_settle(struct extract_file *file, uint64_t len, struct sd_err *err);

/* All bytes are there; the file gets its full length. */
int extract_file_finish(struct extract_file *file, uint64_t len, struct sd_err *err);

/* Its name in `out`; false where nothing was ever written. */
bool extract_file_name(const struct extract_file *file, char out[EXTRACT_NAME]);

/* Bytes of this file that the limits refused. */
uint64_t extract_file_refused(const struct extract_file *file);

void extract_file_fini(struct extract_file *file);

#endif
