/* needs: craft/probe.c craft/probe_cookie.c craft/probe_take.c craft/probe_quote.c craft/probe_error.c
 * craft/probe_match.c craft/probe_filter.c craft/checksum.c craft/layer.c craft/layer_control.c
 * craft/layer_ip.c craft/layer_link.c craft/layer_transport.c src/base/buf.c src/base/hash.c
 * capture/packet.c tests/unit/answers.c tests/unit/frames.c */
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "craft/probe_private.h"
#include "tests/unit/answers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* ---- The filter, run ---- */

static bool load(const uint8_t *data, size_t len, uint64_t at, size_t size, uint32_t *a)
{
    if (at + size > len)
        return false;
    *a = size == 1 ? data[at] : size == 2 ? load_be16(data + at) : load_be32(data + at);
    return true;
}

static bool jumps(const struct sock_filter *at, uint32_t a)
{
    switch (BPF_OP(at->code)) {
    case BPF_JEQ:
        return a == at->k;
    case BPF_JGT:
        return a > at->k;
    case BPF_JSET:
        return (a & at->k) != 0;
    default:
        abort();
    }
}

static uint32_t compute(const struct sock_filter *at, uint32_t a, uint32_t x)
{
    const uint32_t by = BPF_SRC(at->code) == BPF_X ? x : at->k;
    switch (BPF_OP(at->code)) {
    case BPF_ADD:
        return a + by;
    case BPF_SUB:
        return a - by;
    case BPF_AND:
        return a & by;
    case BPF_LSH:
        return a << by;
    case BPF_RSH:
        return a >> by;
    default:
        abort();
    }
}

/* As the kernel does it: a load beyond the end drops the packet. */
static bool passes(const struct sock_filter *code, size_t count, const uint8_t *data, size_t len)
{
    uint32_t a = 0, x = 0;
    for (size_t i = 0; i < count; i++) {
        const struct sock_filter *at = &code[i];
        const size_t size = BPF_SIZE(at->code) == BPF_B ? 1 : BPF_SIZE(at->code) == BPF_H ? 2 : 4;
        switch (BPF_CLASS(at->code)) {
        case BPF_LD:
            if (!load(data, len, (uint64_t)at->k + (BPF_MODE(at->code) == BPF_IND ? x : 0), size, &a))
                return false;
            break;
        case BPF_LDX:
            if (BPF_MODE(at->code) == BPF_IMM)
                x = at->k;
            else if (!load(data, len, at->k, 1, &x))
                return false;
            else
                x = (x & 0x0f) * 4;
            break;
        case BPF_ALU:
            a = compute(at, a, x);
            break;
        case BPF_JMP:
            i += jumps(at, a) ? at->jt : at->jf;
            break;
        case BPF_MISC:
            x = a;
            break;
        default:
            return at->k != 0;
        }
    }
    abort(); /* no end */
}

/* ---- What holds for every verdict ---- */

static bool contains(const struct probe_input *input, const void *what, size_t len)
{
    return memmem(input->data, input->len, what, len) != NULL;
}

/* Proved means: what only the probe of this number had is in the answer. */
static bool has_proof(const struct probe_shape *shape, const struct probe_input *input, uint32_t number)
{
    const struct probe_places places = probe_places(shape);
    struct buf probe = {0};
    probe_build(shape, number, 1, &probe);
    const uint8_t *header = probe.data + probe_ip_len(shape);
    bool found;
    if (shape->method == PROBE_TCP) {
        uint8_t ack[4], full[4];
        store_be32(ack, load_be32(header + 4) + 1);
        store_be32(full, load_be32(header + 4) + 1 + places.payload);
        found = contains(input, ack, 4) || contains(input, full, 4) || contains(input, header + 4, 4);
    } else {
        found = places.cookie > 0 && contains(input, header + 8 + places.balance, places.cookie);
    }
    buf_free(&probe);
    return found;
}

static void check(const struct probe_shape *shape, const struct probe_input *input)
{
    struct sock_filter code[PROBE_FILTER_MAX];
    struct probe_answer a;
    struct packet_address target;
    probe_match(shape, input, &a);
    const bool is_answer = a.verdict != PROBE_STRANGE && a.verdict != PROBE_FORGED;
    require(a.reason != NULL && a.label_count <= PROBE_MPLS_LABELS && a.number_bits <= 32);
    require(is_answer || !a.number_known);
    require(!a.proved || a.number_known);
    require(!a.number_known || a.number_bits > 0);
    require(!a.number_known || shape->sent == 0 || a.number < shape->sent);
    require(!a.proved || has_proof(shape, input, a.number));
    const bool told = probe_target_of(input, &target);
    if (!is_answer)
        return;
    require(told && (shape->any_target || packet_address_equal(&target, &shape->target)));
    const uint8_t protocol = a.icmp_type == 0 && a.icmp_code == 0 && shape->method != PROBE_ICMP
                                 ? probe_protocol(shape)
                             : shape->target.family == 6 ? IPPROTO_ICMPV6
                                                         : IPPROTO_ICMP;
    const size_t count = probe_filter(shape, protocol, input->has_ip_header, code);
    require(passes(code, count, input->data, input->len));
}

