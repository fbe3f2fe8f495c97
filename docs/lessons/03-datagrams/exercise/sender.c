/* Sends sixty numbered messages by UDP. The receiver answers each with its number, and takes them in their order only.
 *
 * It sends each once and hopes. Mend it: a message, or its answer, may be lost, come twice or late. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>

static void send_message(int s, int number)
{
    char text[40];
    int len = number == 60 ? snprintf(text, sizeof text, "%d bye", number)
                           : snprintf(text, sizeof text, "%d message %d", number, number);
    send(s, text, (size_t)len, 0);
}

int main(void)
{
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(5000)};
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    inet_pton(AF_INET, "10.77.0.2", &there.sin_addr);
    if (s < 0 || connect(s, (struct sockaddr *)&there, sizeof there) != 0)
        return 1;
    for (int number = 1; number <= 60; number++)
        send_message(s, number);
    return 0;
}
