#include "cmd/send_plan.h"

#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "craft/layer.h"

#define NEIGHBOUR_MS 1000

static const char *const eth_prefix = "eth()/";

const struct craft_layer_type *send_first_layer(enum send_way way)
{
    static const struct craft_layer_type *const first[SEND_WAYS] = {
        [SEND_RAW4] = &craft_ip, [SEND_RAW6] = &craft_ipv6, [SEND_LINK] = &craft_eth};
    return first[way];
}

/* ---- names ---- */

/* The address is needed only later; that there is a name is needed now. */
static int note_name(void *context, const char *name, int family, uint8_t address[16], struct sd_err *err)
{
    struct send_plan *plan = context;
    (void)name, (void)family, (void)err;
    memset(address, 0, 16);
    plan->has_names = true;
    return 0;
}

static int look_name_up(void *context, const char *name, int family, uint8_t address[16], struct sd_err *err)
{
    const struct addrinfo hints = {.ai_family = family == 6 ? AF_INET6 : AF_INET, .ai_socktype = SOCK_DGRAM};
    struct addrinfo *found = NULL;
    (void)context;
    const int code = getaddrinfo(name, NULL, &hints, &found);
    if (code != 0)
        return sd_fail(err, ENOENT, "no IPv%d address of '%s' is known: %s", family, name,
                       sd_resolve_text(code));
    memset(address, 0, 16);
    if (family == 6)
        memcpy(address, &((const struct sockaddr_in6 *)(const void *)found->ai_addr)->sin6_addr, 16);
    else
        memcpy(address, &((const struct sockaddr_in *)(const void *)found->ai_addr)->sin_addr, 4);
    freeaddrinfo(found);
    return 0;
}

/* ---- expressions ---- */

static int tell_mistake(const char *text, const struct craft_mistake *mistake, unsigned columns,
                        struct buf *message)
{
    buf_printf(message, "%s\n", mistake->text);
    craft_mistake_print(text, strlen(text), mistake, columns, message);
    if (mistake->allowed[0] != '\0') {
        buf_printf(message, _("allowed: %s\n"), mistake->allowed);
    }
    return -EINVAL;
}

/* A mistake at the first layer, in the manner of the parser's. */
static int bad_first_layer(const char *text, const char *what, unsigned columns, struct buf *message)
{
    struct craft_mistake mistake = {.len = strcspn(text, "(/")};
    if (mistake.len == 0)
        mistake.len = 1;
    const size_t room = sizeof mistake.text - 1;
    memcpy(mistake.text, what, strlen(what) < room ? strlen(what) : room);
    return tell_mistake(text, &mistake, columns, message);
}

static const struct craft_layer_type *first_type(const struct craft_expr *expr)
{
    struct craft_packet *packet = malloc(sizeof *packet);
    const struct craft_layer_type *type = NULL;
    if (packet == NULL)
        return NULL;
    craft_expr_packet(expr, 0, packet);
    if (packet->count > 0)
        type = packet->layer[0].type;
    free(packet);
    return type;
}

/* Which way packets that begin so leave. 0, or -EINVAL with `message` filled. */
static int choose_way(const struct send_plan *plan, struct send_expr *e, const struct craft_layer_type *first,
                      unsigned columns, struct buf *message, bool *adds_eth)
{
    const bool ip = first == &craft_ip || first == &craft_ipv6, arp = first == &craft_arp;
    *adds_eth = arp || (ip && plan->link);
    if (ip && !plan->link) {
        e->way = first == &craft_ip ? SEND_RAW4 : SEND_RAW6;
        return 0;
    }
    e->way = SEND_LINK;
    if (plan->raw)
        return bad_first_layer(e->text, _("--raw sends IP datagrams: they begin with ip or ipv6"), columns,
                               message);
    if (ip || arp || first == &craft_eth)
        return 0;
    if (first == &craft_raw && plan->link)
        return 0;
    return bad_first_layer(
        e->text,
        first == &craft_raw
            ? _("bytes alone are a whole frame only with --link; else put ip(dst=…)/ in front")
            : _("nothing carries this layer: put ip(dst=…)/ or ipv6(dst=…)/ in front"),
        columns, message);
}

/* The first layer that says where the packet goes. */
static void find_target_field(struct send_expr *e, const struct craft_packet *packet)
{
    e->net = -1;
    for (size_t i = 0; i < packet->count && e->net < 0; i++) {
        const struct craft_layer_type *type = packet->layer[i].type;
        if (type != &craft_ip && type != &craft_ipv6 && type != &craft_arp)
            continue;
        const char *name = type == &craft_arp ? "pdst" : "dst";
        e->net = (int)i;
        e->field = craft_field_find(type, name, strlen(name));
    }
}

