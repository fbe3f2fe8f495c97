/* needs: src/ftp/store.c src/base/io.c src/base/err.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "ftp/store.h"

/* A directory of its own for each test. */
struct place {
    char path[64];
    int fd;
};

static int make_place(void **state)
{
    struct sd_err err = {0};
    struct place *place = calloc(1, sizeof *place);
    if (place == NULL)
        return -1;
    snprintf(place->path, sizeof place->path, "/tmp/sockdiag-store-XXXXXX");
    if (mkdtemp(place->path) == NULL) {
        free(place);
        return -1;
    }
    place->fd = ftp_store_open(place->path, &err);
    *state = place;
    return place->fd < 0 ? -1 : 0;
}

/* Fails when the test left something in it. */
static int remove_place(void **state)
{
    struct place *place = *state;
    close(place->fd);
    int failed = rmdir(place->path);
    free(place);
    return failed;
}

static void make_file(const struct place *place, const char *name, const char *text)
{
    struct ftp_store_file file;
    struct sd_err err = {0};
    assert_int_equal(ftp_store_create(&file, place->fd, name, 100, &err), 0);
    assert_int_equal(ftp_store_write(&file, text, strlen(text), &err), 0);
    assert_int_equal(ftp_store_commit(&file, &err), 0);
    ftp_store_abandon(&file);
}

static void expect_file(const struct place *place, const char *name, const char *text)
{
    struct sd_err err = {0};
    char data[64];
    uint64_t size;
    int fd = ftp_store_read(place->fd, name, &size, &err);
    assert_true(fd >= 0);
    assert_int_equal(size, strlen(text));
    assert_int_equal(read(fd, data, sizeof data), (ssize_t)strlen(text));
    assert_memory_equal(data, text, strlen(text));
    close(fd);
}

static void expect_count(const struct place *place, size_t count)
{
    struct sd_err err = {0};
    json_t *files;
    uint64_t more;
    assert_int_equal(ftp_store_list(place->fd, 65536, &files, &more, &err), 0);
    assert_int_equal(json_array_size(files), count);
    assert_int_equal(more, 0);
    json_decref(files);
}

static void test_names(void **state)
{
    (void)state;
    char name[257];
    memset(name, 'n', sizeof name);
    assert_null(ftp_name_problem("notes.txt", 9));
    assert_null(ftp_name_problem("粘包.txt", strlen("粘包.txt")));
    assert_null(ftp_name_problem("a..b", 4));
    assert_null(ftp_name_problem(name, 255));
    assert_non_null(ftp_name_problem(name, 256));
    assert_non_null(ftp_name_problem("", 0));
    assert_non_null(ftp_name_problem(".", 1));
    assert_non_null(ftp_name_problem("..", 2));
    assert_non_null(ftp_name_problem(".profile", 8));
    assert_non_null(ftp_name_problem("a/b", 3));
    assert_non_null(ftp_name_problem("/", 1));
    for (char c = 0; c < 0x20; c++)
        assert_non_null(ftp_name_problem((const char[]){'a', c, 'b'}, 3));
    assert_non_null(ftp_name_problem("a\x7f", 2));
}

static void test_create_and_replace(void **state)
{
    const struct place *place = *state;
    make_file(place, "a", "first");
    expect_file(place, "a", "first");
    make_file(place, "a", "second");
    expect_file(place, "a", "second");
    expect_count(place, 1);
    assert_int_equal(unlinkat(place->fd, "a", 0), 0);
}

/* Whatever was not committed leaves no trace; remove_place() looks. */
static void test_abandon(void **state)
{
    const struct place *place = *state;
    struct ftp_store_file file;
    struct sd_err err = {0};
    assert_int_equal(ftp_store_create(&file, place->fd, "a", 100, &err), 0);
    assert_int_equal(ftp_store_write(&file, "half", 4, &err), 0);
    expect_count(place, 0);
    ftp_store_abandon(&file);
    ftp_store_abandon(&file);
    expect_count(place, 0);
}

static void test_limit(void **state)
{
    const struct place *place = *state;
    struct ftp_store_file file;
    struct sd_err err = {0};
    assert_int_equal(ftp_store_create(&file, place->fd, "a", 10, &err), 0);
    assert_int_equal(ftp_store_write(&file, "123456", 6, &err), 0);
    assert_int_equal(ftp_store_write(&file, "12345", 5, &err), -EFBIG);
    assert_int_equal(ftp_store_write(&file, "1234", 4, &err), 0);
    assert_int_equal(ftp_store_write(&file, "1", 1, &err), -EFBIG);
    assert_int_equal(file.size, 10);
    ftp_store_abandon(&file);
}

static void test_odd_files(void **state)
{
    const struct place *place = *state;
    struct ftp_store_file file;
    struct sd_err err = {0};
    uint64_t size;
    assert_int_equal(symlinkat("/etc/passwd", place->fd, "link"), 0);
    assert_int_equal(mkdirat(place->fd, "folder", 0700), 0);
    assert_int_equal(mkfifoat(place->fd, "fifo", 0600), 0);
    assert_int_equal(ftp_store_read(place->fd, "link", &size, &err), -ELOOP);
    assert_true(ftp_store_read(place->fd, "folder", &size, &err) < 0);
    assert_true(ftp_store_read(place->fd, "fifo", &size, &err) < 0);
    assert_int_equal(ftp_store_read(place->fd, "none", &size, &err), -ENOENT);
    assert_int_equal(ftp_store_create(&file, place->fd, "folder", 10, &err), -EISDIR);
    ftp_store_abandon(&file);
    expect_count(place, 0);
    make_file(place, "link", "mine");
    expect_file(place, "link", "mine");
    assert_int_equal(unlinkat(place->fd, "link", 0), 0);
    assert_int_equal(unlinkat(place->fd, "fifo", 0), 0);
    assert_int_equal(unlinkat(place->fd, "folder", AT_REMOVEDIR), 0);
}

static void test_list(void **state)
{
    const struct place *place = *state;
    static const char *const names[] = {"b", "a", "粘包", "\"quoted\"", "\xff no text", ".hidden"};
    static const char *const listed[] = {"\"quoted\"", "a", "b", "粘包"};
    struct sd_err err = {0};
    json_t *files;
    uint64_t more;
    for (size_t i = 0; i < 6; i++)
        close(openat(place->fd, names[i], O_CREAT | O_WRONLY, 0600));
    assert_int_equal(ftp_store_list(place->fd, 65536, &files, &more, &err), 0);
    assert_int_equal(json_array_size(files), 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(json_string_value(json_object_get(json_array_get(files, i), "name")), listed[i]);
    json_decref(files);
    /* Two of them fit into 120 bytes; the JSON has at most these. */
    assert_int_equal(ftp_store_list(place->fd, 120, &files, &more, &err), 0);
    assert_int_equal(json_array_size(files), 2);
    assert_int_equal(more, 2);
    char *text = json_dumps(files, JSON_COMPACT);
    assert_non_null(text);
    assert_true(strlen(text) <= 120);
    free(text);
    json_decref(files);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(unlinkat(place->fd, names[i], 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test_setup_teardown(test_create_and_replace, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_abandon, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_limit, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_odd_files, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_list, make_place, remove_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
