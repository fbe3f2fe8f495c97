#include <linux/filter.h>
#include <netinet/in.h>

#include "craft/probe_private.h"

/* The filter is a first, coarse probe_match(): what it drops no probe_match() would take for an answer. It
 * has no loops, so where IPv6 extension headers stand in the way it passes the packet on. */

/* Jumps to the two ends, set right when they are known. */
enum {
    TO_PASS = 0xff,
    TO_DROP = 0xfe,
};

struct program {
    struct sock_filter *out;
    uint8_t len;
};

static void put(struct program *p, uint16_t code, uint32_t k)
{
    p->out[p->len++] = (struct sock_filter){.code = code, .k = k};
}

static void jump(struct program *p, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
    p->out[p->len++] = (struct sock_filter){.code = BPF_JMP | BPF_K | code, .jt = yes, .jf = no, .k = k};
}

static void load8(struct program *p, uint32_t at, bool by_x)
{
    put(p, (uint16_t)(BPF_LD | BPF_B | (by_x ? BPF_IND : BPF_ABS)), at);
}

static void load16(struct program *p, uint32_t at, bool by_x)
{
    put(p, (uint16_t)(BPF_LD | BPF_H | (by_x ? BPF_IND : BPF_ABS)), at);
}

/* How far a jump at `from` goes to get to `to`. */
static uint8_t distance(uint8_t from, uint8_t to)
{
    return (uint8_t)(to - from - 1);
}

static void finish(struct program *p)
{
    const uint8_t pass = p->len, drop = pass + 1;
    put(p, BPF_RET | BPF_K, UINT32_MAX);
    put(p, BPF_RET | BPF_K, 0);
    for (uint8_t i = 0; i < pass; i++) {
        struct sock_filter *at = &p->out[i];
        if (BPF_CLASS(at->code) != BPF_JMP)
            continue;
        uint8_t *const ends[] = {&at->jt, &at->jf};
        for (int j = 0; j < 2; j++) {
            if (*ends[j] == TO_PASS)
                *ends[j] = distance(i, pass);
            else if (*ends[j] == TO_DROP)
                *ends[j] = distance(i, drop);
        }
    }
}

/* Is the accumulator one of our source ports? Drops if not, goes on if so. */
static void require_our_port(struct program *p, const struct probe_shape *shape)
{
    const uint32_t last = (UINT32_C(1) << probe_port_bits(shape)) - 1;
    put(p, BPF_ALU | BPF_SUB | BPF_K, shape->ident);
    put(p, BPF_ALU | BPF_AND | BPF_K, 0xffff);
    jump(p, BPF_JGT, last, TO_DROP, 0);
}

/* The transport header of one of our probes stands at `at`: pass or drop. */
static void match_probe_header(struct program *p, const struct probe_shape *shape, uint32_t at, bool by_x)
{
    if (shape->method == PROBE_ICMP) {
        load16(p, at + 4, by_x);
        jump(p, BPF_JEQ, shape->ident, TO_PASS, TO_DROP);
        return;
    }
    load16(p, at, by_x);
    require_our_port(p, shape);
    load16(p, at + 2, by_x);
    jump(p, BPF_JEQ, shape->port, TO_PASS, TO_DROP);
}

/* A UDP or TCP header at `at` that comes back from the asked port. */
static void match_answer_header(struct program *p, const struct probe_shape *shape, uint32_t at, bool by_x)
{
    load16(p, at + 2, by_x);
    require_our_port(p, shape);
    load16(p, at, by_x);
    jump(p, BPF_JEQ, shape->port, TO_PASS, TO_DROP);
}

/* An ICMP message of which the accumulator holds the type: an echo reply to us passes or drops here. */
static void match_reply(struct program *p, const struct probe_shape *shape, uint8_t reply, uint32_t at,
                        bool by_x)
{
    if (shape->method != PROBE_ICMP)
        return;
    jump(p, BPF_JEQ, reply, 0, 2);
    load16(p, at + 4, by_x);
    jump(p, BPF_JEQ, shape->ident, TO_PASS, TO_DROP);
}

