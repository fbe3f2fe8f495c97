#include "lab/schedule.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* A frame that enters passes, in this order: the queue's bound, the drop rule, the line (rate), the way
 * (delay and jitter), and then the corrupt, duplicate and reorder rules act on what arrives. Each rule sees
 * each frame, also those that another rule takes, so that `data:3` means the same frame whatever else is
 * asked for.
 *
 * Frames wait in a binary heap by due time, then by order of arrival. A reordered frame waits aside: it goes
 * into the heap when a later frame of its side has left, or when its patience ends. */

enum {
    SIDES = LAB_HOSTS,
    ETHERNET_HEADER = 14,
};

struct frames {
    struct schedule_frame **at;
    size_t count, cap;
};

struct side {
    uint64_t entered;      /* frames so far */
    uint64_t line_free_ns; /* when the line has sent all that came before */
    uint64_t last_due_ns;
};

struct schedule {
    struct lab_wire wire;
    struct side side[SIDES];
    struct frames heap, held;
    uint64_t sequence;
    size_t bytes; /* in heap and held */
};

struct schedule *schedule_new(const struct lab_wire *wire)
{
    struct schedule *s = calloc(1, sizeof *s);
    if (s != NULL)
        s->wire = *wire;
    return s;
}

static void frames_free(struct frames *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->at[i]);
    free(list->at);
}

void schedule_free(struct schedule *s)
{
    if (s == NULL)
        return;
    frames_free(&s->heap);
    frames_free(&s->held);
    free(s);
}

static bool frames_reserve(struct frames *list, size_t extra)
{
    if (list->cap - list->count >= extra)
        return true;
    size_t cap = list->cap < 32 ? 64 : list->cap * 2;
    if (cap < list->count + extra)
        cap = list->count + extra;
    struct schedule_frame **at = reallocarray(list->at, cap, sizeof *at);
    if (at == NULL)
        return false;
    list->at = at;
    list->cap = cap;
    return true;
}

static bool before(const struct schedule_frame *a, const struct schedule_frame *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->sequence < b->sequence;
}

/* Room must have been reserved. */
static void heap_push(struct frames *heap, struct schedule_frame *frame)
{
    size_t i = heap->count++;
    for (; i > 0 && before(frame, heap->at[(i - 1) / 2]); i = (i - 1) / 2)
        heap->at[i] = heap->at[(i - 1) / 2];
    heap->at[i] = frame;
}

static struct schedule_frame *heap_pop(struct frames *heap)
{
    struct schedule_frame *top = heap->at[0], *last = heap->at[--heap->count];
    size_t i = 0, child;
    while ((child = 2 * i + 1) < heap->count) {
        if (child + 1 < heap->count && before(heap->at[child + 1], heap->at[child]))
            child++;
        if (!before(heap->at[child], last))
            break;
        heap->at[i] = heap->at[child];
        i = child;
    }
    heap->at[i] = last;
    return top;
}

/* How long the frame is on its way: waiting for the line, being sent, travelling. */
static uint64_t transit_ns(struct schedule *s, uint32_t len, int side, uint64_t now_ns)
{
    const struct lab_wire *wire = &s->wire;
    struct side *from = &s->side[side];
    uint64_t departure = now_ns;
    if (wire->rate_bps != 0) {
        if (from->line_free_ns > departure)
            departure = from->line_free_ns;
        departure += (uint64_t)len * 8 * NS_PER_S / wire->rate_bps;
        from->line_free_ns = departure;
    }
    uint64_t jitter = 0;
    if (wire->jitter_ns != 0)
        jitter = lab_rule_random(wire->jitter_seed, side, from->entered) % (wire->jitter_ns + 1);
    return departure - now_ns + wire->delay_ns + jitter;
}

/* Only jitter lets frames of one side overtake each other; two readings of the clock must not. */
static uint64_t due_ns(struct schedule *s, int side, uint64_t now_ns, uint64_t transit)
{
    struct side *from = &s->side[side];
    uint64_t due = now_ns + transit;
    if (s->wire.jitter_ns == 0 && due < from->last_due_ns)
        due = from->last_due_ns;
    from->last_due_ns = due;
    return due;
}

/* Flip one bit behind the headers, so that a checksum finds it: in the transport's payload, else in what IP
 * carries, else behind the Ethernet header. */
static void corrupt(const struct schedule *s, const struct packet *packet, struct schedule_frame *frame,
                    struct buf *comment)
{
    uint32_t first = frame->len > ETHERNET_HEADER ? ETHERNET_HEADER : 0, len = frame->len - first;
    if (packet->payload_captured > 0) {
        first = (uint32_t)(packet->payload - packet->data);
        len = packet->payload_captured;
    } else if (packet->ip_payload_len > 0) {
        first = (uint32_t)(packet->ip_payload - packet->data);
        len = packet->ip_payload_len;
    }
    const uint64_t dice = lab_rule_random(s->wire.corrupt.seed, frame->side, s->side[frame->side].entered);
    const uint32_t at = first + (uint32_t)(dice % len);
    frame->data[at] ^= (uint8_t)(1U << (dice >> 61));
    buf_printf(comment, "%scorrupted at byte %" PRIu32, comment->len > 0 ? ", " : "", at);
}

