/* needs: capture/call.c capture/journal.c capture/packet.c src/base/buf.c src/base/err.c src/base/text.c */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "capture/call.h"
#include "capture/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In all that the join goes by. Texts may differ: they are escaped, and cut where they are too long. */
static bool is_same(const struct call *a, const struct call *b)
{
    return a->op == b->op && a->pid == b->pid && a->fd == b->fd && a->socket == b->socket &&
           a->family == b->family && a->type == b->type && a->local_port == b->local_port &&
           a->peer_port == b->peer_port && packet_address_equal(&a->local, &b->local) &&
           packet_address_equal(&a->peer, &b->peer) && a->enter_ns == b->enter_ns &&
           a->exit_ns == b->exit_ns && a->asked == b->asked && a->result == b->result &&
           a->has_offset == b->has_offset && a->offset == b->offset && a->ambiguous == b->ambiguous &&
           a->has_digest == b->has_digest && a->digest == b->digest && a->peeked == b->peeked &&
           a->has_tcpi == b->has_tcpi && a->data_len == b->data_len;
}

/* Call records: what was read is written as it is read again, and the line for people is one line. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf store = {0}, again_store = {0}, text = {0};
    struct call call, again;
    struct sd_err err = {0};
    const char *message;
    size_t message_len;
    (void)journal_time_ns((const char *)data, size);
    (void)journal_field((const char *)data, size, "MESSAGE", &message, &message_len);
    if (call_parse(&call, (const char *)data, size, &store, &err) == 0) {
        call_build(&text, &call);
        if (text.failed || call_parse(&again, (const char *)text.data, text.len, &again_store, &err) != 0 ||
            !is_same(&call, &again))
            abort();
        text.len = 0;
        call_message(&text, &call);
        if (memchr(text.data, '\n', text.len) != NULL)
            abort();
    }
    buf_free(&store);
    buf_free(&again_store);
    buf_free(&text);
    return 0;
}
