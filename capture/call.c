#include "capture/call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define PREFIX "SOCKDIAG_"

static const char *const family_names[] = {"other", "inet", "inet6", "unix"};
static const char *const type_names[] = {"other", "stream", "dgram", "raw", "seqpacket"};
static const char *const op_names[] = {"other", "send", "recv"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void field_text(struct buf *out, const char *key, const char *value)
{
    buf_text(out, key);
    text_escape(out, value, strlen(value));
    buf_char(out, '\n');
}

static void field_i64(struct buf *out, const char *key, int64_t value)
{
    buf_text(out, key);
    buf_i64(out, value);
    buf_char(out, '\n');
}

static void field_u64(struct buf *out, const char *key, uint64_t value)
{
    buf_text(out, key);
    buf_u64(out, value);
    buf_char(out, '\n');
}

static void field_endpoint(struct buf *out, const char *key, const char *text)
{
    if (text[0] == '\0')
        return;
    buf_text(out, key);
    buf_text(out, text);
    buf_char(out, '\n');
}

/* Both ends as text, "" where there is none: they are printed twice. */
struct endpoints {
    char local[PACKET_ENDPOINT_TEXT], peer[PACKET_ENDPOINT_TEXT];
};

static void endpoints_of(const struct call *call, struct endpoints *ends)
{
    ends->local[0] = ends->peer[0] = '\0';
    if (call->local.family != 0)
        packet_endpoint_text(&call->local, call->local_port, ends->local);
    if (call->peer.family != 0)
        packet_endpoint_text(&call->peer, call->peer_port, ends->peer);
}

static void hex(struct buf *out, const uint8_t *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        const char pair[2] = {digits[data[i] >> 4], digits[data[i] & 15]};
        buf_append(out, pair, 2);
    }
}

/* The snapshot's fields by name, so that writer and reader share one list. */
#define TCPI_FIELDS(X)                                                                                       \
    X(unacked) X(cwnd) X(mss) X(rtt_us) X(rwnd) X(nodelay) X(cork) X(inq) X(outq) X(notsent)

