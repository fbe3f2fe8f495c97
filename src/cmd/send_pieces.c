#include "cmd/send_pieces.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

/* The fragments of a datagram are told from those of others by their identification; 0 would be one that the
 * kernel fills in, another one for each of them (raw(7)). */
static void give_id(const struct craft_packet *packet, const struct send_expr *e, uint8_t *ip, uint32_t id)
{
    enum {
        ID_AT = 4
    };
    const struct craft_layer *layer = &packet->layer[e->net];
    const int field = layer->type == &craft_ip ? craft_field_find(&craft_ip, "id", 2) : -1;
    if (field >= 0 && !layer->value[field].given && load_be16(ip + ID_AT) == 0)
        store_be16(ip + ID_AT, (uint16_t)(id % UINT16_MAX + 1));
}

static void put_piece(struct send_pieces *p, const uint8_t *head, size_t head_len, const uint8_t *bytes,
                      size_t len)
{
    const size_t all = head_len + len;
    buf_append(&p->bytes, head, head_len);
    buf_append(&p->bytes, bytes, len);
    buf_append(&p->lens, &all, sizeof all);
    p->count++;
}

static size_t len_at(const struct buf *lens, size_t index)
{
    size_t len;
    memcpy(&len, lens->data + index * sizeof len, sizeof len);
    return len;
}

static int cut(struct send_pieces *p, const struct craft_packet *packet, uint8_t *bytes,
               const struct send_built *built, size_t mtu, uint32_t id, struct sd_err *err)
{
    struct buf lens = {0};
    uint8_t *ip = bytes + built->net_at;
    p->cut.len = 0;
    give_id(packet, built->expr, ip, id);
    int failed = craft_fragment(ip, built->len - built->net_at, mtu, id, &p->cut, &lens, err);
    size_t at = 0;
    for (size_t i = 0; failed == 0 && i < lens.len / sizeof(size_t); i++) {
        put_piece(p, bytes, built->net_at, p->cut.data + at, len_at(&lens, i));
        at += len_at(&lens, i);
    }
    buf_free(&lens);
    return failed;
}

int send_cut(struct send_pieces *p, const struct craft_packet *packet, uint8_t *bytes,
             const struct send_built *built, size_t mtu, uint32_t id, struct sd_err *err)
{
    const int net = built->expr->net;
    const bool is_ip = net >= 0 && packet->layer[net].type != &craft_arp;
    int failed = 0;
    p->bytes.len = p->lens.len = p->count = 0;
    if (mtu != 0 && is_ip && built->len - built->net_at > mtu)
        failed = cut(p, packet, bytes, built, mtu, id, err);
    else
        put_piece(p, bytes, built->len, NULL, 0);
    if (failed == 0 && (p->bytes.failed || p->lens.failed))
        failed = sd_fail_errno(err, ENOMEM, "cannot build the packets");
    return failed;
}

size_t send_piece_len(const struct send_pieces *pieces, size_t index)
{
    return len_at(&pieces->lens, index);
}

void send_pieces_free(struct send_pieces *pieces)
{
    buf_free(&pieces->bytes);
    buf_free(&pieces->lens);
    buf_free(&pieces->cut);
}
