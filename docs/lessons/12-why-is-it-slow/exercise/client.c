/* Sends 50 records of 64 bytes; the server answers each with "ok".
 *
 * It waits for each answer before it sends the next record. Mend it: the records need not wait for the answers, but in
 * the end all 50 answers must have come. */
#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool send_record(int conn, int number)
{
    char record[64];
    memset(record, number, sizeof record);
    return send(conn, record, sizeof record, 0) == sizeof record;
}

static bool answer(int conn)
{
    char ok[2];
    return recv(conn, ok, sizeof ok, MSG_WAITALL) == sizeof ok;
}

int main(void)
{
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(5000)};
    int conn = socket(AF_INET, SOCK_STREAM, 0);
    inet_pton(AF_INET, "10.77.0.2", &there.sin_addr);
    if (conn < 0 || connect(conn, (struct sockaddr *)&there, sizeof there) != 0)
        return 1;
    for (int number = 0; number < 50; number++) {
        if (!send_record(conn, number) || !answer(conn))
            return 1;
    }
    return close(conn);
}
