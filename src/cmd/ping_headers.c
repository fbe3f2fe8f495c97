#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/i18n.h"
#include "cmd/ping.h"
#include "craft/boxes.h"
#include "craft/dissect.h"

/* -v and --diff: what really left and what really came, as a packet socket of the machine's own saw it. The
 * last SLOTS probes are kept as they were asked for, until their answer came or is given up. */

enum {
    SLOTS = 64,
    BATCHES_AT_ONCE = 16, /* before the next look at the signals and the clock, however many more come */
    WITNESS_ROOM = 65536,
    WITNESS_BUFFER = 8 << 20,
    IP4_LEAST = 20,
    IP6_LEN = 40,
    FRAGMENT_LEN = 8,
};

struct slot {
    bool used;
    const struct ping_target *target;
    uint32_t number;
    struct buf asked, sent, got;
};

struct taken_apart {
    struct craft_packet packet;
    struct craft_room room;
};

struct ping_headers {
    struct rawsock witness;
    struct rawsock_batch *batch;
    struct slot slot[SLOTS];
    unsigned next;
    struct taken_apart asked, sent, got;
};

/* ---- the socket ---- */

/* IP datagrams of the probes' protocol and of ICMP, whole or first of their fragments. */
static size_t make_filter(uint8_t protocol, struct sock_filter out[16])
{
    const struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 3, 7),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMP, 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, protocol, 3, 4),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, protocol, 0, 2),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_FRAGMENT, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    memcpy(out, program, sizeof program);
    return sizeof program / sizeof program[0];
}

int ping_headers_open(struct ping *ping)
{
    static const uint8_t protocols[] = {
        [PROBE_ICMP] = IPPROTO_ICMP, [PROBE_UDP] = IPPROTO_UDP, [PROBE_TCP] = IPPROTO_TCP};
    struct sock_filter filter[16];
    struct ping_headers *headers = calloc(1, sizeof *headers);
    if (headers == NULL)
        return sd_fail_errno(&ping->err, ENOMEM, "cannot draw headers");
    const struct rawsock_config config = {
        .kind = RAWSOCK_WITNESS,
        .interface = ping->options.source.interface,
        .buffer_bytes = WITNESS_BUFFER,
        .filter = filter,
        .filter_len = make_filter(protocols[ping_method(&ping->options)], filter),
    };
    int failed = rawsock_open(&headers->witness, &config, &ping->err);
    if (failed != 0) {
        free(headers);
        return failed;
    }
    ping->headers = headers;
    headers->batch = rawsock_batch_new(WITNESS_ROOM);
    return headers->batch != NULL ? 0 : sd_fail_errno(&ping->err, ENOMEM, "cannot draw headers");
}

static void empty(struct slot *slot)
{
    slot->used = false;
    slot->asked.len = slot->sent.len = slot->got.len = 0;
}

void ping_headers_free(struct ping *ping)
{
    struct ping_headers *headers = ping->headers;
    if (headers == NULL)
        return;
    for (unsigned i = 0; i < SLOTS; i++) {
        buf_free(&headers->slot[i].asked);
        buf_free(&headers->slot[i].sent);
        buf_free(&headers->slot[i].got);
    }
    rawsock_batch_free(headers->batch);
    rawsock_close(&headers->witness);
    free(headers);
    ping->headers = NULL;
}

/* ---- drawing ---- */

static const struct craft_packet *dissect(struct taken_apart *view, const uint8_t *data, size_t len)
{
    if (len == 0)
        return NULL;
    craft_dissect(&view->packet, &view->room, data[0] >> 4 == 6 ? &craft_ipv6 : &craft_ip, data, len);
    return &view->packet;
}

static struct craft_style style_of(const struct ping *ping)
{
    return (struct craft_style){ping->style.columns, ping->style.ascii, ping->style.color};
}

static void draw(struct ping *ping, const char *what, const struct slot *slot, const uint8_t *data,
                 size_t len)
{
    const struct craft_style style = style_of(ping);
    if (!ping->options.common.verbose)
        return;
    buf_printf(&ping->out, _("%s, %s=%u, %zu bytes:\n"), what, ping_seq_word(ping),
               ping_wire_number(slot->number), len);
    craft_boxes(&ping->out, dissect(&ping->headers->got, data, len), data, len, &style);
    buf_char(&ping->out, '\n');
}

/* Where a field stands that makes an answer the answer: in what a host sent back, or in the probe that an
 * ICMP error quotes. */