static int parse_text(struct send_plan *plan, struct send_expr *e, bool names, unsigned columns,
                      struct buf *message)
{
    const struct craft_parse config = {
        .resolve = names ? look_name_up : note_name, .context = plan, .seed = plan->seed};
    struct craft_mistake mistake = {0};
    bool adds_eth = false;
    int failed = craft_parse(&e->expr, e->text, strlen(e->text), &config, &mistake);
    if (failed == -EINVAL)
        return tell_mistake(e->text, &mistake, columns, message);
    const struct craft_layer_type *first = failed == 0 ? first_type(e->expr) : NULL;
    if (first == NULL)
        return -ENOMEM;
    failed = choose_way(plan, e, first, columns, message, &adds_eth);
    if (failed != 0)
        return failed;
    buf_text(&e->full, adds_eth ? eth_prefix : "");
    buf_text(&e->full, e->text);
    if (e->full.failed)
        return -ENOMEM;
    if (!adds_eth)
        return 0;
    craft_expr_free(e->expr);
    e->expr = NULL;
    failed = craft_parse(&e->expr, (const char *)e->full.data, e->full.len, &config, &mistake);
    if (failed != -EINVAL)
        return failed;
    /* Only a packet of the most layers has no place for one more. */
    return bad_first_layer(e->text, mistake.text, columns, message);
}

static void free_exprs(struct send_plan *plan)
{
    for (size_t i = 0; i < plan->expr_count; i++) {
        craft_expr_free(plan->exprs[i].expr);
        buf_free(&plan->exprs[i].full);
    }
    free(plan->exprs);
    plan->exprs = NULL;
    plan->expr_count = 0;
}

static int parse_all(struct send_plan *plan, char *const *texts, size_t count, bool names, unsigned columns,
                     struct buf *message, struct craft_packet *packet)
{
    for (size_t i = 0; i < count; i++) {
        struct send_expr *e = &plan->exprs[plan->expr_count++];
        e->text = texts[i];
        int failed = parse_text(plan, e, names, columns, message);
        if (failed != 0)
            return failed;
        craft_expr_packet(e->expr, 0, packet);
        find_target_field(e, packet);
        e->count = craft_expr_count(e->expr);
        plan->total = e->count > UINT64_MAX - plan->total ? UINT64_MAX : plan->total + e->count;
        plan->ways[e->way] = true;
    }
    return 0;
}

int send_plan_parse(struct send_plan *plan, char *const *texts, size_t count, bool names, unsigned columns,
                    struct buf *message)
{
    struct craft_packet *packet = malloc(sizeof *packet);
    free_exprs(plan);
    plan->total = 0;
    plan->exprs = calloc(count, sizeof *plan->exprs);
    int failed = packet == NULL || plan->exprs == NULL ? -ENOMEM : 0;
    if (failed == 0)
        failed = parse_all(plan, texts, count, names, columns, message, packet);
    free(packet);
    if (failed == -ENOMEM)
        buf_text(message, _("out of memory\n"));
    return failed;
}

/* ---- targets ---- */

#define BUCKETS (SEND_TARGETS * 2U)

/* The slot that has this address, or the one where it belongs. */
static uint32_t *target_slot(const struct send_plan *plan, const struct packet_address *address)
{
    uint64_t at = hash_bytes(&plan->key, address, sizeof *address);
    for (;; at++) {
        uint32_t *slot = &plan->index[at % BUCKETS];
        if (*slot == UINT32_MAX || packet_address_equal(&plan->targets[*slot].address, address))
            return slot;
    }
}

static int add_target(struct send_plan *plan, const struct send_target *target, struct sd_err *err)
{
    uint32_t *slot = target_slot(plan, &target->address);
    if (*slot != UINT32_MAX) {
        plan->targets[*slot].needs_mac |= target->needs_mac;
        plan->targets[*slot].by_link |= target->by_link;
        return 0;
    }
    if (plan->target_count == SEND_TARGETS)
        return sd_fail(err, E2BIG, "these are more than %d targets: send them in parts", SEND_TARGETS);
    if (plan->target_count == plan->target_room) {
        const size_t room = plan->target_room == 0 ? 16 : plan->target_room * 2;
        struct send_target *grown = realloc(plan->targets, room * sizeof *grown);
        if (grown == NULL)
            return sd_fail_errno(err, ENOMEM, "cannot remember the targets");
        plan->targets = grown;
        plan->target_room = room;
    }
    plan->targets[plan->target_count] = *target;
    *slot = (uint32_t)plan->target_count++;
    return 0;
}

