#ifndef SOCKDIAG_BASE_JSON_H
#define SOCKDIAG_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Write one JSON object after another, keys in the order of the calls (RFC 8259). The output is valid UTF-8
 * whatever the strings hold: a byte that is no UTF-8 stands as the text \xNN. Failed appends are the buffer's
 * to tell. No name here is one of jansson's, whose own calls would otherwise end up here. */
struct json {
    struct buf *out;
    bool begun; /* the innermost object or list has an item: the next one needs a comma */
};

struct json json_begin(struct buf *out); /* opens the object */
void json_end(struct json *j);           /* closes it */
void json_end_line(struct json *j);      /* closes it and ends the line (NDJSON) */

void json_text(struct json *j, const char *key, const char *value); /* NULL: null */
void json_text_len(struct json *j, const char *key, const void *value, size_t len);
void json_u64(struct json *j, const char *key, uint64_t value);
void json_i64(struct json *j, const char *key, int64_t value);
void json_u64_if(struct json *j, const char *key, bool known, uint64_t value); /* null where not known */
void json_bool(struct json *j, const char *key, bool value);
void json_none(struct json *j, const char *key);

/* A time stamp: as a string, for a double does not hold its 64 bits. */
void json_ns(struct json *j, const char *key, uint64_t ns);

void json_numbers(struct json *j, const char *key, const uint32_t *values, size_t count); /* [1,2] */

/* An object inside: "key":{ … json_leave. */
void json_enter(struct json *j, const char *key);
void json_leave(struct json *j);

/* A list of objects: "key":[ json_item … json_leave … json_end_list. */
void json_list(struct json *j, const char *key);
void json_item(struct json *j);
void json_end_list(struct json *j);

#endif
