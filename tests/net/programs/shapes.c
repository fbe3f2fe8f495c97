/* Makes one call of each shape that can move bytes, over a TCP connection to itself, and prints what a
 * recorder must find: "name way result offset", one line a call. Built static or not by the test. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static long sent, received; /* from a to b */

static void moved(const char *name, const char *way, long result)
{
    long *sum = way[0] == 's' ? &sent : &received;
    if (result < 0) {
        perror(name);
        exit(1);
    }
    printf("%s %s %ld %ld\n", name, way, result, *sum);
    *sum += result;
}

static void send_in_every_shape(int a, int file, int pipe_fds[2])
{
    char text[64] = "0123456789abcdefghijklmnopqrstuvwxyz";
    struct iovec iov[2] = {{text, 3}, {text + 3, 4}};
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
    struct mmsghdr two[2] = {{.msg_hdr = msg}, {.msg_hdr = msg}};
    off_t zero = 0;
    moved("sendto", "send", send(a, text, 10, 0));
    moved("write", "send", write(a, text, 11));
    moved("writev", "send", writev(a, iov, 2));
    moved("sendmsg", "send", sendmsg(a, &msg, MSG_NOSIGNAL));
    moved("sendmmsg", "send", sendmmsg(a, two, 2, 0) == 2 ? 14 : -1);
    moved("pwritev2", "send", pwritev2(a, iov, 2, -1, 0));
    moved("sendfile", "send", sendfile(a, file, &zero, 20));
    if (write(pipe_fds[1], text, 9) == 9)
        moved("splice", "send", splice(pipe_fds[0], NULL, a, NULL, 9, 0));
}

static void recv_in_every_shape(int b, int pipe_fds[2])
{
    char room[64];
    struct iovec iov[2] = {{room, 3}, {room + 3, 4}};
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
    struct mmsghdr two[2] = {{.msg_hdr = msg}, {.msg_hdr = msg}};
    if (recv(b, room, 5, MSG_PEEK) != 5 || recv(b, room, 1, MSG_DONTWAIT | MSG_PEEK) != 1)
        exit(1);
    moved("recvfrom", "recv", recv(b, room, 10, MSG_WAITALL));
    moved("read", "recv", read(b, room, 11));
    moved("readv", "recv", readv(b, iov, 2));
    moved("recvmsg", "recv", recvmsg(b, &msg, 0));
    moved("recvmmsg", "recv", recvmmsg(b, two, 2, 0, NULL) == 2 ? 14 : -1);
    moved("preadv2", "recv", preadv2(b, iov, 2, -1, 0));
    moved("recvfrom", "recv", recv(b, NULL, 4, MSG_TRUNC)); /* thrown away, and gone all the same (tcp(7)) */
    moved("splice", "recv", splice(b, NULL, pipe_fds[1], NULL, 16, 0));
    moved("recvfrom", "recv", recv(b, room, sizeof room, 0));
}

int main(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof name;
    int pipe_fds[2], listener = socket(AF_INET, SOCK_STREAM, 0), a = socket(AF_INET, SOCK_STREAM, 0);
    FILE *file = tmpfile();
    if (pipe(pipe_fds) != 0 || file == NULL || fputs("the file that is sent by sendfile", file) < 0 ||
        fflush(file) != 0)
        return 1;
    if (bind(listener, (struct sockaddr *)&name, len) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&name, &len) != 0 ||
        connect(a, (struct sockaddr *)&name, len) != 0)
        return 1;
    int b = accept(listener, NULL, NULL);
    send_in_every_shape(a, fileno(file), pipe_fds);
    recv_in_every_shape(b, pipe_fds);
    /* The descriptor table: dup2 onto a socket, close_range over all of them, a number used again. */
    int c = dup(a), again;
    dup2(pipe_fds[0], a); /* a stands for a pipe from here on */
    moved("write", "send", write(c, "by the duplicate", 16));
    close_range((unsigned)c, (unsigned)c, 0);
    again = open("/dev/null", O_RDWR);
    if (again != c || write(again, "no socket", 9) != 9)
        return 1;
    char room[64];
    moved("read", "recv", read(b, room, sizeof room));
    return read(b, room, sizeof room) == 0 ? 0 : 1; /* closing the last descriptor was seen as FIN at once */
}
