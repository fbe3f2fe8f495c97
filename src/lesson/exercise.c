#include "lesson/exercise.h"

#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "lesson/exercise_private.h"
#include "lesson/facts.h"

#define READER_SECONDS 10            /* for a command that reads a recording */
#define READER_OUTPUT (8U << 20)     /* and what it may print */
#define TAIL_OUT 1500                /* bytes kept of a run's stdout … */
#define TAIL_ERR 3000                /* … and stderr, where tracebacks are */
#define SHOW "sockdiag show --json " /* ends with 1 where a framing broke */

struct check {
    const struct exercise_config *config;
    const struct lesson_exercise *exercise;
    struct exercise_networks networks;
    struct exercise_program program;
    struct sd_err *err;
};

static int no_memory(struct sd_err *err)
{
    return sd_fail(err, ENOMEM, "out of memory for an exercise");
}

static int set_text(char **to, const char *text, struct sd_err *err)
{
    free(*to);
    *to = strdup(text);
    return *to != NULL ? 0 : no_memory(err);
}

/* ---- what the run left ---- */

/* The end of it, from the beginning of a line on where it is cut. */
static void take_tail(struct buf *to, const struct buf *from, uint64_t bytes, size_t most)
{
    const uint8_t *at = from->data, *end = at + from->len;
    if (from->len == 0)
        return;
    if (from->len > most)
        at = end - most;
    if (at > from->data) {
        const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
        at = newline != NULL && newline + 1 < end ? newline + 1 : at;
        buf_text(to, "…\n");
    }
    buf_append(to, at, (size_t)(end - at));
    if (end[-1] != '\n')
        buf_char(to, '\n');
    if (bytes > from->len)
        buf_text(to, "…\n");
}

/* A command over what a run left, in a sandbox of its own: the files are a stranger's. */
static int read_run(const struct check *check, int folder, const char *command, struct confine_result *result,
                    struct sd_err *err)
{
    struct bundle files = {0};
    const struct confine_config box = {
        .command = command,
        .folder = &files,
        .limits = {.seconds = READER_SECONDS, .output = READER_OUTPUT, .folder = 2 * BUNDLE_MOST_BYTES},
        .stop = check->config->stop};
    int failed = bundle_load(&files, folder, NULL, err);
    if (failed == 0)
        failed = confine_run(&box, result, err);
    bundle_free(&files);
    return failed;
}

/* The file that the run's `sockdiag lab -o FILE` names; false where it records nothing. */
static bool recording_of(const struct lesson_exercise *exercise, char *name, size_t size)
{
    const char *at = strstr(exercise->run, " -o ");
    const size_t len = at != NULL ? strspn(at + 4, "abcdefghijklmnopqrstuvwxyz0123456789-_.") : 0;
    return len > 0 && snprintf(name, size, "%.*s", (int)len, at + 4) < (int)size;
}

/* What the recording tells; where there is none that can be read, nothing. */
static void find_place(const struct check *check, int folder, struct exercise_result *result)
{
    struct confine_result shown = {.folder = -1};
    char command[sizeof SHOW + 80];
    char *name = command + sizeof SHOW - 1;
    memcpy(command, SHOW, sizeof SHOW);
    if (!recording_of(check->exercise, name, 80) || read_run(check, folder, command, &shown, NULL) != 0)
        return;
    exercise_find_place(&result->place, &result->finding, exercise_role_of(check->exercise->run),
                        (const char *)shown.out.data, shown.out.len, result->difference.offset);
    confine_result_fini(&shown);
}

/* -errno where it cannot be judged at all; else the reason may be set. A program that was ended may not have
 * written what it had: what its file lacks says nothing of a place. */
