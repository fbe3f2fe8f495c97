/* Both ends of a chat: "chat serve" receives messages and writes each as a line to got.txt, "chat send" sends the lines
 * of messages.txt. On the wire, the length of a message stands before it: four bytes, the highest first. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct sockaddr_in *address(void)
{
    static struct sockaddr_in there = {.sin_family = AF_INET};
    there.sin_port = htons(5000);
    inet_pton(AF_INET, "10.77.0.2", &there.sin_addr);
    return &there;
}

static int send_all(int conn, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(conn, data, len, 0);
        if (n < 0)
            return -1;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

static int send_lines(int conn)
{
    static char line[8192];
    FILE *messages = fopen("messages.txt", "rb");
    if (messages == NULL || connect(conn, (const struct sockaddr *)address(), sizeof *address()) != 0)
        return 1;
    while (fgets(line, sizeof line, messages) != NULL) {
        const size_t len = strcspn(line, "\n");
        const uint32_t length = htonl((uint32_t)len);
        if (send_all(conn, (const char *)&length, sizeof length) != 0 || send_all(conn, line, len) != 0)
            return 1;
    }
    fclose(messages);
    shutdown(conn, SHUT_WR);
    return recv(conn, line, 1, 0) == 0 ? 0 : 1; /* until the other side has read all and closes */
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

static int serve(int listener)
{
    static char data[8192];
    uint32_t length;
    int more;
    FILE *got = fopen("got.txt", "wb");
    int yes = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (got == NULL || bind(listener, (const struct sockaddr *)address(), sizeof *address()) != 0 ||
        listen(listener, 5) != 0)
        return 1;
    int conn = accept(listener, NULL, NULL);
    while ((more = exactly(conn, &length, sizeof length)) > 0) {
        const size_t len = ntohl(length);
        if (len > sizeof data || (len > 0 && exactly(conn, data, len) <= 0))
            return 1;
        fwrite(data, 1, len, got);
        fputc('\n', got);
    }
    return fclose(got) == 0 && more == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return argc > 1 && strcmp(argv[1], "serve") == 0 ? serve(fd) : send_lines(fd);
}
