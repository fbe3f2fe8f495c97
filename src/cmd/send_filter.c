#include "cmd/send_filter.h"

#include <linux/if_ether.h>
#include <netinet/in.h>

#include "base/bytes.h"

/* ARP and everything that is neither TCP nor UDP passes: errors come from routers of any address. TCP and UDP
 * pass where they come from a target or go to one; and where the targets are many, or one of them stands for
 * many, all pass. Offsets are from the network header (SKF_NET_OFF), which both kinds of packet sockets
 * have. */

enum {
    FEW_TARGETS = 16,
    IP4_PROTOCOL = 9,
    IP4_SOURCE = 12,
    IP4_TARGET = 16,
    IP6_NEXT = 6,
    IP6_SOURCE = 8,
    IP6_TARGET = 24,
};

struct program {
    struct sock_filter *out;
    size_t len;
};

static void put(struct program *p, unsigned code, uint32_t k, unsigned yes, unsigned no)
{
    p->out[p->len++] = (struct sock_filter)BPF_JUMP((uint16_t)code, k, (uint8_t)yes, (uint8_t)no);
}

static void load(struct program *p, unsigned size, unsigned at)
{
    put(p, BPF_LD | size | BPF_ABS, (uint32_t)SKF_NET_OFF + at, 0, 0);
}

/* Return if the value is `k`, else go on. */
static void return_if(struct program *p, uint32_t k, uint32_t result)
{
    put(p, BPF_JMP | BPF_JEQ | BPF_K, k, 0, 1);
    put(p, BPF_RET | BPF_K, result, 0, 0);
}

static void pass_if(struct program *p, uint32_t k)
{
    return_if(p, k, UINT32_MAX);
}

/* TCP and UDP go on, everything else passes. */
static void pass_others(struct program *p, unsigned at)
{
    load(p, BPF_B, at);
    put(p, BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 2, 0);
    put(p, BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 1, 0);
    put(p, BPF_RET | BPF_K, UINT32_MAX, 0, 0);
}

static void pass_ip4(struct program *p, const struct send_plan *plan)
{
    static const unsigned places[] = {IP4_SOURCE, IP4_TARGET};
    pass_others(p, IP4_PROTOCOL);
    for (size_t place = 0; place < 2; place++) {
        load(p, BPF_W, places[place]);
        for (size_t i = 0; i < plan->target_count; i++) {
            if (plan->targets[i].address.family == 4)
                pass_if(p, load_be32(plan->targets[i].address.bytes));
        }
    }
    put(p, BPF_RET | BPF_K, 0, 0, 0);
}

static void pass_address6(struct program *p, const uint8_t address[16], unsigned at)
{
    for (unsigned word = 0; word < 4; word++) {
        load(p, BPF_W, at + 4 * word);
        /* Over what is left of this address: two instructions a word, and the return. */
        put(p, BPF_JMP | BPF_JEQ | BPF_K, load_be32(address + (size_t)4 * word), 0, 2 * (3 - word) + 1);
    }
    put(p, BPF_RET | BPF_K, UINT32_MAX, 0, 0);
}

static void pass_ip6(struct program *p, const struct send_plan *plan)
{
    pass_others(p, IP6_NEXT);
    for (size_t i = 0; i < plan->target_count; i++) {
        if (plan->targets[i].address.family != 6)
            continue;
        pass_address6(p, plan->targets[i].address.bytes, IP6_SOURCE);
        pass_address6(p, plan->targets[i].address.bytes, IP6_TARGET);
    }
    put(p, BPF_RET | BPF_K, 0, 0, 0);
}

static bool is_selective(const struct send_plan *plan)
{
    for (size_t i = 0; i < plan->target_count; i++) {
        const struct send_target *t = &plan->targets[i];
        if (t->address.family == 0 || t->path.broadcast || t->path.multicast)
            return false;
    }
    return plan->target_count <= FEW_TARGETS;
}

size_t send_filter(const struct send_plan *plan, struct sock_filter program[SEND_FILTER_MOST])
{
    struct program p = {.out = program};
    put(&p, BPF_LD | BPF_H | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL), 0, 0);
    pass_if(&p, ETH_P_ARP);
    if (!is_selective(plan)) {
        pass_if(&p, ETH_P_IP);
        pass_if(&p, ETH_P_IPV6);
        put(&p, BPF_RET | BPF_K, 0, 0, 0);
        return p.len;
    }
    /* IPv4's part is short enough for a jump over it: 4 + 2 * (1 + 2 * FEW_TARGETS) + 1 instructions. */
    const size_t jump = p.len;
    put(&p, BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 0);
    pass_ip4(&p, plan);
    program[jump].jf = (uint8_t)(p.len - jump - 1);
    put(&p, BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 1, 0);
    put(&p, BPF_RET | BPF_K, 0, 0, 0);
    pass_ip6(&p, plan);
    return p.len;
}