static int compare_files(const struct check *check, int folder, enum exercise_reason ended,
                         struct exercise_result *result)
{
    struct buf want = {0}, got = {0};
    struct sd_err missing = {0};
    const struct lesson_exercise *exercise = check->exercise;
    if (exercise->same[0] == NULL)
        return 0;
    int failed = set_text(&result->wanted, exercise->same[0], check->err);
    if (failed == 0)
        failed = set_text(&result->file, exercise->same[1], check->err);
    if (failed == 0 && bundle_read_file(folder, exercise->same[1], BUNDLE_MOST_BYTES, &got, &missing) != 0) {
        result->reason = EXERCISE_MISSING;
        failed = set_text(&result->detail, missing.text, check->err);
    } else if (failed == 0 &&
               bundle_read_file(folder, exercise->same[0], BUNDLE_MOST_BYTES, &want, &missing) != 0) {
        result->reason = EXERCISE_MISSING;
        failed = set_text(&result->file, exercise->same[0], check->err);
        if (failed == 0)
            failed = set_text(&result->detail, missing.text, check->err);
    } else if (failed == 0) {
        exercise_compare(&result->difference, &want, &got);
        result->reason = result->difference.known ? EXERCISE_DIFFERS : EXERCISE_PASSED;
        if (result->difference.known && ended != EXERCISE_TIME)
            find_place(check, folder, result);
    }
    buf_free(&want);
    buf_free(&got);
    return failed;
}

/* ---- the judges ---- */

/* A command of sockdiag's ends with 1 or 3 where it had something to say of what it read. */
static int check_reader(const struct check *check, const struct confine_result *printed, struct sd_err *err)
{
    const char *command = check->exercise->facts;
    if (printed->end != CONFINE_ENDED)
        return sd_fail(err, ETIME, "'%.200s' did not come to an end", command);
    if (printed->out_bytes > printed->out.len)
        return sd_fail(err, E2BIG, "'%.200s' printed too much", command);
    if (printed->status == 2 || printed->status > 3) {
        struct buf said = {0};
        text_escape(&said, printed->err.data, printed->err.len < 200 ? printed->err.len : 200);
        sd_fail(err, EIO, "'%.200s' ended with status %d: %s", command, printed->status, buf_cstr(&said));
        buf_free(&said);
        return -EIO;
    }
    return 0;
}

static int take_facts(const struct check *check, int folder, struct exercise_result *result)
{
    struct confine_result printed = {.folder = -1};
    struct sd_err bad = {0};
    int failed = read_run(check, folder, check->exercise->facts, &printed, &bad);
    if (failed == 0)
        failed = check_reader(check, &printed, &bad);
    if (failed == 0)
        failed = facts_take(result->facts, check->exercise->take, (const char *)printed.out.data,
                            printed.out.len, &bad);
    confine_result_fini(&printed);
    if (failed == 0 || failed == -ENOMEM)
        return failed;
    result->reason = EXERCISE_FACTS;
    return set_text(&result->detail, bad.text, check->err);
}

static int ask_judge(const struct lesson_judge *judge, struct exercise_result *result, struct sd_err *err)
{
    size_t i;
    json_t *condition;
    json_array_foreach((json_t *)(uintptr_t)judge->conditions, i, condition)
    {
        bool holds = false;
        int failed = facts_hold(result->facts, condition, &holds, err);
        if (failed != 0)
            return failed;
        if (!holds) {
            result->reason = EXERCISE_JUDGED;
            result->section = judge->section;
            return 0;
        }
    }
    return 0;
}

static int ask_judges(const struct check *check, int folder, struct exercise_result *result)
{
    const struct lesson_exercise *exercise = check->exercise;
    int failed = 0;
    result->facts = json_object();
    if (result->facts == NULL)
        return no_memory(check->err);
    if (exercise->facts != NULL)
        failed = take_facts(check, folder, result);
    for (size_t i = 0; i < exercise->judge_count && failed == 0 && result->reason == EXERCISE_PASSED; i++)
        failed = ask_judge(&exercise->judges[i], result, check->err);
    return failed;
}

/* ---- how the run ended ---- */

