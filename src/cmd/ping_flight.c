#include <stdlib.h>

#include "base/clock.h"
#include "cmd/ping.h"

/* What is under way, in the order it left: one ring for each sender, whose index is the sender's own number
 * of the packet. It finds the probe that a time of sending belongs to, the probes that are past their time,
 * and how many count for the window of a flood. */

#define ROOM_AT_FIRST 256U
#define ROOM_MOST 262144U

/* What has no answer after so long does not hold up the next: 100 probes a second leave in any case, as in
 * ping. */
#define FLIES_NS (10U * NS_PER_MS)

static struct ping_sent *at(const struct ping_sender *sender, uint32_t id)
{
    return &sender->ring[id & (sender->room - 1)];
}

static bool grow(struct ping_sender *sender, uint32_t next)
{
    const uint32_t room = sender->room == 0 ? ROOM_AT_FIRST : 2 * sender->room;
    struct ping_sent *ring = calloc(room, sizeof *ring);
    if (ring == NULL)
        return false;
    for (uint32_t id = sender->oldest; id != next; id++)
        ring[id & (room - 1)] = *at(sender, id);
    free(sender->ring);
    sender->ring = ring;
    sender->room = room;
    return true;
}

static void stop_flying(struct ping *ping, struct ping_sent *sent)
{
    ping->flying -= sent->flying;
    sent->flying = false;
}

/* Tell of what the track gave up. */
static void tell_lost(struct ping *ping, struct ping_target *target, const struct track_probe *probe)
{
    const struct ping_event event = {.target = target, .seq = probe->number + 1};
    ping->waiting--;
    ping_headers_answer(ping, target, probe->number, NULL, NULL);
    ping->view->lost(ping, &event);
}

static void expire(struct ping *ping, struct ping_target *target, uint64_t now_ns)
{
    for (const struct track_probe *probe; (probe = track_expire(&target->track, now_ns)) != NULL;)
        tell_lost(ping, target, probe);
}

void ping_flight_make_room(struct ping *ping, struct ping_target *target)
{
    struct track *track = &target->track;
    if (track->next - track->oldest_waiting < TRACK_KEPT)
        return;
    const struct track_probe *probe = track_expire(track, UINT64_MAX);
    if (probe != NULL)
        tell_lost(ping, target, probe);
}

/* Forget the oldest packet; its probe's time is over. */
static void forget_oldest(struct ping *ping, struct ping_sender *sender, uint64_t now_ns)
{
    struct ping_sent *sent = at(sender, sender->oldest);
    stop_flying(ping, sent);
    if (sender->aged == sender->oldest)
        sender->aged++;
    sender->oldest++;
    if (sent->target != PING_NOBODY)
        expire(ping, &ping->targets[sent->target], now_ns);
}

bool ping_flight_left(struct ping *ping, struct ping_sender *sender, uint32_t id, uint32_t target,
                      uint32_t number, uint64_t now_ns)
{
    if (id - sender->oldest == sender->room) {
        if (sender->room < ROOM_MOST && !grow(sender, id))
            return false;
        if (id - sender->oldest == sender->room)
            forget_oldest(ping, sender, at(sender, sender->oldest)->mono_ns + ping->timeout_ns);
    }
    const bool flies = target != PING_NOBODY;
    *at(sender, id) = (struct ping_sent){target, number, now_ns, flies};
    ping->flying += flies;
    return true;
}

const struct ping_sent *ping_flight_at(const struct ping_sender *sender, uint32_t next, uint32_t id)
{
    return id - sender->oldest < next - sender->oldest && at(sender, id)->target != PING_NOBODY
               ? at(sender, id)
               : NULL;
}

void ping_flight_landed(struct ping *ping, const struct ping_target *target, uint32_t send_id)
{
    struct ping_sender *sender = &ping->sender[ping_family(target)];
    if (send_id - sender->oldest < sender->raw.sends - sender->oldest)
        stop_flying(ping, at(sender, send_id));
}

void ping_flight_age(struct ping *ping, uint64_t now_ns)
{
    for (unsigned family = 0; family < PING_FAMILIES; family++) {
        struct ping_sender *sender = &ping->sender[family];
        while (sender->aged != sender->raw.sends && at(sender, sender->aged)->mono_ns + FLIES_NS <= now_ns)
            stop_flying(ping, at(sender, sender->aged++));
    }
}

void ping_flight_give_up(struct ping *ping, uint64_t now_ns)
{
    for (unsigned family = 0; family < PING_FAMILIES; family++) {
        struct ping_sender *sender = &ping->sender[family];
        while (sender->oldest != sender->raw.sends &&
               (now_ns == UINT64_MAX || at(sender, sender->oldest)->mono_ns + ping->timeout_ns <= now_ns))
            forget_oldest(ping, sender, now_ns);
    }
}

uint64_t ping_flight_deadline(const struct ping *ping)
{
    uint64_t first = UINT64_MAX;
    for (unsigned family = 0; family < PING_FAMILIES; family++) {
        const struct ping_sender *sender = &ping->sender[family];
        if (sender->oldest == sender->raw.sends)
            continue;
        const uint64_t deadline = at(sender, sender->oldest)->mono_ns + ping->timeout_ns;
        first = deadline < first ? deadline : first;
    }
    return first;
}
