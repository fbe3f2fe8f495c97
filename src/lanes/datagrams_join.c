/* Which send and which recv a datagram belongs to: by order, and checked by lengths and addresses. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "lanes/model.h"

/* One direction of one conversation: where from, where to. */
struct route {
    const struct flow_endpoint *from, *to;
    struct lanes_datagram_list *list;
    uint64_t sender;  /* inode of the socket whose sends these are; 0: none yet */
    size_t sends_due; /* sends seen so far */
};

struct routes {
    struct route *at;
    size_t count;
};

static int compare_addresses(const struct packet_address *a, const struct packet_address *b)
{
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

/* By the port and address that a datagram goes to, then by the port it comes from. */
static int compare_routes(const void *a, const void *b)
{
    const struct route *left = a, *right = b;
    if (left->to->port != right->to->port)
        return left->to->port < right->to->port ? -1 : 1;
    const int to = compare_addresses(&left->to->address, &right->to->address);
    if (to != 0)
        return to;
    return (left->from->port > right->from->port) - (left->from->port < right->from->port);
}

static int make_routes(struct routes *routes, struct lanes *lanes)
{
    routes->at = calloc(lanes->datagram_count * 2 + 1, sizeof *routes->at);
    if (routes->at == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < lanes->datagram_count; i++) {
        struct lanes_datagrams *d = &lanes->datagrams[i];
        for (int side = 0; side < 2; side++) {
            if (d->direction[side].count > 0)
                routes->at[routes->count++] = (struct route){
                    .from = &d->endpoint[side], .to = &d->endpoint[!side], .list = &d->direction[side]};
        }
    }
    qsort(routes->at, routes->count, sizeof *routes->at, compare_routes);
    return 0;
}

/* The first route that does not stand before `wanted`. */
static size_t routes_from(const struct routes *routes, const struct route *wanted)
{
    size_t low = 0, high = routes->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (compare_routes(&routes->at[middle], wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A socket bound to the wildcard, or whose address the record does not tell, has them all. */
static bool has_address(const struct flow_endpoint *local, const struct packet_address *address)
{
    static const uint8_t zero[16];
    return local->address.family == 0 || memcmp(local->address.bytes, zero, sizeof zero) == 0 ||
           compare_addresses(&local->address, address) == 0;
}

/* ---- sends ---- */

static struct route *route_of_send(const struct routes *routes, const struct datagram_call *call)
{
    const struct flow_endpoint from = {.port = call->local.port};
    const struct route wanted = {.from = &from, .to = &call->peer};
    for (size_t i = routes_from(routes, &wanted); i < routes->count; i++) {
        struct route *route = &routes->at[i];
        if (compare_routes(route, &wanted) != 0)
            return NULL;
        if (has_address(&call->local, &route->from->address))
            return route;
    }
    return NULL;
}

static void join_send(const struct routes *routes, const struct datagram_call *call)
{
    struct route *route = route_of_send(routes, call);
    if (route == NULL)
        return;
    struct lanes_datagram_list *list = route->list;
    if (call->many || (route->sender != 0 && route->sender != call->call->socket)) {
        list->note = call->many
                         ? N_("one call carried several datagrams: which of them is which is not recorded")
                         : N_("several sockets sent from this port: whose datagram is whose is not recorded");
        return;
    }
    route->sender = call->call->socket;
    struct lanes_datagram *datagram = route->sends_due < list->count ? &list->at[route->sends_due] : NULL;
    route->sends_due++;
    if (datagram == NULL || datagram->length != (uint64_t)call->call->result) {
        list->note = N_("the sends and the packets do not agree: not every one of both was recorded");
        return;
    }
    datagram->send = call->call;
    datagram->send_n = (uint32_t)route->sends_due;
    list->sends++;
}

/* All agree, or none is claimed. */
static void check_sends(struct route *route)
{
    struct lanes_datagram_list *list = route->list;
    if (route->sender != 0 && list->note == NULL && route->sends_due != list->count)
        list->note = N_("the sends and the packets do not agree: not every one of both was recorded");
    for (size_t i = 0; i < list->count && list->note != NULL; i++)
        list->at[i].send = NULL;
}

/* ---- recvs ---- */

/* A datagram as a receiving socket's queue gets it. */
struct arrival {
    const struct route *route;
    struct lanes_datagram *datagram;
    uint64_t time_ns;
};

struct queue {
    struct arrival *at;
    size_t count, cap;
    bool shuffled; /* the wire held one back: the order of arrival is not recorded */
};

/* "delayed 7.3 ms" in nanoseconds. */
static uint64_t delay_of(const char *fate)
{
    static const struct {
        const char *unit;
        double ns;
    } units[] = {{"ns", 1}, {"us", 1e3}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}};
    const char *at = fate != NULL ? strstr(fate, "delayed ") : NULL;
    char *end = NULL;
    if (at == NULL)
        return 0;
    const double number = strtod(at + strlen("delayed "), &end);
    end += strspn(end, " ");
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (number > 0 && number < 1e6 && strncmp(end, units[i].unit, strlen(units[i].unit)) == 0)
            return (uint64_t)(number * units[i].ns);
    }
    return 0;
}

static int add_arrival(struct queue *queue, const struct route *route, struct lanes_datagram *datagram)
{
    const char *fate = datagram->fate != NULL ? datagram->fate : "";
    const size_t copies = strstr(fate, "duplicated") != NULL ? 2 : 1;
    queue->shuffled = queue->shuffled || strstr(fate, "held behind") != NULL;
    for (size_t i = 0; i < copies; i++) {
        if (model_grow((void **)&queue->at, &queue->cap, queue->count, sizeof *queue->at) != 0)
            return -ENOMEM;
        queue->at[queue->count++] = (struct arrival){route, datagram, datagram->time_ns + delay_of(fate)};
    }
    return 0;
}

static int compare_arrivals(const void *a, const void *b)
{
    const struct arrival *left = a, *right = b;
    if (left->time_ns != right->time_ns)
        return left->time_ns < right->time_ns ? -1 : 1;
    return (left->datagram->packet > right->datagram->packet) -
           (left->datagram->packet < right->datagram->packet);
}

/* The routes to a port stand together. */
static size_t routes_to_port(const struct routes *routes, uint16_t port)
{
    const struct flow_endpoint none = {0}, to = {.port = port};
    return routes_from(routes, &(struct route){.from = &none, .to = &to});
}

static int fill_queue(struct queue *queue, const struct routes *routes, const struct flow_endpoint *local)
{
    for (size_t i = routes_to_port(routes, local->port);
         i < routes->count && routes->at[i].to->port == local->port; i++) {
        const struct route *route = &routes->at[i];
        if (!has_address(local, &route->to->address))
            continue;
        for (size_t k = 0; k < route->list->count; k++) {
            if (!route->list->at[k].lost && add_arrival(queue, route, &route->list->at[k]) != 0)
                return -ENOMEM;
        }
    }
    if (queue->count > 1)
        qsort(queue->at, queue->count, sizeof *queue->at, compare_arrivals);
    return 0;
}

static bool fits(const struct arrival *arrival, const struct datagram_call *call)
{
    const uint64_t length = arrival->datagram->length, asked = call->call->asked;
    const uint64_t returned = (uint64_t)call->call->result;
    const bool whole_length = call->call->flags != NULL && strstr(call->call->flags, "MSG_TRUNC") != NULL;
    return (returned == (length < asked ? length : asked) || (whole_length && returned == length)) &&
           (call->peer.address.family == 0 || datagrams_same_endpoint(&call->peer, arrival->route->from)) &&
           call->call->exit_ns + CLOCK_SLACK_NS >= arrival->time_ns;
}

/* What the socket's recvs took out of its queue: in order, over what was thrown away. False where one of them
 * fits nothing. */
static bool take_in_order(const struct queue *queue, const struct datagram_call *calls, size_t count,
                          size_t *taken)
{
    size_t next = 0;
    for (size_t k = 0; k < count; k++) {
        while (next < queue->count && !fits(&queue->at[next], &calls[k]))
            next++;
        if (next == queue->count)
            return false;
        taken[k] = next++;
    }
    return true;
}

/* Is there another way to take them? Not where nothing was left out before the last recv was over. */
static bool is_certain(const struct queue *queue, const struct datagram_call *calls, size_t count,
                       const size_t *taken)
{
    if (queue->shuffled || taken[count - 1] != count - 1)
        return false;
    return count == queue->count || queue->at[count].time_ns > calls[count - 1].call->exit_ns;
}

static void note_queue(const struct queue *queue, const char *note)
{
    for (size_t i = 0; i < queue->count; i++)
        queue->at[i].route->list->note = note;
}

static void note_receivers(const struct queue *queue)
{
    for (size_t i = 0; i < queue->count; i++)
        queue->at[i].route->list->has_recvs = true;
}

static int join_recvs_of_socket(const struct queue *queue, const struct datagram_call *calls, size_t count)
{
    size_t *taken = calloc(count, sizeof *taken);
    if (taken == NULL)
        return -ENOMEM;
    if (take_in_order(queue, calls, count, taken)) {
        const bool certain = is_certain(queue, calls, count, taken);
        for (size_t k = 0; k < count; k++) {
            struct lanes_datagram *datagram = queue->at[taken[k]].datagram;
            struct lanes_datagram_list *list = queue->at[taken[k]].route->list;
            list->recvs++;
            if (datagram->recv != NULL) /* the second copy of one that the wire duplicated */
                continue;
            datagram->recv = calls[k].call;
            datagram->recv_n = list->recvs;
            datagram->likely = !certain;
        }
    } else {
        note_queue(queue, N_("the packets and the recvs do not agree: not every one of both was recorded"));
    }
    free(taken);
    return 0;
}

/* Calls of receiving sockets: by port, then by socket, then in their order. */
static int compare_calls(const void *a, const void *b)
{
    const struct datagram_call *left = a, *right = b;
    if (left->local.port != right->local.port)
        return left->local.port < right->local.port ? -1 : 1;
    if (left->call->socket != right->call->socket)
        return left->call->socket < right->call->socket ? -1 : 1;
    return (left->call->exit_ns > right->call->exit_ns) - (left->call->exit_ns < right->call->exit_ns);
}

/* The calls [first, end) on sockets with one port. */
static int join_port(const struct routes *routes, struct datagram_call *calls, size_t first, size_t end)
{
    struct queue queue = {0};
    size_t recvs = 0;
    bool many = false, several = false;
    for (size_t i = first; i < end; i++) {
        several = several || calls[i].call->socket != calls[first].call->socket;
        if (calls[i].call->op != CALL_RECV)
            continue;
        many = many || calls[i].many;
        calls[first + recvs++] = calls[i];
    }
    int failed = fill_queue(&queue, routes, &calls[first].local);
    if (failed == 0) {
        note_receivers(&queue);
        if (several)
            note_queue(&queue,
                       N_("several sockets have this port: which of them got a datagram is not recorded"));
        else if (many)
            note_queue(&queue,
                       N_("one call carried several datagrams: which of them is which is not recorded"));
        else if (recvs > 0)
            failed = join_recvs_of_socket(&queue, calls + first, recvs);
    }
    free(queue.at);
    return failed;
}

static int join_recvs(const struct routes *routes, struct datagram_store *store)
{
    qsort(store->calls, store->call_count, sizeof *store->calls, compare_calls);
    for (size_t first = 0, end; first < store->call_count; first = end) {
        const uint16_t port = store->calls[first].local.port;
        for (end = first + 1; end < store->call_count && store->calls[end].local.port == port; end++)
            continue;
        const int failed = port == 0 ? 0 : join_port(routes, store->calls, first, end);
        if (failed != 0)
            return failed;
    }
    return 0;
}

int datagrams_join(struct lanes *lanes)
{
    struct datagram_store *store = &lanes->store->datagrams;
    struct routes routes = {0};
    int failed = store->call_count == 0 ? 0 : make_routes(&routes, lanes);
    for (size_t i = 0; i < store->call_count && routes.at != NULL; i++) {
        if (store->calls[i].call->op == CALL_SEND)
            join_send(&routes, &store->calls[i]);
    }
    for (size_t i = 0; i < routes.count; i++) {
        routes.at[i].list->has_sends = routes.at[i].sender != 0;
        check_sends(&routes.at[i]);
    }
    if (failed == 0 && store->call_count > 0)
        failed = join_recvs(&routes, store);
    free(routes.at);
    return failed;
}