struct evidence {
    const struct craft_packet *packet;
    bool quotes;
};

static bool is_quoted(const struct evidence *evidence, const struct craft_layer *layer)
{
    const struct craft_layer *first = evidence->packet->layer;
    for (const struct craft_layer *at = first; evidence->quotes && at < layer; at++) {
        if (at->type == &craft_icmp || at->type == &craft_icmp6)
            return true;
    }
    return false;
}

/* Why an answer is the answer, field by field. */
static const char *reason_of(void *context, const struct craft_layer *layer, int field)
{
    static const char asked[] = N_("the address asked"), ours[] = N_("the address that the probe left from"),
                      port_asked[] = N_("the port asked"),
                      our_port[] = N_("the port that the probe left from"), id[] = N_("our identifier"),
                      seq[] = N_("this probe's number"), type[] = N_("what answers an echo request"),
                      request[] = N_("the request that was sent");
    static const struct {
        const char *layer, *field, *answer, *quoted;
    } reasons[] = {
        {"ip", "src", asked, ours},
        {"ipv6", "src", asked, ours},
        {"ip", "dst", ours, asked},
        {"ipv6", "dst", ours, asked},
        {"icmp", "type", type, request},
        {"icmp6", "type", type, request},
        {"icmp", "id", id, id},
        {"icmp6", "id", id, id},
        {"icmp", "seq", seq, seq},
        {"icmp6", "seq", seq, seq},
        {"tcp", "sport", port_asked, our_port},
        {"tcp", "dport", our_port, port_asked},
        {"tcp", "ack", N_("follows this probe's sequence number"), NULL},
        {"tcp", "seq", NULL, N_("this probe's sequence number")},
        {"udp", "sport", port_asked, our_port},
        {"udp", "dport", our_port, port_asked},
    };
    const struct evidence *evidence = context;
    const char *name = layer->type->fields[field].name;
    const bool quoted = is_quoted(evidence, layer);
    if (evidence->quotes && !quoted) /* the error itself, from whomever: what it quotes proves it */
        return strcmp(name, "type") == 0 ? N_("an error about a datagram") : NULL;
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (strcmp(reasons[i].layer, layer->type->name) == 0 && strcmp(reasons[i].field, name) == 0)
            return quoted ? reasons[i].quoted : reasons[i].answer;
    }
    return NULL;
}

static void compare(struct ping *ping, const struct slot *slot, struct probe_answer *answer,
                    const uint8_t *data, size_t len)
{
    struct ping_headers *headers = ping->headers;
    const struct craft_style style = style_of(ping);
    if (!ping->options.diff)
        return;
    const bool icmp = ping_method(&ping->options) == PROBE_ICMP;
    struct evidence evidence = {
        .quotes = answer != NULL && (answer->verdict != PROBE_REPLY || (!icmp && answer->icmp_type != 0))};
    struct craft_diff diff = {
        .asked = dissect(&headers->asked, slot->asked.data, slot->asked.len),
        .sent = dissect(&headers->sent, slot->sent.data, slot->sent.len),
        .got = dissect(&headers->got, data, len),
        .reason = answer != NULL ? reason_of : NULL,
        .context = &evidence,
    };
    evidence.packet = diff.got;
    diff.rewrites = rawsock_rewrites(ping->sender[ping_family(slot->target)].raw.kind, &diff.rewrite_count);
    buf_printf(&ping->out, answer != NULL ? "%s=%u:\n" : _("%s=%u, no answer:\n"), ping_seq_word(ping),
               ping_wire_number(slot->number));
    craft_diff(&ping->out, &diff, &style);
    if (answer != NULL && answer->proved && ping_method(&ping->options) != PROBE_TCP)
        buf_text(&ping->out, _("Payload: begins with the cookie that only this probe has\n"));
}

/* ---- what the witness saw ---- */

/* The transport's bytes of a datagram. */
static struct bytes transport_of(const uint8_t *data, size_t len)
{
    struct bytes bytes = bytes_of(data, len);
    if (len < IP4_LEAST)
        return bytes_of(data, 0);
    if (data[0] >> 4 == 4) {
        bytes_take(&bytes, (size_t)(data[0] & 0x0f) * 4);
        return bytes;
    }
    const uint8_t *header = bytes_take(&bytes, IP6_LEN);
    if (header != NULL && header[6] == IPPROTO_FRAGMENT)
        bytes_take(&bytes, FRAGMENT_LEN);
    return bytes;
}

