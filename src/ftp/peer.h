#ifndef SOCKDIAG_FTP_PEER_H
#define SOCKDIAG_FTP_PEER_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "ftp/ftp.h"

/* The other side of one connection: plain blocking send() and recv(), so that what is recorded of them is the
 * picture that a textbook draws. Timeouts are the socket's own (SO_RCVTIMEO, SO_SNDTIMEO). */
struct ftp_peer {
    int fd; /* -1: none */
    const struct ftp_manner *manner;
    uint64_t work_ns;                  /* before each of the first FTP_WORK_RECVS recvs */
    const volatile sig_atomic_t *stop; /* set: give up; NULL: nobody asks for that */
    unsigned recvs;
    uint64_t received; /* bytes: where on the axis the next one stands */
    bool ended;        /* this side has said that it sends no more */
};

/* Set the timeouts, and with FTP_BUG_SHORT_SEND a small send buffer. For a client before it connects. 0 or a
 * negative errno. */
int ftp_peer_prepare(int fd, const struct ftp_manner *manner);

/* One recv of at most `len` bytes: how many came, 0 at the end of the stream, or a negative errno:
 * -ETIMEDOUT, -ECONNRESET, -ECANCELED when `stop` is set. */
ssize_t ftp_peer_recv(struct ftp_peer *peer, void *data, size_t len, struct sd_err *err);

/* Send all of it, by as many sends as it takes, usually one (with FTP_BUG_SHORT_SEND: by one that does not
 * block, whatever it returns), then pause where the framing does. */
int ftp_peer_send(struct ftp_peer *peer, const void *data, size_t len, struct sd_err *err);

/* Nothing more will be sent. */
void ftp_peer_end(struct ftp_peer *peer);

/* Read to the end of the stream and throw away what comes, so that the connection ends by FIN: unread bytes
 * would make it a reset, and that may take the last answer with it. At most the timeout long. The first
 * `room` bytes are kept in `kept`; the number of all is returned. */
uint64_t ftp_peer_drain(struct ftp_peer *peer, void *kept, size_t room);

/* Close the socket, if there is one. */
void ftp_peer_close(struct ftp_peer *peer);

/* Whether `bytes` in the time since `begin_ns` are too few to go on: a peer that sends a byte now and then
 * must not hold a server for ever. */
bool ftp_peer_too_slow(const struct ftp_peer *peer, uint64_t begin_ns, uint64_t bytes);

#endif
