/* Receives a picture and writes it to got.bin. */
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
    static char data[65536];
    FILE *file = fopen("got.bin", "wb");
    int conn = accept_one();
    ssize_t n;
    if (file == NULL)
        return 1;
    while ((n = recv(conn, data, sizeof data, 0)) > 0)
        fwrite(data, 1, (size_t)n, file);
    close(conn);
    return fclose(file) == 0 && n == 0 ? 0 : 1;
}
