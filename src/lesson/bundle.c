#include "lesson/bundle.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"

#define MOST_DEPTH 16

static struct bundle_file *find(const struct bundle *bundle, const char *name)
{
    for (size_t i = 0; i < bundle->count; i++) {
        if (strcmp(bundle->files[i].name, name) == 0)
            return &bundle->files[i];
    }
    return NULL;
}

const struct bundle_file *bundle_find(const struct bundle *bundle, const char *name)
{
    return find(bundle, name);
}

static int too_much(struct sd_err *err)
{
    return sd_fail(err, E2BIG, "the folder holds too much: at most %u files and %u MiB", BUNDLE_MOST_FILES,
                   BUNDLE_MOST_BYTES >> 20);
}

static int no_memory(struct sd_err *err)
{
    return sd_fail(err, ENOMEM, "out of memory for the files of a folder");
}

/* Takes the bytes over, also where it fails. */
static int put(struct bundle *bundle, const char *name, struct buf *data, mode_t mode, struct sd_err *err)
{
    struct bundle_file *file = find(bundle, name);
    const size_t before = file != NULL ? file->data.len : 0;
    int failed = 0;
    if (data->failed)
        failed = no_memory(err);
    else if ((file == NULL && bundle->count == BUNDLE_MOST_FILES) ||
             data->len > BUNDLE_MOST_BYTES - (bundle->bytes - before))
        failed = too_much(err);
    if (failed == 0 && file == NULL) {
        struct bundle_file *more = realloc(bundle->files, (bundle->count + 1) * sizeof *more);
        char *copy = strdup(name);
        if (more != NULL)
            bundle->files = more;
        if (more == NULL || copy == NULL) {
            free(copy);
            failed = no_memory(err);
        } else {
            file = &bundle->files[bundle->count++];
            *file = (struct bundle_file){.name = copy};
        }
    }
    if (failed != 0) {
        buf_free(data);
        return failed;
    }
    buf_free(&file->data);
    bundle->bytes += data->len - before;
    file->data = *data;
    file->mode = mode & 0777;
    return 0;
}

int bundle_put(struct bundle *bundle, const char *name, const void *data, size_t len, mode_t mode,
               struct sd_err *err)
{
    struct buf copy = {0};
    buf_append(&copy, data, len);
    return put(bundle, name, &copy, mode, err);
}

/* ---- reading ---- */

/* O_NONBLOCK: the open of a FIFO would wait for its writer. */
static int read_file(int dir, const char *name, size_t most, struct buf *data, mode_t *mode,
                     struct sd_err *err)
{
    struct stat st;
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return sd_fail_errno(err, errno == ELOOP ? EINVAL : errno, "cannot read %s", name);
    int failed = 0;
    if (fstat(fd, &st) != 0)
        failed = sd_fail_errno(err, errno, "cannot read %s", name);
    else if (!S_ISREG(st.st_mode))
        failed = sd_fail(err, EINVAL, "%s is no regular file", name);
    *mode = failed == 0 ? st.st_mode : 0;
    while (failed == 0) {
        if (!buf_reserve(data, 65536)) {
            failed = no_memory(err);
            break;
        }
        ssize_t n = io_read_full(fd, data->data + data->len, 65536);
        if (n < 0)
            failed = sd_fail_errno(err, (int)-n, "cannot read %s", name);
        else if ((size_t)n > most - data->len)
            failed = sd_fail(err, E2BIG, "%s is longer than %zu bytes", name, most);
        if (n <= 0 || failed != 0)
            break;
        data->len += (size_t)n;
    }
    close(fd);
    return failed;
}

int bundle_read_file(int dir, const char *name, size_t most, struct buf *data, struct sd_err *err)
{
    mode_t mode;
    return read_file(dir, name, most, data, &mode, err);
}

struct load {
    struct bundle *bundle;
    const char *const *except;
    struct buf path; /* of the folder that is read, with a slash behind it */
    unsigned depth;
    struct sd_err *err;
};

static bool left_out(const struct load *load, const char *name)
{
    for (const char *const *word = load->except; load->depth == 0 && word != NULL && *word != NULL; word++) {
        if (strcmp(*word, name) == 0)
            return true;
    }
    return false;
}