/* Where a packet goes; family 0: it does not say. A field that is not given has the table's value. */
static struct packet_address address_of(const struct send_expr *e, const struct craft_packet *packet)
{
    struct packet_address out = {0};
    if (e->net < 0)
        return out;
    const struct craft_layer *layer = &packet->layer[e->net];
    const struct craft_field *field = &layer->type->fields[e->field];
    const struct craft_value *value = &layer->value[e->field];
    const size_t len = field->kind == CRAFT_IP6 ? 16 : 4;
    out.family = len == 16 ? 6 : 4;
    if (value->given)
        memcpy(out.bytes, value->address, len);
    for (size_t i = 0; !value->given && i < 8 && i < len; i++)
        out.bytes[len - 1 - i] = (uint8_t)(field->value >> (8 * i));
    return out;
}

/* Is the MAC address of the next hop wanted? ARP asks everybody. */
static bool wants_mac(const struct send_expr *e, const struct craft_packet *packet)
{
    if (e->way != SEND_LINK || packet->count == 0 || packet->layer[0].type != &craft_eth)
        return false;
    const int dst = craft_field_find(&craft_eth, "dst", 3);
    return !packet->layer[0].value[dst].given && e->net >= 0 && packet->layer[e->net].type != &craft_arp;
}

static int expr_targets(struct send_plan *plan, const struct send_expr *e, struct craft_packet *packet,
                        struct sd_err *err)
{
    uint64_t values = 1, stride = 1;
    if (e->net >= 0)
        craft_expr_values(e->expr, (size_t)e->net, e->field, &values, &stride);
    int failed = 0;
    for (uint64_t i = 0; i < values && failed == 0; i++) {
        craft_expr_packet(e->expr, i * stride, packet);
        const struct send_target target = {.address = address_of(e, packet),
                                           .by_link = e->way == SEND_LINK,
                                           .needs_mac = wants_mac(e, packet)};
        failed = add_target(plan, &target, err);
    }
    return failed;
}

int send_plan_targets(struct send_plan *plan, struct sd_err *err)
{
    struct craft_packet *packet = malloc(sizeof *packet);
    plan->key = hash_key_random();
    plan->target_count = 0;
    if (plan->index == NULL)
        plan->index = malloc(BUCKETS * sizeof *plan->index);
    int failed = packet == NULL || plan->index == NULL ? sd_fail_errno(err, ENOMEM, "targets") : 0;
    if (failed == 0)
        memset(plan->index, 0xff, BUCKETS * sizeof *plan->index);
    for (size_t i = 0; i < plan->expr_count && failed == 0; i++)
        failed = expr_targets(plan, &plan->exprs[i], packet, err);
    free(packet);
    return failed;
}

bool send_plan_link_target(const struct send_plan *plan, struct packet_address *target)
{
    struct craft_packet *packet = malloc(sizeof *packet);
    bool found = false;
    for (size_t i = 0; packet != NULL && i < plan->expr_count && !found; i++) {
        const struct send_expr *e = &plan->exprs[i];
        if (e->way != SEND_LINK || e->net < 0)
            continue;
        craft_expr_packet(e->expr, 0, packet);
        *target = address_of(e, packet);
        found = true;
    }
    free(packet);
    return found;
}

static bool expr_tcp_ports(const struct send_expr *e, struct craft_packet *packet, uint8_t *bits)
{
    const int field = craft_field_find(&craft_tcp, "sport", 5);
    size_t at = 0;
    craft_expr_packet(e->expr, 0, packet);
    while (at < packet->count && packet->layer[at].type != &craft_tcp)
        at++;
    if (at == packet->count)
        return false;
    uint64_t values, stride;
    craft_expr_values(e->expr, at, field, &values, &stride);
    if (values > UINT16_MAX) {
        memset(bits, 0xff, (UINT16_MAX + 1) / 8);
        return true;
    }
    for (uint64_t i = 0; i < values; i++) {
        craft_expr_packet(e->expr, i * stride, packet);
        const struct craft_value *value = &packet->layer[at].value[field];
        const uint64_t port = value->given ? value->number : craft_tcp.fields[field].value;
        bits[(port & UINT16_MAX) / 8] |= (uint8_t)(1U << port % 8);
    }
    return true;
}

bool send_plan_tcp_ports(const struct send_plan *plan, uint8_t bits[(UINT16_MAX + 1) / 8])
{
    struct craft_packet *packet = malloc(sizeof *packet);
    bool found = false;
    for (size_t i = 0; packet != NULL && i < plan->expr_count; i++)
        found |= expr_tcp_ports(&plan->exprs[i], packet, bits);
    free(packet);
    return found;
}

/* ---- ways ---- */

static int no_interface(struct sd_err *err)
{
    return sd_fail(err, EINVAL, "these frames name no target: say with -i which interface they leave by");
}

/* An expression has no place for the "%eth0" that other programs take. */
static bool lacks_interface(const struct send_plan *plan, const struct packet_address *a)
{
    const bool unicast = a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
    const bool multicast = a->bytes[0] == 0xff && ((a->bytes[1] & 0xf) == 1 || (a->bytes[1] & 0xf) == 2);
    return plan->interface == NULL && a->family == 6 && (unicast || multicast);
}