static struct schedule_frame *copy_frame(struct schedule *s, const struct packet *packet, int side,
                                         uint64_t due, bool held)
{
    struct schedule_frame *frame = malloc(sizeof *frame + packet->captured_len);
    if (frame == NULL)
        return NULL;
    *frame = (struct schedule_frame){.due_ns = held ? due + SCHEDULE_HOLD_NS : due,
                                     .sequence = ++s->sequence,
                                     .side = side,
                                     .held = held,
                                     .len = packet->captured_len};
    memcpy(frame->data, packet->data, packet->captured_len);
    return frame;
}

static void queue(struct schedule *s, struct schedule_frame *frame)
{
    s->bytes += frame->len;
    if (frame->held)
        s->held.at[s->held.count++] = frame;
    else
        heap_push(&s->heap, frame);
}

/* "delayed 5 ms", "delayed 0.25 ms", to the microsecond. */
static void say_delay(struct buf *comment, uint64_t ns)
{
    const uint64_t us = (ns + NS_PER_US / 2) / NS_PER_US;
    if (us == 0)
        return;
    buf_printf(comment, "delayed %" PRIu64, us / 1000);
    if (us % 1000 != 0) {
        unsigned rest = (unsigned)(us % 1000), digits = 3;
        for (; rest % 10 == 0; rest /= 10)
            digits--;
        buf_printf(comment, ".%0*u", (int)digits, rest);
    }
    buf_text(comment, " ms");
}

struct verdict {
    bool drop, duplicate, reorder, corrupt;
};

/* Deliver the frame, once or twice. */
static int send_on(struct schedule *s, const struct packet *packet, int side, uint64_t now_ns,
                   struct verdict verdict, struct buf *comment)
{
    const unsigned copies = verdict.duplicate ? 2 : 1;
    /* One more than the copies: every held frame must find room in the heap. */
    if (!frames_reserve(&s->held, copies) || !frames_reserve(&s->heap, s->held.count + copies))
        return -ENOMEM;
    const uint64_t transit = transit_ns(s, packet->wire_len, side, now_ns);
    const uint64_t due = due_ns(s, side, now_ns, transit);
    say_delay(comment, transit);
    struct schedule_frame *first = copy_frame(s, packet, side, due, verdict.reorder);
    if (first == NULL)
        return -ENOMEM;
    if (verdict.corrupt)
        corrupt(s, packet, first, comment);
    queue(s, first);
    if (verdict.duplicate) {
        struct schedule_frame *second = copy_frame(s, packet, side, due, verdict.reorder);
        if (second == NULL)
            return -ENOMEM;
        memcpy(second->data, first->data, first->len);
        queue(s, second);
        buf_text(comment, comment->len > 0 ? ", duplicated" : "duplicated");
    }
    if (verdict.reorder)
        buf_text(comment, comment->len > 0 ? ", held behind the next frame" : "held behind the next frame");
    if (comment->len == 0)
        buf_text(comment, "delivered");
    return 0;
}

int schedule_enter(struct schedule *s, const struct packet *packet, int side, uint64_t now_ns,
                   struct buf *comment)
{
    s->side[side].entered++;
    const struct verdict verdict = {
        .drop = lab_rule_hits(&s->wire.drop, packet, side),
        .duplicate = lab_rule_hits(&s->wire.duplicate, packet, side),
        .reorder = lab_rule_hits(&s->wire.reorder, packet, side),
        .corrupt = lab_rule_hits(&s->wire.corrupt, packet, side),
    };
    const unsigned copies = verdict.duplicate ? 2 : 1;
    if (verdict.drop) {
        buf_text(comment, "dropped");
    } else if (s->heap.count + s->held.count + copies > SCHEDULE_MAX_FRAMES ||
               s->bytes + (size_t)packet->captured_len * copies > SCHEDULE_MAX_BYTES) {
        buf_text(comment, "dropped: the wire's queue is full");
    } else {
        int failed = send_on(s, packet, side, now_ns, verdict, comment);
        if (failed != 0)
            return failed;
    }
    return comment->failed ? -ENOMEM : 0;
}

uint64_t schedule_next(const struct schedule *s)
{
    uint64_t next = s->heap.count > 0 ? s->heap.at[0]->due_ns : UINT64_MAX;
    for (size_t i = 0; i < s->held.count; i++) {
        if (s->held.at[i]->due_ns < next)
            next = s->held.at[i]->due_ns;
    }
    return next;
}

/* Move into the heap the held frames of `side` that came before `sequence`, or of any side whose time is
 * over.
 */
static void release_held(struct schedule *s, int side, uint64_t sequence, uint64_t now_ns)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->held.count; i++) {
        struct schedule_frame *frame = s->held.at[i];
        const bool overtaken = frame->side == side && frame->sequence < sequence;
        if (!overtaken && frame->due_ns > now_ns) {
            s->held.at[kept++] = frame;
            continue;
        }
        if (overtaken)
            frame->due_ns = now_ns;
        heap_push(&s->heap, frame);
    }
    s->held.count = kept;
}

struct schedule_frame *schedule_take(struct schedule *s, uint64_t now_ns)
{
    if (s->held.count > 0)
        release_held(s, -1, 0, now_ns);
    if (s->heap.count == 0 || s->heap.at[0]->due_ns > now_ns)
        return NULL;
    struct schedule_frame *frame = heap_pop(&s->heap);
    s->bytes -= frame->len;
    /* They are due at the moment of the frame that overtook them, ahead of whatever comes after it. */
    if (!frame->held && s->held.count > 0)
        release_held(s, frame->side, frame->sequence, frame->due_ns);
    return frame;
}
