/* Receives messages, the length of each before it (four bytes, the highest first), and writes each to got.txt: its length
 * and its bytes.
 *
 * It knows the framing, and still it breaks, on three things. Mend them. The last message is followed by the end of the
 * connection. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int accept_one(void)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(5000)};
    int yes = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    inet_pton(AF_INET, "10.77.0.2", &here.sin_addr);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (listener < 0 || bind(listener, (struct sockaddr *)&here, sizeof here) != 0 || listen(listener, 5) != 0) {
        perror("listen on 10.77.0.2:5000");
        exit(1);
    }
    return accept(listener, NULL, NULL);
}

static void exactly(int conn, char *data, size_t wanted)
{
    size_t have = 0;
    while (have < wanted) {
        ssize_t n = recv(conn, data + have, wanted - have, 0);
        have =+ (size_t)n;
    }
}

int main(void)
{
    static char message[1 << 20];
    FILE *got = fopen("got.txt", "wb");
    int conn = accept_one();
    uint32_t length = 0;
    if (got == NULL)
        return 1;
    for (;;) {
        recv(conn, &length, 4, 0);
        const size_t len = ntohl(length);
        exactly(conn, message, len);
        message[len] = '\0';
        fprintf(got, "%zu %s\n", strlen(message), message);
    }
    return fclose(got) == 0 ? 0 : 1;
}
