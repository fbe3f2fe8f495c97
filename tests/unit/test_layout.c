/* needs: src/base/buf.c src/base/text.c src/view/draw.c src/view/layout.c src/view/layout_cells.c
 * src/view/prose.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "view/draw.h"
#include "view/layout.h"
#include "view/prose.h"

#define LANES 4
#define ITEMS_MAX 400
#define GUTTER 11

/* Random lanes: the numbers are the same in every run. */
struct picture {
    struct layout_item items[LANES][ITEMS_MAX];
    struct layout_lane lane[LANES];
    struct layout_request request;
    uint64_t keep[4];
    struct layout layout;
    struct buf text;
};

static uint64_t random_below(uint64_t *state, uint64_t bound)
{
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    return (*state >> 33) % bound;
}

static void random_lane(struct picture *p, size_t l, uint64_t end, uint64_t *state)
{
    static const uint64_t lengths[] = {1, 3, 40, 1448, 70000};
    static const char *const names[] = {"header", "粘包 message", NULL, NULL};
    const uint64_t most = lengths[random_below(state, 5)];
    uint64_t at = random_below(state, 3) == 0 ? random_below(state, end) : 0;
    struct layout_lane *lane = &p->lane[l];
    *lane = (struct layout_lane){.title = "lane", .items = p->items[l]};
    while (at < end && lane->count < ITEMS_MAX) {
        uint64_t length = random_below(state, 4) == 0 ? 1 + random_below(state, most) : most;
        if (length > end - at)
            length = end - at;
        lane->items[lane->count] = (struct layout_item){.begin = at,
                                                        .end = at + length,
                                                        .name = names[random_below(state, 4)],
                                                        .n = (uint32_t)lane->count + 1,
                                                        .amount = length,
                                                        .asked = random_below(state, 2) * length,
                                                        .mark = (enum layout_mark)random_below(state, 4)};
        lane->count++;
        at += length + (random_below(state, 8) == 0 ? random_below(state, most) : 0);
    }
}

static void make_picture(struct picture *p, uint64_t seed, unsigned columns, bool ascii, size_t max_panels)
{
    uint64_t state = seed;
    const uint64_t end = 1 + random_below(&state, 5000) * (1 + random_below(&state, 100));
    for (size_t l = 0; l < LANES; l++)
        random_lane(p, l, end, &state);
    for (size_t i = 0; i < 4; i++)
        p->keep[i] = random_below(&state, end);
    p->request = (struct layout_request){.lanes = p->lane,
                                         .lane_count = LANES,
                                         .end = end,
                                         .columns = columns - GUTTER,
                                         .max_panels = max_panels,
                                         .keep = p->keep,
                                         .keep_count = 4,
                                         .ascii = ascii};
    p->text = (struct buf){0};
    assert_int_equal(layout_make(&p->layout, &p->request), 0);
}

static void draw(struct picture *p, size_t panel, bool ascii)
{
    const struct draw_mark mark = {.at = p->layout.cells[p->layout.cell_count / 2].begin, .text = "here"};
    const struct draw_style style = {.gutter = GUTTER, .ascii = ascii, .marks = &mark, .mark_count = 1};
    p->text.len = 0;
    draw_panel(&p->text, &p->layout, panel, &p->request, &style);
    buf_cstr(&p->text);
    assert_false(p->text.failed);
}

static void free_picture(struct picture *p)
{
    layout_free(&p->layout);
    buf_free(&p->text);
}

/* Cells tile the axis, panels tile the cells, every cell has a column, and no panel is too wide. */
static void check_geometry(const struct picture *p)
{
    const struct layout *layout = &p->layout;
    uint64_t at = 0;
    size_t cell = 0;
    for (size_t i = 0; i < layout->cell_count; i++) {
        assert_int_equal(layout->cells[i].begin, at);
        assert_true(layout->cells[i].end > at);
        at = layout->cells[i].end;
    }
    assert_int_equal(at, p->request.end);
    for (size_t k = 0; k < layout->panel_count; k++) {
        const struct layout_panel *panel = &layout->panels[k];
        unsigned x = 0;
        assert_int_equal(panel->first, cell);
        assert_true(panel->count > 0);
        for (size_t i = panel->first; i < panel->first + panel->count; i++) {
            assert_int_equal(layout->cells[i].x, x);
            assert_true(layout->cells[i].width >= 1);
            x += layout->cells[i].width;
        }
        assert_int_equal(panel->columns, x);
        assert_true(x + 1 <= p->request.columns);
        cell += panel->count;
    }
    assert_int_equal(cell, layout->cell_count);
}

