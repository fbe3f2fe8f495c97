#include "cmd/ping_pace.h"

#include "base/clock.h"

/* What was missed (the machine was busy, or asleep) is caught up with only so far: a host shall not get the
 * probes of a minute at once. */
#define CATCH_UP_NS (20U * NS_PER_MS)

static uint32_t least_of(uint64_t a, uint32_t b)
{
    return a < b ? (uint32_t)a : b;
}

static uint32_t free_places(const struct ping_pace *pace, uint32_t under_way)
{
    return under_way < pace->window ? pace->window - under_way : 0;
}

static uint32_t take_by_clock(struct ping_pace *pace, uint64_t now_ns, uint32_t most)
{
    if (now_ns < pace->due_ns)
        return 0;
    if (now_ns - pace->due_ns > CATCH_UP_NS)
        pace->due_ns = now_ns - (pace->gap_ns < CATCH_UP_NS ? CATCH_UP_NS : 0);
    if (pace->gap_ns == 0) {
        pace->due_ns = now_ns;
        return most;
    }
    const uint32_t count = least_of((now_ns - pace->due_ns) / pace->gap_ns + 1, most);
    pace->due_ns += count * pace->gap_ns;
    return count;
}

uint32_t ping_pace_take(struct ping_pace *pace, uint64_t now_ns, uint32_t under_way, uint32_t most)
{
    uint32_t count = 0;
    if (pace->preload > 0) {
        count = least_of(pace->preload, most);
        pace->preload -= count;
        pace->due_ns = now_ns + pace->gap_ns;
    } else if (free_places(pace, under_way) > 0 && now_ns >= pace->last_ns + pace->least_ns) {
        count = least_of(free_places(pace, under_way), pace->least_ns > 0 ? 1 : most);
        pace->due_ns = now_ns + pace->gap_ns;
    } else {
        count = take_by_clock(pace, now_ns, most);
    }
    if (count > 0)
        pace->last_ns = now_ns;
    return count;
}

uint64_t ping_pace_next(const struct ping_pace *pace, uint32_t under_way)
{
    if (pace->preload > 0)
        return 0;
    const uint64_t by_window = pace->last_ns + pace->least_ns;
    return free_places(pace, under_way) > 0 && by_window < pace->due_ns ? by_window : pace->due_ns;
}
