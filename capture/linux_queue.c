#include "capture/linux_queue.h"

#include <stddef.h>

/* A segment just like one that could not be joined will not be, either. */
static bool came_before(const struct linux_held *there, uint64_t begin, uint64_t end)
{
    return there != NULL && !there->hides && there->least_begin < there->begin && there->begin == begin &&
           there->end == end;
}

struct linux_held linux_queue_arrival(uint64_t begin, uint64_t end, const struct linux_held *before,
                                      const struct linux_held *there)
{
    const bool joins =
        before != NULL && (before->end <= begin || before->hides) && !came_before(there, begin, end);
    return (struct linux_held){
        .least_begin = joins ? before->least_begin : begin,
        .begin = begin,
        .end = end,
    };
}

enum linux_verdict linux_queue_judge(const struct linux_held *held, uint64_t most_end,
                                     const struct linux_held *arrival)
{
    const uint64_t begin = arrival->begin, end = arrival->end;
    if (begin < held->least_begin || (begin == held->least_begin && end > most_end))
        return LINUX_TAKES;
    if (arrival->least_begin < held->begin || (begin == held->begin && end > held->end))
        return LINUX_UNKNOWN;
    return LINUX_KEEPS;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

struct linux_held linux_queue_take(const struct linux_held *held, const struct linux_held *arrival,
                                   enum linux_verdict verdict)
{
    struct linux_held after = verdict == LINUX_KEEPS ? *held : *arrival;
    after.hides = held->hides || (verdict == LINUX_TAKES && arrival->least_begin < arrival->begin) ||
                  verdict == LINUX_UNKNOWN;
    if (verdict == LINUX_UNKNOWN) {
        after.least_begin = least(held->least_begin, arrival->least_begin);
        after.begin = held->begin > arrival->begin ? held->begin : arrival->begin;
        after.end = least(held->end, arrival->end);
    }
    return after;
}