static bool is_later_fragment(const uint8_t *data, size_t len)
{
    if (len >= IP4_LEAST && data[0] >> 4 == 4)
        return (load_be16(data + 6) & 0x1fff) != 0;
    return len >= IP6_LEN + FRAGMENT_LEN && data[6] == IPPROTO_FRAGMENT &&
           (load_be16(data + IP6_LEN + 2) & 0xfff8) != 0;
}

/* The same transport header and payload, but for the checksum of ICMP, which the kernel may write. */
static bool is_asked(const struct slot *slot, const struct rawsock_in *in)
{
    const struct bytes asked = transport_of(slot->asked.data, slot->asked.len),
                       sent = transport_of(in->data, in->len);
    const size_t len = asked.left < sent.left ? asked.left : sent.left;
    return slot->used && slot->sent.len == 0 && len >= 8 &&
           packet_address_equal(&in->target, &slot->target->shape.target) &&
           memcmp(asked.at, sent.at, 2) == 0 && memcmp(asked.at + 4, sent.at + 4, len - 4) == 0;
}

static void take_outgoing(struct ping *ping, const struct rawsock_in *in)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        struct slot *slot = &ping->headers->slot[i];
        if (is_asked(slot, in) && !is_later_fragment(in->data, in->len)) {
            buf_append(&slot->sent, in->data, in->len);
            draw(ping, _("sent"), slot, in->data, in->len);
            return;
        }
    }
}

static struct slot *find_slot(struct ping *ping, const struct ping_target *target, uint32_t number)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        struct slot *slot = &ping->headers->slot[i];
        if (slot->used && slot->target == target && slot->number == number)
            return slot;
    }
    return NULL;
}

static void take_incoming(struct ping *ping, const struct rawsock_in *in)
{
    const struct probe_input input = {.data = in->data, .len = in->len, .has_ip_header = true, .ttl = -1};
    for (unsigned i = 0; i < SLOTS; i++) {
        struct slot *slot = &ping->headers->slot[i];
        struct probe_answer answer;
        if (!slot->used)
            continue;
        probe_match(&slot->target->shape, &input, &answer);
        const uint32_t mask = answer.number_bits == 16 ? 0xffff : UINT32_MAX;
        if (answer.number_known && ((answer.number ^ ping_wire_number(slot->number)) & mask) == 0) {
            slot->got.len = 0;
            buf_append(&slot->got, in->data, in->len);
            return;
        }
    }
}

void ping_headers_look(struct ping *ping)
{
    struct ping_headers *headers = ping->headers;
    int count = headers != NULL ? RAWSOCK_BATCH : 0;
    for (int n = 0; n < BATCHES_AT_ONCE && count == RAWSOCK_BATCH; n++) {
        count = rawsock_recv(&headers->witness, headers->batch);
        for (int i = 0; i < count; i++) {
            const struct rawsock_in *in = rawsock_batch_at(headers->batch, (size_t)i);
            (in->outgoing ? take_outgoing : take_incoming)(ping, in);
        }
    }
}

/* ---- from the loop ---- */

void ping_headers_asked(struct ping *ping, const struct ping_target *target, uint32_t number,
                        const uint8_t *data, size_t len)
{
    if (ping->headers == NULL)
        return;
    struct slot *slot = &ping->headers->slot[ping->headers->next++ % SLOTS];
    empty(slot);
    slot->used = true;
    slot->target = target;
    slot->number = number;
    buf_append(&slot->asked, data, len);
}

void ping_headers_answer(struct ping *ping, const struct ping_target *target, uint32_t number,
                         const struct probe_answer *answer, const struct rawsock_in *in)
{
    struct slot *slot = ping->headers != NULL ? find_slot(ping, target, number) : NULL;
    struct probe_answer copy;
    if (slot == NULL)
        return;
    const bool whole = in != NULL && target->shape.target.family == 4 && !ping->unprivileged;
    const uint8_t *data = whole ? in->data : slot->got.data;
    const size_t len = whole ? in->len : slot->got.len;
    if (answer != NULL)
        copy = *answer;
    if (answer != NULL && len > 0)
        draw(ping, _("received"), slot, data, len);
    compare(ping, slot, answer != NULL ? &copy : NULL, data, len);
    if (slot->asked.failed || slot->sent.failed || slot->got.failed)
        ping->out.failed = true;
    empty(slot);
}