/* X: length of the IP header in front. */
static void match_icmp4(struct program *p, const struct probe_shape *shape)
{
    const uint32_t quoted = PROBE_ICMP_LEN;
    load8(p, 0, true);
    match_reply(p, shape, PROBE_ECHO4_REPLY, 0, true);
    jump(p, BPF_JEQ, 3, 4, 0);
    jump(p, BPF_JEQ, 4, 3, 0);
    jump(p, BPF_JEQ, 5, 2, 0);
    jump(p, BPF_JEQ, 11, 1, 0);
    jump(p, BPF_JEQ, 12, 0, TO_DROP);
    load8(p, quoted + 9, true);
    jump(p, BPF_JEQ, probe_protocol(shape), 0, TO_DROP);
    load8(p, quoted, true); /* its header length: X goes on to the quoted transport header, less `quoted` */
    put(p, BPF_ALU | BPF_AND | BPF_K, 0x0f);
    put(p, BPF_ALU | BPF_LSH | BPF_K, 2);
    put(p, BPF_ALU | BPF_ADD | BPF_X, 0);
    put(p, BPF_MISC | BPF_TAX, 0);
    match_probe_header(p, shape, quoted, true);
}

/* The accumulator is one of IPv6's extension headers: pass, else drop. */
static void match_extension(struct program *p)
{
    jump(p, BPF_JEQ, IPPROTO_HOPOPTS, TO_PASS, 0);
    jump(p, BPF_JEQ, IPPROTO_ROUTING, TO_PASS, 0);
    jump(p, BPF_JEQ, IPPROTO_FRAGMENT, TO_PASS, 0);
    jump(p, BPF_JEQ, IPPROTO_AH, TO_PASS, 0);
    jump(p, BPF_JEQ, IPPROTO_DSTOPTS, TO_PASS, TO_DROP);
}

/* `at`: where the ICMPv6 message begins. */
static void match_icmp6(struct program *p, const struct probe_shape *shape, uint32_t at)
{
    const uint32_t quoted = at + PROBE_ICMP_LEN;
    load8(p, at, false);
    match_reply(p, shape, PROBE_ECHO6_REPLY, at, false);
    jump(p, BPF_JEQ, 0, TO_DROP, 0);
    jump(p, BPF_JGT, 4, TO_DROP, 0);
    load8(p, quoted + 6, false);
    const uint8_t test = p->len;
    jump(p, BPF_JEQ, probe_protocol(shape), 0, 0);
    match_extension(p);
    p->out[test].jt = distance(test, p->len);
    match_probe_header(p, shape, quoted + PROBE_IP6_LEN, false);
}

static void require_version(struct program *p, uint8_t version)
{
    load8(p, 0, false);
    put(p, BPF_ALU | BPF_RSH | BPF_K, 4);
    jump(p, BPF_JEQ, version, 0, TO_DROP);
}

static void match_ip4(struct program *p, const struct probe_shape *shape, uint8_t protocol,
                      bool has_ip_header)
{
    if (has_ip_header) {
        require_version(p, 4);
        load8(p, 9, false);
        jump(p, BPF_JEQ, protocol, 0, TO_DROP);
        load16(p, 6, false); /* a fragment has no header of its own */
        jump(p, BPF_JSET, 0x1fff, TO_DROP, 0);
        put(p, BPF_LDX | BPF_B | BPF_MSH, 0);
    } else {
        put(p, BPF_LDX | BPF_W | BPF_IMM, 0);
    }
    if (protocol == IPPROTO_ICMP)
        match_icmp4(p, shape);
    else
        match_answer_header(p, shape, 0, true);
}

static void match_ip6(struct program *p, const struct probe_shape *shape, uint8_t protocol,
                      bool has_ip_header)
{
    const uint32_t at = has_ip_header ? PROBE_IP6_LEN : 0;
    if (has_ip_header) {
        require_version(p, 6);
        load8(p, 6, false);
        const uint8_t test = p->len;
        jump(p, BPF_JEQ, protocol, 0, 0);
        match_extension(p);
        p->out[test].jt = distance(test, p->len);
    }
    if (protocol == IPPROTO_ICMPV6)
        match_icmp6(p, shape, at);
    else
        match_answer_header(p, shape, at, false);
}

size_t probe_filter(const struct probe_shape *shape, int protocol, bool has_ip_header,
                    struct sock_filter *out)
{
    struct program program = {.out = out};
    const bool v6 = shape->target.family == 6;
    const int icmp = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
    if (protocol != icmp && protocol != probe_protocol(shape)) {
        put(&program, BPF_RET | BPF_K, 0); /* no answer comes by this protocol */
        return program.len;
    }
    if (v6)
        match_ip6(&program, shape, (uint8_t)protocol, has_ip_header);
    else
        match_ip4(&program, shape, (uint8_t)protocol, has_ip_header);
    finish(&program);
    return program.len;
}