static void build_tcpi(struct buf *out, const struct call_tcpi *tcpi)
{
    buf_text(out, PREFIX "TCPI=");
    size_t begin = out->len;
#define PUT(name)                                                                                            \
    if (tcpi->name >= 0) {                                                                                   \
        buf_text(out, out->len == begin ? #name "=" : " " #name "=");                                        \
        buf_i64(out, tcpi->name);                                                                            \
    }
    TCPI_FIELDS(PUT)
#undef PUT
    buf_char(out, '\n');
}

static void build_message(struct buf *out, const struct call *call, const struct endpoints *ends)
{
    buf_text(out, call->name);
    buf_char(out, '(');
    if (call->fd >= 0)
        buf_i64(out, call->fd);
    if (call->op != CALL_OTHER) {
        buf_text(out, ", ");
        buf_u64(out, call->asked);
        buf_text(out, " B");
    }
    if (call->flags != NULL) {
        buf_text(out, ", ");
        buf_text(out, call->flags);
    }
    buf_text(out, ") = ");
    if (call->result < 0) {
        buf_char(out, '-');
        buf_text(out, sd_errno_name((int)-call->result));
    } else {
        buf_i64(out, call->result);
    }
    const bool bound = strcmp(ends->local, "0.0.0.0:0") != 0 && strcmp(ends->local, "[::]:0") != 0;
    if (ends->local[0] != '\0' && bound) {
        buf_text(out, "  ");
        buf_text(out, ends->local);
    }
    if (ends->peer[0] != '\0') {
        buf_text(out, call->op == CALL_RECV ? " < " : " > ");
        buf_text(out, ends->peer);
    }
    if (call->has_offset && call_moved(call) > 0) {
        buf_text(out, " [");
        buf_u64(out, call->offset);
        buf_char(out, '-');
        buf_u64(out, call->offset + call_moved(call));
        buf_char(out, ')');
    }
}

void call_message(struct buf *out, const struct call *call)
{
    struct endpoints ends;
    endpoints_of(call, &ends);
    build_message(out, call, &ends);
}

static void build_optional(struct buf *out, const struct call *call)
{
    if (call->has_offset)
        field_u64(out, PREFIX "OFFSET=", call->offset);
    if (call->flags != NULL)
        field_text(out, PREFIX "FLAGS=", call->flags);
    if (call->peeked)
        buf_text(out, PREFIX "PEEK=1\n");
    if (call->ambiguous)
        buf_text(out, PREFIX "AMBIGUOUS=1\n");
    if (call->has_digest)
        field_u64(out, PREFIX "DIGEST=", call->digest);
    if (call->note != NULL)
        field_text(out, PREFIX "NOTE=", call->note);
    if (call->has_tcpi)
        build_tcpi(out, &call->tcpi);
    if (call->data != NULL) {
        buf_text(out, PREFIX "DATA=");
        hex(out, call->data, call->data_len);
        buf_char(out, '\n');
    }
}

void call_build(struct buf *out, const struct call *call)
{
    struct endpoints ends;
    endpoints_of(call, &ends);
    field_u64(out, "__REALTIME_TIMESTAMP=", call->exit_ns / 1000);
    buf_text(out, "MESSAGE=");
    build_message(out, call, &ends);
    buf_text(out, "\nSYSLOG_IDENTIFIER=sockdiag\n");
    field_i64(out, "_PID=", call->pid);
    field_text(out, "_COMM=", call->comm);
    field_text(out, PREFIX "CALL=", call->name);
    if (call->op != CALL_OTHER)
        field_text(out, PREFIX "OP=", op_names[call->op]);
    if (call->tid != call->pid)
        field_i64(out, PREFIX "TID=", call->tid);
    field_i64(out, PREFIX "FD=", call->fd);
    field_u64(out, PREFIX "SOCKET=", call->socket);
    buf_text(out, PREFIX "KIND=");
    buf_text(out, family_names[call->family]);
    buf_char(out, '/');
    buf_text(out, type_names[call->type]);
    buf_char(out, '\n');
    field_endpoint(out, PREFIX "LOCAL=", ends.local);
    field_endpoint(out, PREFIX "PEER=", ends.peer);
    field_u64(out, PREFIX "ENTER_NS=", call->enter_ns);
    field_u64(out, PREFIX "EXIT_NS=", call->exit_ns);
    field_u64(out, PREFIX "ASKED=", call->asked);
    field_i64(out, PREFIX "RESULT=", call->result);
    build_optional(out, call);
}

/* ---- reading back ---- */

/* The block being parsed. A value is a slice of the fields. */
struct value {
    const char *at;
    size_t len;
};

struct parse {
    struct call *call;
    struct buf *store;
    size_t flags_at, note_at, data_at; /* in store; SIZE_MAX: absent */
    bool named;
};

static bool parse_u64(struct value v, uint64_t *out)
{
    if (v.len == 0 || v.len > 20)
        return false;
    uint64_t sum = 0;
    for (size_t i = 0; i < v.len; i++) {
        if (v.at[i] < '0' || v.at[i] > '9')
            return false;
        if (__builtin_mul_overflow(sum, 10U, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(v.at[i] - '0'), &sum))
            return false;
    }
    *out = sum;
    return true;
}

static bool parse_i64(struct value v, int64_t *out)
{
    bool negative = v.len > 0 && v.at[0] == '-';
    uint64_t magnitude;
    if (!parse_u64(negative ? (struct value){v.at + 1, v.len - 1} : v, &magnitude) || magnitude > INT64_MAX)
        return false;
    *out = negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return true;
}

static bool parse_i32(struct value v, int32_t *out)
{
    int64_t wide;
    if (!parse_i64(v, &wide) || wide < INT32_MIN || wide > INT32_MAX)
        return false;
    *out = (int32_t)wide;
    return true;
}

static bool parse_flag(struct value v, bool *out)
{
    *out = v.len == 1 && v.at[0] == '1';
    return *out;
}

static bool equals(struct value v, const char *text)
{
    return strlen(text) == v.len && memcmp(v.at, text, v.len) == 0;
}

static bool parse_name(struct value v, const char *const *names, size_t count, int *out)
{
    for (size_t i = 0; i < count; i++) {
        if (equals(v, names[i])) {
            *out = (int)i;
            return true;
        }
    }
    return false;
}

static bool copy_text(struct value v, char *out, size_t room)
{
    size_t len = v.len < room ? v.len : room - 1;
    memcpy(out, v.at, len);
    out[len] = '\0';
    return true;
}

/* Keep text with its NUL; remember where, for `store` may move while it grows. */
static bool keep_text(struct parse *p, struct value v, size_t *at)
{
    *at = p->store->len;
    buf_append(p->store, v.at, v.len);
    buf_char(p->store, '\0');
    return !p->store->failed;
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool keep_hex(struct parse *p, struct value v)
{
    p->data_at = p->store->len;
    if (v.len % 2 != 0 || !buf_reserve(p->store, v.len / 2 + 1)) /* so that no bytes have a place, too */
        return false;
    for (size_t i = 0; i < v.len; i += 2) {
        int high = nibble(v.at[i]), low = nibble(v.at[i + 1]);
        if (high < 0 || low < 0)
            return false;
        buf_char(p->store, (char)(high << 4 | low));
    }
    p->call->data_len = v.len / 2;
    return !p->store->failed;
}

static bool parse_kind(struct parse *p, struct value v)
{
    const char *slash = memchr(v.at, '/', v.len);
    int family, type;
    if (slash == NULL)
        return false;
    size_t left = (size_t)(slash - v.at);
    if (!parse_name((struct value){v.at, left}, family_names, COUNT(family_names), &family) ||
        !parse_name((struct value){slash + 1, v.len - left - 1}, type_names, COUNT(type_names), &type))
        return false;
    p->call->family = (enum call_family)family;
    p->call->type = (enum call_type)type;
    return true;
}

static bool parse_op(struct parse *p, struct value v)
{
    int op;
    if (!parse_name(v, op_names, COUNT(op_names), &op))
        return false;
    p->call->op = (enum call_op)op;
    return true;
}

static bool set_tcpi(struct call_tcpi *tcpi, struct value key, int64_t number)
{
#define TAKE(name)                                                                                           \
    if (equals(key, #name)) {                                                                                \
        tcpi->name = (__typeof__(tcpi->name))number;                                                         \
        return true;                                                                                         \
    }
    TCPI_FIELDS(TAKE)
#undef TAKE
    return true; /* a field of a later version */
}

static bool parse_tcpi(struct parse *p, struct value v)
{
    p->call->has_tcpi = true;
    while (v.len > 0) {
        const char *space = memchr(v.at, ' ', v.len);
        size_t len = space != NULL ? (size_t)(space - v.at) : v.len;
        const char *sign = memchr(v.at, '=', len);
        int64_t number;
        if (sign == NULL)
            return false;
        size_t key_len = (size_t)(sign - v.at);
        if (!parse_i64((struct value){sign + 1, len - key_len - 1}, &number))
            return false;
        set_tcpi(&p->call->tcpi, (struct value){v.at, key_len}, number);
        size_t used = space != NULL ? len + 1 : len;
        v = (struct value){v.at + used, v.len - used};
    }
    return true;
}

static bool parse_offset(struct parse *p, struct value v)
{
    p->call->has_offset = true;
    return parse_u64(v, &p->call->offset);
}

static bool parse_digest(struct parse *p, struct value v)
{
    p->call->has_digest = true;
    return parse_u64(v, &p->call->digest);
}

/* One row a field; a block with other fields besides is fine. */
#define NUMBER_FIELD(name, type, member)                                                                     \
    static bool take_##name(struct parse *p, struct value v)                                                 \
    {                                                                                                        \
        return parse_##type(v, &p->call->member);                                                            \
    }
NUMBER_FIELD(pid, i32, pid)
NUMBER_FIELD(tid, i32, tid)
NUMBER_FIELD(fd, i32, fd)
NUMBER_FIELD(socket, u64, socket)
NUMBER_FIELD(enter, u64, enter_ns)
NUMBER_FIELD(exit, u64, exit_ns)
NUMBER_FIELD(asked, u64, asked)
NUMBER_FIELD(result, i64, result)
NUMBER_FIELD(peek, flag, peeked)
NUMBER_FIELD(ambiguous, flag, ambiguous)

static bool take_call(struct parse *p, struct value v)
{
    for (size_t i = 0; i < v.len; i++) {
        const char c = v.at[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_')
            return false;
    }
    p->named = v.len > 0;
    return p->named && copy_text(v, p->call->name, sizeof p->call->name);
}

static bool take_comm(struct parse *p, struct value v)
{
    return copy_text(v, p->call->comm, sizeof p->call->comm);
}

static bool take_local(struct parse *p, struct value v)
{
    return packet_endpoint_parse(v.at, v.len, &p->call->local, &p->call->local_port) == 0;
}

static bool take_peer(struct parse *p, struct value v)
{
    return packet_endpoint_parse(v.at, v.len, &p->call->peer, &p->call->peer_port) == 0;
}

static bool take_flags(struct parse *p, struct value v)
{
    return keep_text(p, v, &p->flags_at);
}

static bool take_note(struct parse *p, struct value v)
{
    return keep_text(p, v, &p->note_at);
}

static const struct field {
    const char *key;
    bool (*take)(struct parse *p, struct value v);
} fields_known[] = {
    {"_PID", take_pid},
    {"_COMM", take_comm},
    {PREFIX "CALL", take_call},
    {PREFIX "OP", parse_op},
    {PREFIX "TID", take_tid},
    {PREFIX "FD", take_fd},
    {PREFIX "SOCKET", take_socket},
    {PREFIX "KIND", parse_kind},
    {PREFIX "LOCAL", take_local},
    {PREFIX "PEER", take_peer},
    {PREFIX "ENTER_NS", take_enter},
    {PREFIX "EXIT_NS", take_exit},
    {PREFIX "ASKED", take_asked},
    {PREFIX "RESULT", take_result},
    {PREFIX "OFFSET", parse_offset},
    {PREFIX "FLAGS", take_flags},
    {PREFIX "PEEK", take_peek},
    {PREFIX "AMBIGUOUS", take_ambiguous},
    {PREFIX "DIGEST", parse_digest},
    {PREFIX "NOTE", take_note},
    {PREFIX "TCPI", parse_tcpi},
    {PREFIX "DATA", keep_hex},
};

static int take_field(struct parse *p, struct value key, struct value value, struct sd_err *err)
{
    for (size_t i = 0; i < COUNT(fields_known); i++) {
        if (!equals(key, fields_known[i].key))
            continue;
        if (fields_known[i].take(p, value))
            return 0;
        if (p->store->failed)
            return sd_fail(err, ENOMEM, "out of memory while reading a call record");
        return sd_fail(err, EBADMSG, "a call record has a wrong %s", fields_known[i].key);
    }
    return 0;
}

int call_parse(struct call *call, const char *fields, size_t len, struct buf *store, struct sd_err *err)
{
    struct parse p = {
        .call = call, .store = store, .flags_at = SIZE_MAX, .note_at = SIZE_MAX, .data_at = SIZE_MAX};
    *call = (struct call){.tcpi = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1}, .fd = -1};
    while (len > 0) {
        const char *end = memchr(fields, '\n', len);
        size_t line = end != NULL ? (size_t)(end - fields) : len;
        const char *sign = memchr(fields, '=', line);
        if (sign != NULL) {
            size_t key_len = (size_t)(sign - fields);
            int failed = take_field(&p, (struct value){fields, key_len},
                                    (struct value){sign + 1, line - key_len - 1}, err);
            if (failed != 0)
                return failed;
        }
        size_t used = end != NULL ? line + 1 : line;
        fields += used;
        len -= used;
    }
    if (!p.named)
        return -ENOENT;
    if (call->tid == 0)
        call->tid = call->pid;
    call->flags = p.flags_at != SIZE_MAX ? (const char *)store->data + p.flags_at : NULL;
    call->note = p.note_at != SIZE_MAX ? (const char *)store->data + p.note_at : NULL;
    call->data = p.data_at != SIZE_MAX ? store->data + p.data_at : NULL;
    return 0;
}
