#include "sockets/kinds.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

struct kind_result kind_probe(const struct socket_kind *kind)
{
    struct kind_result result = {.refused = 0};
    for (int i = 0; i < KIND_PROPERTIES; i++)
        result.answer[i] = kind->manual_says[i];
    const int fd = socket(kind->family, kind->type | SOCK_CLOEXEC | SOCK_NONBLOCK, kind->protocol);
    if (fd < 0) {
        result.refused = errno;
        return result;
    }
    close(fd);
    kind_try(kind, &result);
    return result;
}
