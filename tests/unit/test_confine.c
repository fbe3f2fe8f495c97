/* needs: src/lesson/confine.c src/lesson/confine_init.c src/lesson/confine_keeper.c
 * src/lesson/confine_message.c src/lesson/confine_root.c src/lesson/confine_rules.c
 * src/lesson/confine_usage.c src/lesson/bundle.c src/lab/namespaces.c src/lab/supervise.c
 * src/base/descendants.c src/base/buf.c src/base/clock.c src/base/err.c src/base/i18n.c
 * src/base/io.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "lesson/confine.h"

/* What a sandbox gives back. What hostile programs cannot do in it is tests/net/test_confine.py's. */

static struct bundle folder;
static volatile sig_atomic_t stop;

/* 0; a machine without user namespaces skips the test, and has said why. */
static struct confine_result run(const char *command, struct confine_limits limits)
{
    const struct confine_config config = {
        .command = command, .folder = &folder, .limits = limits, .stop = &stop};
    struct confine_result result;
    struct sd_err err = {0};
    int failed = confine_run(&config, &result, &err);
    if (failed == -EPERM) {
        assert_true(strlen(err.text) > 20);
        skip();
    }
    if (failed != 0)
        print_error("%s\n", err.text);
    assert_int_equal(failed, 0);
    return result;
}

static void assert_text(const struct buf *out, const char *text)
{
    assert_int_equal(out->len, strlen(text));
    assert_memory_equal(out->data, text, out->len);
}

static int put_files(void **state)
{
    (void)state;
    static const char word[] = "hello\n";
    return bundle_put(&folder, "sub/word", word, sizeof word - 1, 0644, NULL);
}

static int drop_files(void **state)
{
    (void)state;
    bundle_free(&folder);
    return 0;
}

static void status_output_and_files_come_back(void **state)
{
    (void)state;
    struct confine_result result =
        run("cat sub/word; echo bad >&2; echo made > made; exit 7", (struct confine_limits){0});
    assert_int_equal(result.end, CONFINE_ENDED);
    assert_int_equal(result.status, 7);
    assert_text(&result.out, "hello\n");
    assert_text(&result.err, "bad\n");
    struct buf made = {0};
    assert_int_equal(bundle_read_file(result.folder, "made", 100, &made, NULL), 0);
    assert_text(&made, "made\n");
    buf_free(&made);
    confine_result_fini(&result);
    assert_int_equal(result.folder, -1);
}

static void a_signal_is_told_as_a_shell_does(void **state)
{
    (void)state;
    struct confine_result result = run("kill -SEGV $$", (struct confine_limits){0});
    assert_int_equal(result.end, CONFINE_ENDED);
    assert_int_equal(result.status, 128 + SIGSEGV);
    confine_result_fini(&result);
}

static void output_is_kept_to_its_limit(void **state)
{
    (void)state;
    struct confine_result result =
        run("head -c 1000000 /dev/zero; head -c 5000 /dev/zero >&2", (struct confine_limits){.output = 4096});
    assert_int_equal(result.out.len, 4096);
    assert_int_equal(result.out_bytes, 1000000);
    assert_int_equal(result.err.len, 4096);
    assert_int_equal(result.err_bytes, 5000);
    confine_result_fini(&result);
}

static void time_ends_it_after_a_word(void **state)
{
    (void)state;
    struct confine_result result =
        run("trap 'echo asked; exit 3' TERM; while :; do :; done", (struct confine_limits){.seconds = 1});
    assert_int_equal(result.end, CONFINE_TIME);
    assert_int_equal(result.status, -1);
    assert_text(&result.out, "asked\n");
    assert_in_range(result.elapsed_ns, UINT64_C(1000000000), UINT64_C(1900000000));
    confine_result_fini(&result);

    result = run("trap '' TERM; while :; do :; done", (struct confine_limits){.seconds = 1});
    assert_int_equal(result.end, CONFINE_TIME);
    confine_result_fini(&result);
}

static void too_many_processes_end_it(void **state)
{
    (void)state;
    struct confine_result result =
        run("while :; do sleep 100 & done", (struct confine_limits){.processes = 10});
    assert_int_equal(result.end, CONFINE_PROCESSES);
    assert_true(result.most_processes > 10);
    confine_result_fini(&result);
}

static void too_much_memory_ends_it(void **state)
{
    (void)state;
    /* Many that wait, each with 4 MiB of its own: none of them meets its own limit. */
    struct confine_result result = run("f() { x=$(head -c 4000000 /dev/zero | tr '\\0' x); sleep 100; }; "
                                       "for i in 1 2 3 4 5 6 7 8 9 a b c d e f; do f & done; f",
                                       (struct confine_limits){.memory = 40 << 20, .seconds = 20});
    assert_int_equal(result.end, CONFINE_MEMORY);
    assert_true(result.most_memory > 40 << 20);
    confine_result_fini(&result);
}

static void set_stop(int number)
{
    (void)number;
    stop = 1;
}

static void a_signal_to_the_caller_stops_it(void **state)
{
    (void)state;
    const struct itimerval soon = {.it_value.tv_usec = 100000};
    struct sigaction before;
    const struct sigaction action = {.sa_handler = set_stop};
    assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
    struct confine_result result = run("sleep 100", (struct confine_limits){0});
    stop = 0;
    assert_int_equal(result.end, CONFINE_STOPPED);
    assert_in_range(result.elapsed_ns, 0, UINT64_C(5000000000));
    confine_result_fini(&result);
    sigaction(SIGALRM, &before, NULL);
}

static unsigned open_descriptors(void)
{
    unsigned count = 0;
    DIR *stream = opendir("/proc/self/fd");
    assert_non_null(stream);
    while (readdir(stream) != NULL)
        count++;
    closedir(stream);
    return count;
}

static void nothing_stays_open(void **state)
{
    (void)state;
    const unsigned before = open_descriptors();
    struct confine_result result = run("true", (struct confine_limits){0});
    assert_int_equal(open_descriptors(), before + 1);
    confine_result_fini(&result);
    assert_int_equal(open_descriptors(), before);
}

static void a_folder_that_does_not_fit_is_an_error(void **state)
{
    (void)state;
    struct bundle large = {0};
    struct confine_result result;
    struct sd_err err = {0};
    char *bytes = calloc(1, 1 << 20);
    assert_non_null(bytes);
    assert_int_equal(bundle_put(&large, "large", bytes, 1 << 20, 0644, &err), 0);
    const struct confine_config config = {.command = "true", .folder = &large, .limits.folder = 1 << 16};
    int failed = confine_run(&config, &result, &err);
    free(bytes);
    bundle_free(&large);
    if (failed == -EPERM)
        skip();
    assert_int_equal(failed, -ENOSPC);
    assert_non_null(strstr(err.text, "large"));
    assert_int_equal(result.folder, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_output_and_files_come_back),
        cmocka_unit_test(a_signal_is_told_as_a_shell_does),
        cmocka_unit_test(output_is_kept_to_its_limit),
        cmocka_unit_test(time_ends_it_after_a_word),
        cmocka_unit_test(too_many_processes_end_it),
        cmocka_unit_test(too_much_memory_ends_it),
        cmocka_unit_test(a_signal_to_the_caller_stops_it),
        cmocka_unit_test(nothing_stays_open),
        cmocka_unit_test(a_folder_that_does_not_fit_is_an_error),
    };
    return cmocka_run_group_tests(tests, put_files, drop_files);
}
