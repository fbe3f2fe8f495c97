/* Threads whose files and sockets take turns with the same descriptor numbers. 1000 connections: the client
 * writes 5 bytes (every second time 3 more, through a duplicate), the server 6; files are written 7 bytes at
 * a time. Prints "done". */
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONNECTIONS = 500, /* of each client */
    CLIENTS = 2
};

static struct sockaddr_in name = {.sin_family = AF_INET};
static int listener;

static void must(int well, const char *what)
{
    if (well)
        return;
    perror(what);
    _exit(1);
}

static void *write_files(void *unused)
{
    for (int i = 0; i < CLIENTS * CONNECTIONS; i++) {
        int fd = open("/dev/null", O_WRONLY);
        must(write(fd, "a file!", 7) == 7, "write");
        must(write(fd, "a file!", 7) == 7, "write");
        close(fd);
    }
    return unused;
}

static void *connect_often(void *unused)
{
    const struct linger reset = {1, 0};
    char room[6];
    for (int i = 0; i < CONNECTIONS; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        must(connect(fd, (struct sockaddr *)&name, sizeof name) == 0, "connect");
        must(write(fd, "hello", 5) == 5, "write");
        must(recv(fd, room, sizeof room, MSG_WAITALL) == sizeof room, "recv");
        if (i % 2 != 0) {
            int other = dup(fd);
            close(fd);
            fd = other;
            must(write(fd, "bye", 3) == 3, "write");
        }
        close(fd);
    }
    return unused;
}

static void *serve(void *unused)
{
    char room[5];
    for (int i = 0; i < CLIENTS * CONNECTIONS; i++) {
        int fd = accept(listener, NULL, NULL);
        must(recv(fd, room, sizeof room, MSG_WAITALL) == sizeof room, "recv");
        must(write(fd, "answer", 6) == 6, "write");
        close(fd);
    }
    return unused;
}

int main(void)
{
    socklen_t len = sizeof name;
    pthread_t threads[5];
    void *(*const work[5])(void *) = {write_files, write_files, connect_often, connect_often, serve};
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    must(bind(listener, (struct sockaddr *)&name, len) == 0 && listen(listener, 100) == 0 &&
             getsockname(listener, (struct sockaddr *)&name, &len) == 0,
         "listen");
    for (int i = 0; i < 5; i++)
        must(pthread_create(&threads[i], NULL, work[i], NULL) == 0, "pthread_create");
    for (int i = 0; i < 5; i++)
        pthread_join(threads[i], NULL);
    puts("done");
    return 0;
}