int send_plan_look_up(const struct send_plan *plan, const struct packet_address *target, struct path *path,
                      struct sd_err *err)
{
    const int interface = plan->interface != NULL ? (int)if_nametoindex(plan->interface) : 0;
    char text[PACKET_ADDRESS_TEXT];
    if (!lacks_interface(plan, target))
        return path_lookup(path, target, interface, NULL, err);
    packet_address_text(target, text);
    return sd_fail(err, EINVAL, "%s is an address of one link: say with -i by which interface it is reached",
                   text);
}

/* Where there is no route, a frame can still leave by an interface that was named. */
static int find_path(const struct send_plan *plan, struct send_target *target, struct sd_err *err)
{
    const bool link = plan->ways[SEND_LINK];
    if (target->address.family == 0)
        return plan->interface == NULL ? no_interface(err)
                                       : path_of_interface(&target->path, plan->interface, err);
    int failed = send_plan_look_up(plan, &target->address, &target->path, err);
    if (failed != 0 && link && plan->interface != NULL)
        failed = path_of_interface(&target->path, plan->interface, err);
    return failed;
}

static int find_mac(struct send_target *target, struct sd_err *err)
{
    struct sd_err cause = {0};
    char text[PACKET_ADDRESS_TEXT];
    int failed = path_resolve_mac(&target->path, &target->address, NEIGHBOUR_MS, &cause);
    if (failed == 0)
        return 0;
    packet_address_text(&target->address, text);
    return sd_fail(err, -failed, "no MAC address for %s: %s (eth(dst=…)/ in front gives one)", text,
                   cause.text);
}

int send_plan_paths(struct send_plan *plan, bool sends, struct sd_err *err)
{
    for (size_t i = 0; i < plan->target_count; i++) {
        struct send_target *target = &plan->targets[i];
        int failed = find_path(plan, target, err);
        target->known = failed == 0;
        if (failed == 0 && sends && target->needs_mac)
            failed = find_mac(target, err);
        if (failed != 0 && sends)
            return failed;
    }
    return 0;
}

/* ---- packets ---- */

static struct craft_env env_of(const struct send_expr *e, const struct send_target *target,
                               const struct craft_packet *packet)
{
    const struct path *path = &target->path;
    struct craft_env env = {0};
    if (!target->known)
        return env;
    env.has_source4 = path->source.family == 4;
    env.has_source6 = path->source.family == 6;
    memcpy(env.source4, path->source.bytes, sizeof env.source4);
    memcpy(env.source6, path->source.bytes, sizeof env.source6);
    env.has_macs = true;
    memcpy(env.source_mac, path->source_mac, sizeof env.source_mac);
    const bool everybody = e->net < 0 || packet->layer[e->net].type == &craft_arp || !path->has_macs;
    if (everybody)
        memset(env.target_mac, 0xff, sizeof env.target_mac);
    else
        memcpy(env.target_mac, path->target_mac, sizeof env.target_mac);
    return env;
}

/* An identification that the expression does not give counts its packets, from the default on: an ICMP error
 * quotes it, which tells whose it is, and fragments of two packets are not put together. */
static void number_packet(const struct send_expr *e, struct craft_packet *packet, uint64_t number)
{
    if (e->net < 0 || packet->layer[e->net].type != &craft_ip)
        return;
    struct craft_value *id = &packet->layer[e->net].value[craft_field_find(&craft_ip, "id", 2)];
    if (id->given)
        return;
    id->given = true;
    id->number = 1 + number % UINT16_MAX;
}

int send_plan_build(const struct send_plan *plan, uint64_t number, struct craft_packet *packet,
                    struct buf *out, struct send_built *built, struct sd_err *err)
{
    const struct send_expr *e = plan->exprs;
    const size_t before = out->len;
    while (number >= e->count) {
        number -= e->count;
        e++;
    }
    craft_expr_packet(e->expr, number, packet);
    number_packet(e, packet, number);
    const struct packet_address address = address_of(e, packet);
    const uint32_t slot = *target_slot(plan, &address);
    built->expr = e;
    built->target = &plan->targets[slot];
    const struct craft_env env = env_of(e, built->target, packet);
    int failed = craft_build(packet, &env, out, err);
    if (failed != 0)
        return failed;
    if (out->failed)
        return sd_fail_errno(err, ENOMEM, "cannot build the packets");
    built->len = out->len - before;
    built->net_at = e->net >= 0 ? packet->layer[e->net].start : 0;
    return 0;
}

void send_plan_free(struct send_plan *plan)
{
    free_exprs(plan);
    free(plan->targets);
    free(plan->index);
    plan->targets = NULL;
    plan->index = NULL;
}
