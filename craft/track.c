#include "craft/track.h"

#include <assert.h>
#include <stdlib.h>

#define ROOM_AT_FIRST 16

static_assert((TRACK_KEPT & (TRACK_KEPT - 1)) == 0, "numbers are placed by their low bits");

/* Numbers wrap at 2^32: how far one lies behind another is told by unsigned subtraction only. */
static uint32_t remembered(const struct track *track)
{
    return track->next - track->first;
}

static struct track_probe *at(const struct track *track, uint32_t number)
{
    return &track->ring[number & (track->room - 1)];
}

static bool is_waiting(const struct track_probe *probe)
{
    return !probe->answered && !probe->lost;
}

static void skip_settled(struct track *track)
{
    while (track->oldest_waiting != track->next && !is_waiting(at(track, track->oldest_waiting)))
        track->oldest_waiting++;
}

static bool grow(struct track *track)
{
    uint32_t room = track->room == 0 ? ROOM_AT_FIRST : track->room * 2;
    struct track_probe *ring = calloc(room, sizeof *ring);
    if (ring == NULL)
        return false;
    for (uint32_t n = track->first; n != track->next; n++)
        ring[n & (room - 1)] = *at(track, n);
    free(track->ring);
    track->ring = ring;
    track->room = room;
    return true;
}

static void give_up(struct track *track, struct track_probe *probe)
{
    probe->lost = true;
    track->lost++;
    skip_settled(track);
}

struct track_probe *track_send(struct track *track, uint64_t asked_ns, uint64_t deadline_ns)
{
    if (remembered(track) == track->room) {
        if (track->room < TRACK_KEPT) {
            if (!grow(track))
                return NULL;
        } else {
            if (is_waiting(at(track, track->first)))
                give_up(track, at(track, track->first));
            track->first++;
        }
    }
    /* Deadlines in the order of numbers: the oldest that waits is the next to expire. */
    if (track->oldest_waiting != track->next && at(track, track->next - 1)->deadline_ns > deadline_ns)
        deadline_ns = at(track, track->next - 1)->deadline_ns;
    struct track_probe *probe = at(track, track->next);
    *probe = (struct track_probe){.number = track->next, .asked_ns = asked_ns, .deadline_ns = deadline_ns};
    track->next++;
    track->sent++;
    return probe;
}

struct track_probe *track_find(struct track *track, uint32_t number, unsigned bits)
{
    if (bits == 0 || track->next == track->first)
        return NULL;
    uint32_t mask = bits >= 32 ? UINT32_MAX : (UINT32_C(1) << bits) - 1;
    uint32_t behind = (track->next - 1 - number) & mask;
    return behind < remembered(track) ? at(track, track->next - 1 - behind) : NULL;
}

static void count_answer(struct track_probe *probe)
{
    if (probe->answers < UINT16_MAX)
        probe->answers++;
}

enum track_result track_answer(struct track *track, struct track_probe *probe)
{
    if (probe == NULL)
        return TRACK_UNKNOWN;
    count_answer(probe);
    if (probe->answered) {
        track->duplicates++;
        return TRACK_DUPLICATE;
    }
    probe->answered = true;
    if (probe->lost) {
        probe->lost = false;
        track->lost--;
        track->late++;
        return TRACK_LATE;
    }
    track->answered++;
    skip_settled(track);
    return TRACK_ANSWERED;
}

enum track_result track_error(struct track *track, struct track_probe *probe)
{
    if (probe == NULL)
        return TRACK_UNKNOWN;
    track->errors++;
    if (probe->answered)
        return TRACK_DUPLICATE;
    if (probe->lost)
        return TRACK_LATE;
    give_up(track, probe);
    return TRACK_ANSWERED;
}

struct track_probe *track_expire(struct track *track, uint64_t now_ns)
{
    if (track->oldest_waiting == track->next)
        return NULL;
    struct track_probe *probe = at(track, track->oldest_waiting);
    if (probe->deadline_ns > now_ns)
        return NULL;
    give_up(track, probe);
    return probe;
}

uint64_t track_deadline(const struct track *track)
{
    return track->oldest_waiting == track->next ? UINT64_MAX : at(track, track->oldest_waiting)->deadline_ns;
}

uint64_t track_waiting(const struct track *track)
{
    return track->sent - track->answered - track->late - track->lost;
}

void track_free(struct track *track)
{
    free(track->ring);
    *track = (struct track){0};
}
