/* Receives messages, each one ended by a newline, and writes them to got.txt, numbered. */
#include <arpa/inet.h>
#include <stdbool.h>
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

int main(void)
{
    FILE *got = fopen("got.txt", "wb");
    int conn = accept_one(), number = 0;
    bool inside = false; /* a message whose newline has not come yet */
    char data[1024];
    ssize_t n;
    if (got == NULL)
        return 1;
    while ((n = recv(conn, data, sizeof data, 0)) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            if (!inside)
                fprintf(got, "%d ", ++number);
            fputc(data[i], got);
            inside = data[i] != '\n';
        }
    }
    close(conn);
    return fclose(got) == 0 && n == 0 ? 0 : 1;
}
