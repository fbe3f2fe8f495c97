/* Packets of UDP, and the calls of its sockets, as they come; then one conversation for each pair of
 * endpoints. */

#include "lanes/datagrams.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "lanes/model.h"
#include "lanes/spans.h"

/* ---- as they come ---- */

int datagrams_packet(struct lanes *lanes, const struct packet *packet)
{
    struct datagram_store *store = &lanes->store->datagrams;
    if ((packet->ip_protocol != IPPROTO_UDP && packet->ip_protocol != IPPROTO_UDPLITE) ||
        packet->payload == NULL)
        return 0;
    if (store->packet_count == LANES_MAX_DATAGRAMS) {
        lanes->datagrams_beyond++;
        return 0;
    }
    const char *fate = wire_fate(lanes, packet);
    if (lanes->store->failed != 0 || model_grow((void **)&store->packets, &store->packet_cap,
                                                store->packet_count, sizeof *store->packets) != 0)
        return -ENOMEM;
    store->packets[store->packet_count++] = (struct datagram_packet){
        .protocol = packet->ip_protocol,
        .from = {packet->source, packet->source_port},
        .to = {packet->target, packet->target_port},
        .datagram = {.length = packet->payload_len,
                     .packet = packet->number,
                     .time_ns = packet->time_ns,
                     .fate = fate,
                     .lost = fate_is_loss(fate)},
    };
    return 0;
}

/* Several datagrams in one call: which of them is which is not recorded. */
static bool is_many(const struct call *call)
{
    return strcmp(call->name, "sendmmsg") == 0 || strcmp(call->name, "recvmmsg") == 0;
}

int datagrams_call(struct lanes *lanes, const struct call *kept)
{
    struct datagram_store *store = &lanes->store->datagrams;
    if (kept->peeked || kept->result < 0 || kept->socket == 0 || kept->local_port == 0)
        return 0;
    if (store->call_count == LANES_MAX_DATAGRAMS) {
        lanes->datagrams_beyond++;
        return 0;
    }
    if (model_grow((void **)&store->calls, &store->call_cap, store->call_count, sizeof *store->calls) != 0)
        return -ENOMEM;
    store->calls[store->call_count++] = (struct datagram_call){
        .call = kept,
        .local = {sockets_wire_address(&kept->local), kept->local_port},
        .peer = {sockets_wire_address(&kept->peer), kept->peer_port},
        .many = is_many(kept),
    };
    return 0;
}

/* ---- conversations ---- */

static int compare_endpoints(const struct flow_endpoint *a, const struct flow_endpoint *b)
{
    if (a->address.family != b->address.family)
        return a->address.family < b->address.family ? -1 : 1;
    const int order = memcmp(a->address.bytes, b->address.bytes, sizeof a->address.bytes);
    return order != 0 ? order : (a->port > b->port) - (a->port < b->port);
}

bool datagrams_same_endpoint(const struct flow_endpoint *a, const struct flow_endpoint *b)
{
    return compare_endpoints(a, b) == 0;
}

static void sorted_pair(const struct datagram_packet *packet, const struct flow_endpoint *pair[2])
{
    const bool swapped = compare_endpoints(&packet->from, &packet->to) > 0;
    pair[swapped ? 1 : 0] = &packet->from;
    pair[swapped ? 0 : 1] = &packet->to;
}

static int compare_conversations(const struct datagram_packet *a, const struct datagram_packet *b)
{
    const struct flow_endpoint *left[2], *right[2];
    if (a->protocol != b->protocol)
        return a->protocol < b->protocol ? -1 : 1;
    sorted_pair(a, left);
    sorted_pair(b, right);
    const int first = compare_endpoints(left[0], right[0]);
    return first != 0 ? first : compare_endpoints(left[1], right[1]);
}

/* Those of one conversation stand together, in capture order. */
static int compare_packets(const void *a, const void *b)
{
    const struct datagram_packet *left = a, *right = b;
    const int order = compare_conversations(left, right);
    return order != 0 ? order
                      : (left->datagram.packet > right->datagram.packet) -
                            (left->datagram.packet < right->datagram.packet);
}

