#include "base/i18n.h"
#include "lanes/model.h"

#include <errno.h>

#include "lanes/spans.h"

static const char *part_name(enum framing_part part)
{
    switch (part) {
    case FRAMING_PREFIX:
        return N_("length");
    case FRAMING_HEADER:
        return N_("header");
    case FRAMING_BODY:
        return N_("body");
    case FRAMING_GARBAGE:
        return N_("garbage");
    }
    return N_("garbage");
}

static int add_message(struct lanes_direction *d, const struct framing_message *message)
{
    if (message->length == 0)
        return 0;
    struct lanes_span *span = spans_add(&d->lane[LANES_MESSAGE]);
    if (span == NULL)
        return -ENOMEM;
    span->n = (uint32_t)d->lane[LANES_MESSAGE].count;
    span->offset = message->offset;
    span->length = message->length;
    span->name = part_name(message->part);
    span->complete = message->complete;
    span->announced = message->announced;
    return 0;
}

static int cut_direction(const struct framing *framing, struct lanes_direction *d)
{
    struct buf parts = {0};
    const bool ended = d->ended && d->payload_len == d->bytes;
    int failed = 0;
    framing_parse(framing, d->payload, d->payload_len, ended, &parts);
    if (parts.failed)
        failed = -ENOMEM;
    const struct framing_message *message = (const struct framing_message *)(const void *)parts.data;
    for (size_t i = 0; i < parts.len / sizeof *message && failed == 0; i++)
        failed = add_message(d, &message[i]);
    buf_free(&parts);
    return failed;
}

int messages_cut(struct lanes_stream *stream)
{
    for (int side = 0; side < 2 && stream->framing != NULL; side++) {
        struct lanes_direction *d = &stream->direction[side];
        if (d->payload_len == 0 || d->partial)
            continue;
        if (cut_direction(stream->framing, d) != 0)
            return -ENOMEM;
        if (d->payload_len < d->bytes &&
            model_note(stream, "messages are shown up to byte %zu: what follows was not captured whole",
                       d->payload_len) != 0)
            return -ENOMEM;
    }
    return 0;
}
