/* Twenty requests, each a header of 4 bytes and a body of 100; for each it waits for the answer, "done". */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int request(int conn, int number)
{
    char whole[104] = {'H', 'E', 'A', 'D'}, answer[4];
    memset(whole + 4, number, sizeof whole - 4);
    if (send(conn, whole, sizeof whole, 0) < 0)
        return -1;
    return recv(conn, answer, sizeof answer, MSG_WAITALL) == sizeof answer ? 0 : -1;
}

int main(void)
{
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(5000)};
    int conn = socket(AF_INET, SOCK_STREAM, 0), failed = 0;
    inet_pton(AF_INET, "10.77.0.2", &there.sin_addr);
    if (conn < 0 || connect(conn, (struct sockaddr *)&there, sizeof there) != 0)
        return 1;
    for (int number = 0; number < 20 && failed == 0; number++)
        failed = request(conn, number);
    close(conn);
    return failed == 0 ? 0 : 1;
}
