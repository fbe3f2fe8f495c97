/* Its last argument is the number of a descriptor, a connected socket. It appends a line to got.txt: the kind of socket,
 * and then for a stream how many bytes came in all, for the others how long each message was. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
    static char data[65536];
    FILE *got = fopen("got.txt", "a");
    int conn = atoi(argv[argc - 1]), kind = 0;
    socklen_t size = sizeof kind;
    long total = 0;
    ssize_t n;
    if (got == NULL || getsockopt(conn, SOL_SOCKET, SO_TYPE, &kind, &size) != 0)
        return 1;
    fputs(kind == SOCK_STREAM ? "stream" : kind == SOCK_DGRAM ? "dgram" : "seqpacket", got);
    while ((n = recv(conn, data, sizeof data, 0)) > 0) {
        total += n;
        if (kind != SOCK_STREAM)
            fprintf(got, " %zd", n);
    }
    if (kind == SOCK_STREAM)
        fprintf(got, " %ld", total);
    fputc('\n', got);
    return fclose(got) == 0 ? 0 : 1;
}
