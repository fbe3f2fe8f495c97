/* needs: src/lesson/run.c src/lesson/folder.c src/base/descendants.c src/base/clock.c src/base/buf.c
 * src/base/err.c src/base/i18n.c src/base/io.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lesson/folder.h"
#include "lesson/run.h"

static int run(struct run_result *result, struct run_config config)
{
    struct sd_err err = {0};
    config.directory = config.directory != NULL ? config.directory : "/";
    config.seconds = config.seconds != 0 ? config.seconds : 20;
    return run_command(&config, result, &err);
}

static void ends(void **state)
{
    static const char *const environment[] = {"ANSWER=42", NULL};
    struct run_result result;
    (void)state;
    assert_int_equal(
        run(&result, (struct run_config){.command = "echo out $ANSWER; echo err >&2; pwd; exit 3",
                                         .directory = "/proc",
                                         .environment = environment}),
        0);
    assert_int_equal(result.end, RUN_DONE);
    assert_int_equal(run_shell_status(result.status), 3);
    assert_string_equal(buf_cstr(&result.out), "out 42\n/proc\n");
    assert_string_equal(buf_cstr(&result.err), "err\n");
    run_result_free(&result);
    assert_int_equal(run(&result, (struct run_config){.command = "kill -9 $$"}), 0);
    assert_int_equal(run_shell_status(result.status), 128 + SIGKILL);
    run_result_free(&result);
    assert_int_equal(run(&result, (struct run_config){.command = "true", .directory = "/nowhere"}), -ENOENT);
    run_result_free(&result);
}

/* Neither a terminal nor the caller's signals are there. */
static void alone(void **state)
{
    struct run_result result;
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(
        run(&result, (struct run_config){.command = "cat; (: </dev/tty) 2>/dev/null || echo none; "
                                                    "sh -c 'kill -PIPE $$; echo ignored'"}),
        0);
    signal(SIGPIPE, SIG_DFL);
    assert_string_equal(buf_cstr(&result.out), "none\n");
    run_result_free(&result);
}

/* What a command leaves behind, in sessions of its own too, is gone when it has ended. */
static void leftovers(void **state)
{
    struct run_result result;
    (void)state;
    assert_int_equal(
        run(&result,
            (struct run_config){.command = "setsid sleep 1000 & echo $!; (sleep 1000 & echo $!); exec 1>&-"}),
        0);
    assert_int_equal(result.end, RUN_DONE);
    char *at = (char *)(uintptr_t)buf_cstr(&result.out);
    for (int i = 0; i < 2; i++) {
        const pid_t pid = (pid_t)strtol(at, &at, 10);
        assert_true(pid > 1);
        assert_int_equal(kill(pid, 0), -1);
        assert_int_equal(errno, ESRCH);
    }
    run_result_free(&result);
}

static void limits(void **state)
{
    static volatile sig_atomic_t stop = 1;
    struct run_result result;
    (void)state;
    assert_int_equal(
        run(&result, (struct run_config){.command = "trap '' TERM INT; echo on; sleep 1000; sleep 1000",
                                         .seconds = 1}),
        0);
    assert_int_equal(result.end, RUN_LATE);
    assert_string_equal(buf_cstr(&result.out), "on\n");
    assert_true(result.elapsed_ns < 5000000000U);
    run_result_free(&result);
    assert_int_equal(run(&result, (struct run_config){.command = "yes", .most_output = 100000}), 0);
    assert_int_equal(result.end, RUN_FLOOD);
    assert_int_equal(result.out.len, 100000);
    run_result_free(&result);
    assert_int_equal(run(&result, (struct run_config){.command = "sleep 1000", .stop = &stop}), 0);
    assert_int_equal(result.end, RUN_STOPPED);
    run_result_free(&result);
}

static void gather(void *context, int fd, const void *data, size_t len)
{
    struct buf *both = context;
    buf_printf(both, "%d<%.*s>", fd, (int)len, (const char *)data);
}

static void output(void **state)
{
    struct run_result result;
    struct buf both = {0};
    (void)state;
    assert_int_equal(
        run(&result, (struct run_config){.command = "echo a", .output = gather, .context = &both}), 0);
    assert_string_equal(buf_cstr(&both), "1<a\n>");
    run_result_free(&result);
    buf_free(&both);
}

/* When the caller is killed, the command ends too. */
static void orphan(void **state)
{
    int ends_of_pipe[2];
    char text[32] = "";
    (void)state;
    assert_int_equal(pipe(ends_of_pipe), 0);
    const pid_t caller = fork();
    if (caller == 0) {
        struct run_result result;
        dup2(ends_of_pipe[1], 7);
        run(&result,
            (struct run_config){.command = "setsid -f sh -c 'echo on >&7; exec sleep 1000'; sleep 1000",
                                .seconds = 60});
        _exit(0);
    }
    close(ends_of_pipe[1]);
    while (strstr(text, "on\n") == NULL) { /* the sleeper has begun */
        const ssize_t n = read(ends_of_pipe[0], text + strlen(text), sizeof text - 1 - strlen(text));
        assert_true(n > 0);
    }
    kill(caller, SIGKILL);
    assert_int_equal(waitpid(caller, NULL, 0), caller);
    alarm(20);
    assert_int_equal(read(ends_of_pipe[0], text, sizeof text), 0); /* the end: nobody holds it any more */
    alarm(0);
    close(ends_of_pipe[0]);
}

static void folders(void **state)
{
    struct run_result result;
    struct sd_err err = {0};
    char *from = NULL, *to = NULL;
    (void)state;
    assert_int_equal(folder_make(&from, &err), 0);
    assert_int_equal(folder_make(&to, &err), 0);
    assert_int_equal(run(&result,
                         (struct run_config){
                             .command = "echo 1 >a; mkdir -p sub/deep solution; echo 2 >sub/deep/b; "
                                        "chmod +x a; chmod a-w a; echo 3 >solution/c; ln -s / link; mkfifo f",
                             .directory = from}),
                     0);
    run_result_free(&result);
    assert_int_equal(folder_copy(from, to, "solution", &err), 0);
    assert_int_equal(
        run(&result,
            (struct run_config){.command = "find . | sort | tr '\\n' ' '; ./a; test -w a && cat sub/deep/b; "
                                           "chmod 0 sub/deep",
                                .directory = to}),
        0);
    assert_string_equal(buf_cstr(&result.out), ". ./a ./sub ./sub/deep ./sub/deep/b 2\n");
    run_result_free(&result);
    assert_int_equal(folder_remove(to, &err), 0);
    assert_int_not_equal(access(to, F_OK), 0);
    assert_int_equal(folder_remove(to, &err), 0);
    assert_int_equal(folder_remove(from, &err), 0);
    assert_int_equal(access("/", F_OK), 0); /* the link was not followed */
    free(from);
    free(to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends),    cmocka_unit_test(alone),  cmocka_unit_test(leftovers),
        cmocka_unit_test(limits),  cmocka_unit_test(output), cmocka_unit_test(orphan),
        cmocka_unit_test(folders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
