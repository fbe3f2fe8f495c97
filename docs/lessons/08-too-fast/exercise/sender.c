/* Sends 100,000 bytes to a reader that is slow at times.
 *
 * So that it never hangs, its socket has a timeout; and after a timeout it goes on. Mend it: every byte has to arrive,
 * once and in order. It may still give up, but only when the reader has not moved for five seconds. */
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define SIZE 100000
#define PIECE 10000

static int connect_to_reader(struct timeval timeout)
{
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(5000)};
    int conn = socket(AF_INET, SOCK_STREAM, 0), small = 8192;
    inet_pton(AF_INET, "10.77.0.2", &there.sin_addr);
    setsockopt(conn, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    if (conn < 0 || connect(conn, (struct sockaddr *)&there, sizeof there) != 0)
        return -1;
    setsockopt(conn, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    return conn;
}

int main(void)
{
    static unsigned char data[SIZE];
    const struct timeval timeout = {.tv_usec = 100000};
    int conn = connect_to_reader(timeout);
    for (int i = 0; i < SIZE; i++)
        data[i] = (unsigned char)(7 * i + i / 251);
    for (int begin = 0; begin < SIZE; begin += PIECE) {
        if (send(conn, data + begin, PIECE, 0) < 0)
            puts("the reader is slow; going on");
    }
    shutdown(conn, SHUT_WR);
    return recv(conn, data, 1, 0) == 0 ? 0 : 1; /* until the other side has read all and closes */
}
