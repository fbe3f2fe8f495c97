#include "base/bytes.h"
#include "capture/decode.h"

#include <netinet/in.h>
#include <stdlib.h>

/* A mutator for targets whose input is a byte and a capture file: it knows where the records of a classic
 * file begin, where a TCP header stands, and how checksums are computed. Without it hardly a change gets past
 * the length of a record or a checksum. Every few times, and for any other file, libFuzzer's own changes are
 * made. */

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

enum {
    FILE_HEAD = 1 + 24,
    RECORD_HEAD = 16,
    MOST_RECORDS = 1024,
};

struct file {
    uint8_t *data;
    size_t size, max_size;
    int linktype;
    size_t count, at[MOST_RECORDS + 1]; /* of each record, and of the end of the last */
};

static uint32_t get32(const uint8_t *p)
{
    return load_le32(p);
}

static void put32(uint8_t *p, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> 8 * i);
}

/* False where it is no classic file of this machine's byte order, or has no whole record. */
static bool find_records(struct file *f)
{
    f->count = 0;
    if (f->size < FILE_HEAD || (get32(f->data + 1) != 0xa1b23c4d && get32(f->data + 1) != 0xa1b2c3d4))
        return false;
    f->linktype = (int)(get32(f->data + 21) & 0xffff);
    size_t at = FILE_HEAD;
    for (; f->count < MOST_RECORDS && f->size - at >= RECORD_HEAD; f->count++) {
        const uint32_t len = get32(f->data + at + 8);
        if (len > f->size - at - RECORD_HEAD)
            break;
        f->at[f->count] = at;
        at += RECORD_HEAD + len;
    }
    f->at[f->count] = at;
    return f->count > 0;
}

/* Replace the bytes of a file from `at` to `end` by `len` bytes. */
static bool splice(struct file *f, size_t at, size_t end, const uint8_t *bytes, size_t len)
{
    if (f->size - (end - at) + len > f->max_size)
        return false;
    memmove(f->data + at + len, f->data + end, f->size - end);
    if (len > 0)
        memcpy(f->data + at, bytes, len);
    f->size = f->size - (end - at) + len;
    return true;
}

/* ---- checksums ---- */

static uint32_t sum_of(const uint8_t *p, size_t len)
{
    uint32_t sum = 0;
    for (size_t i = 0; i + 1 < len; i += 2)
        sum += load_be16(p + i);
    return sum + (len % 2 != 0 ? (uint32_t)p[len - 1] << 8 : 0);
}

static uint16_t fold(uint32_t sum)
{
    while (sum > 0xffff)
        sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)~sum;
}

/* Make those of the innermost packet right, where all of it was captured. */
static void mend_checksums(uint8_t *data, const struct packet *p)
{
    const bool v4 = p->source.family == 4;
    const size_t field = p->ip_protocol == IPPROTO_TCP ? 16 : p->ip_protocol == IPPROTO_UDP ? 6 : 0;
    if (p->ip_header == NULL || p->ip_payload == NULL || p->ip_payload < p->ip_header)
        return;
    uint8_t *ip = data + (p->ip_header - p->data), *transport = data + (p->ip_payload - p->data);
    if (v4) {
        store_be16(ip + 10, 0);
        store_be16(ip + 10, fold(sum_of(ip, (size_t)(ip[0] & 15) * 4)));
    }
    if (field == 0 || p->is_fragment || p->ip_payload_len < field + 2)
        return;
    const uint32_t addresses = v4 ? sum_of(ip + 12, 8) : sum_of(ip + 8, 32);
    store_be16(transport + field, 0);
    store_be16(transport + field,
               fold(addresses + p->ip_protocol + p->ip_payload_len + sum_of(transport, p->ip_payload_len)));
}

/* ---- changes ---- */

static uint32_t choose(uint32_t most)
{
    return most > 0 ? (uint32_t)rand() % most : 0;
}

/* A step of a sequence number: small, of a segment, or over the top. */
static uint32_t choose_step(uint32_t len)
{
    switch (choose(6)) {
    case 0:
        return len;
    case 1:
        return (uint32_t) - (int64_t)len;
    case 2:
        return (uint32_t) - (int32_t)choose(16);
    case 3:
        return 0x7ffffff0 + choose(32);
    case 4:
        return choose(100000);
    default:
        return choose(16);
    }
}

