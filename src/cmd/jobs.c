#include "cmd/jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"

/* A frame: its length without this head, its kind, its bytes; numbers big-endian. */
enum {
    HEAD = 8,
    GATHER = 64 << 10,
    PIECE = 256 << 10, /* of an input that is handed on */
    PIPE = 1 << 20,    /* bytes that a pipe may hold, where the system lets us */
};

/* ---- the beginning ---- */

int jobs_open(struct jobs *jobs, unsigned count, const char *file, int input_fd, struct sd_err *err)
{
    struct stat st, again;
    *jobs = (struct jobs){.count = count, .turn = {-1, -1}};
    for (unsigned i = 0; i < count; i++)
        jobs->job[i] = (struct job){.input = -1, .output = -1, .stop = -1, .pid = -1};
    if (fstat(input_fd, &st) != 0)
        return sd_fail_errno(err, errno, "cannot look at %s", file);
    jobs->relays = !S_ISREG(st.st_mode) || strcmp(file, "-") == 0;
    for (unsigned i = 0; i < count && !jobs->relays; i++) {
        jobs->job[i].input = open(file, O_RDONLY | O_CLOEXEC);
        if (jobs->job[i].input < 0)
            return sd_fail_errno(err, errno, "cannot open %s again", file);
        if (fstat(jobs->job[i].input, &again) != 0 || again.st_ino != st.st_ino || again.st_dev != st.st_dev)
            return sd_fail(err, EAGAIN, "%s was replaced by another file just now; try again", file);
    }
    jobs->piece = jobs->relays ? malloc(PIECE) : NULL;
    return jobs->relays && jobs->piece == NULL ? sd_fail_errno(err, ENOMEM, "cannot hand the input on") : 0;
}

static int make_pipe(int ends[2], int flags, struct sd_err *err)
{
    if (pipe2(ends, O_CLOEXEC) != 0)
        return sd_fail_errno(err, errno, "cannot make a pipe");
    (void)fcntl(ends[1], F_SETPIPE_SZ, PIPE); /* slower without */
    return flags != 0 && fcntl(ends[1], F_SETFL, flags) != 0
               ? sd_fail_errno(err, errno, "cannot set up a pipe")
               : 0;
}

/* What of the pipes is this process's, in a job that was just forked: nothing. */
static void close_all(struct jobs *jobs, unsigned but)
{
    for (unsigned i = 0; i < jobs->count; i++) {
        if (i != but || jobs->relays)
            io_close(&jobs->job[i].input);
        io_close(&jobs->job[i].output);
        io_close(&jobs->job[i].stop);
    }
}

static int start_one(struct jobs *jobs, unsigned index, jobs_work *work, void *context, struct sd_err *err)
{
    struct job *job = &jobs->job[index];
    int output[2] = {-1, -1}, stop[2] = {-1, -1}, input[2] = {job->input, -1};
    int failed = make_pipe(output, 0, err);
    if (failed == 0)
        failed = make_pipe(stop, 0, err);
    if (failed == 0 && fcntl(stop[0], F_SETFL, O_NONBLOCK) != 0)
        failed = sd_fail_errno(err, errno, "cannot set up a pipe");
    if (failed == 0 && jobs->relays)
        failed = make_pipe(input, O_NONBLOCK, err);
    const pid_t parent = getpid();
    job->pid = failed == 0 ? fork() : -1;
    if (failed == 0 && job->pid < 0)
        failed = sd_fail_errno(err, errno, "cannot fork");
    if (job->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(2);
        close_all(jobs, index);
        io_close(&output[0]);
        io_close(&stop[1]);
        if (jobs->relays)
            io_close(&input[1]);
        _exit(work(context, index, input[0], stop[0], output[1]));
    }
    io_close(&output[1]);
    io_close(&stop[0]);
    io_close(&input[0]);
    job->output = output[0];
    job->stop = stop[1];
    job->input = input[1];
    return failed;
}

int jobs_take_turn(const struct jobs *jobs)
{
    uint8_t turn;
    const ssize_t n = io_read_full(jobs->turn[0], &turn, 1);
    return n == 1 ? 0 : n < 0 ? (int)n : -EPIPE;
}

