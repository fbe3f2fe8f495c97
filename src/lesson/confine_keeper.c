#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/sanitized.h"
#include "lab/lab.h"
#include "lab/namespaces.h"
#include "lesson/confine_private.h"

/* The keeper of a sandbox: makes its namespaces, watches what is in them, and ends them. Nothing inside can
 * name it. */

#define TICK_MS 10
#define GRACE_MS 1000 /* from SIGTERM to the end, to close a recording */

struct keeper {
    const struct confine_place *place;
    pid_t init;
    int inside; /* messages of init */
    int proc;   /* the sandbox's /proc, -1 until it is there */
    uint64_t deadline_ns;
    bool asked; /* SIGTERM was sent */
    uint64_t free_memory;
    struct confine_message report;
    bool over; /* init has ended */
};

/* ---- the namespaces ---- */

/* The caller writes the maps: for root's programs that takes its privilege. */
static int ask_for_ids(int control, struct sd_err *err)
{
    struct confine_message message = {.word = CONFINE_WORD_MAP};
    int failed = confine_send(control, &message, -1);
    if (failed == 0)
        failed = confine_receive(control, &message, NULL);
    return failed == 0 ? 0 : sd_fail_errno(err, -failed, "the sandbox's caller is gone");
}

static int make_namespaces(const struct confine_place *place, struct sd_err *err)
{
    const int flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
                      CLONE_NEWUTS | CLONE_NEWCGROUP;
    if (place->root && setgroups(0, NULL) != 0)
        return sd_fail_errno(err, errno, "cannot give up root's groups");
    if (!place->root)
        namespaces_become_ordinary();
    if (unshare(flags) != 0)
        return namespaces_explain(errno, "cannot make the sandbox's namespaces", err);
    int failed = ask_for_ids(place->control, err);
    if (failed != 0)
        return failed;
    if (setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0)
        return sd_fail_errno(err, errno, "cannot become the sandbox's user");
    /* A change of user makes a process that may not write the maps of the inner namespace, and cuts the tie.
     */
    if (prctl(PR_SET_DUMPABLE, 1) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return sd_fail_errno(err, errno, "cannot set no_new_privs");
    if (lab_tie_to_parent(place->caller) != 0)
        return sd_fail(err, EPIPE, "the sandbox's caller is gone");
    if (sethostname("lesson", 6) != 0)
        return sd_fail_errno(err, errno, "cannot name the sandbox");
    return 0;
}

static int start_init(struct keeper *k, struct sd_err *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return sd_fail_errno(err, errno, "cannot make a pair of sockets");
    k->init = fork();
    if (k->init == 0) {
        close(pair[0]);
        close(k->place->control);
        confine_init(k->place, pair[1]);
    }
    const int code = errno;
    close(pair[1]);
    k->inside = pair[0];
    if (k->init < 0) {
        io_close(&k->inside);
        return sd_fail_errno(err, code, "cannot start the sandbox's first process");
    }
    close(k->place->out);
    close(k->place->err);
    return 0;
}

/* ---- watching ---- */

static void finish(struct keeper *k, enum confine_end end)
{
    if (k->report.end == CONFINE_BROKEN)
        k->report.end = end;
    kill(k->init, SIGKILL);
}

/* SIGTERM first; then its grace is the deadline. */
static void time_is_over(struct keeper *k)
{
    if (k->asked) {
        kill(k->init, SIGKILL);
        return;
    }
    k->asked = true;
    k->report.end = CONFINE_TIME;
    k->report.waiting_count = confine_look(k->proc, k->report.waiting);
    k->deadline_ns = clock_mono_ns() + GRACE_MS * (uint64_t)NS_PER_MS;
    kill(k->init, SIGUSR1);
}

static void check_usage(struct keeper *k)
{
    const struct confine_limits *limits = &k->place->config->limits;
    struct confine_usage usage;
    if (confine_count(k->proc, &usage) != 0) {
        finish(k, CONFINE_BROKEN); /* what cannot be watched must not run */
        return;
    }
    if (usage.processes > k->report.most_processes)
        k->report.most_processes = usage.processes;
    if (usage.memory > k->report.most_memory)
        k->report.most_memory = usage.memory;
    if (usage.processes > limits->processes)
        finish(k, CONFINE_PROCESSES);
    else if (usage.memory > limits->memory || (!SANITIZED && usage.addresses > CONFINE_MOST_ADDRESSES))
        finish(k, CONFINE_MEMORY);
    else if (confine_free_memory(k->proc) < k->free_memory / 2)
        finish(k, CONFINE_MACHINE);
}

/* init has built its root, which is this process's too. */
static int begin(struct keeper *k)
{
    struct confine_message message = {.word = CONFINE_WORD_READY};
    int folder = open(CONFINE_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    k->proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 || k->proc < 0)
        sd_fail_errno(&message.err, errno, "cannot open the sandbox's folders");
    if (message.err.code != 0)
        message.word = CONFINE_WORD_FAILED;
    k->deadline_ns = clock_mono_ns() + k->place->config->limits.seconds * (uint64_t)NS_PER_S;
    k->free_memory = k->proc >= 0 ? confine_free_memory(k->proc) : 0;
    int failed = confine_send(k->place->control, &message, folder);
    io_close(&folder);
    return failed != 0 || message.err.code != 0 ? -EIO : 0;
}

static void hear_init(struct keeper *k)
{
    struct confine_message message;
    if (confine_receive(k->inside, &message, NULL) != 0) {
        waitpid(k->init, NULL, 0); /* with it goes all that was inside */
        k->over = true;
    } else if (message.word == CONFINE_WORD_FAILED) {
        confine_send(k->place->control, &message, -1);
        _exit(1);
    } else if (message.word == CONFINE_WORD_READY && begin(k) != 0) {
        kill(k->init, SIGKILL);
    } else if (message.word == CONFINE_WORD_STATUS) {
        check_usage(k);
        if (k->report.end == CONFINE_BROKEN)
            k->report.end = CONFINE_ENDED;
        k->report.status = message.status;
        kill(k->init, SIGKILL);
    }
}

static void hear_caller(struct keeper *k)
{
    struct confine_message message;
    if (confine_receive(k->place->control, &message, NULL) != 0 || message.word == CONFINE_WORD_STOP)
        finish(k, CONFINE_STOPPED);
}

static void watch(struct keeper *k)
{
    struct pollfd fds[] = {{.fd = k->inside, .events = POLLIN}, {.fd = k->place->control, .events = POLLIN}};
    while (!k->over) {
        if (poll(fds, 2, TICK_MS) < 0 && errno != EINTR)
            finish(k, CONFINE_BROKEN);
        if (fds[0].revents != 0)
            hear_init(k);
        if (fds[1].revents != 0) {
            hear_caller(k);
            fds[1].fd = -1;
        }
        if (k->over || k->proc < 0)
            continue;
        check_usage(k);
        if (clock_mono_ns() > k->deadline_ns)
            time_is_over(k);
    }
}

_Noreturn void confine_keep(const struct confine_place *place)
{
    struct keeper k = {.place = place, .inside = -1, .proc = -1};
    struct confine_message failure = {.word = CONFINE_WORD_FAILED};
    k.report = (struct confine_message){.word = CONFINE_WORD_REPORT, .end = CONFINE_BROKEN, .status = -1};
    int failed = make_namespaces(place, &failure.err);
    if (failed == 0)
        failed = start_init(&k, &failure.err);
    if (failed != 0) {
        confine_send(place->control, &failure, -1);
        _exit(1);
    }
    watch(&k);
    confine_send(place->control, &k.report, -1);
    _exit(0);
}
