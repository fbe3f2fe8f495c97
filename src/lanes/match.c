/* Which socket stands on which end of which stream. By addresses; where a port pair was used again, by time.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lanes/model.h"

/* Streams in the order of their addresses. */
struct match_index {
    struct lanes_stream **at;
    size_t count;
};

static int compare_endpoints(const struct flow_endpoint *a, const struct flow_endpoint *b)
{
    if (a->address.family != b->address.family)
        return a->address.family < b->address.family ? -1 : 1;
    int order = memcmp(a->address.bytes, b->address.bytes, sizeof a->address.bytes);
    if (order != 0)
        return order;
    return a->port < b->port ? -1 : a->port > b->port;
}

static int compare_pairs(const struct flow_endpoint *client_a, const struct flow_endpoint *server_a,
                         const struct flow_endpoint *client_b, const struct flow_endpoint *server_b)
{
    int order = compare_endpoints(client_a, client_b);
    return order != 0 ? order : compare_endpoints(server_a, server_b);
}

static int compare_streams(const void *a, const void *b)
{
    const struct lanes_stream *left = *(struct lanes_stream *const *)a,
                              *right = *(struct lanes_stream *const *)b;
    int order =
        compare_pairs(&left->endpoint[0], &left->endpoint[1], &right->endpoint[0], &right->endpoint[1]);
    if (order != 0)
        return order;
    return left->start_ns < right->start_ns ? -1 : left->start_ns > right->start_ns;
}

static int index_streams(const struct lanes *lanes, struct match_index *index)
{
    *index = (struct match_index){.count = lanes->stream_count};
    if (index->count == 0)
        return 0;
    index->at = calloc(index->count, sizeof(struct lanes_stream *));
    if (index->at == NULL)
        return -ENOMEM;
    memcpy(index->at, lanes->streams, index->count * sizeof(struct lanes_stream *));
    qsort(index->at, index->count, sizeof(struct lanes_stream *), compare_streams);
    return 0;
}

