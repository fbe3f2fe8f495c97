/* Sends sixty numbered messages by UDP, each again and again until its answer has come. */
#include <arpa/inet.h>
#include <stdbool.h>
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

/* Its answer has come; answers to earlier ones, late or twice, are passed over. */
static bool answered(int s, int number)
{
    char text[40];
    ssize_t n;
    while ((n = recv(s, text, sizeof text - 1, 0)) >= 0) {
        text[n] = '\0';
        if (atoi(text) == number)
            return true;
    }
    return false; /* the timeout */
}

int main(void)
{
    const struct timeval timeout = {.tv_usec = 150000};
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(5000)};
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    inet_pton(AF_INET, "10.77.0.2", &there.sin_addr);
    if (s < 0 || connect(s, (struct sockaddr *)&there, sizeof there) != 0)
        return 1;
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    for (int number = 1; number <= 60; number++) {
        do
            send_message(s, number);
        while (!answered(s, number));
    }
    return 0;
}