int jobs_give_turn(const struct jobs *jobs)
{
    return io_write_all(jobs->turn[1], "", 1);
}

int jobs_start(struct jobs *jobs, jobs_work *work, void *context, struct sd_err *err)
{
    int failed = pipe2(jobs->turn, O_CLOEXEC) != 0 ? sd_fail_errno(err, errno, "cannot make a pipe") : 0;
    if (failed == 0 && jobs_give_turn(jobs) != 0)
        failed = sd_fail(err, EIO, "cannot write to a pipe");
    for (unsigned i = 0; i < jobs->count && failed == 0; i++)
        failed = start_one(jobs, i, work, context, err);
    return failed;
}

/* ---- the input ---- */

static bool all_got_it(const struct jobs *jobs)
{
    for (unsigned i = 0; i < jobs->count; i++) {
        if (jobs->job[i].input >= 0 && jobs->job[i].sent < jobs->piece_len)
            return false;
    }
    return true;
}

/* The next piece, once every job has got the last one. */
static int read_piece(struct jobs *jobs, int input_fd, struct sd_err *err)
{
    const ssize_t n = read(input_fd, jobs->piece, PIECE);
    if (n < 0)
        return errno == EINTR || errno == EAGAIN ? 0 : sd_fail_errno(err, errno, "cannot read the input");
    jobs->input_ended = n == 0;
    jobs->piece_len = (size_t)n;
    for (unsigned i = 0; i < jobs->count; i++) {
        jobs->job[i].sent = 0;
        if (n == 0)
            io_close(&jobs->job[i].input);
    }
    return 0;
}

/* A job that reads no further, for it ended early, gets no more. */
static void hand_on(struct jobs *jobs, struct job *job)
{
    const ssize_t n = write(job->input, jobs->piece + job->sent, jobs->piece_len - job->sent);
    if (n > 0)
        job->sent += (size_t)n;
    else if (errno != EAGAIN && errno != EINTR)
        io_close(&job->input);
}

/* ---- frames ---- */

int jobs_flush(struct buf *out, int output_fd)
{
    const int failed = out->failed ? -ENOMEM : io_write_all(output_fd, out->data, out->len);
    out->len = 0;
    return failed;
}

int jobs_put(struct buf *out, int output_fd, unsigned kind, const void *data, size_t len)
{
    uint8_t head[HEAD];
    store_be32(head, (uint32_t)len);
    store_be32(head + 4, kind);
    buf_append(out, head, sizeof head);
    buf_append(out, data, len);
    return out->len >= GATHER ? jobs_flush(out, output_fd) : 0;
}

/* Every whole frame that is there. */
static int take_frames(struct jobs *jobs, unsigned index, const struct jobs_handlers *handlers)
{
    struct job *job = &jobs->job[index];
    int failed = 0;
    while (failed == 0 && job->in.len - job->in_at >= HEAD) {
        const uint8_t *p = job->in.data + job->in_at;
        const size_t len = load_be32(p);
        if (job->in.len - job->in_at - HEAD < len)
            break;
        failed = handlers->frame(handlers->context, index, load_be32(p + 4), p + HEAD, len);
        job->in_at += HEAD + len;
    }
    memmove(job->in.data, job->in.data + job->in_at, job->in.len - job->in_at);
    job->in.len -= job->in_at;
    job->in_at = 0;
    return failed;
}

static int read_frames(struct jobs *jobs, unsigned index, const struct jobs_handlers *handlers)
{
    struct job *job = &jobs->job[index];
    if (!buf_reserve(&job->in, GATHER))
        return -ENOMEM;
    const ssize_t n = read(job->output, job->in.data + job->in.len, job->in.cap - job->in.len);
    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    if (n == 0) {
        job->ended = true;
        io_close(&job->output);
        return 0;
    }
    job->in.len += (size_t)n;
    return take_frames(jobs, index, handlers);
}

/* ---- the loop ---- */

