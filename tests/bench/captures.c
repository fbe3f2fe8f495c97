/* Captures to measure with, the same bytes each time, in classic pcap with Ethernet, right checksums, in time
 * order: captures KIND FILE [COUNT], which prints how many packets it wrote.
 *
 * bulk: COUNT megabytes (1000) of 8 transfers: segments of 1448 bytes, an acknowledgement for two; one
 * segment in 200 is lost behind the capture and sent again after three duplicate acknowledgements, one in 200
 * comes before its predecessor.
 *
 * many: COUNT connections (1,000,000) of 6 packets, one begun each 10 us, some 50,000 open at a time; one in
 * 200 repeats its request. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "frames.h"

enum {
    TRANSFERS = 8,
};

/* ---- bulk ---- */

/* One round: a few segments and what the receiver says to them. */
static uint64_t transfer_round(struct frames_connection *c, uint64_t time_ns)
{
    const uint64_t kind = frames_random_of(0, 49); /* of 4 segments */
    struct frames_side *sender = &c->side[0];
    const uint32_t seq = sender->next;
    uint64_t at = time_ns;
    if (kind == 0) { /* the first is lost behind the capture */
        for (uint32_t i = 0; i < 4; i++)
            frames_segment(c, 0, at += 10 * FRAMES_US, seq + i * FRAMES_SEGMENT, c->side[1].next, FRAMES_ACK,
                           FRAMES_SEGMENT);
        for (int i = 0; i < 3; i++)
            frames_segment(c, 1, at += 100 * FRAMES_US, c->side[1].next, seq, FRAMES_ACK, 0);
        frames_segment(c, 0, at += 20 * FRAMES_US, seq, c->side[1].next, FRAMES_ACK, FRAMES_SEGMENT);
    } else {
        const bool swapped = kind == 1;
        for (uint32_t i = 0; i < 4; i++)
            frames_segment(c, 0, at += 10 * FRAMES_US, seq + (swapped ? i ^ 1 : i) * FRAMES_SEGMENT,
                           c->side[1].next, FRAMES_ACK, FRAMES_SEGMENT);
        frames_segment(c, 1, at += 100 * FRAMES_US, c->side[1].next, seq + 2 * FRAMES_SEGMENT, FRAMES_ACK, 0);
    }
    sender->next += 4 * FRAMES_SEGMENT;
    frames_segment(c, 1, at += 100 * FRAMES_US, c->side[1].next, sender->next, FRAMES_ACK, 0);
    return at;
}

static void bulk(uint64_t megabytes)
{
    struct frames_connection c[TRANSFERS];
    uint64_t at = 0;
    const uint64_t rounds = megabytes * 1000000 /
                            (4 * (FRAMES_HEADERS + 16 + FRAMES_SEGMENT) + 2 * (FRAMES_HEADERS + 16)) /
                            TRANSFERS;
    for (uint32_t i = 0; i < TRANSFERS; i++) {
        c[i] = frames_connect(i, 5201);
        frames_shake_hands(&c[i], at += FRAMES_MS);
    }
    for (uint64_t round = 0; round < rounds; round++) {
        for (int i = 0; i < TRANSFERS; i++)
            at = transfer_round(&c[i], at);
    }
    for (int i = 0; i < TRANSFERS; i++) {
        frames_say(&c[i], 0, at += FRAMES_MS, FRAMES_FIN | FRAMES_ACK, 0);
        frames_say(&c[i], 1, at += FRAMES_MS, FRAMES_FIN | FRAMES_ACK, 0);
        frames_say(&c[i], 0, at += FRAMES_MS, FRAMES_ACK, 0);
    }
}

/* ---- many ---- */

/* A connection that goes on at `time_ns`; kept in a heap, the earliest first. */
struct going {
    uint64_t time_ns;
    uint32_t rtt_us;
    uint8_t step;
    bool repeats;
    struct frames_connection c;
};

static struct going *heap[1 << 17];
static size_t heap_len;

static void push(struct going *g)
{
    size_t i = heap_len++;
    for (; i > 0 && heap[(i - 1) / 2]->time_ns > g->time_ns; i = (i - 1) / 2)
        heap[i] = heap[(i - 1) / 2];
    heap[i] = g;
}

static struct going *pop(void)
{
    struct going *first = heap[0], *last = heap[--heap_len];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < heap_len; i = child) {
        child += child + 1 < heap_len && heap[child + 1]->time_ns < heap[child]->time_ns;
        if (heap[child]->time_ns >= last->time_ns)
            break;
        heap[i] = heap[child];
    }
    heap[i] = last;
    return first;
}

/* Send what is due and return when the next packet is; 0: there is none. */
static uint64_t go_on(struct going *g)
{
    struct frames_connection *c = &g->c;
    const uint64_t at = g->time_ns, rtt = g->rtt_us * (uint64_t)FRAMES_US;
    switch (g->step++) {
    case 0:
        frames_say(c, 0, at, FRAMES_SYN, 0);
        return at + rtt;
    case 1:
        frames_say(c, 1, at, FRAMES_SYN | FRAMES_ACK, 0);
        return at + 15 * FRAMES_US;
    case 2:
        frames_say(c, 0, at, FRAMES_ACK | FRAMES_PSH, 100);
        if (!g->repeats)
            return at + rtt + frames_random_of(1, 860) * FRAMES_MS;
        c->side[0].next -= 100;
        g->step--;
        g->repeats = false;
        return at + frames_random_of(210, 260) * FRAMES_MS;
    case 3:
        frames_say(c, 1, at, FRAMES_ACK | FRAMES_PSH | FRAMES_FIN, 300);
        return at + 50 * FRAMES_US;
    case 4:
        frames_say(c, 0, at, FRAMES_ACK | FRAMES_FIN, 0);
        return at + rtt;
    default:
        frames_say(c, 1, at, FRAMES_ACK, 0);
        return 0;
    }
}

static void go_on_until(uint64_t time_ns)
{
    while (heap_len > 0 && heap[0]->time_ns < time_ns) {
        struct going *g = pop();
        g->time_ns = go_on(g);
        if (g->time_ns != 0)
            push(g);
        else
            free(g);
    }
}

static void many(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct going *g = calloc(1, sizeof *g);
        if (g == NULL || heap_len == sizeof heap / sizeof heap[0])
            exit(1);
        g->time_ns = i * 10 * FRAMES_US;
        g->rtt_us = (uint32_t)frames_random_of(1000, 40000);
        g->repeats = frames_random_of(0, 199) == 0;
        g->c = frames_connect((uint32_t)i, 7777);
        go_on_until(g->time_ns);
        push(g);
    }
    go_on_until(UINT64_MAX);
}

int main(int argc, char **argv)
{
    static const struct frames_kind kinds[] = {{"bulk", bulk, 1000}, {"many", many, 1000000}};
    return frames_main(argc, argv, kinds, sizeof kinds / sizeof kinds[0]);
}
