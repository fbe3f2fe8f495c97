/* Four threads send records on one TCP connection, a child process (vfork and exec of this program) and two
 * threads read them. Each record is 100 times one letter. Prints nothing; status 0 when all bytes came. */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    THREADS = 4,
    RECORDS = 50,
    LENGTH = 100
};

static int sender, reader;
static atomic_long got;

static void *send_records(void *letter)
{
    char record[LENGTH];
    for (int i = 0; i < RECORDS; i++) {
        memset(record, *(char *)letter + i % 20, sizeof record);
        if (send(sender, record, sizeof record, 0) != LENGTH)
            abort();
    }
    return NULL;
}

static void *receive(void *unused)
{
    char room[333];
    ssize_t n;
    while ((n = recv(reader, room, sizeof room, 0)) > 0)
        atomic_fetch_add(&got, n);
    return unused;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return send(atoi(argv[1]), "from the child", 14, 0) == 14 ? 0 : 1;
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof name;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    sender = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&name, len) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&name, &len) != 0 ||
        connect(sender, (struct sockaddr *)&name, len) != 0)
        return 1;
    reader = accept(listener, NULL, NULL);
    char number[12];
    snprintf(number, sizeof number, "%d", sender);
    pid_t child = vfork();
    if (child == 0) {
        execl("/proc/self/exe", argv[0], number, (char *)NULL);
        _exit(127);
    }
    int status;
    if (waitpid(child, &status, 0) != child || status != 0)
        return 1;
    pthread_t senders[THREADS], readers[2];
    char letters[THREADS] = {'A', 'B', 'C', 'D'};
    for (int i = 0; i < 2; i++)
        pthread_create(&readers[i], NULL, receive, NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&senders[i], NULL, send_records, &letters[i]);
    for (int i = 0; i < THREADS; i++)
        pthread_join(senders[i], NULL);
    shutdown(sender, SHUT_WR);
    for (int i = 0; i < 2; i++)
        pthread_join(readers[i], NULL);
    return got == 14 + (long)THREADS * RECORDS * LENGTH ? 0 : 1;
}
