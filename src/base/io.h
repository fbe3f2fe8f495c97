#ifndef SOCKDIAG_BASE_IO_H
#define SOCKDIAG_BASE_IO_H

#include <stddef.h>
#include <sys/types.h>

/* Write all of `len` bytes, through short writes and EINTR. 0, or a negative errno (-ENOSPC when the disk is
 * full). */
int io_write_all(int fd, const void *data, size_t len);

/* Read until `len` bytes came or the input ended. The number of bytes read, or a negative errno. */
ssize_t io_read_full(int fd, void *data, size_t len);

/* Read until `len` bytes from `place` on came or the file ended. `*got` of them were read, in any case: those
 * before a bad place, too. 0, or the negative errno of what came behind them. */
int io_read_at(int fd, void *data, size_t len, off_t place, size_t *got);

/* Open /dev/null, close-on-exec, in the place of each of the descriptors 0, 1 and 2 that is closed: so that
 * no file opened later takes the number that messages go to. That of stdout can only be read: what is written
 * to it is lost, and the write says so. 0 or a negative errno. */
int io_reserve_standard(void);

/* close(2) unless `*fd` is -1, and set it to -1. */
void io_close(int *fd);

#endif