/* The character in a column of a line, as bytes. */
static size_t char_at(const char *line, size_t len, size_t column, const char **at)
{
    size_t begin = text_fit(line, len, column);
    if (text_width(line, begin) != column) /* inside a wide one */
        return 0;
    *at = line + begin;
    size_t width = 1, end = 0;
    while (end == 0 && width < 3 && begin < len)
        end = text_fit(*at, len - begin, width++);
    return end;
}

/* The line of the `nth` lane that is drawn in the panel's text (0: the axis). */
static const char *line_of(const struct picture *p, size_t nth, size_t *len)
{
    const char *line = (const char *)p->text.data;
    for (; nth > 0; nth--)
        line = strchr(line, '\n') + 1;
    *len = strcspn(line, "\n");
    return line;
}

static bool drawn_in(const struct picture *p, const struct layout_lane *lane,
                     const struct layout_panel *panel)
{
    const uint64_t begin = p->layout.cells[panel->first].begin;
    const uint64_t end = p->layout.cells[panel->first + panel->count - 1].end;
    for (size_t i = 0; i < lane->count; i++) {
        if (lane->items[i].begin < end && lane->items[i].end > begin)
            return true;
    }
    return false;
}

/* Each item begins with a bar in its lane, at its cell; or inside a fold. */
static void check_item(const struct picture *p, const struct layout_panel *panel,
                       const struct layout_item *item, const char *line, size_t len, const char *bar)
{
    for (size_t i = panel->first; i < panel->first + panel->count; i++) {
        const struct layout_cell *cell = &p->layout.cells[i];
        if (item->begin < cell->begin || item->begin >= cell->end)
            continue;
        if (cell->fold && item->begin > cell->begin)
            return;
        const char *at;
        assert_int_equal(item->begin, cell->begin);
        const size_t bytes = char_at(line, len, GUTTER + cell->x, &at);
        assert_true(bytes == strlen(bar) && memcmp(at, bar, bytes) == 0);
        return;
    }
}

static void check_lines(const struct picture *p, unsigned columns)
{
    const char *line = (const char *)p->text.data;
    while (*line != '\0') {
        const size_t len = strcspn(line, "\n");
        assert_true(text_width(line, len) <= columns);
        assert_true(len == 0 || line[len - 1] != ' ');
        line += len + (line[len] == '\n');
    }
}

static void every_boundary_is_where_it_belongs(void **state)
{
    (void)state;
    static struct picture p;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        const unsigned columns = 40 + (unsigned)(seed * 7 % 161);
        const bool ascii = seed % 3 == 0;
        const size_t max_panels = seed % 5 == 0 ? 0 : 6;
        make_picture(&p, seed, columns, ascii, max_panels);
        check_geometry(&p);
        for (size_t k = 0; k < p.layout.panel_count; k++) {
            const struct layout_panel *panel = &p.layout.panels[k];
            size_t drawn = 0;
            draw(&p, k, ascii);
            check_lines(&p, columns);
            for (size_t l = 0; l < LANES; l++) {
                size_t len;
                if (!drawn_in(&p, &p.lane[l], panel))
                    continue;
                const char *line = line_of(&p, ++drawn, &len);
                for (size_t i = 0; i < p.lane[l].count; i++)
                    check_item(&p, panel, &p.lane[l].items[i], line, len, ascii ? "|" : "┃");
            }
        }
        free_picture(&p);
    }
}

static void pictures_are_bounded_unless_asked(void **state)
{
    (void)state;
    static struct picture p;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        make_picture(&p, seed, 40 + (unsigned)seed, false, 6);
        assert_true(p.layout.panel_count <= 6);
        free_picture(&p);
        make_picture(&p, seed, 40 + (unsigned)seed, false, 0);
        for (size_t i = 0; i < p.layout.cell_count; i++)
            assert_false(p.layout.cells[i].fold);
        free_picture(&p);
    }
}