static void change_tcp(uint8_t *tcp, const struct packet *p)
{
    switch (choose(6)) {
    case 0:
        store_be32(tcp + 4, p->tcp.seq + choose_step(p->payload_len));
        return;
    case 1:
        store_be32(tcp + 8, p->tcp.ack + choose_step(p->payload_len));
        return;
    case 2:
        tcp[13] ^= (uint8_t)(1U << choose(8));
        return;
    case 3:
        store_be16(tcp + 14, (uint16_t)(choose(2) != 0 ? 0 : choose(65536)));
        return;
    case 4:
        tcp[choose(4)] ^= (uint8_t)(1U << choose(8));
        return;
    default:
        for (uint32_t i = 0; i < p->payload_captured; i++)
            tcp[p->payload - p->ip_payload + (ptrdiff_t)i] ^= (uint8_t)(choose(8) == 0);
    }
}

static struct packet decode(const struct file *f, const uint8_t *data, uint32_t len)
{
    struct packet p = {
        .number = 1,
        .linktype = f->linktype,
        .data = data,
        .captured_len = len,
        .wire_len = len,
    };
    decode_packet(&p);
    return p;
}

static void change_packet(struct file *f, size_t i)
{
    uint8_t *record = f->data + f->at[i], *data = record + RECORD_HEAD;
    uint32_t len = get32(record + 8);
    struct packet p = decode(f, data, len);
    if (p.ip_protocol == IPPROTO_TCP && p.payload != NULL && choose(4) != 0) {
        change_tcp(data + (p.ip_payload - p.data), &p);
    } else {
        static uint8_t copy[65536];
        const size_t room = f->max_size - f->size + len;
        if (len == 0 || len > sizeof copy)
            return;
        memcpy(copy, data, len);
        const size_t now = LLVMFuzzerMutate(copy, len, room < sizeof copy ? room : sizeof copy);
        if (!splice(f, f->at[i] + RECORD_HEAD, f->at[i + 1], copy, now))
            return;
        len = (uint32_t)now;
        put32(record + 8, len);
        put32(record + 12, len);
    }
    p = decode(f, data, len);
    if (choose(8) != 0)
        mend_checksums(data, &p);
}

static void change_order(struct file *f, size_t i)
{
    static uint8_t copy[65536 + RECORD_HEAD];
    const size_t at = f->at[i], len = f->at[i + 1] - at;
    const uint32_t what = choose(4);
    if (len > sizeof copy)
        return;
    memcpy(copy, f->data + at, len);
    if (what != 0) /* else it comes twice */
        splice(f, at, at + len, NULL, 0);
    if (what != 1 && find_records(f)) { /* else it is gone */
        const size_t near = what == 2 && i < f->count ? i + choose(2) : choose((uint32_t)f->count + 1);
        splice(f, f->at[near], f->at[near], copy, len);
    }
}

static void change_record(struct file *f, size_t i)
{
    uint8_t *record = f->data + f->at[i];
    const uint32_t len = get32(record + 8);
    switch (choose(3)) {
    case 0: /* time goes on, or back */
        put32(record, get32(record) + choose(200) - 60);
        return;
    case 1:
        put32(record + 4, choose(1000000000));
        return;
    default: /* captured in part */
        if (len > 60) {
            const uint32_t kept = 40 + choose(len - 40);
            splice(f, f->at[i] + RECORD_HEAD + kept, f->at[i + 1], NULL, 0);
            put32(record + 8, kept);
        }
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    struct file f = {.data = data, .size = size, .max_size = max_size};
    srand(seed);
    if (!find_records(&f) || choose(16) == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    const size_t i = choose((uint32_t)f.count);
    const uint32_t what = choose(8);
    if (what < 5)
        change_packet(&f, i);
    else if (what < 7)
        change_order(&f, i);
    else
        change_record(&f, i);
    data[0] = (uint8_t)choose(8);
    return f.size;
}
