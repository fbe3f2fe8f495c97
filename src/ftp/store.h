#ifndef SOCKDIAG_FTP_STORE_H
#define SOCKDIAG_FTP_STORE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Files of one directory, by their plain names. A name is one component: it holds no '/', it is opened
 * relative to the directory and without following a symbolic link, so nothing leaves the directory. */

#define FTP_NAME_MAX 255

/* Why a name is refused, as the end of a sentence ("holds a '/'"), or NULL where it is good. Hidden names
 * (".profile") are refused: the file transfer must not plant what other programs obey. */
const char *ftp_name_problem(const char *name, size_t len);

/* A descriptor of the directory, or a negative errno. */
int ftp_store_open(const char *path, struct sd_err *err);

/* Open a regular file for reading. A descriptor, or a negative errno. */
int ftp_store_read(int dir_fd, const char *name, uint64_t *size, struct sd_err *err);

/* A file that comes to be. Lifecycle: create, write…, commit, abandon; until commit there is nothing under
 * its name, and abandon (which may always be called, also after commit) leaves nothing behind. */
struct ftp_store_file {
    int dir_fd, fd;
    char name[FTP_NAME_MAX + 1];
    char temporary[40]; /* name of the part; empty where the file has no name yet (O_TMPFILE) */
    uint64_t size, limit;
};

int ftp_store_create(struct ftp_store_file *file, int dir_fd, const char *name, uint64_t limit,
                     struct sd_err *err);
int ftp_store_write(struct ftp_store_file *file, const void *data, size_t len, struct sd_err *err);
int ftp_store_commit(struct ftp_store_file *file, struct sd_err *err);
void ftp_store_abandon(struct ftp_store_file *file);

/* The regular files, sorted by name, as an array of {"name":…,"size":…}: as many as fit into about
 * `room` bytes of JSON; *more: how many did not. Names that are no UTF-8 are not listed. */
int ftp_store_list(int dir_fd, size_t room, json_t **files, uint64_t *more, struct sd_err *err);

#endif
