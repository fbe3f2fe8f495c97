#include "cmd/labelled.h"

#include <string.h>

#include "base/text.h"
#include "view/prose.h"

enum {
    SIGN = 3,    /* columns: a blank, the sign, a blank */
    NARROW = 70, /* below this the text stands under its label */
    INDENT = 5,
};

/* The text as this terminal can show it. */
static const char *shown(const struct view_style *style, const char *text, struct buf *room)
{
    if (!style->ascii)
        return text;
    prose_ascii(room, text);
    return buf_cstr(room);
}

static void wrap(struct buf *out, const struct view_style *style, const char *text, unsigned at,
                 unsigned indent)
{
    struct buf room = {0};
    prose_wrap(out, shown(style, text, &room), at, indent, style->columns);
    out->failed = out->failed || room.failed;
    buf_free(&room);
}

void labelled_put(struct buf *out, const struct view_style *style, const struct labelled *front,
                  const char *text)
{
    struct buf room = {0};
    const char *label = shown(style, front->label, &room);
    const unsigned used = (unsigned)text_width(label, strlen(label));
    const bool colored = style->color && front->color != NULL;
    const bool below = style->columns < NARROW;
    if (colored)
        buf_printf(out, "\x1b[%sm", front->color);
    buf_printf(out, " %s %s", front->sign != NULL ? front->sign : " ", label);
    if (colored)
        buf_text(out, "\x1b[0m");
    const unsigned column = below ? INDENT : SIGN + front->width + 1, at = SIGN + used;
    if (below || at >= column)
        buf_printf(out, "\n%*s", (int)column, "");
    else
        buf_printf(out, "%*s", (int)(column - at), "");
    wrap(out, style, text, column, column);
    out->failed = out->failed || room.failed;
    buf_free(&room);
}

void labelled_paragraph(struct buf *out, const struct view_style *style, const char *text)
{
    wrap(out, style, text, 0, 0);
}
