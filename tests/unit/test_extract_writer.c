/* needs: src/cmd/extract_writer.c src/base/io.c src/base/err.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "cmd/extract_writer.h"

/* A directory of the test's own, and a writer for it. */
struct place {
    char path[64];
    struct extract_writer_config config;
    struct extract_writer *writer;
    int index_fd;
};

static void open_place(struct place *place, bool force)
{
    struct sd_err err = {0};
    snprintf(place->path, sizeof place->path, "/tmp/sockdiag-writer-XXXXXX");
    assert_non_null(mkdtemp(place->path));
    place->config = (struct extract_writer_config){
        .directory_fd = open(place->path, O_RDONLY | O_DIRECTORY),
        .directory = place->path,
        .force = force,
    };
    assert_int_equal(extract_writer_new(&place->writer, &place->config, &err), 0);
    place->index_fd = extract_create(&place->config, "index", &err);
    assert_true(place->index_fd >= 0);
}

static void close_place(struct place *place, unsigned files)
{
    char name[32];
    extract_writer_free(place->writer);
    for (unsigned i = 0; i < files; i++) {
        snprintf(name, sizeof name, "%u", i);
        unlinkat(place->config.directory_fd, name, 0);
    }
    unlinkat(place->config.directory_fd, "index", 0);
    close(place->index_fd);
    close(place->config.directory_fd);
    assert_int_equal(rmdir(place->path), 0);
}

/* Bytes of a file; -1: there is none. */
static ssize_t read_back(const struct place *place, const char *name, char *out, size_t size)
{
    const int fd = openat(place->config.directory_fd, name, O_RDONLY);
    const ssize_t n = fd >= 0 ? io_read_full(fd, out, size) : -1;
    if (fd >= 0)
        close(fd);
    return n;
}

/* Files of all sizes, and lines of the index between them. */
static void all_is_written(void **state)
{
    (void)state;
    enum {
        FILES = 3000,
    };
    static uint8_t data[EXTRACT_WRITER_MOST];
    static char back[EXTRACT_WRITER_MOST];
    struct place place;
    struct sd_err err = {0};
    char name[32], line[32];
    open_place(&place, false);
    memset(data, 'x', sizeof data);
    for (unsigned i = 0; i < FILES; i++) {
        const size_t len = i % 100 == 0 ? sizeof data : i % 700;
        const int line_len = snprintf(line, sizeof line, "%08u\n", i);
        snprintf(name, sizeof name, "%u", i);
        assert_int_equal(extract_writer_file(place.writer, name, data, len, &err), 0);
        assert_int_equal(extract_writer_append(place.writer, place.index_fd, (const uint8_t *)line,
                                               (size_t)line_len, &err),
                         0);
    }
    assert_int_equal(extract_writer_wait(place.writer, &err), 0);
    for (unsigned i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "%u", i);
        const size_t len = i % 100 == 0 ? sizeof data : i % 700;
        assert_int_equal(read_back(&place, name, back, sizeof back), len);
        assert_memory_equal(back, data, len);
    }
    assert_int_equal(read_back(&place, "index", back, sizeof back), FILES * 9);
    for (unsigned i = 0; i < FILES; i++)
        assert_int_equal(strtoul(back + i * 9UL, NULL, 10), i);
    close_place(&place, FILES);
}

/* More than a batch holds at once. */
static void a_long_index(void **state)
{
    (void)state;
    struct place place;
    struct sd_err err = {0};
    struct stat st;
    const size_t len = 3U << 20;
    uint8_t *text = malloc(len);
    assert_non_null(text);
    memset(text, 'i', len);
    open_place(&place, false);
    assert_int_equal(extract_writer_append(place.writer, place.index_fd, text, len, &err), 0);
    assert_int_equal(extract_writer_wait(place.writer, &err), 0);
    assert_int_equal(fstat(place.index_fd, &st), 0);
    assert_int_equal(st.st_size, len);
    free(text);
    close_place(&place, 0);
}

