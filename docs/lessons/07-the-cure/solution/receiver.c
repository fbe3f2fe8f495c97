/* Receives messages, the length of each before it (four bytes, the highest first), and writes each to got.txt: its length
 * and its bytes. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
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

/* That many bytes: 1; the end where they should begin: 0; anything else: -1. */
static int exactly(int conn, void *data, size_t wanted)
{
    size_t have = 0;
    while (have < wanted) {
        ssize_t n = recv(conn, (char *)data + have, wanted - have, 0);
        if (n <= 0)
            return n == 0 && have == 0 ? 0 : -1;
        have += (size_t)n;
    }
    return 1;
}

int main(void)
{
    static char message[1 << 20];
    FILE *got = fopen("got.txt", "wb");
    int conn = accept_one(), more;
    uint32_t length = 0;
    if (got == NULL)
        return 1;
    while ((more = exactly(conn, &length, sizeof length)) > 0) {
        const size_t len = ntohl(length);
        if (len > sizeof message || (len > 0 && exactly(conn, message, len) <= 0))
            return 1;
        fprintf(got, "%zu ", len);
        fwrite(message, 1, len, got);
        fputc('\n', got);
    }
    close(conn);
    return fclose(got) == 0 && more == 0 ? 0 : 1;
}
