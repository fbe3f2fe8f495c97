#include "base/i18n.h"
#include "lanes/model.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lanes/findings.h"
#include "lanes/spans.h"

int model_grow(void **at, size_t *cap, size_t count, size_t size)
{
    if (count < *cap)
        return 0;
    size_t wanted = *cap == 0 ? 8 : *cap * 2;
    void *moved = reallocarray(*at, wanted, size);
    if (moved == NULL)
        return -ENOMEM;
    *at = moved;
    *cap = wanted;
    return 0;
}

struct lanes_stream *model_add_stream(struct lanes *lanes)
{
    /* The list grows by powers of two, so its room follows from its length. */
    if ((lanes->stream_count & (lanes->stream_count - 1)) == 0) {
        size_t cap = lanes->stream_count == 0 ? 1 : lanes->stream_count * 2;
        struct lanes_stream **moved = reallocarray(lanes->streams, cap, sizeof(struct lanes_stream *));
        if (moved == NULL)
            return NULL;
        lanes->streams = moved;
    }
    struct lanes_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL)
        return NULL;
    stream->broken_at = UINT64_MAX;
    stream->direction[FLOW_CLIENT].from = FLOW_CLIENT;
    stream->direction[FLOW_SERVER].from = FLOW_SERVER;
    lanes->streams[lanes->stream_count++] = stream;
    return stream;
}

int model_note(struct lanes_stream *stream, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, _(format), args);
    va_end(args);
    if (len < 0)
        return -ENOMEM;
    char **moved = reallocarray(stream->notes, stream->note_count + 1, sizeof *moved);
    if (moved == NULL) {
        free(text);
        return -ENOMEM;
    }
    stream->notes = moved;
    stream->notes[stream->note_count++] = text;
    return 0;
}

void model_free_stream(struct lanes_stream *stream)
{
    if (stream == NULL)
        return;
    for (int side = 0; side < 2; side++) {
        for (int lane = 0; lane < LANES_LANE_COUNT; lane++)
            spans_free(&stream->direction[side].lane[lane]);
        spans_free(&stream->direction[side].waits);
        free(stream->direction[side].payload);
    }
    findings_free(stream);
    for (size_t i = 0; i < stream->note_count; i++)
        free(stream->notes[i]);
    free(stream->notes);
    free(stream);
}