static size_t first_with(const struct match_index *index, const struct flow_endpoint *client,
                         const struct flow_endpoint *server)
{
    size_t low = 0, high = index->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct lanes_stream *stream = index->at[middle];
        if (compare_pairs(&stream->endpoint[0], &stream->endpoint[1], client, server) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint64_t overlap_ns(const struct lanes_socket *socket, const struct lanes_stream *stream)
{
    uint64_t begin = socket->first_ns > stream->start_ns ? socket->first_ns : stream->start_ns;
    uint64_t end = socket->last_ns < stream->end_ns ? socket->last_ns : stream->end_ns;
    return end >= begin ? end - begin + 1 : 0;
}

/* The stream of these addresses in whose time the socket falls. A reader may come when everything has
 * arrived: without an overlap it is the last one that had begun; or one whose beginning was not captured. */
static struct lanes_stream *find_stream(const struct match_index *index, const struct lanes_socket *socket,
                                        enum flow_side side)
{
    const struct flow_endpoint *client = side == FLOW_CLIENT ? &socket->local : &socket->peer;
    const struct flow_endpoint *server = side == FLOW_CLIENT ? &socket->peer : &socket->local;
    struct lanes_stream *best = NULL, *latest = NULL;
    uint64_t best_ns = 0;
    for (size_t i = first_with(index, client, server); i < index->count; i++) {
        struct lanes_stream *stream = index->at[i];
        if (compare_pairs(&stream->endpoint[0], &stream->endpoint[1], client, server) != 0)
            break;
        if (stream->start_ns <= socket->last_ns || (latest == NULL && stream->partial))
            latest = stream;
        const uint64_t ns = overlap_ns(socket, stream);
        if (ns > best_ns) {
            best = stream;
            best_ns = ns;
        }
    }
    return best != NULL ? best : latest;
}

static bool has_addresses(const struct lanes_socket *socket)
{
    return socket->local.address.family != 0 && socket->peer.address.family != 0;
}

static void measure(struct lanes_socket *socket)
{
    socket->first_ns = UINT64_MAX;
    for (size_t i = 0; i < socket->call_count; i++) {
        const struct call *call = socket->calls[i];
        const bool moved = call_moved(call) > 0;
        socket->moved_calls += moved;
        if (!moved && strcmp(call->name, "connect") != 0)
            continue;
        if (call->enter_ns < socket->first_ns)
            socket->first_ns = call->enter_ns;
        if (call->exit_ns > socket->last_ns)
            socket->last_ns = call->exit_ns;
    }
    if (socket->first_ns == UINT64_MAX && socket->call_count > 0) {
        socket->first_ns = socket->calls[0]->enter_ns;
        socket->last_ns = socket->calls[socket->call_count - 1]->exit_ns;
    }
}

/* Streams of packets: the client's socket is the one whose local end is the stream's client. */
static void match_to_wire(struct lanes_store *store, const struct match_index *index)
{
    for (size_t i = 0; i < store->socket_count; i++) {
        struct lanes_socket *socket = &store->sockets[i];
        if (!has_addresses(socket) || compare_endpoints(&socket->local, &socket->peer) == 0)
            continue;
        struct lanes_stream *as_client = find_stream(index, socket, FLOW_CLIENT);
        struct lanes_stream *as_server = find_stream(index, socket, FLOW_SERVER);
        const bool server = as_client == NULL || (as_server != NULL && overlap_ns(socket, as_server) >
                                                                           overlap_ns(socket, as_client));
        socket->stream = server ? as_server : as_client;
        socket->side = server ? FLOW_SERVER : FLOW_CLIENT;
    }
}

static int make_stream(struct lanes *lanes, struct lanes_socket *socket, enum flow_side side)
{
    struct lanes_stream *stream = model_add_stream(lanes);
    if (stream == NULL)
        return -ENOMEM;
    stream->number = lanes->stream_count;
    stream->endpoint[side] = socket->local;
    stream->endpoint[1 - side] = socket->peer;
    stream->start_ns = socket->first_ns;
    stream->end_ns = socket->last_ns;
    stream->framing = lanes->store->framing;
    socket->stream = stream;
    socket->side = side;
    return 0;
}

/* Streams of calls alone: who called connect() is the client, who did not was accepted. */
static int match_alone(struct lanes *lanes)
{
    struct lanes_store *store = lanes->store;
    struct match_index index;
    for (size_t i = 0; i < store->socket_count; i++) {
        struct lanes_socket *socket = &store->sockets[i];
        if (has_addresses(socket) && socket->connects && socket->moved_calls > 0 &&
            make_stream(lanes, socket, FLOW_CLIENT) != 0)
            return -ENOMEM;
    }
    if (index_streams(lanes, &index) != 0)
        return -ENOMEM;
    int failed = 0;
    for (size_t i = 0; i < store->socket_count && failed == 0; i++) {
        struct lanes_socket *socket = &store->sockets[i];
        if (!has_addresses(socket) || socket->connects || socket->moved_calls == 0)
            continue;
        socket->stream = find_stream(&index, socket, FLOW_SERVER);
        socket->side = FLOW_SERVER;
        if (socket->stream == NULL)
            failed = make_stream(lanes, socket, FLOW_SERVER);
        else if (socket->last_ns > socket->stream->end_ns)
            socket->stream->end_ns = socket->last_ns;
    }
    free(index.at);
    return failed;
}

int match_sockets(struct lanes *lanes)
{
    struct lanes_store *store = lanes->store;
    struct match_index index;
    for (size_t i = 0; i < store->socket_count; i++)
        measure(&store->sockets[i]);
    if (lanes->tcp_packets == 0)
        return match_alone(lanes);
    if (index_streams(lanes, &index) != 0)
        return -ENOMEM;
    match_to_wire(store, &index);
    free(index.at);
    return 0;
}
