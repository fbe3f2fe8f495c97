/* Why can't I connect? Prints one of: refused, filtered, no route, wrong name, black hole; or "fine".
 *
 * It knows only that something went wrong. Mend it: errno tells more, and so does the call that fails. */
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>

static const char *why(const char *host, const char *port)
{
    const struct addrinfo wanted = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    const struct timeval timeout = {.tv_sec = 1};
    struct addrinfo *found = NULL;
    static char data[4096];
    ssize_t n;
    if (getaddrinfo(host, port, &wanted, &found) != 0)
        return "cannot connect";
    int conn = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(conn, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout); /* for connect, too */
    setsockopt(conn, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    if (connect(conn, found->ai_addr, found->ai_addrlen) != 0)
        return "cannot connect";
    send(conn, "please", 6, 0);
    while ((n = recv(conn, data, sizeof data, 0)) > 0)
        continue;
    return n == 0 ? "fine" : "cannot connect";
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 1;
    puts(why(argv[argc - 2], argv[argc - 1]));
    return 0;
}
