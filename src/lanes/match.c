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

/* Of the streams with these ends, the first that began at `start_ns` or later; or where it would stand. */
static size_t first_from(const struct match_index *index, const struct flow_endpoint *client,
                         const struct flow_endpoint *server, uint64_t start_ns)
{
    size_t low = 0, high = index->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct lanes_stream *stream = index->at[middle];
        const int order = compare_pairs(&stream->endpoint[0], &stream->endpoint[1], client, server);
        if (order < 0 || (order == 0 && stream->start_ns < start_ns))
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

/* A stream that began when the socket's connection was there already is another one. */
static bool began_in_time(const struct lanes_socket *socket, const struct lanes_stream *stream)
{
    return stream->start_ns <= socket->known_ns || stream->start_ns - socket->known_ns <= CLOCK_SLACK_NS;
}

#define MOST_REUSES 64 /* of a port pair that are looked at for a socket: the latest */

/* The stream of these addresses in whose time the socket falls. A reader may come when everything has
 * arrived: without an overlap it is the last one that had begun; or one whose beginning was not captured. */
static struct lanes_stream *find_stream(const struct match_index *index, const struct lanes_socket *socket,
                                        enum flow_side side)
{
    const struct flow_endpoint *client = side == FLOW_CLIENT ? &socket->local : &socket->peer;
    const struct flow_endpoint *server = side == FLOW_CLIENT ? &socket->peer : &socket->local;
    const size_t first = first_from(index, client, server, 0);
    const size_t end =
        first_from(index, client, server, socket->last_ns < UINT64_MAX ? socket->last_ns + 1 : UINT64_MAX);
    struct lanes_stream *best = NULL;
    for (size_t i = end; i > first && end - i < MOST_REUSES; i--) {
        struct lanes_stream *stream = index->at[i - 1];
        const bool in_time = began_in_time(socket, stream);
        if (best == NULL || (in_time && !began_in_time(socket, best)) ||
            (in_time == began_in_time(socket, best) && overlap_ns(socket, stream) > overlap_ns(socket, best)))
            best = stream;
    }
    if (best != NULL || first == index->count || !index->at[first]->partial ||
        compare_pairs(&index->at[first]->endpoint[0], &index->at[first]->endpoint[1], client, server) != 0)
        return best;
    return index->at[first];
}

static bool has_addresses(const struct lanes_socket *socket)
{
    return socket->local.address.family != 0 && socket->peer.address.family != 0;
}

/* When was the connection there at the latest? A client's, when connect() returned; an accepted one, when the
 * first call that knew its peer did. */
static void find_known(struct lanes_socket *socket)
{
    bool by_connect = false;
    socket->known_ns = UINT64_MAX;
    for (size_t i = 0; i < socket->call_count; i++) {
        const struct call *call = socket->calls[i];
        const bool connects =
            strcmp(call->name, "connect") == 0 && (call->result == 0 || call->result == -EINPROGRESS);
        if (connects) /* the last one: what was tried before had failed */
            socket->known_ns = call->exit_ns;
        else if (!by_connect && call->peer.family != 0 && call->exit_ns < socket->known_ns)
            socket->known_ns = call->exit_ns;
        by_connect = by_connect || connects;
    }
}

static void measure(struct lanes_socket *socket)
{
    find_known(socket);
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
