/* Both ends of a chat: "chat serve" receives messages and writes each as a line to got.txt, "chat send" sends the lines
 * of messages.txt.
 *
 * So that the messages arrive apart, the sender sleeps after each one. Mend it: right in every network, without
 * sleeping. Both ends are yours: change what goes over the wire as you like. */
#include <arpa/inet.h>
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
        if (send_all(conn, line, strcspn(line, "\n")) != 0)
            return 1;
        usleep(20000);
    }
    fclose(messages);
    shutdown(conn, SHUT_WR);
    return recv(conn, line, 1, 0) == 0 ? 0 : 1; /* until the other side has read all and closes */
}

static int serve(int listener)
{
    static char data[4096];
    FILE *got = fopen("got.txt", "wb");
    int yes = 1;
    ssize_t n;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (got == NULL || bind(listener, (const struct sockaddr *)address(), sizeof *address()) != 0 ||
        listen(listener, 5) != 0)
        return 1;
    int conn = accept(listener, NULL, NULL);
    while ((n = recv(conn, data, sizeof data, 0)) > 0) {
        fwrite(data, 1, (size_t)n, got);
        fputc('\n', got);
    }
    return fclose(got) == 0 && n == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return argc > 1 && strcmp(argv[1], "serve") == 0 ? serve(fd) : send_lines(fd);
}
