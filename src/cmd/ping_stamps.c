#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/net_tstamp.h>

#include "base/io.h"
#include "cmd/ping.h"

/* The kernel switches the stamping of packets on for the first socket that asks, but a little later: a worker
 * patches its code. What comes before then has no stamp. Here a datagram goes round until one has it. */

enum {
    TRIES = 50,
    PAUSE_NS = 100000,
};

static bool open_pair(int *fd)
{
    const int flags = SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE;
    struct sockaddr_in self = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof self;
    *fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return *fd >= 0 && bind(*fd, (struct sockaddr *)&self, len) == 0 &&
           getsockname(*fd, (struct sockaddr *)&self, &len) == 0 &&
           connect(*fd, (struct sockaddr *)&self, len) == 0 &&
           setsockopt(*fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags) == 0;
}

/* 1 it has a stamp, 0 it has none, -1 nothing came. */
static int go_round(int fd)
{
    char byte = 0;
    union {
        struct cmsghdr align;
        char bytes[128];
    } control;
    struct iovec piece = {.iov_base = &byte, .iov_len = sizeof byte};
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    if (send(fd, &byte, sizeof byte, 0) != (ssize_t)sizeof byte || recvmsg(fd, &message, 0) < 0)
        return -1;
    const struct cmsghdr *first = CMSG_FIRSTHDR(&message);
    return first != NULL && first->cmsg_level == SOL_SOCKET && first->cmsg_type == SO_TIMESTAMPING;
}

void ping_stamps_await(void)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    int fd = -1;
    if (open_pair(&fd)) {
        for (int i = 0; i < TRIES && go_round(fd) == 0; i++)
            (void)ppoll(NULL, 0, &pause, NULL);
    }
    io_close(&fd);
}