/* The first argument of these is a descriptor. */
static bool takes_descriptor(const char *name)
{
    static const char *const names[] = {"accept",   "accept4", "connect",  "recvfrom", "recvmsg",
                                        "recvmmsg", "read",    "readv",    "sendto",   "sendmsg",
                                        "write",    "writev",  "sendmmsg", "sendfile"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

static bool has_argument(const struct confine_waiting *w, const char *word)
{
    const size_t len = strlen(word) + 1;
    for (size_t at = 0; at + len <= w->arguments_len;) {
        if (memcmp(w->arguments + at, word, len) == 0)
            return true;
        at += strnlen(w->arguments + at, w->arguments_len - at) + 1;
    }
    return false;
}

/* What the learner's program was doing when its time was over. */
static int take_call(const struct check *check, const struct confine_result *run,
                     struct exercise_result *result)
{
    const struct confine_waiting *w = NULL;
    char text[64] = "";
    for (size_t i = 0; i < run->waiting_count; i++) {
        if (has_argument(&run->waiting[i], check->program.word))
            w = &run->waiting[i]; /* the last: one before may be its shell */
    }
    if (w == NULL)
        return 0;
    char *name = w->call >= 0 ? seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)w->call) : NULL;
    if (name != NULL && takes_descriptor(name))
        snprintf(text, sizeof text, "%s(%lu)", name, w->first);
    else if (name != NULL)
        snprintf(text, sizeof text, "%s", name);
    free(name);
    return set_text(&result->call, text, check->err);
}

static enum exercise_reason reason_of(const struct confine_result *run)
{
    static const enum exercise_reason reasons[] = {
        [CONFINE_ENDED] = EXERCISE_PASSED,        [CONFINE_TIME] = EXERCISE_TIME,
        [CONFINE_PROCESSES] = EXERCISE_PROCESSES, [CONFINE_MEMORY] = EXERCISE_MEMORY,
        [CONFINE_MACHINE] = EXERCISE_MEMORY,      [CONFINE_BROKEN] = EXERCISE_BROKEN,
        [CONFINE_STOPPED] = EXERCISE_STOPPED,
    };
    if (run->end == CONFINE_ENDED && run->status != 0)
        return EXERCISE_STATUS;
    return reasons[run->end];
}

static int judge(const struct check *check, const struct confine_result *run, struct exercise_result *result)
{
    const enum exercise_reason ended = reason_of(run);
    int failed = 0;
    result->status = run->status;
    take_tail(&result->output, &run->out, run->out_bytes, TAIL_OUT);
    take_tail(&result->output, &run->err, run->err_bytes, TAIL_ERR);
    result->reason = ended;
    if (ended == EXERCISE_STOPPED)
        return 0;
    if (ended == EXERCISE_TIME)
        failed = take_call(check, run, result);
    if (failed == 0)
        failed = compare_files(check, run->folder, ended, result);
    if (failed == 0 && ended == EXERCISE_PASSED && result->reason == EXERCISE_PASSED)
        failed = ask_judges(check, run->folder, result);
    if (ended != EXERCISE_PASSED)
        result->reason = ended; /* what the files show is told beside */
    if (failed == 0 && result->output.failed)
        failed = no_memory(check->err);
    return failed;
}

/* ---- the runs ---- */

static int run_network(const struct check *check, const struct exercise_network *network,
                       struct exercise_result *result)
{
    struct buf half = {0}, command = {0};
    struct confine_result run = {.folder = -1};
    exercise_fill(&half, check->exercise->run, "network", network->options);
    exercise_fill(&command, buf_cstr(&half), "program", check->program.command);
    const struct confine_config box = {.command = buf_cstr(&command),
                                       .folder = &check->program.folder,
                                       .limits.seconds = check->exercise->seconds,
                                       .stop = check->config->stop};
    int failed = half.failed || command.failed ? no_memory(check->err) : confine_run(&box, &run, check->err);
    result->processes = CONFINE_PROCESSES_USUAL;
    result->elapsed_ns = run.elapsed_ns;
    if (failed == 0)
        failed = judge(check, &run, result);
    confine_result_fini(&run);
    buf_free(&half);
    buf_free(&command);
    return failed;
}

