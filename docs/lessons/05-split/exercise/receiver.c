/* Receives a picture and writes it to got.bin.
 *
 * The buffer is large enough for all of it; on one machine this always worked. Mend it: the picture is complete when
 * the sender has closed the connection. */
#include <arpa/inet.h>
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
    static char picture[65536];
    FILE *file = fopen("got.bin", "wb");
    int conn = accept_one();
    ssize_t n = recv(conn, picture, sizeof picture, 0);
    if (file == NULL || n < 0)
        return 1;
    fwrite(picture, 1, (size_t)n, file);
    close(conn);
    return fclose(file) == 0 ? 0 : 1;
}
