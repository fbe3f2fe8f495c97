#include "view/view.h"

void view_render(const struct view *view, const struct lanes *lanes, const struct view_style *style,
                 struct buf *out)
{
    view->head(out, lanes, style);
    for (size_t i = 0; i < lanes->stream_count; i++)
        view->stream(out, lanes->streams[i], style);
    for (size_t i = 0; i < lanes->datagram_count; i++)
        view->datagrams(out, &lanes->datagrams[i], style);
    view->tail(out, lanes, style);
}
