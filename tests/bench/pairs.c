/* N send/recv pairs of 100 bytes over loopback TCP in one thread: what recording costs shows against the bare
 * run. Prints the seconds that its loop took. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

static double now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
    long pairs = argc > 1 ? atol(argv[1]) : 200000;
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof name;
    const int one = 1;
    char bytes[100] = "";
    int listener = socket(AF_INET, SOCK_STREAM, 0), out = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&name, len) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&name, &len) != 0 ||
        connect(out, (struct sockaddr *)&name, len) != 0 ||
        setsockopt(out, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0)
        return 1;
    int in = accept(listener, NULL, NULL);
    double begin = now();
    for (long i = 0; i < pairs; i++) {
        if (send(out, bytes, sizeof bytes, 0) != sizeof bytes ||
            recv(in, bytes, sizeof bytes, MSG_WAITALL) != sizeof bytes)
            return 1;
    }
    printf("%.6f\n", now() - begin);
    return 0;
}
