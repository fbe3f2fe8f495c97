/* Calls, filed under their sockets. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lanes/model.h"

struct packet_address sockets_wire_address(const struct packet_address *address)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    struct packet_address wire = *address;
    if (address->family == 6 && memcmp(address->bytes, mapped, sizeof mapped) == 0) {
        wire = (struct packet_address){.family = 4};
        memcpy(wire.bytes, address->bytes + sizeof mapped, 4);
    }
    return wire;
}

static size_t slot_of(const struct lanes_store *store, uint64_t inode)
{
    return (size_t)hash_bytes(&store->key, &inode, sizeof inode) & (store->index_size - 1);
}

/* The slot of this inode's socket, or the free one where it belongs. */
static uint32_t *find_slot(struct lanes_store *store, uint64_t inode)
{
    size_t i = slot_of(store, inode);
    while (store->index[i] != 0 && store->sockets[store->index[i] - 1].inode != inode)
        i = (i + 1) & (store->index_size - 1);
    return &store->index[i];
}

static int grow_index(struct lanes_store *store)
{
    if (store->index != NULL && store->socket_count * 2 < store->index_size)
        return 0;
    size_t size = store->index_size == 0 ? 64 : store->index_size * 2;
    uint32_t *index = calloc(size, sizeof *index);
    if (index == NULL)
        return -ENOMEM;
    free(store->index);
    store->index = index;
    store->index_size = size;
    for (size_t i = 0; i < store->socket_count; i++)
        *find_slot(store, store->sockets[i].inode) = (uint32_t)i + 1;
    return 0;
}

static struct lanes_socket *add_socket(struct lanes_store *store, uint64_t inode)
{
    if (store->socket_count >= UINT32_MAX - 1 || grow_index(store) != 0 ||
        model_grow((void **)&store->sockets, &store->socket_cap, store->socket_count,
                   sizeof *store->sockets) != 0)
        return NULL;
    struct lanes_socket *socket = &store->sockets[store->socket_count++];
    *socket = (struct lanes_socket){.inode = inode};
    *find_slot(store, inode) = (uint32_t)store->socket_count;
    return socket;
}

static bool differs(const struct flow_endpoint *known, const struct flow_endpoint *told)
{
    return known->address.family != 0 && told->address.family != 0 &&
           (known->port != told->port || !packet_address_equal(&known->address, &told->address));
}

static bool is_wildcard(const struct packet_address *address)
{
    static const uint8_t zero[16];
    return memcmp(address->bytes, zero, sizeof zero) == 0;
}

/* A socket that was bound has a local address before it is connected, often the wildcard. */
static void learn(struct flow_endpoint *known, const struct flow_endpoint *told)
{
    if (told->address.family != 0 && (known->address.family == 0 || !is_wildcard(&told->address)))
        *known = *told;
}

/* An address that a connection has, not one that bind() only asked for. */
static bool is_settled(const struct flow_endpoint *local)
{
    return local->address.family != 0 && local->port != 0 && !is_wildcard(&local->address);
}

/* The socket of a call. One that is connected again, to another peer or from another port, is another socket
 * to us: its bytes are another stream's. */
static struct lanes_socket *socket_of(struct lanes_store *store, const struct call *call,
                                      const struct flow_endpoint *local, const struct flow_endpoint *peer)
{
    if (grow_index(store) != 0)
        return NULL;
    const uint32_t number = *find_slot(store, call->socket);
    if (number == 0)
        return add_socket(store, call->socket);
    struct lanes_socket *socket = &store->sockets[number - 1];
    if (!differs(&socket->peer, peer) &&
        !(is_settled(&socket->local) && is_settled(local) && differs(&socket->local, local)))
        return socket;
    const uint32_t next = (uint32_t)store->socket_count + 1;
    if (model_grow((void **)&store->sockets, &store->socket_cap, store->socket_count,
                   sizeof *store->sockets) != 0)
        return NULL;
    *find_slot(store, call->socket) = next;
    socket = &store->sockets[store->socket_count++];
    *socket = (struct lanes_socket){.inode = call->socket, .reconnected = true};
    return socket;
}

static char *keep_text(struct lanes_store *store, const char *text)
{
    return arena_text(&store->arena, text, strlen(text));
}

/* A copy that lives as long as the model. Bytes that the recorder kept become a digest: the wire has the
 * bytes themselves. */
static struct call *keep_call(struct lanes_store *store, const struct call *call)
{
    static const struct hash_key zero;
    struct call *kept = arena_alloc(&store->arena, sizeof *kept);
    if (kept == NULL)
        return NULL;
    *kept = *call;
    if (call->data != NULL && call->data_len == call_moved(call) && !call->has_digest) {
        kept->has_digest = true;
        kept->digest = hash_bytes(&zero, call->data, call->data_len);
    }
    kept->data = NULL;
    kept->data_len = 0;
    if (call->flags != NULL && (kept->flags = keep_text(store, call->flags)) == NULL)
        return NULL;
    if (call->note != NULL && (kept->note = keep_text(store, call->note)) == NULL)
        return NULL;
    return kept;
}

/* Is it a call on a TCP connection, as far as the record tells? A listening socket has no peer, but neither
 * has one whose connect() has not returned. */
static bool is_tcp(const struct call *call)
{
    return (call->family == CALL_INET || call->family == CALL_INET6) && call->type == CALL_STREAM;
}

static bool is_datagrams(const struct call *call)
{
    return (call->family == CALL_INET || call->family == CALL_INET6) && call->type == CALL_DGRAM;
}

int sockets_add(struct lanes *lanes, const struct call *call)
{
    struct lanes_store *store = lanes->store;
    lanes->calls++;
    if (is_datagrams(call)) {
        const struct call *kept = keep_call(store, call);
        return kept != NULL ? datagrams_call(lanes, kept) : -ENOMEM;
    }
    if (!is_tcp(call))
        return 0;
    /* Without its socket a call that moved bytes cannot be placed. */
    if (call->socket == 0) {
        lanes->unjoined_calls += call_moved(call) > 0;
        return 0;
    }
    const struct flow_endpoint local = {sockets_wire_address(&call->local), call->local_port};
    const struct flow_endpoint peer = {sockets_wire_address(&call->peer), call->peer_port};
    const struct call *kept = keep_call(store, call);
    struct lanes_socket *socket = kept != NULL ? socket_of(store, call, &local, &peer) : NULL;
    if (socket == NULL)
        return -ENOMEM;
    learn(&socket->local, &local);
    learn(&socket->peer, &peer);
    socket->connects = socket->connects || strcmp(call->name, "connect") == 0;
    if (model_grow((void **)&socket->calls, &socket->call_cap, socket->call_count, sizeof(struct call *)) !=
        0)
        return -ENOMEM;
    socket->calls[socket->call_count++] = kept;
    return 0;
}
