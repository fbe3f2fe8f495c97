/* Returns each line that a client sends in capital letters, each client in a process of its own. */
#include <arpa/inet.h>
#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int listen_here(void)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(5000)};
    int yes = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    inet_pton(AF_INET, "10.77.0.2", &here.sin_addr);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (listener < 0 || bind(listener, (struct sockaddr *)&here, sizeof here) != 0 || listen(listener, 5) != 0) {
        perror("listen on 10.77.0.2:5000");
        exit(1);
    }
    return listener;
}

/* Letter by letter: what a line is does not matter for that. */
static void serve(int conn)
{
    char data[100];
    ssize_t n;
    while ((n = recv(conn, data, sizeof data, 0)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            data[i] = (char)toupper((unsigned char)data[i]);
        if (send(conn, data, (size_t)n, MSG_NOSIGNAL) < 0)
            break;
    }
    close(conn);
}

int main(void)
{
    int listener = listen_here();
    signal(SIGCHLD, SIG_IGN); /* nobody waits for the children */
    for (;;) {
        int conn = accept(listener, NULL, NULL);
        if (fork() == 0) {
            close(listener);
            serve(conn);
            return 0;
        }
        close(conn);
    }
}
