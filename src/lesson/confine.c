#include "lesson/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/io.h"
#include "lab/lab.h"
#include "lab/namespaces.h"
#include "lesson/confine_private.h"

/* The caller's side of a sandbox: starts the keeper, takes what the command prints, hears how it ended. */

#define NOBODY 65534U
#define STOP_LOOK_MS 50      /* how often `stop` is looked at: its signal may come just before the wait */
#define KEEPER_LATE_MS 10000 /* beyond the command's time: the keeper itself hangs */

enum {
    OUT,
    ERR,
    CONTROL,
    STREAMS,
};

struct session {
    const struct confine_config *config;
    struct confine_result *result;
    pid_t keeper;
    int fd[STREAMS];
    bool nobody; /* the sandbox's user outside, instead of the caller */
    bool reported, stopped;
    uint64_t deadline_ns;
    struct sd_err failure; /* of the keeper or of init */
};

static const struct confine_limits defaults = {.seconds = 10,
                                               .processes = CONFINE_PROCESSES_USUAL,
                                               .memory = 768U << 20,
                                               .folder = 64U << 20,
                                               .output = 256U << 10};

static struct confine_limits fill_limits(const struct confine_limits *asked)
{
    struct confine_limits limits = *asked;
    if (limits.seconds == 0)
        limits.seconds = defaults.seconds;
    if (limits.processes == 0)
        limits.processes = defaults.processes;
    if (limits.memory == 0)
        limits.memory = defaults.memory;
    if (limits.folder == 0)
        limits.folder = defaults.folder;
    if (limits.output == 0)
        limits.output = defaults.output;
    return limits;
}

/* ---- who the sandbox's user is outside ---- */

/* Has this user namespace a user `id`? */
static bool is_mapped(const char *map, unsigned id)
{
    unsigned first, outside, count;
    bool found = false;
    FILE *file = fopen(map, "re");
    while (file != NULL && !found && fscanf(file, "%u %u %u", &first, &outside, &count) == 3)
        found = id >= first && id - first < count;
    if (file != NULL)
        fclose(file);
    return found;
}

/* Root's programs are nobody's. Root of a namespace that has only one user is an ordinary user outside of it:
 * its sandbox has that user. */
static bool runs_as_nobody(void)
{
    return geteuid() == 0 && is_mapped("/proc/self/uid_map", NOBODY) &&
           is_mapped("/proc/self/gid_map", NOBODY);
}

static int map_ids(const struct session *s, struct sd_err *err)
{
    char process[32];
    snprintf(process, sizeof process, "/proc/%d", (int)s->keeper);
    return namespaces_map_ids(process, s->nobody ? NOBODY : geteuid(), s->nobody ? NOBODY : getegid(), err);
}

/* ---- the keeper ---- */

static _Noreturn void be_keeper(struct confine_place *place)
{
    const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGCHLD, SIGALRM, SIGUSR1, SIGWINCH};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        signal(signals[i], SIG_DFL);
    setsid(); /* the terminal's keys are for the caller */
    if (lab_tie_to_parent(place->caller) != 0)
        _exit(1);
    confine_keep(place);
}

/* Pipes for the output, a pair of sockets; the second end of each is the keeper's. */
static int make_channels(int channel[STREAMS][2], struct sd_err *err)
{
    if (pipe2(channel[OUT], O_CLOEXEC) != 0 || pipe2(channel[ERR], O_CLOEXEC) != 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel[CONTROL]) != 0)
        return sd_fail_errno(err, errno, "cannot make the pipes of a sandbox");
    return 0;
}

static int start_keeper(struct session *s, struct sd_err *err)
{
    int channel[STREAMS][2] = {{-1, -1}, {-1, -1}, {-1, -1}};
    struct confine_place place = {.config = s->config, .caller = getpid(), .root = s->nobody};
    int failed = make_channels(channel, err);
    place.catalogue = i18n_catalogue_open();
    place.own_program = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (failed == 0 && place.own_program < 0)
        failed = sd_fail_errno(err, errno, "cannot open /proc/self/exe; is /proc mounted?");
    fflush(NULL); /* or the child would write what is buffered once more */
    s->keeper = failed == 0 ? fork() : -1;
    if (s->keeper == 0) {
        for (size_t i = 0; i < STREAMS; i++)
            close(channel[i][0]);
        place.out = channel[OUT][1];
        place.err = channel[ERR][1];
        place.control = channel[CONTROL][1];
        be_keeper(&place);
    }
    if (failed == 0 && s->keeper < 0)
        failed = sd_fail_errno(err, errno, "cannot fork");
    io_close(&place.own_program);
    io_close(&place.catalogue);
    for (size_t i = 0; i < STREAMS; i++) {
        io_close(&channel[i][1]);
        s->fd[i] = channel[i][0];
    }
    return failed;
}

/* ---- listening ---- */