static int compare_numbers(const void *a, const void *b)
{
    const struct lanes_datagrams *left = a, *right = b;
    return (left->number > right->number) - (left->number < right->number);
}

static int add_datagram(struct lanes_datagrams *d, const struct datagram_packet *packet)
{
    struct lanes_datagram_list *list =
        &d->direction[!datagrams_same_endpoint(&packet->from, &d->endpoint[0])];
    if (model_grow((void **)&list->at, &list->cap, list->count, sizeof *list->at) != 0)
        return -ENOMEM;
    struct lanes_datagram *datagram = &list->at[list->count++];
    *datagram = packet->datagram;
    datagram->n = (uint32_t)list->count;
    list->bytes += datagram->length;
    return 0;
}

/* One conversation of the packets from `i` on; returns the index behind it, or -ENOMEM. */
static ssize_t take_conversation(struct lanes *lanes, size_t i)
{
    const struct datagram_store *store = &lanes->store->datagrams;
    const struct datagram_packet *first = &store->packets[i];
    if (model_grow((void **)&lanes->datagrams, &lanes->store->datagrams.conversation_cap,
                   lanes->datagram_count, sizeof *lanes->datagrams) != 0)
        return -ENOMEM;
    struct lanes_datagrams *d = &lanes->datagrams[lanes->datagram_count++];
    *d = (struct lanes_datagrams){
        .number = first->datagram.packet, .protocol = first->protocol, .endpoint = {first->from, first->to}};
    for (; i < store->packet_count && compare_conversations(&store->packets[i], first) == 0; i++) {
        if (add_datagram(d, &store->packets[i]) != 0)
            return -ENOMEM;
    }
    return (ssize_t)i;
}

int datagrams_build(struct lanes *lanes)
{
    struct datagram_store *store = &lanes->store->datagrams;
    if (store->call_count == 0 && lanes->store->only_stream == 0)
        return 0; /* a capture without calls of them: 'sockdiag streams' counts its conversations */
    if (store->packet_count > 1)
        qsort(store->packets, store->packet_count, sizeof *store->packets, compare_packets);
    for (ssize_t i = 0; (size_t)i < store->packet_count;) {
        i = take_conversation(lanes, (size_t)i);
        if (i < 0)
            return (int)i;
    }
    if (lanes->datagram_count > 1)
        qsort(lanes->datagrams, lanes->datagram_count, sizeof *lanes->datagrams, compare_numbers);
    return datagrams_join(lanes);
}

static void free_conversation(struct lanes_datagrams *d)
{
    free(d->direction[0].at);
    free(d->direction[1].at);
}

void datagrams_keep_only(struct lanes *lanes, uint64_t number)
{
    size_t kept = 0;
    for (size_t i = 0; i < lanes->datagram_count; i++) {
        if (lanes->datagrams[i].number == number)
            lanes->datagrams[kept++] = lanes->datagrams[i];
        else
            free_conversation(&lanes->datagrams[i]);
    }
    lanes->datagram_count = kept;
}

void datagrams_free(struct lanes *lanes)
{
    for (size_t i = 0; i < lanes->datagram_count; i++)
        free_conversation(&lanes->datagrams[i]);
    free(lanes->datagrams);
    free(lanes->store->datagrams.packets);
    free(lanes->store->datagrams.calls);
}

enum lanes_datagram_outcome lanes_datagram_outcome(const struct lanes_datagram_list *list,
                                                   const struct lanes_datagram *datagram)
{
    if (datagram->lost)
        return LANES_DATAGRAM_LOST;
    if (datagram->recv != NULL)
        return datagram->recv->asked < datagram->length ? LANES_DATAGRAM_CUT : LANES_DATAGRAM_RECEIVED;
    return list->has_recvs && list->note == NULL ? LANES_DATAGRAM_UNREAD : LANES_DATAGRAM_UNKNOWN;
}