/* Pieces in any order, and a descriptor that is closed behind them. */
static void pieces(void **state)
{
    (void)state;
    struct place place;
    struct sd_err err = {0};
    char back[16];
    open_place(&place, false);
    const int fd = extract_create(&place.config, "0", &err);
    assert_true(fd >= 0);
    assert_int_equal(extract_writer_piece(place.writer, "0", fd, 6, (const uint8_t *)"world", 5, &err), 0);
    assert_int_equal(extract_writer_piece(place.writer, "0", fd, 0, (const uint8_t *)"hello", 5, &err), 0);
    assert_int_equal(extract_writer_close(place.writer, fd, &err), 0);
    assert_int_equal(extract_writer_wait(place.writer, &err), 0);
    assert_int_equal(read_back(&place, "0", back, sizeof back), 11);
    assert_memory_equal(back, "hello\0world", 11);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    const int wrong = openat(place.config.directory_fd, "0", O_RDONLY);
    assert_int_equal(extract_writer_piece(place.writer, "0", wrong, 0, (const uint8_t *)"x", 1, &err), 0);
    err = (struct sd_err){0};
    assert_int_equal(extract_writer_wait(place.writer, &err), -EBADF);
    assert_non_null(strstr(err.text, "cannot write 0 in /tmp/sockdiag-writer-"));
    close(wrong);
    close_place(&place, 1);
}

/* What was handed over is written though nobody waits for it. */
static void written_without_waiting(void **state)
{
    (void)state;
    struct place place;
    struct sd_err err = {0};
    char back[8];
    open_place(&place, false);
    assert_int_equal(extract_writer_file(place.writer, "0", (const uint8_t *)"abc", 3, &err), 0);
    extract_writer_free(place.writer);
    place.writer = NULL;
    assert_int_equal(read_back(&place, "0", back, sizeof back), 3);
    close_place(&place, 1);
}

/* After a failure nothing more is written, and every later call tells of it. */
static void a_failure_ends_it(void **state)
{
    (void)state;
    struct place place;
    struct sd_err err = {0};
    char back[8];
    open_place(&place, false);
    assert_int_equal(extract_writer_file(place.writer, "0", (const uint8_t *)"abc", 3, &err), 0);
    assert_int_equal(extract_writer_wait(place.writer, &err), 0);
    (void)extract_writer_file(place.writer, "0", (const uint8_t *)"def", 3, &err); /* it may be told now */
    (void)extract_writer_append(place.writer, place.index_fd, (const uint8_t *)"0\n", 2, &err);
    err = (struct sd_err){0};
    assert_int_equal(extract_writer_wait(place.writer, &err), -EEXIST);
    assert_non_null(strstr(err.text, "/0 is there already"));
    err = (struct sd_err){0};
    (void)extract_writer_file(place.writer, "1", (const uint8_t *)"ghi", 3, &err);
    assert_int_equal(extract_writer_wait(place.writer, &err), -EEXIST);
    assert_int_equal(read_back(&place, "0", back, sizeof back), 3);
    assert_memory_equal(back, "abc", 3);
    assert_int_equal(read_back(&place, "1", back, sizeof back), -1);
    assert_int_equal(read_back(&place, "index", back, sizeof back), 0);
    close_place(&place, 1);
}

/* Only regular files are written over, and emptied first. */
static void what_is_there(void **state)
{
    (void)state;
    struct place place;
    struct sd_err err = {0};
    char back[8];
    open_place(&place, true);
    for (int i = 0; i < 2; i++)
        assert_int_equal(
            extract_writer_file(place.writer, "0", (const uint8_t *)"longer", 6 - 3 * (size_t)i, &err), 0);
    assert_int_equal(extract_writer_wait(place.writer, &err), 0);
    assert_int_equal(read_back(&place, "0", back, sizeof back), 3);
    assert_int_equal(mkfifoat(place.config.directory_fd, "1", 0600), 0);
    assert_int_equal(symlinkat("0", place.config.directory_fd, "2"), 0);
    assert_int_equal(extract_create(&place.config, "1", &err), -EINVAL);
    assert_int_equal(extract_create(&place.config, "2", &err), -ELOOP);
    close_place(&place, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_written),
        cmocka_unit_test(a_long_index),
        cmocka_unit_test(pieces),
        cmocka_unit_test(written_without_waiting),
        cmocka_unit_test(a_failure_ends_it),
        cmocka_unit_test(what_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