static struct exercise_result *add_result(const struct check *check, struct exercise_report *report)
{
    struct exercise_result *more = reallocarray(report->results, report->count + 1, sizeof *more);
    if (more == NULL) {
        no_memory(check->err);
        return NULL;
    }
    report->results = more;
    struct exercise_result *result = &more[report->count++];
    *result = (struct exercise_result){.seconds = check->exercise->seconds};
    buf_append(&result->output, check->program.warnings.data, check->program.warnings.len);
    return result;
}

static int try_network(const struct check *check, size_t index, struct exercise_report *report)
{
    const struct exercise_config *config = check->config;
    const struct exercise_network *network = &check->networks.items[index];
    struct exercise_result *result = add_result(check, report);
    if (result == NULL)
        return -ENOMEM;
    int failed = set_text(&result->network, network->name, check->err);
    if (failed == 0)
        failed = set_text(&result->options, network->options, check->err);
    if (failed == 0 && config->begins != NULL)
        config->begins(config->context, network->name, index, check->networks.count);
    if (failed == 0)
        failed = run_network(check, network, result);
    if (failed == 0 && config->ended != NULL)
        config->ended(config->context, result);
    return failed;
}

static int try_networks(const struct check *check, struct exercise_report *report)
{
    int failed = 0;
    bool goes_on = true;
    report->passed = true;
    for (size_t i = 0; i < check->networks.count && goes_on && failed == 0; i++) {
        failed = try_network(check, i, report);
        if (failed != 0)
            break;
        const enum exercise_reason reason = report->results[report->count - 1].reason;
        report->passed = report->passed && reason == EXERCISE_PASSED;
        goes_on = reason == EXERCISE_PASSED || (check->config->all && reason != EXERCISE_STOPPED);
    }
    report->passed = report->passed && failed == 0;
    return failed;
}

/* It could not even be compiled: one result, of no network. */
static int tell_compiler(const struct check *check, struct exercise_report *report)
{
    struct exercise_result *result = add_result(check, report);
    if (result == NULL)
        return -ENOMEM;
    result->reason = check->program.stopped ? EXERCISE_STOPPED : EXERCISE_NOT_COMPILED;
    if (check->config->ended != NULL)
        check->config->ended(check->config->context, result);
    return 0;
}

int exercise_check(const struct exercise_config *config, struct exercise_report *report, struct sd_err *err)
{
    struct check check = {.config = config, .exercise = lesson_exercise_of(config->lesson), .err = err};
    *report = (struct exercise_report){0};
    if (check.exercise == NULL)
        return sd_fail(err, EINVAL, "lesson %u has no exercise", config->lesson->number);
    int failed = exercise_networks_load(&check.networks, config->lesson, check.exercise, err);
    if (failed == 0)
        failed = exercise_program_make(&check.program, config, check.exercise, err);
    report->networks = check.networks.count;
    if (failed == 0)
        failed = check.program.compiled ? try_networks(&check, report) : tell_compiler(&check, report);
    exercise_program_fini(&check.program);
    exercise_networks_free(&check.networks);
    return failed;
}

static void result_fini(struct exercise_result *result)
{
    free(result->network);
    free(result->options);
    free(result->file);
    free(result->wanted);
    free(result->detail);
    free(result->call);
    json_decref(result->finding);
    json_decref(result->facts);
    buf_free(&result->output);
}

void exercise_report_fini(struct exercise_report *report)
{
    for (size_t i = 0; i < report->count; i++)
        result_fini(&report->results[i]);
    free(report->results);
    *report = (struct exercise_report){0};
}