static void take_output(struct session *s, int stream)
{
    struct buf *kept = stream == OUT ? &s->result->out : &s->result->err;
    uint64_t *count = stream == OUT ? &s->result->out_bytes : &s->result->err_bytes;
    char piece[65536];
    ssize_t n = read(s->fd[stream], piece, sizeof piece);
    if (n < 0 && errno == EINTR)
        return;
    if (n <= 0) {
        io_close(&s->fd[stream]);
        return;
    }
    const size_t room = s->config->limits.output - kept->len;
    buf_append(kept, piece, (size_t)n < room ? (size_t)n : room);
    *count += (uint64_t)n;
}

static void take_report(struct session *s, const struct confine_message *message)
{
    s->reported = true;
    s->result->end = s->stopped ? CONFINE_STOPPED : message->end;
    s->result->status = message->end == CONFINE_ENDED ? message->status : -1;
    s->result->most_processes = message->most_processes;
    s->result->most_memory = message->most_memory;
    memcpy(s->result->waiting, message->waiting, sizeof message->waiting);
    s->result->waiting_count = message->waiting_count;
}

static void take_message(struct session *s)
{
    struct confine_message message;
    if (confine_receive(s->fd[CONTROL], &message, &s->result->folder) != 0) {
        io_close(&s->fd[CONTROL]);
        return;
    }
    if (message.word == CONFINE_WORD_MAP) {
        if (map_ids(s, &s->failure) == 0)
            confine_send(s->fd[CONTROL], &message, -1);
        else
            io_close(&s->fd[CONTROL]); /* the keeper ends */
    } else if (message.word == CONFINE_WORD_FAILED) {
        s->failure = message.err;
    } else if (message.word == CONFINE_WORD_READY) {
        s->deadline_ns = clock_mono_ns() + s->config->limits.seconds * (uint64_t)NS_PER_S +
                         KEEPER_LATE_MS * (uint64_t)NS_PER_MS;
    } else if (message.word == CONFINE_WORD_REPORT) {
        take_report(s, &message);
    }
}

static void look_for_stop(struct session *s)
{
    const struct confine_message stop = {.word = CONFINE_WORD_STOP};
    if (s->stopped || s->config->stop == NULL || *s->config->stop == 0)
        return;
    s->stopped = true;
    confine_send(s->fd[CONTROL], &stop, -1); /* where it fails, the keeper has ended already */
}

/* Until the keeper has closed its end and all that could print is gone. */
static void listen_to(struct session *s)
{
    s->deadline_ns = clock_mono_ns() + KEEPER_LATE_MS * (uint64_t)NS_PER_MS;
    while (s->fd[OUT] >= 0 || s->fd[ERR] >= 0 || s->fd[CONTROL] >= 0) {
        struct pollfd fds[STREAMS];
        for (size_t i = 0; i < STREAMS; i++)
            fds[i] = (struct pollfd){.fd = s->fd[i], .events = POLLIN};
        int ready = poll(fds, STREAMS, STOP_LOOK_MS);
        if (clock_mono_ns() > s->deadline_ns) {
            kill(s->keeper, SIGKILL); /* init ends with it */
            return;
        }
        look_for_stop(s);
        if (ready <= 0)
            continue;
        for (int i = OUT; i <= ERR; i++) {
            if (fds[i].revents != 0)
                take_output(s, i);
        }
        if (fds[CONTROL].revents != 0)
            take_message(s);
    }
}

/* ---- all of it ---- */

static int conclude(const struct session *s, struct sd_err *err)
{
    if (s->failure.code != 0) {
        if (err != NULL)
            *err = s->failure;
        return -s->failure.code;
    }
    if (!s->reported)
        return sd_fail(err, EIO, "the sandbox was ended from outside");
    if (s->result->out.failed || s->result->err.failed)
        return sd_fail(err, ENOMEM, "out of memory for the output of a command");
    return 0;
}

int confine_run(const struct confine_config *config, struct confine_result *result, struct sd_err *err)
{
    struct confine_config filled = *config;
    struct session s = {
        .config = &filled, .result = result, .keeper = -1, .fd = {-1, -1, -1}, .nobody = runs_as_nobody()};
    const uint64_t start = clock_mono_ns();
    filled.limits = fill_limits(&config->limits);
    *result = (struct confine_result){.status = -1, .folder = -1};
    int failed = start_keeper(&s, err);
    if (failed == 0) {
        listen_to(&s);
        while (waitpid(s.keeper, NULL, 0) < 0 && errno == EINTR) {
        }
        failed = conclude(&s, err);
    }
    for (size_t i = 0; i < STREAMS; i++)
        io_close(&s.fd[i]);
    result->elapsed_ns = clock_mono_ns() - start;
    if (failed != 0)
        confine_result_fini(result);
    return failed;
}

void confine_result_fini(struct confine_result *result)
{
    buf_free(&result->out);
    buf_free(&result->err);
    if (result->folder > 0)
        close(result->folder);
    *result = (struct confine_result){.folder = -1};
}
