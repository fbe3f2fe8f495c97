#include "base/pages.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    HUGE_PAGE = 2 << 20,
};

/* `unit`: a power of two. */
static size_t round_up(size_t size, size_t unit)
{
    return (size + unit - 1) & ~(unit - 1);
}

int pages_reserve(struct pages *pages, size_t size)
{
    const size_t small = (size_t)sysconf(_SC_PAGESIZE), unit = size >= HUGE_PAGE ? HUGE_PAGE : small;
    if (size > SIZE_MAX / 2)
        return -ENOMEM;
    const size_t wanted = round_up(size > 0 ? size : 1, unit), asked = wanted + unit - small;
    char *at = mmap(NULL, asked, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        return -ENOMEM;
    const size_t before = round_up((uintptr_t)at, unit) - (uintptr_t)at;
    if (before > 0)
        munmap(at, before);
    if (asked - before > wanted)
        munmap(at + before + wanted, asked - before - wanted);
    at += before;
    if (unit == HUGE_PAGE)
        (void)madvise(at, wanted, MADV_HUGEPAGE); /* slower without */
    *pages = (struct pages){at, wanted, unit};
    return 0;
}

size_t pages_taken(const struct pages *pages, size_t used)
{
    return used > 0 ? round_up(used, pages->unit) : 0;
}

void pages_give_back(const struct pages *pages, size_t used, size_t before)
{
    const size_t from = pages_taken(pages, used), to = pages_taken(pages, before);
    if (to > from)
        (void)madvise((char *)pages->at + from, to - from, MADV_DONTNEED);
}

void pages_free(struct pages *pages)
{
    if (pages->at != NULL)
        munmap(pages->at, pages->size);
    *pages = (struct pages){0};
}