/* What is next to a place of interest is not folded away. */
static void places_of_interest_are_kept(void **state)
{
    (void)state;
    static struct layout_item items[1000];
    for (size_t i = 0; i < 1000; i++)
        items[i] = (struct layout_item){
            .begin = i * 1448, .end = (i + 1) * 1448, .n = (uint32_t)i + 1, .amount = 1448};
    const struct layout_lane lane = {.title = "wire", .items = items, .count = 1000};
    const uint64_t keep[] = {500 * 1448};
    const struct layout_request request = {.lanes = &lane,
                                           .lane_count = 1,
                                           .end = 1448000,
                                           .columns = 90,
                                           .max_panels = 6,
                                           .keep = keep,
                                           .keep_count = 1};
    struct layout layout;
    assert_int_equal(layout_make(&layout, &request), 0);
    size_t folds = 0;
    bool found = false;
    uint64_t folded = 0;
    for (size_t i = 0; i < layout.cell_count; i++) {
        folds += layout.cells[i].fold;
        folded += layout.cells[i].fold ? layout.cells[i].end - layout.cells[i].begin : 0;
        found = found || (!layout.cells[i].fold && layout.cells[i].begin == keep[0]);
    }
    assert_int_equal(folds, 2);
    assert_true(found);
    assert_true(folded > 900 * 1448);
    char label[LAYOUT_LABEL_MAX];
    for (size_t i = 0; i < layout.cell_count; i++) {
        if (layout.cells[i].fold)
            assert_true(layout_fold_label(&lane, &layout.cells[i], LAYOUT_FULL, false, label) > 0);
    }
    layout_free(&layout);
}

static void labels(void **state)
{
    (void)state;
    char out[LAYOUT_LABEL_MAX];
    struct layout_item item = {.begin = 0, .end = 1024, .n = 7, .amount = 1024, .asked = 1024};
    layout_label(&item, LAYOUT_FULL, false, out);
    assert_string_equal(out, "#7 1024/1024");
    item.asked = 0;
    item.mark = LAYOUT_AGAIN;
    layout_label(&item, LAYOUT_FULL, false, out);
    assert_string_equal(out, "#7 ↻1024");
    layout_label(&item, LAYOUT_FULL, true, out);
    assert_string_equal(out, "#7 again 1024");
    item.mark = LAYOUT_LOST;
    layout_label(&item, LAYOUT_BRIEF, false, out);
    assert_string_equal(out, "#7 ✗");
    layout_label(&item, LAYOUT_NONE, false, out);
    assert_string_equal(out, "");
}

/* A whole picture, so that a change of the drawing is seen. */
static void a_picture(void **state)
{
    (void)state;
    struct layout_item messages[] = {{0, 38, "header", 1, 0, 0, LAYOUT_PLAIN},
                                     {38, 4134, "body", 2, 0, 0, LAYOUT_PLAIN}};
    struct layout_item recvs[] = {{0, 1024, NULL, 1, 1024, 1024, LAYOUT_PLAIN},
                                  {1024, 2000, NULL, 2, 976, 0, LAYOUT_PLAIN},
                                  {2000, 4134, "unread", 0, 2134, 0, LAYOUT_FAINT}};
    const struct layout_lane lanes[] = {{"message", NULL, messages, 2, 2}, {"recv()", NULL, recvs, 3, 3}};
    const struct layout_request request = {
        .lanes = lanes, .lane_count = 2, .end = 4134, .columns = 59, .max_panels = 6};
    const struct draw_mark mark = {.at = 38, .text = "broken at byte 38"};
    const struct draw_style style = {.gutter = GUTTER, .marks = &mark, .mark_count = 1};
    struct layout layout;
    struct buf out = {0};
    assert_int_equal(layout_make(&layout, &request), 0);
    assert_int_equal(layout.panel_count, 1);
    draw_panel(&out, &layout, 0, &request, &style);
    assert_string_equal(buf_cstr(&out),
                        " byte      0        38          1024        2000                  4134\n"
                        " message   ┃ header ┃ body ──────────────────────────────────────────┃\n"
                        " recv()    ┃ #1 1024/1024 ──────┃ #2 976 ───┃ unread 2134 ···········┃\n"
                        "                    ▲ broken at byte 38\n");
    buf_free(&out);
    layout_free(&layout);
}

static void wrapped(void **state)
{
    (void)state;
    struct buf out = {0};
    prose_wrap(&out, "one two three four", 0, 2, 9);
    assert_string_equal(buf_cstr(&out), "one two\n  three\n  four\n");
    out.len = 0;
    prose_wrap(&out, "粘包粘包粘包", 0, 0, 5); /* wide, and no space to break at */
    assert_string_equal(buf_cstr(&out), "粘包\n粘包\n粘包\n");
    out.len = 0;
    prose_ascii(&out, "4\u202f134\u202fB → 粘 µs …");
    assert_string_equal(buf_cstr(&out), "4134 B -> \\u{7c98} us ...");
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_boundary_is_where_it_belongs),
        cmocka_unit_test(pictures_are_bounded_unless_asked),
        cmocka_unit_test(places_of_interest_are_kept),
        cmocka_unit_test(labels),
        cmocka_unit_test(a_picture),
        cmocka_unit_test(wrapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
