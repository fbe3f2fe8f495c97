#include "view/layout_cells.h"

#include <errno.h>
#include <stdlib.h>

static int compare_u64(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

int layout_bounds_find(struct layout_bounds *bounds, const struct layout_request *request)
{
    size_t most = 2, count = 0;
    for (size_t l = 0; l < request->lane_count; l++)
        most += 2 * request->lanes[l].count;
    uint64_t *at = calloc(most, sizeof *at);
    if (at == NULL)
        return -ENOMEM;
    at[count++] = 0;
    at[count++] = request->end;
    for (size_t l = 0; l < request->lane_count; l++) {
        for (size_t i = 0; i < request->lanes[l].count; i++) {
            at[count++] = request->lanes[l].items[i].begin;
            at[count++] = request->lanes[l].items[i].end;
        }
    }
    qsort(at, count, sizeof *at, compare_u64);
    size_t unique = 0;
    for (size_t i = 0; i < count; i++) {
        if (unique == 0 || at[unique - 1] != at[i])
            at[unique++] = at[i];
    }
    *bounds = (struct layout_bounds){at, unique};
    return 0;
}

/* The cell behind the last boundary that is not after `offset`. */
static size_t cell_of(const struct layout_bounds *bounds, uint64_t offset)
{
    size_t low = 0, high = bounds->count;
    while (low + 1 < high) {
        size_t middle = low + (high - low) / 2;
        if (bounds->at[middle] <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static size_t keep_cell(bool *kept, size_t cells, size_t i, size_t left)
{
    if (i >= cells || kept[i] || left == 0)
        return left;
    kept[i] = true;
    return left - 1;
}

/* Mark the cells to keep: those next to each place of interest, then their neighbours, and so on outwards
 * until `room` is used up. */
static void choose(bool *kept, const struct layout_bounds *bounds, const struct layout_request *request,
                   size_t room)
{
    const size_t cells = bounds->count - 1;
    size_t left = keep_cell(kept, cells, 0, room);
    left = keep_cell(kept, cells, cells - 1, left);
    for (size_t radius = 0; radius < cells && left > 0; radius++) {
        left = keep_cell(kept, cells, radius, left);
        left = keep_cell(kept, cells, cells - 1 - radius, left);
        for (size_t k = 0; k < request->keep_count && left > 0; k++) {
            const size_t at = cell_of(bounds, request->keep[k]);
            left = keep_cell(kept, cells, at + radius, left);
            if (at >= radius + 1)
                left = keep_cell(kept, cells, at - radius - 1, left);
        }
    }
}

int layout_cells_make(struct layout *layout, const struct layout_bounds *bounds,
                      const struct layout_request *request, size_t room)
{
    const size_t cells = bounds->count - 1;
    bool *kept = calloc(cells, sizeof *kept);
    free(layout->cells);
    layout->cells = calloc(cells, sizeof *layout->cells);
    layout->cell_count = 0;
    if (kept == NULL || layout->cells == NULL) {
        free(kept);
        return -ENOMEM;
    }
    if (cells > room)
        choose(kept, bounds, request, room);
    for (size_t i = 0; i < cells;) {
        size_t end = i + 1;
        while (cells > room && !kept[i] && end < cells && !kept[end])
            end++;
        layout->cells[layout->cell_count++] =
            (struct layout_cell){.begin = bounds->at[i], .end = bounds->at[end], .fold = end > i + 1};
        i = end;
    }
    free(kept);
    return 0;
}
