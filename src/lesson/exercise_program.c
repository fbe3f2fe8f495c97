#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "lesson/exercise_private.h"

/* The learner's program, made ready to be run: the folder that it finds, and what a compiler makes of C. */

#define COMPILE_SECONDS 30
#define MOST_SOURCE (1U << 20)
#define NO_COMMAND 127 /* of a shell: there is no such program (sh(1)) */

/* ---- which of the exercise's programs it is ---- */

static const char *ending(const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *dot = strrchr(slash != NULL ? slash : name, '.');
    return dot != NULL ? dot : "";
}

static int name_of(const char **name, const char *file, const struct lesson_exercise *exercise,
                   struct sd_err *err)
{
    struct buf names = {0};
    for (size_t i = 0; i < exercise->program_count; i++) {
        if (strcmp(ending(exercise->programs[i]), ending(file)) == 0) {
            *name = exercise->programs[i];
            buf_free(&names);
            return 0;
        }
        buf_printf(&names, "%s%s", i > 0 ? ", " : "", exercise->programs[i]);
    }
    sd_fail(err, EINVAL,
            "%.200s is none of the exercise's programs (%.200s): their endings tell the language", file,
            buf_cstr(&names));
    buf_free(&names);
    return -EINVAL;
}

/* "receiver.py" is run by python3; of "receiver.c" comes "./receiver". */
static bool is_c(const char *name)
{
    return strcmp(ending(name), ".c") == 0;
}

static int set_command(struct exercise_program *p, const char *name, struct sd_err *err)
{
    const int stem = (int)(strlen(name) - strlen(ending(name)));
    int n = is_c(name) ? snprintf(p->word, sizeof p->word, "./%.*s", stem, name)
                       : snprintf(p->word, sizeof p->word, "%s", name);
    if (n < 0 || (size_t)n >= sizeof p->word)
        return sd_fail(err, EINVAL, "the name of the program is too long: %.80s", name);
    snprintf(p->command, sizeof p->command, "%s%s", is_c(name) ? "" : "python3 ", p->word);
    return 0;
}

/* ---- the folder ---- */

/* All of the lesson but its programs to mend and their solution. */
static int load_folder(struct exercise_program *p, const char *path, const char *const *except,
                       struct sd_err *err)
{
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return sd_fail_errno(err, errno, "cannot read %s", path);
    int failed = bundle_load(&p->folder, dir, except, err);
    close(dir);
    return failed;
}

static int load_program(struct exercise_program *p, const char *file, const char *name, struct sd_err *err)
{
    struct buf source = {0};
    struct stat st;
    if (stat(file, &st) != 0)
        return sd_fail_errno(err, errno, "cannot read %s", file);
    if (!S_ISREG(st.st_mode))
        return sd_fail(err, EINVAL, "%s is no regular file", file);
    /* A link of the learner's own is followed. */
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 && buf_reserve(&source, MOST_SOURCE + 1)
                    ? io_read_full(fd, source.data, MOST_SOURCE + 1)
                    : -errno;
    io_close(&fd);
    int failed = 0;
    if (n < 0)
        failed = sd_fail_errno(err, (int)-n, "cannot read %s", file);
    else if (n > MOST_SOURCE)
        failed = sd_fail(err, EFBIG, "%s is longer than %u bytes", file, MOST_SOURCE);
    else
        failed = bundle_put(&p->folder, name, source.data, (size_t)n, 0644, err);
    buf_free(&source);
    return failed;
}

/* ---- C ---- */

/* The compiler is the learner's too (#include "/dev/zero"): it runs in a sandbox. */
static int run_compiler(struct exercise_program *p, const struct exercise_config *config, const char *name,
                        struct confine_result *result, struct sd_err *err)
{
    struct buf command = {0};
    buf_printf(&command, "exec cc -std=gnu17 -O1 -g -Wall -Wextra -pthread -o '%s' '%s' -lm", p->word, name);
    const struct confine_config box = {.command = buf_cstr(&command),
                                       .folder = &p->folder,
                                       .limits.seconds = COMPILE_SECONDS,
                                       .stop = config->stop};
    int failed = command.failed ? sd_fail(err, ENOMEM, "out of memory") : confine_run(&box, result, err);
    buf_free(&command);
    return failed;
}

static int compile(struct exercise_program *p, const struct exercise_config *config, const char *name,
                   struct sd_err *err)
{
    struct confine_result result = {0};
    struct buf binary = {0};
    int failed = run_compiler(p, config, name, &result, err);
    if (failed != 0)
        return failed;
    p->stopped = result.end == CONFINE_STOPPED;
    p->compiled = result.end == CONFINE_ENDED && result.status == 0;
    buf_append(&p->warnings, result.err.data, result.err.len);
    if (result.end == CONFINE_ENDED && result.status == NO_COMMAND)
        failed =
            sd_fail(err, ENOENT,
                    "there is no C compiler (cc) here: install one (Debian: 'apt install gcc libc6-dev'), "
                    "or mend the program in Python");
    else if (!p->compiled && result.end != CONFINE_ENDED)
        buf_printf(&p->warnings, "cc did not come to an end within its limits\n");
    if (failed == 0 && p->compiled)
        failed = bundle_read_file(result.folder, p->word + 2, BUNDLE_MOST_BYTES, &binary, err);
    if (failed == 0 && p->compiled)
        failed = bundle_put(&p->folder, p->word + 2, binary.data, binary.len, 0755, err);
    buf_free(&binary);
    confine_result_fini(&result);
    return failed;
}

/* ---- all of it ---- */

int exercise_program_make(struct exercise_program *p, const struct exercise_config *config,
                          const struct lesson_exercise *exercise, struct sd_err *err)
{
    static const char *const except[] = {"exercise", "solution", NULL};
    const char *name = NULL;
    char path[4096];
    *p = (struct exercise_program){.compiled = true};
    int failed = name_of(&name, config->program, exercise, err);
    if (failed == 0)
        failed = set_command(p, name, err);
    if (failed == 0)
        failed = load_folder(p, config->lesson->folder, except, err);
    snprintf(path, sizeof path, "%s/exercise", config->lesson->folder);
    if (failed == 0)
        failed = load_folder(p, path, NULL, err);
    if (failed == 0)
        failed = load_program(p, config->program, name, err);
    return failed == 0 && is_c(name) ? compile(p, config, name, err) : failed;
}

void exercise_program_fini(struct exercise_program *p)
{
    bundle_free(&p->folder);
    buf_free(&p->warnings);
    *p = (struct exercise_program){0};
}
