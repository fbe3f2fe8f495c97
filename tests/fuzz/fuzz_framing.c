/* needs: capture/framing.c src/base/buf.c */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "capture/framing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte chooses the framing and whether the stream is over; the rest is the stream. Whatever it is,
 * the messages tile it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct buf out = {0};
    framing_parse(&framings[data[0] % FRAMING_COUNT], data + 1, size - 1, (data[0] & 0x80) != 0, &out);
    uint64_t end = 0;
    for (size_t at = 0; at < out.len; at += sizeof(struct framing_message)) {
        struct framing_message message;
        memcpy(&message, out.data + at, sizeof message);
        if (message.offset != end || message.length == 0 || message.length > size - 1 - end)
            abort();
        end += message.length;
    }
    if (!out.failed && end != size - 1 && out.len / sizeof(struct framing_message) < FRAMING_MESSAGES_MAX)
        abort();
    buf_free(&out);
    return 0;
}
