#include "cmd/intake.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/privilege.h"
#include "cmd/interfaces.h"

enum {
    SIGNAL_EVERY = 256, /* records of a file between looks for a signal: each may be the first of many */
    SIGNAL_EVERY_LIVE = 4096, /* packets of an interface, while more wait: a few milliseconds */
    IDLE_MS = 500,            /* between looks whether the interface is still up */
    DRAIN_MS = 150,           /* the kernel hands packets over at most so late */
    PIPE_BYTES = 1 << 20, /* the most for an ordinary user: who writes and who reads take turns less often */
    BUFFER_MB = 64,       /* nothing is lost where two thirds of a second are one burst of small packets */
};

/* ---- opening, in the order of the privileges ---- */

/* Signals that end the intake come by a descriptor. */
static int take_signals(struct intake *intake, struct sd_err *err)
{
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGTERM);
    sigprocmask(SIG_BLOCK, &ending, NULL);
    signal(SIGPIPE, SIG_IGN);
    intake->signal_fd = signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK);
    return intake->signal_fd < 0 ? sd_fail_errno(err, errno, "cannot receive signals") : 0;
}

void intake_give_signals_back(struct intake *intake)
{
    sigset_t ending;
    io_close(&intake->signal_fd);
    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGTERM);
    sigprocmask(SIG_UNBLOCK, &ending, NULL);
}

static int open_interface(struct intake *intake, struct sd_err *err)
{
    const struct intake_config *config = intake->config;
    intake->interface = config->interface;
    if (intake->interface == NULL) {
        int failed = interfaces_default(intake->default_name, err);
        if (failed != 0)
            return failed;
        intake->interface = intake->default_name;
    }
    const struct source_live live = {
        .interface = intake->interface,
        .filter = config->filter,
        .snaplen = config->snaplen,
        .buffer_bytes = (uint32_t)(config->buffer_mb != 0 ? config->buffer_mb : BUFFER_MB) << 20,
        .promiscuous = true,
        .immediate = config->immediate,
    };
    return source_open_live(&intake->source, &live, err);
}

static int open_input(struct intake *intake, struct sd_err *err)
{
    const char *file = intake->config->file;
    intake->input_fd = strcmp(file, "-") == 0 ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
    return intake->input_fd < 0 ? sd_fail_errno(err, errno, "cannot open %s", file) : 0;
}

/* The last door: from here on, bytes that somebody else chose are looked at. */
static int filter_calls(void *context, struct sd_err *err)
{
    const struct intake *intake = context;
    tzset(); /* reads the time zone's file, while that is allowed */
    int failed = privilege_filter(intake->config->privileges, err);
    return failed == -ENOSYS ? 0
                             : failed; /* a kernel without filters: the privileges are gone all the same */
}

/* A pipe has nothing now: what was made of its packets so far must not wait for more of them. */
static bool let_out(void *context)
{
    struct intake *intake = context;
    const struct intake_handlers *handlers = intake->handlers;
    if (handlers != NULL && handlers->idle != NULL)
        intake->idle_failed = handlers->idle(handlers->context, &intake->idle_err);
    return intake->idle_failed == 0;
}

/* Did another signal come? The first asks for the end: what was captured before it is still taken, out of the
 * kernel's buffer. The second ends at once, and so does the first where there is no such buffer. */
static bool ended_by_signal(struct intake *intake)
{
    struct signalfd_siginfo info;
    if (read(intake->signal_fd, &info, sizeof info) != (ssize_t)sizeof info)
        return false;
    const bool at_once = intake->interrupted || !intake->live;
    intake->interrupted = true;
    intake->stop_ns = clock_real_ns();
    return at_once;
}

/* The wait for a file was ended. */
static void note_interruption(struct intake *intake)
{
    (void)ended_by_signal(intake); /* or it would strike as soon as signals are given back */
    intake->interrupted = true;
}

/* From a file: a signal ends the waiting, where there may be one. */
static int open_source(struct intake *intake, struct sd_err *err)
{
    const char *file = intake->config->file;
    struct stat st;
    struct source_guard guard = {
        .before_reading = filter_calls,
        .wait = {.stop_fd = intake->signal_fd, .before = let_out, .context = intake},
        .pieces = intake->config->pieces,
        .context = intake,
    };
    const bool known = fstat(intake->input_fd, &st) == 0;
    if (known && S_ISREG(st.st_mode))
        guard.wait = (struct pcapng_wait){.stop_fd = -1};
    if (known && S_ISFIFO(st.st_mode))
        (void)fcntl(intake->input_fd, F_SETPIPE_SZ, PIPE_BYTES); /* where the kernel has no more, slower */
    const int failed =
        source_open_fd_guarded(&intake->source, intake->input_fd, &guard,
                               strcmp(file, "-") == 0 ? "stdin" : file, intake->config->filter, err);
    if (failed != -EINTR)
        return failed;
    note_interruption(intake);
    *err = (struct sd_err){0};
    return 0;
}

