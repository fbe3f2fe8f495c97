#include "base/json.h"

#include <string.h>
#include <unistr.h>

static void put_byte(struct buf *out, uint8_t byte)
{
    switch (byte) {
    case '"':
        buf_text(out, "\\\"");
        break;
    case '\\':
        buf_text(out, "\\\\");
        break;
    case '\n':
        buf_text(out, "\\n");
        break;
    case '\r':
        buf_text(out, "\\r");
        break;
    case '\t':
        buf_text(out, "\\t");
        break;
    default:
        if (byte < 0x20 || byte == 0x7f)
            buf_printf(out, "\\u%04x", byte);
        else
            buf_char(out, (char)byte);
    }
}

/* How many of the first bytes stand for themselves. */
static size_t plain(const uint8_t *text, size_t len)
{
    size_t n = 0;
    while (n < len && text[n] >= 0x20 && text[n] < 0x7f && text[n] != '"' && text[n] != '\\')
        n++;
    return n;
}

static void put_string(struct buf *out, const uint8_t *text, size_t len)
{
    buf_char(out, '"');
    for (size_t i = 0; i < len;) {
        const size_t run = plain(text + i, len - i);
        buf_append(out, text + i, run);
        i += run;
        if (i == len)
            break;
        ucs4_t uc;
        const int n = u8_mbtoucr(&uc, text + i, len - i);
        if (n <= 0) {
            buf_printf(out, "\\\\x%02x", text[i++]);
            continue;
        }
        if (n == 1)
            put_byte(out, text[i]);
        else
            buf_append(out, text + i, (size_t)n);
        i += (size_t)n;
    }
    buf_char(out, '"');
}

static void put_key(struct json *j, const char *key)
{
    if (j->begun)
        buf_char(j->out, ',');
    j->begun = true;
    put_string(j->out, (const uint8_t *)key, strlen(key));
    buf_char(j->out, ':');
}

struct json json_begin(struct buf *out)
{
    buf_char(out, '{');
    return (struct json){out, false};
}

void json_end(struct json *j)
{
    buf_char(j->out, '}');
}

void json_end_line(struct json *j)
{
    buf_text(j->out, "}\n");
}

void json_text_len(struct json *j, const char *key, const void *value, size_t len)
{
    put_key(j, key);
    put_string(j->out, value, len);
}

void json_text(struct json *j, const char *key, const char *value)
{
    if (value == NULL)
        json_none(j, key);
    else
        json_text_len(j, key, value, strlen(value));
}

void json_u64(struct json *j, const char *key, uint64_t value)
{
    put_key(j, key);
    buf_u64(j->out, value);
}

void json_i64(struct json *j, const char *key, int64_t value)
{
    put_key(j, key);
    buf_i64(j->out, value);
}

void json_u64_if(struct json *j, const char *key, bool known, uint64_t value)
{
    if (known)
        json_u64(j, key, value);
    else
        json_none(j, key);
}

void json_bool(struct json *j, const char *key, bool value)
{
    put_key(j, key);
    buf_text(j->out, value ? "true" : "false");
}

void json_none(struct json *j, const char *key)
{
    put_key(j, key);
    buf_text(j->out, "null");
}

void json_ns(struct json *j, const char *key, uint64_t ns)
{
    put_key(j, key);
    buf_char(j->out, '"');
    buf_u64(j->out, ns);
    buf_char(j->out, '"');
}

void json_numbers(struct json *j, const char *key, const uint32_t *values, size_t count)
{
    put_key(j, key);
    buf_char(j->out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_char(j->out, ',');
        buf_u64(j->out, values[i]);
    }
    buf_char(j->out, ']');
}

void json_enter(struct json *j, const char *key)
{
    put_key(j, key);
    buf_char(j->out, '{');
    j->begun = false;
}

void json_leave(struct json *j)
{
    buf_char(j->out, '}');
    j->begun = true;
}

void json_list(struct json *j, const char *key)
{
    put_key(j, key);
    buf_char(j->out, '[');
    j->begun = false;
}

void json_item(struct json *j)
{
    buf_text(j->out, j->begun ? ",{" : "{");
    j->begun = false;
}

void json_end_list(struct json *j)
{
    buf_char(j->out, ']');
    j->begun = true;
}