static int load_folder(struct load *load, int dir);

static int load_below(struct load *load, int dir, const char *name)
{
    const size_t before = load->path.len;
    if (load->depth == MOST_DEPTH)
        return too_much(load->err);
    int sub = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (sub < 0)
        return sd_fail_errno(load->err, errno, "cannot read the folder %s", name);
    buf_text(&load->path, name);
    buf_char(&load->path, '/');
    load->depth++;
    int failed = load_folder(load, sub);
    load->depth--;
    load->path.len = before;
    return failed;
}

static int load_entry(struct load *load, int dir, const char *name)
{
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return sd_fail_errno(load->err, errno, "cannot read %s", name);
    if (S_ISDIR(st.st_mode))
        return left_out(load, name) ? 0 : load_below(load, dir, name);
    if (!S_ISREG(st.st_mode))
        return 0;
    struct buf data = {0};
    mode_t mode;
    int failed = read_file(dir, name, BUNDLE_MOST_BYTES, &data, &mode, load->err);
    if (failed != 0) {
        buf_free(&data);
        return failed;
    }
    const size_t before = load->path.len;
    buf_text(&load->path, name);
    failed = put(load->bundle, buf_cstr(&load->path), &data, mode, load->err);
    load->path.len = before;
    return failed;
}

/* Closes `dir`. */
static int load_folder(struct load *load, int dir)
{
    DIR *stream = fdopendir(dir);
    const struct dirent *entry;
    int failed = 0;
    if (stream == NULL) {
        failed = sd_fail_errno(load->err, errno, "cannot list a folder");
        close(dir);
        return failed;
    }
    errno = 0;
    while (failed == 0 && (entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            failed = load_entry(load, dir, entry->d_name);
        errno = 0;
    }
    if (failed == 0 && errno != 0)
        failed = sd_fail_errno(load->err, errno, "cannot list a folder");
    closedir(stream);
    return failed;
}

int bundle_load(struct bundle *bundle, int dir, const char *const *except, struct sd_err *err)
{
    struct load load = {.bundle = bundle, .except = except, .err = err};
    int own = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (own < 0)
        return sd_fail_errno(err, errno, "cannot list a folder");
    int failed = load_folder(&load, own);
    if (failed == 0 && load.path.failed)
        failed = no_memory(err);
    buf_free(&load.path);
    return failed;
}

/* ---- writing ---- */

/* The folders that the name goes through. */
static int make_folders(int dir, const char *name, struct sd_err *err)
{
    char path[4096];
    if (strlen(name) >= sizeof path)
        return sd_fail(err, ENAMETOOLONG, "the name of a file is too long");
    for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        const size_t len = (size_t)(slash - name);
        memcpy(path, name, len);
        path[len] = '\0';
        if (mkdirat(dir, path, 0755) != 0 && errno != EEXIST)
            return sd_fail_errno(err, errno, "cannot make the folder %s", path);
    }
    return 0;
}

static int write_file(int dir, const struct bundle_file *file, struct sd_err *err)
{
    int failed = make_folders(dir, file->name, err);
    if (failed != 0)
        return failed;
    int fd = openat(dir, file->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, file->mode | 0600);
    if (fd < 0)
        return sd_fail_errno(err, errno, "cannot write %s", file->name);
    failed = io_write_all(fd, file->data.data, file->data.len);
    close(fd);
    return failed == 0 ? 0 : sd_fail_errno(err, -failed, "cannot write %s", file->name);
}

int bundle_write(const struct bundle *bundle, int dir, struct sd_err *err)
{
    int failed = 0;
    for (size_t i = 0; i < bundle->count && failed == 0; i++)
        failed = write_file(dir, &bundle->files[i], err);
    return failed;
}

void bundle_free(struct bundle *bundle)
{
    for (size_t i = 0; i < bundle->count; i++) {
        free(bundle->files[i].name);
        buf_free(&bundle->files[i].data);
    }
    free(bundle->files);
    *bundle = (struct bundle){0};
}
