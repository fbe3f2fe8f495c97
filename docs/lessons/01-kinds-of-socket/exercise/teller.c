/* Its last argument is the number of a descriptor, a connected socket. It appends a line to got.txt: the kind of socket,
 * and then for a stream how many bytes came in all, for the others how long each message was.
 *
 * It takes every socket for a stream, and its buffer is small. Mend it: use the kind that the socket really has. The last
 * message of a datagram socket is an empty one. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
    static char data[1024];
    FILE *got = fopen("got.txt", "a");
    int conn = atoi(argv[argc - 1]);
    long total = 0;
    ssize_t n;
    if (got == NULL)
        return 1;
    while ((n = recv(conn, data, sizeof data, 0)) > 0)
        total += n;
    fprintf(got, "stream %ld\n", total);
    return fclose(got) == 0 ? 0 : 1;
}
