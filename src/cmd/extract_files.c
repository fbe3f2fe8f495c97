#include "cmd/extract_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "cmd/extract_hex.h"
#include "cmd/extract_writer.h"

/* Pieces of a file that follow each other are gathered in its buffer, and go from there to the writer: a file
 * that is whole as such, others piece by piece. What the writer could not tell in time, that the file system
 * takes no more there, is found out here: pieces that lie far behind, and lines of hexadecimal digits, which
 * are read again, are written by ourselves. A file with a descriptor or a buffer is
 * in the list of active files, the one that was written to last at its end: when there are too many of
 * either, the first one gives its own up. */

enum {
    MAX_OPEN = 256,
    MAX_GATHERED = 32 << 20, /* of all buffers */
    FIRST_BUFFER = 128,
    BUFFER = EXTRACT_WRITER_MOST,
    BLOCK = 4096,            /* what a file system gives out at once */
    SURELY_FITS = INT32_MAX, /* every file system has files as long */
    INDEX_OF_ALL = 1024,
    INDEX_OF_FILE = 512, /* kept for its lines in the index */
};

struct extract_files {
    struct extract_files_config config;
    struct extract_writer_config target;
    struct extract_writer *writer;
    uint64_t largest; /* file that the system allows */
    struct extract_file *first, *last;
    size_t open_count, gathered;
    uint64_t taken; /* bytes of the disk */
    uint64_t kept;  /* of them: for the index */
    struct extract_counts counts;
};

/* ---- room ---- */

static bool take(struct extract_files *files, uint64_t bytes)
{
    if (bytes > files->config.limit - files->taken)
        return false;
    files->taken += bytes;
    return true;
}

static bool keep_for_index(struct extract_files *files, uint64_t bytes)
{
    if (!take(files, bytes))
        return false;
    files->kept += bytes;
    return true;
}

uint64_t extract_files_room(const struct extract_files *files)
{
    return files->kept + (files->config.limit - files->taken);
}

/* What is kept goes first. */
static void take_for_index(struct extract_files *files, uint64_t bytes)
{
    const uint64_t kept = bytes < files->kept ? bytes : files->kept;
    files->kept -= kept;
    files->taken += bytes - kept;
}

/* ---- the directory ---- */

