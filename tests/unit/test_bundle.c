/* needs: src/lesson/bundle.c src/base/buf.c src/base/io.c src/base/err.c */
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

#include "lesson/bundle.h"

static int scratch = -1;
static char scratch_path[] = "/tmp/bundle-XXXXXX";

static int make_scratch(void **state)
{
    (void)state;
    if (mkdtemp(scratch_path) == NULL)
        return -1;
    scratch = open(scratch_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return scratch >= 0 ? 0 : -1;
}

static int remove_scratch(void **state)
{
    (void)state;
    static const char *const names[] = {"in/sub/deep.txt", "in/a.py",          "in/solution/a.py", "in/link",
                                        "in/fifo",         "out/sub/deep.txt", "out/a.py",         "long"};
    static const char *const folders[] = {"in/sub", "in/solution", "in", "out/sub", "out"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unlinkat(scratch, names[i], 0);
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        unlinkat(scratch, folders[i], AT_REMOVEDIR);
    close(scratch);
    return rmdir(scratch_path);
}

static void make_file(const char *name, const char *text, mode_t mode)
{
    int fd = openat(scratch, name, O_WRONLY | O_CREAT | O_TRUNC, mode);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static int open_folder(const char *name)
{
    int fd = openat(scratch, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void a_folder_goes_in_and_comes_out(void **state)
{
    (void)state;
    static const char *const except[] = {"solution", NULL};
    struct bundle in = {0}, out = {0};
    struct sd_err err = {0};
    assert_int_equal(mkdirat(scratch, "in", 0755) | mkdirat(scratch, "in/sub", 0755) |
                         mkdirat(scratch, "in/solution", 0755) | mkdirat(scratch, "out", 0755),
                     0);
    make_file("in/a.py", "print(1)\n", 0755);
    make_file("in/sub/deep.txt", "deep", 0644);
    make_file("in/solution/a.py", "secret", 0644);
    assert_int_equal(symlinkat("/etc/passwd", scratch, "in/link"), 0);
    assert_int_equal(mkfifoat(scratch, "in/fifo", 0644), 0);

    int dir = open_folder("in");
    assert_int_equal(bundle_load(&in, dir, except, &err), 0);
    close(dir);
    assert_int_equal(in.count, 2);
    assert_int_equal(in.bytes, 9 + 4);
    assert_null(bundle_find(&in, "link"));
    assert_null(bundle_find(&in, "solution/a.py"));
    const struct bundle_file *deep = bundle_find(&in, "sub/deep.txt");
    assert_non_null(deep);
    assert_int_equal(deep->data.len, 4);
    assert_int_equal(bundle_find(&in, "a.py")->mode & 0111, 0111);

    assert_int_equal(bundle_put(&in, "a.py", "new", 3, 0644, &err), 0);
    assert_int_equal(in.count, 2);
    assert_int_equal(in.bytes, 3 + 4);
    dir = open_folder("out");
    assert_int_equal(bundle_write(&in, dir, &err), 0);
    assert_int_equal(bundle_load(&out, dir, NULL, &err), 0);
    close(dir);
    assert_int_equal(out.count, 2);
    assert_memory_equal(bundle_find(&out, "a.py")->data.data, "new", 3);
    bundle_free(&in);
    bundle_free(&out);
}

static void a_file_is_read_to_its_limit(void **state)
{
    (void)state;
    struct buf data = {0};
    struct sd_err err = {0};
    make_file("long", "0123456789", 0644);
    assert_int_equal(bundle_read_file(scratch, "long", 10, &data, &err), 0);
    assert_int_equal(data.len, 10);
    buf_free(&data);
    assert_int_equal(bundle_read_file(scratch, "long", 9, &data, &err), -E2BIG);
    buf_free(&data);
    assert_int_equal(bundle_read_file(scratch, "absent", 9, &data, &err), -ENOENT);
    buf_free(&data);
    assert_int_equal(bundle_read_file(scratch, "in", 9, &data, &err), -EINVAL);
    buf_free(&data);
    assert_int_equal(bundle_read_file(scratch, "in/link", 9, &data, &err), -EINVAL);
    buf_free(&data);
    assert_int_equal(bundle_read_file(scratch, "in/fifo", 9, &data, &err), -EINVAL);
    buf_free(&data);
}

static void limits_hold(void **state)
{
    (void)state;
    struct bundle bundle = {0};
    struct sd_err err = {0};
    char name[16];
    for (unsigned i = 0; i < BUNDLE_MOST_FILES; i++) {
        snprintf(name, sizeof name, "%u", i);
        assert_int_equal(bundle_put(&bundle, name, "", 0, 0644, &err), 0);
    }
    assert_int_equal(bundle_put(&bundle, "one more", "", 0, 0644, &err), -E2BIG);
    assert_int_equal(bundle_put(&bundle, "7", "x", 1, 0644, &err), 0);
    bundle_free(&bundle);

    char *much = calloc(1, BUNDLE_MOST_BYTES);
    assert_non_null(much);
    assert_int_equal(bundle_put(&bundle, "much", much, BUNDLE_MOST_BYTES, 0644, &err), 0);
    assert_int_equal(bundle_put(&bundle, "more", "x", 1, 0644, &err), -E2BIG);
    assert_int_equal(bundle_put(&bundle, "much", much, BUNDLE_MOST_BYTES, 0644, &err), 0);
    assert_int_equal(bundle.bytes, BUNDLE_MOST_BYTES);
    bundle_free(&bundle);
    free(much);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_goes_in_and_comes_out),
        cmocka_unit_test(a_file_is_read_to_its_limit),
        cmocka_unit_test(limits_hold),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