/* ---- Inputs ---- */

struct choice {
    struct bytes left;
};

static uint32_t choose(struct choice *choice, uint32_t below)
{
    uint8_t byte = 0;
    bytes_u8(&choice->left, &byte);
    return byte % below;
}

static struct probe_shape choose_shape(struct choice *choice)
{
    static const uint32_t payloads[] = {0, 1, 2, 3, 5, 7, 8, 10, 12, 56, 200, 1400};
    static const uint16_t ports[] = {0, 1, 2, 700, 32768, 65535};
    struct probe_shape shape =
        answer_shape(choose(choice, 2) == 0 ? 4 : 6, (enum probe_method)choose(choice, 3),
                     (enum probe_flow)choose(choice, 2), payloads[choose(choice, 12)]);
    shape.ports = ports[choose(choice, 6)];
    shape.sent = choose(choice, 2) * 70000;
    shape.any_target = choose(choice, 8) == 7;
    shape.pattern_len = (uint8_t)choose(choice, 18);
    return shape;
}

/* A genuine answer, in which the input then changes bytes. */
static void make_answer(struct choice *choice, const struct probe_shape *shape, struct buf *out)
{
    static const uint32_t numbers[] = {0, 1, 511, 32768, 65535, 65536, 65537, 69999, UINT32_MAX};
    struct buf probe = {0};
    probe_build(shape, numbers[choose(choice, 9)], 7, &probe);
    const uint32_t kind = choose(choice, 4);
    if (kind < 2) {
        answer_reply(out, &probe, kind == 0);
    } else {
        struct answer_error error = {
            .type = (uint8_t)choose(choice, 16),
            .code = (uint8_t)choose(choice, 16),
            .rest = choose(choice, 256) << (8 * choose(choice, 4)),
            .from_target = choose(choice, 2) == 1,
            .quoted = choose(choice, 64) * (kind == 2 ? 1 : 8),
            .padded = choose(choice, 2) * 128,
        };
        struct bytes tail = {0};
        uint8_t extension[4 + 64] = {0x20};
        const bool extended = choose(choice, 4) == 3;
        bytes_sub(&choice->left, choose(choice, 64), &tail);
        error.tail = tail.at;
        error.tail_len = tail.left;
        if (extended) { /* RFC 4884: the length of the quote is told, and a header stands before the objects
                         */
            error.rest = shape->target.family == 6 ? UINT32_C(128 / 8) << 24 : UINT32_C(128 / 4) << 16;
            error.padded = 128;
            if (tail.left > 0)
                memcpy(extension + 4, tail.at, tail.left);
            error.tail = extension;
            error.tail_len = 4 + tail.left;
        }
        answer_error(out, &probe, &error);
    }
    uint16_t at;
    uint8_t value;
    const bool seal = choose(choice, 2) == 1;
    while (bytes_be16(&choice->left, &at) && bytes_u8(&choice->left, &value)) {
        if (at < out->len)
            out->data[at] = value;
        else if ((at & 0x8000) != 0 && out->len >= 80)
            out->len -= at % 32;
    }
    /* Sealing goes by the first byte: a version or length that it does not know stays as it is. */
    if (seal && (out->data[0] == 0x45 || (out->data[0] == 0x60 && out->len >= PROBE_IP6_LEN)))
        answer_seal(out->data, out->len);
    buf_free(&probe);
}

/* Answers of all kinds to probes of all kinds, damaged; or bytes that are nothing at all. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct choice choice = {bytes_of(data, size)};
    const struct probe_shape shape = choose_shape(&choice);
    const uint32_t form = choose(&choice, 4);
    struct buf made = {0};
    if (form < 2)
        make_answer(&choice, &shape, &made);
    else
        buf_append(&made, choice.left.at, choice.left.left);
    /* Copied, so that a read behind the end is seen. */
    uint8_t *copy = malloc(made.len + 1);
    require(copy != NULL && !made.failed);
    if (made.len > 0)
        memcpy(copy + 1, made.data, made.len);
    struct probe_input input = {.data = copy + 1, .len = made.len, .has_ip_header = true, .ttl = -1};
    const size_t header = form < 2 ? answer_ip_len(copy + 1) : 0;
    if (form % 2 == 1) {
        input.has_ip_header = false;
        input.protocol = shape.target.family == 6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
        if (form == 1 && made.len >= 40 && made.len > header)
            input = answer_input(copy + 1, made.len, false);
        else
            input.source = shape.target;
    }
    check(&shape, &input);
    free(copy);
    buf_free(&made);
    return 0;
}