int extract_files_open(struct extract_files **out, const struct extract_files_config *config,
                       struct sd_err *err)
{
    struct rlimit most;
    struct extract_files *files = calloc(1, sizeof *files);
    *out = files;
    if (files == NULL)
        return sd_fail_errno(err, ENOMEM, "extract");
    files->config = *config;
    if (files->config.gather > MAX_GATHERED)
        files->config.gather = MAX_GATHERED;
    files->target = (struct extract_writer_config){-1, config->directory, config->force};
    files->largest = getrlimit(RLIMIT_FSIZE, &most) == 0 ? most.rlim_cur : 0;
    if (mkdir(config->directory, 0777) != 0 && errno != EEXIST)
        return sd_fail_errno(err, errno, "cannot make the directory %s", config->directory);
    files->target.directory_fd = open(config->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (files->target.directory_fd < 0)
        return sd_fail_errno(err, errno, "cannot open the directory %s", config->directory);
    keep_for_index(files, INDEX_OF_ALL);
    return extract_writer_new(&files->writer, &files->target, err);
}

void extract_files_close(struct extract_files *files)
{
    if (files == NULL)
        return;
    extract_writer_free(files->writer);
    io_close(&files->target.directory_fd);
    free(files);
}

int extract_files_create(struct extract_files *files, const char *name, struct sd_err *err)
{
    const int fd = extract_create(&files->target, name, err);
    files->counts.files += fd >= 0;
    return fd;
}

int extract_files_append(struct extract_files *files, int fd, const uint8_t *data, size_t len,
                         struct sd_err *err)
{
    take_for_index(files, len);
    return extract_writer_append(files->writer, fd, data, len, err);
}

int extract_files_wait(struct extract_files *files, struct sd_err *err)
{
    return extract_writer_wait(files->writer, err);
}

struct extract_counts extract_files_counts(const struct extract_files *files)
{
    return files->counts;
}

/* ---- active files ---- */

static void deactivate(struct extract_file *file)
{
    struct extract_files *files = file->files;
    if (!file->active)
        return;
    *(file->earlier != NULL ? &file->earlier->later : &files->first) = file->later;
    *(file->later != NULL ? &file->later->earlier : &files->last) = file->earlier;
    file->active = false;
}

static void activate(struct extract_file *file)
{
    struct extract_files *files = file->files;
    if (files->last == file)
        return;
    deactivate(file);
    file->earlier = files->last;
    file->later = NULL;
    *(files->last != NULL ? &files->last->later : &files->first) = file;
    files->last = file;
    file->active = true;
}

/* Behind its pieces; a failure of these is told by what is done next. */
static void close_file(struct extract_file *file)
{
    struct sd_err ignored;
    if (file->fd < 0)
        return;
    (void)extract_writer_close(file->files->writer, file->fd, &ignored);
    file->fd = -1;
    file->files->open_count--;
}

static void drop_buffer(struct extract_file *file)
{
    file->files->gathered -= file->cap;
    free(file->buffer);
    file->buffer = NULL;
    file->cap = file->len = 0;
}

/* With neither a descriptor nor a buffer, it leaves the list. */
static void rest(struct extract_file *file)
{
    if (file->fd < 0 && file->cap == 0)
        deactivate(file);
}

/* ---- writing ---- */

static void put_name(const struct extract_file *file, char out[EXTRACT_NAME])
{
    snprintf(out, EXTRACT_NAME, "%llu-%s.%s", (unsigned long long)file->stream, file->from,
             file->files->config.hex ? "hex" : "raw");
}

bool extract_file_name(const struct extract_file *file, char out[EXTRACT_NAME])
{
    put_name(file, out);
    return file->created;
}

static void refuse(struct extract_file *file, uint64_t len)
{
    file->files->counts.bytes_refused += len;
    if (!file->created && file->refused == 0)
        file->files->counts.files_refused++;
    file->refused += len;
}

/* May it be made, if it is not yet? */
static bool admit(struct extract_file *file)
{
    struct extract_files *files = file->files;
    if (file->created)
        return true;
    if (files->counts.files >= files->config.max_files) {
        files->counts.reached_files = true;
        return false;
    }
    file->admitted = file->admitted || keep_for_index(files, INDEX_OF_FILE);
    files->counts.reached_limit = files->counts.reached_limit || !file->admitted;
    return file->admitted;
}

/* Where the writer has not come so far yet: that it makes the file, or closes others. */
static int open_again(struct extract_files *files, const char *name, struct sd_err *err)
{
    for (int turn = 0;; turn++) {
        const int fd = openat(files->target.directory_fd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0)
            return fd;
        if (turn > 0 || (errno != ENOENT && errno != EMFILE))
            return sd_fail_errno(err, errno, "cannot open %s/%s again", files->config.directory, name);
        const int failed = extract_writer_wait(files->writer, err);
        if (failed != 0)
            return failed;
    }
}

static int make_file(struct extract_files *files, const char *name, struct sd_err *err)
{
    int fd = extract_files_create(files, name, err);
    if (fd == -EMFILE && extract_writer_wait(files->writer, err) == 0)
        fd = extract_files_create(files, name, err);
    return fd;
}

/* 1 or a negative errno. */
static int open_file(struct extract_file *file, struct sd_err *err)
{
    struct extract_files *files = file->files;
    char name[EXTRACT_NAME];
    if (file->fd >= 0)
        return 1;
    for (struct extract_file *other = files->first, *next; other != NULL && files->open_count >= MAX_OPEN;
         other = next) {
        next = other->later;
        close_file(other);
        rest(other);
    }
    put_name(file, name);
    file->fd = file->created ? open_again(files, name, err) : make_file(files, name, err);
    if (file->fd < 0)
        return file->fd;
    file->created = true;
    files->open_count++;
    return 1;
}

/* Room for the blocks that [at, at + len) lies in; those of the last write are paid for. */
static bool take_blocks(struct extract_file *file, uint64_t at, uint64_t len)
{
    uint64_t first = at / BLOCK;
    const uint64_t end = (at + len - 1) / BLOCK + 1;
    if (first + 1 == file->last_block)
        first++;
    if (end > first && !take(file->files, (end - first) * BLOCK)) {
        file->files->counts.reached_limit = true;
        return false;
    }
    file->last_block = end;
    return true;
}

static int write_error(const struct extract_file *file, int code, struct sd_err *err)
{
    char name[EXTRACT_NAME];
    put_name(file, name);
    return sd_fail_errno(err, code, "cannot write %s/%s", file->files->config.directory, name);
}

/* Write at a place of the file; 1, 0 where the limits or the file system allow no more there, or -errno. */
static int write_at(struct extract_file *file, uint64_t at, const uint8_t *data, size_t len,
                    struct sd_err *err)
{
    if (at > INT64_MAX - len || !admit(file) || !take_blocks(file, at, len))
        return 0;
    const int opened = open_file(file, err);
    if (opened < 0)
        return opened;
    if (at + len > file->end)
        file->end = at + len;
    if (!file->files->config.hex && at + len <= SURELY_FITS && at + len <= file->files->largest) {
        char name[EXTRACT_NAME];
        put_name(file, name);
        const int failed = extract_writer_piece(file->files->writer, name, file->fd, at, data, len, err);
        return failed == 0 ? 1 : failed;
    }
    while (len > 0) {
        const ssize_t n = pwrite(file->fd, data, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EFBIG ? 0 : write_error(file, errno, err);
        at += (uint64_t)n;
        data += n;
        len -= (size_t)n;
    }
    return 1;
}

/* ---- lines of hexadecimal digits ---- */

/* What a line at `line` holds already. 0 or -errno. */
static int read_line(const struct extract_file *file, uint64_t line, char text[HEX_LINE], struct sd_err *err)
{
    extract_hex_blank(text, line);
    if (file->fd < 0)
        return 0;
    char there[HEX_LINE];
    const ssize_t n = pread(file->fd, there, sizeof there, (off_t)(line * HEX_LINE));
    if (n < 0)
        return write_error(file, errno, err);
    if (n == HEX_LINE && there[HEX_LINE - 1] == '\n') /* zeros where the file has a hole */
        memcpy(text, there, sizeof there);
    return 0;
}

/* As write_at, for bytes of the stream: whole lines, those at both ends with what they held. */
static int write_hex(struct extract_file *file, uint64_t offset, const uint8_t *data, size_t len,
                     struct sd_err *err)
{
    char lines[32 * HEX_LINE];
    if (offset >= HEX_MAX_OFFSET - len)
        return 0;
    int wrote = file->created ? open_file(file, err) : 1;
    while (len > 0 && wrote > 0) {
        const uint64_t first = offset / HEX_BYTES;
        uint64_t line = first;
        size_t used = 0;
        for (; len > 0 && used + HEX_LINE <= sizeof lines; line++, used += HEX_LINE) {
            const size_t at = offset % HEX_BYTES, here = HEX_BYTES - at < len ? HEX_BYTES - at : len;
            int failed = here < HEX_BYTES ? read_line(file, line, lines + used, err) : 0;
            if (failed != 0)
                return failed;
            if (here == HEX_BYTES)
                extract_hex_blank(lines + used, line);
            extract_hex_put(lines + used, at, data, here);
            data += data != NULL ? here : 0;
            offset += here;
            len -= here;
        }
        wrote = write_at(file, first * HEX_LINE, (const uint8_t *)lines, used, err);
    }
    return wrote;
}

/* ---- gathering ---- */

/* Write out what is in the buffer. */
static int flush_file(struct extract_file *file, struct sd_err *err)
{
    if (file->len == 0)
        return 0;
    int wrote = file->files->config.hex ? write_hex(file, file->offset, file->buffer, file->len, err)
                                        : write_at(file, file->offset, file->buffer, file->len, err);
    if (wrote == 0)
        refuse(file, file->len);
    else if (wrote > 0)
        file->files->counts.bytes += file->len;
    file->len = 0;
    return wrote < 0 ? wrote : 0;
}

/* Room for `len` more bytes, if they may be gathered. */
static bool grow_buffer(struct extract_file *file, size_t len)
{
    if (file->cap - file->len >= len)
        return true;
    size_t cap = file->cap == 0 ? FIRST_BUFFER : file->cap;
    while (cap - file->len < len && cap < BUFFER)
        cap *= 2;
    if (cap - file->len < len)
        return false;
    uint8_t *buffer = realloc(file->buffer, cap);
    if (buffer == NULL)
        return false;
    file->files->gathered += cap - file->cap;
    file->buffer = buffer;
    file->cap = (uint32_t)cap;
    return true;
}

/* The files that were not written to for longest give their buffers up. */
static int make_room(struct extract_files *files, struct sd_err *err)
{
    for (struct extract_file *file = files->first, *next;
         file != NULL && files->gathered > files->config.gather; file = next) {
        int failed = flush_file(file, err);
        if (failed != 0)
            return failed;
        next = file->later; /* now: opening this one may have sent the next one to rest */
        drop_buffer(file);
        rest(file);
    }
    return 0;
}

void extract_file_init(struct extract_file *file, struct extract_files *files, uint64_t stream,
                       const char *from)
{
    *file = (struct extract_file){.files = files, .from = from, .stream = stream, .fd = -1};
}

int extract_file_write(struct extract_file *file, uint64_t offset, const uint8_t *data, size_t len,
                       struct sd_err *err)
{
    if (len == 0)
        return 0;
    activate(file);
    int failed = 0;
    if (file->len > 0 && (offset != file->offset + file->len || file->len + len > BUFFER))
        failed = flush_file(file, err);
    if (failed != 0)
        return failed;
    while (len > 0 && failed == 0) {
        const size_t here = len < BUFFER ? len : BUFFER;
        if (!grow_buffer(file, here))
            return sd_fail_errno(err, ENOMEM, "extract");
        if (file->len == 0)
            file->offset = offset;
        memcpy(file->buffer + file->len, data, here);
        file->len += (uint32_t)here;
        offset += here;
        data += here;
        len -= here;
        if (len > 0)
            failed = flush_file(file, err);
    }
    return failed == 0 ? make_room(file->files, err) : failed;
}

int extract_file_fill(struct extract_file *file, uint64_t offset, uint64_t len, struct sd_err *err)
{
    int failed = flush_file(file, err);
    if (failed != 0 || !file->files->config.hex)
        return failed;
    int wrote = 1;
    while (len > 0 && wrote > 0) {
        const size_t here = len < BUFFER ? (size_t)len : BUFFER;
        wrote = write_hex(file, offset, NULL, here, err);
        offset += wrote > 0 ? here : 0;
        len -= wrote > 0 ? here : 0;
    }
    if (wrote == 0)
        refuse(file, len);
    return wrote < 0 ? wrote : 0;
}

/* Is all there is of the file in its buffer? */
static bool is_whole(const struct extract_file *file, uint64_t len)
{
    return !file->created && !file->files->config.hex && file->refused == 0 && file->len > 0 &&
           file->offset == 0 && file->len == len && len <= file->files->largest;
}

static int hand_to_writer(struct extract_file *file, struct sd_err *err)
{
    struct extract_files *files = file->files;
    if (!admit(file) || !take_blocks(file, 0, file->len)) {
        refuse(file, file->len);
        return 0;
    }
    char name[EXTRACT_NAME];
    put_name(file, name);
    file->created = true;
    files->counts.files++;
    files->counts.bytes += file->len;
    file->end = file->len;
    return extract_writer_file(files->writer, name, file->buffer, file->len, err);
}

int extract_file_settle(struct extract_file *file, uint64_t len, struct sd_err *err)
{
    if (!is_whole(file, len))
        return 0;
    const int failed = hand_to_writer(file, err);
    drop_buffer(file);
    rest(file);
    return failed;
}

int extract_file_finish(struct extract_file *file, uint64_t len, struct sd_err *err)
{
    int failed = extract_file_settle(file, len, err);
    if (failed == 0)
        failed = flush_file(file, err);
    if (failed != 0 || !file->created)
        return failed;
    if (file->files->config.hex || len > INT64_MAX || len <= file->end)
        return 0;
    const int opened = open_file(file, err);
    if (opened < 0)
        return opened;
    return ftruncate(file->fd, (off_t)len) == 0 || errno == EFBIG ? 0 : write_error(file, errno, err);
}

uint64_t extract_file_refused(const struct extract_file *file)
{
    return file->refused;
}

void extract_file_fini(struct extract_file *file)
{
    if (file->files == NULL)
        return;
    deactivate(file);
    close_file(file);
    drop_buffer(file);
}
