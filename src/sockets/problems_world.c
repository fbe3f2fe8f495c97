#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/io.h"
#include "sockets/problems.h"

enum {
    MOST_BYTES = 65536
};

/* The file's text, "" where it cannot be read. */
static const char *read_file(const char *path, struct buf *text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && buf_reserve(text, MOST_BYTES)) {
        const ssize_t len = io_read_full(fd, text->data, MOST_BYTES);
        text->len = len > 0 ? (size_t)len : 0;
    }
    io_close(&fd);
    return buf_cstr(text);
}

/* Two lines tell of a group: "TcpExt: name name …" and "TcpExt: value value …". */
int64_t problem_world_counter(const char *text, const char *group, const char *name)
{
    const size_t group_len = strlen(group), name_len = strlen(name);
    while (*text != '\0' && (strncmp(text, group, group_len) != 0 || text[group_len] != ':')) {
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    const char *value = text + strcspn(text, "\n");
    if (*value == '\0' || strncmp(value + 1, group, group_len) != 0 || value[1 + group_len] != ':')
        return -1;
    text += group_len + 1;
    value += group_len + 2;
    while (*text == ' ' && *value == ' ') {
        const size_t len = strcspn(++text, " \n");
        if (len == name_len && memcmp(text, name, len) == 0)
            return strtoll(value, NULL, 10);
        text += len;
        value++;
        value += strcspn(value, " \n");
    }
    return -1;
}

void problem_world_read(struct problem_world *world)
{
    struct buf text = {0};
    unsigned first, last;
    *world = (struct problem_world){.listen_overflows = problem_world_counter(
                                        read_file("/proc/net/netstat", &text), "TcpExt", "ListenOverflows")};
    text.len = 0;
    if (sscanf(read_file("/proc/sys/net/ipv4/ip_local_port_range", &text), "%5u %5u", &first, &last) == 2 &&
        first > 0 && first <= last && last <= UINT16_MAX) {
        world->port_first = (uint16_t)first;
        world->port_last = (uint16_t)last;
    }
    buf_free(&text);
}
