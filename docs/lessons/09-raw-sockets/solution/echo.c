/* Sends ICMP echo requests of several lengths, made by hand, and writes to got.txt which were answered. */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

static uint16_t checksum(const uint8_t *data, size_t len)
{
    uint32_t total = 0;
    for (size_t i = 0; i + 1 < len; i += 2)
        total += (uint32_t)(data[i] << 8 | data[i + 1]);
    if (len % 2 != 0)
        total += (uint32_t)(data[len - 1] << 8); /* an odd last byte is the high half of a word */
    while (total >> 16 != 0)
        total = (total & 0xFFFF) + (total >> 16); /* what overflows 16 bits is added at the lower end */
    return (uint16_t)~total;
}

static size_t make_request(uint8_t *message, size_t length)
{
    const uint8_t head[8] = {8, 0, 0, 0, 0, 7, (uint8_t)(length >> 8), (uint8_t)length};
    memcpy(message, head, sizeof head);
    memset(message + 8, 0xE5, length);
    const uint16_t sum = checksum(message, 8 + length);
    message[2] = (uint8_t)(sum >> 8);
    message[3] = (uint8_t)sum;
    return 8 + length;
}

/* An ICMP echo reply (type 0) with the same identifier, number and bytes, behind its IPv4 header of 20 bytes. */
static bool answered(int s, const uint8_t *message, size_t len)
{
    struct sockaddr_in there = {.sin_family = AF_INET};
    uint8_t answer[2048];
    ssize_t n;
    inet_pton(AF_INET, "10.77.0.2", &there.sin_addr);
    sendto(s, message, len, 0, (struct sockaddr *)&there, sizeof there);
    while ((n = recv(s, answer, sizeof answer, 0)) >= 0) {
        if ((size_t)n == 20 + len && answer[20] == 0 && memcmp(answer + 24, message + 4, len - 4) == 0)
            return true;
    }
    return false;
}

int main(void)
{
    static const size_t lengths[] = {0, 1, 7, 56, 999, 1400};
    const struct timeval timeout = {.tv_usec = 500000};
    int s = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    FILE *got = fopen("got.txt", "w");
    uint8_t message[2048];
    if (s < 0 || got == NULL)
        return 1;
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        size_t len = make_request(message, lengths[i]);
        fprintf(got, "%zu %s\n", lengths[i], answered(s, message, len) ? "answered" : "not answered");
    }
    return fclose(got) == 0 ? 0 : 1;
}