static void tell_to_end(struct jobs *jobs)
{
    /* As much as a descriptor of signals would give. */
    static const uint8_t signal_like[sizeof(struct signalfd_siginfo)];
    for (unsigned i = 0; i < jobs->count; i++) {
        if (jobs->job[i].stop >= 0)
            (void)!write(jobs->job[i].stop, signal_like, sizeof signal_like); /* gone already: as well */
        io_close(&jobs->job[i].stop);
    }
}

struct polled {
    struct pollfd fds[2 + 2 * JOBS_MAX];
    int job[2 + 2 * JOBS_MAX]; /* whose; the input's reader: -1, the signals: -2 */
    nfds_t count;
};

static void add(struct polled *polled, int fd, short events, int job)
{
    polled->fds[polled->count] = (struct pollfd){.fd = fd, .events = events};
    polled->job[polled->count++] = job;
}

static bool gather_polled(const struct jobs *jobs, int input_fd, int signal_fd, struct polled *polled)
{
    bool running = false;
    polled->count = 0;
    if (signal_fd >= 0)
        add(polled, signal_fd, POLLIN, -2);
    if (jobs->relays && !jobs->input_ended && all_got_it(jobs))
        add(polled, input_fd, POLLIN, -1);
    for (unsigned i = 0; i < jobs->count; i++) {
        const struct job *job = &jobs->job[i];
        if (!job->ended)
            add(polled, job->output, POLLIN, (int)i);
        if (job->input >= 0 && job->sent < jobs->piece_len)
            add(polled, job->input, POLLOUT, (int)i);
        running = running || !job->ended;
    }
    return running;
}

/* Taken, so that it does not end this process once signals come again. */
static int take_signal(int signal_fd)
{
    struct signalfd_siginfo info;
    return read(signal_fd, &info, sizeof info) == (ssize_t)sizeof info ? -EINTR : 0;
}

/* 0, -EINTR for a signal, or another negative errno. */
static int take_event(struct jobs *jobs, int input_fd, const struct pollfd *fd, int index,
                      const struct jobs_handlers *handlers, struct sd_err *err)
{
    if (index == -2)
        return take_signal(fd->fd);
    if (index == -1)
        return read_piece(jobs, input_fd, err);
    if ((fd->events & POLLOUT) != 0) {
        hand_on(jobs, &jobs->job[index]);
        return 0;
    }
    return read_frames(jobs, (unsigned)index, handlers);
}

int jobs_run(struct jobs *jobs, int input_fd, int signal_fd, const struct jobs_handlers *handlers,
             bool *interrupted, struct sd_err *err)
{
    struct polled polled;
    int failed = 0;
    while (failed == 0 && gather_polled(jobs, input_fd, signal_fd, &polled)) {
        if (poll(polled.fds, polled.count, -1) < 0 && errno != EINTR)
            return sd_fail_errno(err, errno, "cannot wait for the jobs");
        for (nfds_t i = 0; i < polled.count && failed == 0; i++) {
            if (polled.fds[i].revents == 0)
                continue;
            failed = take_event(jobs, input_fd, &polled.fds[i], polled.job[i], handlers, err);
            if (failed == -EINTR && polled.job[i] == -2) {
                *interrupted = true;
                tell_to_end(jobs);
                signal_fd = -1;
                failed = 0;
            }
        }
        if (failed == 0)
            failed = handlers->idle(handlers->context);
    }
    if (failed != 0 && err->code == 0)
        sd_fail_errno(err, -failed, "cannot take what the jobs found");
    return failed;
}

void jobs_end(struct jobs *jobs)
{
    tell_to_end(jobs);
    for (unsigned i = 0; i < jobs->count; i++) {
        struct job *job = &jobs->job[i];
        io_close(&job->input);
        io_close(&job->output);
        while (job->pid > 0 && waitpid(job->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        buf_free(&job->in);
    }
    if (jobs->count > 0) {
        io_close(&jobs->turn[0]);
        io_close(&jobs->turn[1]);
    }
    free(jobs->piece);
    *jobs = (struct jobs){0};
}