int intake_open(struct intake *intake, const struct intake_config *config, struct sd_err *err)
{
    *intake =
        (struct intake){.input_fd = -1, .signal_fd = -1, .live = config->file == NULL, .config = config};
    /* A pipe by name is opened when it has a writer: until then a signal ends the program as ever. */
    int failed = intake->live ? 0 : open_input(intake, err);
    if (failed == 0)
        failed = take_signals(intake, err);
    if (failed == 0 && intake->live)
        failed = open_interface(intake, err);
    if (failed == 0)
        failed = privilege_drop(err);
    if (failed == 0 && config->open_outputs != NULL)
        failed = config->open_outputs(config->context, err);
    if (failed != 0)
        return failed;
    if (intake->live)
        return filter_calls(intake, err);
    return open_source(intake, err);
}

void intake_close(struct intake *intake)
{
    source_close(intake->source);
    intake->source = NULL;
    if (intake->input_fd != STDIN_FILENO)
        io_close(&intake->input_fd);
    io_close(&intake->signal_fd);
}

/* ---- records ---- */

bool intake_is_interrupted(struct intake *intake)
{
    return intake->interrupted || ended_by_signal(intake);
}

/* 1 to go on; 0: the end; negative: an error. */
static int wait_for_more(struct intake *intake, const struct intake_handlers *handlers, struct sd_err *err)
{
    int failed = handlers->idle != NULL ? handlers->idle(handlers->context, err) : 0;
    if (failed != 0)
        return failed;
    struct pollfd fds[2] = {{.fd = source_fd(intake->source), .events = POLLIN},
                            {.fd = intake->signal_fd, .events = POLLIN}};
    const int ready = poll(fds, 2, intake->interrupted ? DRAIN_MS : IDLE_MS);
    if (ready < 0 && errno != EINTR)
        return sd_fail_errno(err, errno, "cannot wait for packets");
    return !(ready == 0 && intake->interrupted) && !ended_by_signal(intake);
}

/* Is this packet the first after the end was asked for? */
static bool is_too_late(const struct intake *intake, const struct capture_record *record)
{
    return intake->interrupted && record->kind == CAPTURE_PACKET && record->packet.time_ns > intake->stop_ns;
}

int intake_run(struct intake *intake, const struct intake_handlers *handlers, struct sd_err *err)
{
    const uint64_t look_every = intake->live ? SIGNAL_EVERY_LIVE : SIGNAL_EVERY;
    intake->handlers = handlers;
    if (intake->source == NULL)
        return 0;
    for (uint64_t n = 1;; n++) {
        struct capture_record record;
        int got = source_next(intake->source, &record, err);
        if (got == -EAGAIN) {
            got = wait_for_more(intake, handlers, err);
            if (got <= 0)
                return got;
            continue;
        }
        if (got == -EINTR && intake->idle_failed != 0) {
            *err = intake->idle_err;
            return intake->idle_failed;
        }
        if (got == -EINTR)
            note_interruption(intake);
        if (got == 0 || got == -EINTR || (got > 0 && is_too_late(intake, &record)))
            return 0;
        if (got > 0)
            got = handlers->record(handlers->context, &record, err);
        if (got != 0)
            return got < 0 ? got : 0;
        if (n % look_every == 0 && ended_by_signal(intake))
            return 0;
    }
}

uint64_t intake_lost(const struct intake *intake)
{
    uint64_t received = 0, dropped = 0;
    return intake->live && source_stats(intake->source, &received, &dropped) == 0 ? dropped : 0;
}

bool intake_is_file(const char *word)
{
    static const char small[] = "abcdefghijklmnopqrstuvwxyz0123456789"; /* such a word may be a protocol */
    struct stat st;
    return word[strspn(word, small)] != '\0' && stat(word, &st) == 0 && S_ISREG(st.st_mode);
}

int intake_join_filter(struct buf *text, int argc, char **argv, int first, const char **filter,
                       struct sd_err *err)
{
    *filter = NULL;
    for (int i = first; i < argc; i++) {
        buf_text(text, argv[i]);
        buf_char(text, ' ');
    }
    if (text->len == 0)
        return 0;
    text->len--;
    *filter = buf_cstr(text);
    return text->failed ? sd_fail_errno(err, ENOMEM, "filter") : 0;
}
