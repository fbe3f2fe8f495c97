#include "ftp/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/io.h"

const char *ftp_name_problem(const char *name, size_t len)
{
    if (len == 0)
        return N_("is empty");
    if (len > FTP_NAME_MAX)
        return N_("is longer than 255 bytes");
    if (memchr(name, '/', len) != NULL)
        return N_("is a path; files have plain names here");
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
            return N_("holds a control character");
    }
    if (name[0] == '.')
        return N_("begins with a dot; hidden files are not served");
    return NULL;
}

int ftp_store_open(const char *path, struct sd_err *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? fd : sd_fail_errno(err, errno, "cannot open the directory %s", path);
}

int ftp_store_read(int dir_fd, const char *name, uint64_t *size, struct sd_err *err)
{
    /* O_NONBLOCK: a FIFO must not hold the server up before it is seen to be one. */
    int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 && errno == ENOENT)
        return sd_fail(err, ENOENT, "there is no such file");
    if (fd < 0 && errno == ELOOP)
        return sd_fail(err, ELOOP, "it is a symbolic link, and those are not followed");
    if (fd < 0)
        return sd_fail_errno(err, errno, "cannot open it");
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return sd_fail(err, EINVAL, "it is no regular file");
    }
    *size = (uint64_t)st.st_size;
    return fd;
}

/* A part under a name of its own, where the file system has no files without a name. */
static int create_named(struct ftp_store_file *file)
{
    uint64_t salt;
    if (getrandom(&salt, sizeof salt, 0) != (ssize_t)sizeof salt)
        return -EAGAIN;
    snprintf(file->temporary, sizeof file->temporary, ".%016" PRIx64 ".part", salt);
    file->fd =
        openat(file->dir_fd, file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (file->fd >= 0)
        return 0;
    file->temporary[0] = '\0';
    return -errno;
}

int ftp_store_create(struct ftp_store_file *file, int dir_fd, const char *name, uint64_t limit,
                     struct sd_err *err)
{
    *file = (struct ftp_store_file){.dir_fd = dir_fd, .fd = -1, .limit = limit};
    snprintf(file->name, sizeof file->name, "%s", name);
    struct stat st;
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
        return sd_fail(err, EISDIR, "there is a directory of that name");
    /* A file without a name vanishes even when this process is killed; it gets its name through /proc. */
    if (access("/proc/self/fd", X_OK) == 0)
        file->fd = openat(dir_fd, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666);
    int failed = file->fd >= 0 ? 0 : create_named(file);
    return failed == 0 ? 0 : sd_fail_errno(err, -failed, "cannot create it");
}

static int write_failure(int code, struct sd_err *err)
{
    if (code == ENOSPC || code == EDQUOT)
        return sd_fail(err, code, "no space left on the disk");
    return sd_fail_errno(err, code, "cannot write it");
}

int ftp_store_write(struct ftp_store_file *file, const void *data, size_t len, struct sd_err *err)
{
    if (len > file->limit || file->size > file->limit - len)
        return sd_fail(err, EFBIG, "it is longer than the limit of %" PRIu64 " bytes", file->limit);
    int failed = io_write_all(file->fd, data, len);
    if (failed != 0)
        return write_failure(-failed, err);
    file->size += len;
    return 0;
}

/* Give a nameless file a temporary name, since linkat() replaces nothing and rename() does. */
static int link_temporary(struct ftp_store_file *file, const char *by_fd)
{
    uint64_t salt;
    if (getrandom(&salt, sizeof salt, 0) != (ssize_t)sizeof salt)
        return -EAGAIN;
    char name[sizeof file->temporary];
    snprintf(name, sizeof name, ".%016" PRIx64 ".part", salt);
    if (linkat(AT_FDCWD, by_fd, file->dir_fd, name, AT_SYMLINK_FOLLOW) != 0)
        return -errno;
    memcpy(file->temporary, name, sizeof name);
    return 0;
}

static int give_name(struct ftp_store_file *file)
{
    if (file->temporary[0] == '\0') {
        char by_fd[40];
        snprintf(by_fd, sizeof by_fd, "/proc/self/fd/%d", file->fd);
        if (linkat(AT_FDCWD, by_fd, file->dir_fd, file->name, AT_SYMLINK_FOLLOW) == 0)
            return 0;
        int failed = errno == EEXIST ? link_temporary(file, by_fd) : -errno;
        if (failed != 0)
            return failed;
    }
    if (renameat(file->dir_fd, file->temporary, file->dir_fd, file->name) != 0)
        return -errno;
    file->temporary[0] = '\0';
    return 0;
}

int ftp_store_commit(struct ftp_store_file *file, struct sd_err *err)
{
    /* Some disks tell only now that they are full. */
    if (fsync(file->fd) != 0)
        return write_failure(errno, err);
    int failed = give_name(file);
    return failed == 0 ? 0 : write_failure(-failed, err);
}

void ftp_store_abandon(struct ftp_store_file *file)
{
    io_close(&file->fd);
    if (file->temporary[0] != '\0')
        unlinkat(file->dir_fd, file->temporary, 0);
    file->temporary[0] = '\0';
}

/* What of a directory is listed. */
static int is_listed(const struct dirent *entry)
{
    return ftp_name_problem(entry->d_name, strlen(entry->d_name)) == NULL;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Bytes that a file takes in the list at most: {"name":"…","size":…}, each quote and backslash escaped. */
static size_t listed_len(const char *name)
{
    return 2 * strlen(name) + 40;
}

/* Append one name; 0 also for what is not listed. */
static int list_one(int dir_fd, const char *name, size_t *room, json_t *files, uint64_t *more)
{
    struct stat st;
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
        return 0;
    json_t *text = json_string(name);
    if (text == NULL)
        return 0;
    if (listed_len(name) > *room) {
        json_decref(text);
        (*more)++;
        return 0;
    }
    *room -= listed_len(name);
    json_t *file = json_pack("{s:o,s:I}", "name", text, "size", (json_int_t)st.st_size);
    return file != NULL && json_array_append_new(files, file) == 0 ? 0 : -ENOMEM;
}

int ftp_store_list(int dir_fd, size_t room, json_t **files, uint64_t *more, struct sd_err *err)
{
    struct dirent **entries = NULL;
    *more = 0;
    int count = scandirat(dir_fd, ".", &entries, is_listed, by_bytes);
    if (count < 0)
        return sd_fail_errno(err, errno, "cannot list the directory");
    *files = json_array();
    int failed = *files != NULL ? 0 : -ENOMEM;
    for (int i = 0; i < count; i++) {
        if (failed == 0)
            failed = list_one(dir_fd, entries[i]->d_name, &room, *files, more);
        free(entries[i]);
    }
    free(entries);
    if (failed == 0)
        return 0;
    json_decref(*files);
    *files = NULL;
    return sd_fail(err, ENOMEM, "out of memory");
}
