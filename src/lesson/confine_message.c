#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lesson/confine_private.h"

union descriptor_space {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(sizeof(int))];
};

int confine_send(int socket, const struct confine_message *message, int fd)
{
    union descriptor_space space = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)message, .iov_len = sizeof *message};
    struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t n;
    if (fd >= 0) {
        space.head = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
        memcpy(CMSG_DATA(&space.head), &fd, sizeof fd);
        head.msg_control = space.bytes;
        head.msg_controllen = sizeof space.bytes;
    }
    do
        n = sendmsg(socket, &head, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

int confine_receive(int socket, struct confine_message *message, int *fd)
{
    union descriptor_space space = {0};
    struct iovec part = {.iov_base = message, .iov_len = sizeof *message};
    struct msghdr head = {.msg_iov = &part,
                          .msg_iovlen = 1,
                          .msg_control = fd != NULL ? space.bytes : NULL,
                          .msg_controllen = fd != NULL ? sizeof space.bytes : 0};
    ssize_t n;
    do
        n = recvmsg(socket, &head, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    if (n != (ssize_t)sizeof *message)
        return -EPIPE;
    const struct cmsghdr *sent = CMSG_FIRSTHDR(&head);
    if (sent != NULL && sent->cmsg_type == SCM_RIGHTS && sent->cmsg_len == CMSG_LEN(sizeof *fd))
        memcpy(fd, CMSG_DATA(sent), sizeof *fd);
    return 0;
}
