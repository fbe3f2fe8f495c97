/* needs: src/sockets/parse.c src/sockets/parse_proc.c src/sockets/problems.c src/sockets/problems_table.c
 * src/sockets/problems_world.c src/sockets/socket.c src/sockets/owners.c capture/packet.c src/base/buf.c
 * src/base/err.c src/base/io.c src/base/i18n.c */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sockets/parse.h"
#include "sockets/problems.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add(struct open_sockets *list, uint8_t how, const uint8_t *data, size_t size)
{
    struct open_socket *socket = open_sockets_add(list);
    char line[256];
    int wrong = 0;
    if (socket == NULL)
        abort();
    switch (how % 5) {
    case 0:
    case 1:
    case 2:
        wrong = parse_inet_diag(data, size, (enum socket_transport)(how % 5), socket);
        break;
    case 3:
        wrong = parse_unix_diag(data, size, socket);
        break;
    default:
        memcpy(line, data, size);
        line[size] = '\0';
        wrong = parse_proc_net(line, (enum socket_transport)(how / 5 % 3), socket);
        break;
    }
    if (wrong != 0)
        list->count--;
    else if (socket_state_name(socket) == NULL || socket_transport_name(socket) == NULL ||
             socket_timer_name(socket->timer) == NULL)
        abort();
}

/* Messages of sock_diag, each with its length and kind in front of it; then what is wrong with the sockets.
 * Every problem has a socket of the list, and facts that are known. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct open_sockets list = {0};
    const struct socket_owners owners = {0};
    const struct problem_world world = {.listen_overflows = 1, .port_first = 1, .port_last = 3};
    struct problem_list found;
    while (size > 2) {
        const size_t len = data[1] < size - 2 ? data[1] : size - 2;
        add(&list, data[0], data + 2, len);
        data += 2 + len;
        size -= 2 + len;
    }
    if (problems_find(&found, &list, &owners, &world) == 0) {
        for (size_t i = 0; i < found.count; i++) {
            if (found.all[i].socket < list.all || found.all[i].socket >= list.all + list.count ||
                found.all[i].sockets == 0 || found.all[i].fact_count > PROBLEM_FACTS)
                abort();
        }
        problems_confirm(&found, &found);
    }
    problem_list_free(&found);
    open_sockets_free(&list);
    return 0;
}
