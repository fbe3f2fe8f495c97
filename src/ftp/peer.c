#include "ftp/peer.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/io.h"

/* What a transfer must keep up, once the timeout has passed. */
#define SLOWEST_BYTES_PER_S 64U

/* The kernel makes it as small as it can (socket(7)): a few kilobytes. */
#define SMALL_SEND_BUFFER 1

int ftp_peer_prepare(int fd, const struct ftp_manner *manner)
{
    const struct timeval timeout = {
        .tv_sec = (time_t)(manner->timeout_ns / NS_PER_S),
        .tv_usec = (suseconds_t)(manner->timeout_ns % NS_PER_S / NS_PER_US),
    };
    const int small = SMALL_SEND_BUFFER;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) != 0)
        return -errno;
    if (manner->bug == FTP_BUG_SHORT_SEND && setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small) != 0)
        return -errno;
    return 0;
}

static bool is_stopped(const struct ftp_peer *peer)
{
    return peer->stop != NULL && *peer->stop != 0;
}

static void rest_for(const struct ftp_peer *peer, uint64_t ns)
{
    const uint64_t until = clock_mono_ns() + ns;
    const struct timespec at = {
        .tv_sec = (time_t)(until / NS_PER_S),
        .tv_nsec = (long)(until % NS_PER_S),
    };
    while (!is_stopped(peer) && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
        continue;
}

static int io_failure(const struct ftp_peer *peer, int code, const char *what, struct sd_err *err)
{
    if (is_stopped(peer))
        return sd_fail(err, ECANCELED, "stopped");
    if (code == EAGAIN || code == EWOULDBLOCK)
        return sd_fail(err, ETIMEDOUT, "%s for %" PRIu64 " s; the connection is given up", _(what),
                       peer->manner->timeout_ns / NS_PER_S);
    if (code == ECONNRESET || code == EPIPE)
        return sd_fail(err, code, "the other side closed the connection in the middle (%s)",
                       sd_errno_name(code));
    return sd_fail_errno(err, code, "the connection failed");
}

bool ftp_peer_too_slow(const struct ftp_peer *peer, uint64_t begin_ns, uint64_t bytes)
{
    const uint64_t spent = clock_mono_ns() - begin_ns;
    return spent > peer->manner->timeout_ns &&
           (spent - peer->manner->timeout_ns) / NS_PER_S > bytes / SLOWEST_BYTES_PER_S;
}

ssize_t ftp_peer_recv(struct ftp_peer *peer, void *data, size_t len, struct sd_err *err)
{
    if (peer->work_ns != 0 && peer->recvs < FTP_WORK_RECVS)
        rest_for(peer, peer->work_ns);
    peer->recvs += peer->recvs < FTP_WORK_RECVS;
    ssize_t n;
    do {
        n = recv(peer->fd, data, len, 0);
    } while (n < 0 && errno == EINTR && !is_stopped(peer));
    if (n < 0)
        return io_failure(peer, errno, N_("nothing came"), err);
    if (is_stopped(peer))
        return sd_fail(err, ECANCELED, "stopped");
    peer->received += (uint64_t)n;
    return n;
}

static int send_all(struct ftp_peer *peer, const uint8_t *data, size_t len, struct sd_err *err)
{
    const uint64_t begin = clock_mono_ns();
    size_t sent = 0;
    while (sent < len) {
        ssize_t n = send(peer->fd, data + sent, len - sent, MSG_NOSIGNAL);
        if (n < 0 && (errno != EINTR || is_stopped(peer)))
            return io_failure(peer, errno, N_("the other side took nothing"), err);
        sent += n < 0 ? 0 : (size_t)n;
        if (ftp_peer_too_slow(peer, begin, sent))
            return sd_fail(err, ETIMEDOUT, "the other side takes less than %u bytes a second",
                           SLOWEST_BYTES_PER_S);
    }
    return 0;
}

int ftp_peer_send(struct ftp_peer *peer, const void *data, size_t len, struct sd_err *err)
{
    int failed = 0;
    if (peer->manner->bug == FTP_BUG_SHORT_SEND)
        (void)send(peer->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT); /* the bug: what it took is not asked */
    else
        failed = send_all(peer, data, len, err);
    if (failed == 0 && peer->manner->framing->pauses)
        rest_for(peer, peer->manner->pause_ns);
    return failed;
}

void ftp_peer_end(struct ftp_peer *peer)
{
    if (peer->fd >= 0 && !peer->ended)
        shutdown(peer->fd, SHUT_WR);
    peer->ended = true;
}

uint64_t ftp_peer_drain(struct ftp_peer *peer, void *kept, size_t room)
{
    const uint64_t until = clock_mono_ns() + peer->manner->timeout_ns;
    uint8_t piece[1024];
    uint64_t total = 0;
    size_t have = 0;
    while (clock_mono_ns() < until && !is_stopped(peer)) {
        ssize_t n = recv(peer->fd, piece, sizeof piece, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        const size_t keep = (size_t)n < room - have ? (size_t)n : room - have;
        if (keep > 0)
            memcpy((uint8_t *)kept + have, piece, keep);
        have += keep;
        total += (uint64_t)n;
    }
    return total;
}

void ftp_peer_close(struct ftp_peer *peer)
{
    io_close(&peer->fd);
}
