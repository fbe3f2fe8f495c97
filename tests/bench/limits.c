/* The least that some work costs: what programs that do it are held against.
 *
 *     limits read FILE           read(2) in blocks of 256 KiB
 *     limits flow FILE           map a classic pcap file of Ethernet, IPv4 and TCP; a table of its
 * connections, by direction the next sequence number, and what comes before and behind it limits create DIR
 * COUNT    so many files of 100 bytes
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct flow {
    uint64_t addresses; /* 0: free */
    uint32_t ports, next[2];
    uint8_t seen[2];
};

static struct flow *table;
static uint64_t room = 1 << 16, flows, again, ahead, payload;

static uint64_t place_of(uint64_t addresses, uint32_t ports)
{
    uint64_t h = addresses ^ ports * 0x9e3779b97f4a7c15U;
    h = (h ^ h >> 32) * 0xd6e8feb86659fd93U;
    h ^= h >> 29;
    uint64_t at = h & (room - 1);
    while (table[at].addresses != 0 && (table[at].addresses != addresses || table[at].ports != ports))
        at = (at + 1) & (room - 1);
    return at;
}

static void grow(void)
{
    struct flow *old = table;
    const uint64_t count = room;
    room *= 2;
    if ((table = calloc(room, sizeof *table)) == NULL)
        exit(1);
    for (uint64_t i = 0; i < count; i++) {
        if (old[i].addresses != 0)
            table[place_of(old[i].addresses, old[i].ports)] = old[i];
    }
    free(old);
}

static struct flow *find(uint64_t addresses, uint32_t ports)
{
    struct flow *f = &table[place_of(addresses, ports)];
    if (f->addresses == 0) {
        if (++flows * 2 > room) {
            grow();
            f = &table[place_of(addresses, ports)];
        }
        f->addresses = addresses;
        f->ports = ports;
    }
    return f;
}

static uint32_t be32(const uint8_t *p)
{
    uint32_t value;
    memcpy(&value, p, sizeof value);
    return __builtin_bswap32(value);
}

static void take(const uint8_t *p, uint32_t len)
{
    if (len < 54 || p[12] != 8 || p[13] != 0 || p[23] != 6)
        return;
    const uint8_t *tcp = p + 14 + (p[14] & 15) * 4;
    const uint32_t source = be32(p + 26), target = be32(p + 30), ports = be32(tcp), seq = be32(tcp + 4);
    const int side = source < target;
    struct flow *f = side ? find((uint64_t)source << 32 | target, ports)
                          : find((uint64_t)target << 32 | source, ports << 16 | ports >> 16);
    const uint32_t data = (uint32_t)(p[16] << 8 | p[17]) - (p[14] & 15U) * 4 - (tcp[12] >> 4) * 4U;
    const uint32_t occupied = data + ((tcp[13] & 3) != 0);
    payload += data;
    if (occupied == 0)
        return;
    const int32_t step = (int32_t)(seq - f->next[side]);
    again += f->seen[side] && step < 0;
    ahead += f->seen[side] && step > 0;
    if (!f->seen[side] || step >= 0)
        f->next[side] = seq + occupied;
    f->seen[side] = 1;
}

static int flow(int fd)
{
    struct stat info;
    if (fstat(fd, &info) != 0 || (table = calloc(room, sizeof *table)) == NULL)
        return 1;
    const size_t size = (size_t)info.st_size;
    const uint8_t *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return 1;
    uint32_t len;
    for (size_t at = 24; at + 16 <= size; at += 16 + len) {
        memcpy(&len, data + at + 8, sizeof len);
        take(data + at + 16, len);
    }
    printf("%llu connections, %llu segments again, %llu ahead, %llu bytes\n", (unsigned long long)flows,
           (unsigned long long)again, (unsigned long long)ahead, (unsigned long long)payload);
    return 0;
}

static int read_all(int fd)
{
    static char block[256 << 10];
    ssize_t n;
    while ((n = read(fd, block, sizeof block)) > 0)
        continue;
    return n < 0;
}

static int create(const char *directory, long count)
{
    static const char text[100];
    char name[4096];
    for (long i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%s/%ld", directory, i);
        const int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0666);
        if (fd < 0 || write(fd, text, sizeof text) != (ssize_t)sizeof text || close(fd) != 0)
            return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "create") == 0)
        return create(argv[2], strtol(argv[3], NULL, 10));
    const int fd = argc == 3 ? open(argv[2], O_RDONLY) : -1;
    if (fd < 0) {
        fprintf(stderr, "usage: limits read|flow FILE, limits create DIR COUNT\n");
        return 2;
    }
    return strcmp(argv[1], "flow") == 0 ? flow(fd) : read_all(fd);
}
