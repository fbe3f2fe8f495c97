#include "capture/journal.h"

#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"

struct field {
    const char *key, *value;
    size_t key_len, value_len;
};

/* Take the next field; false at the end, or where the rest makes no sense. */
static bool next_field(struct bytes *rest, struct field *field)
{
    const char *line = (const char *)rest->at;
    const char *end = rest->left > 0 ? memchr(line, '\n', rest->left) : NULL;
    const size_t len = end != NULL ? (size_t)(end - line) : rest->left;
    if (len == 0)
        return false;
    const char *equals = memchr(line, '=', len);
    bytes_take(rest, end != NULL ? len + 1 : len);
    *field = (struct field){.key = line, .key_len = len};
    if (equals != NULL) {
        field->key_len = (size_t)(equals - line);
        field->value = equals + 1;
        field->value_len = len - field->key_len - 1;
        return true;
    }
    const uint8_t *size = bytes_take(rest, 8);
    if (size == NULL)
        return false;
    const uint64_t value_len = (uint64_t)load_le32(size + 4) << 32 | load_le32(size);
    if (value_len >= rest->left)
        return false;
    field->value_len = (size_t)value_len;
    field->value = (const char *)bytes_take(rest, field->value_len);
    bytes_take(rest, 1); /* the line end */
    return true;
}

bool journal_field(const char *fields, size_t len, const char *key, const char **value, size_t *value_len)
{
    struct bytes rest = bytes_of(fields, len);
    struct field field;
    while (next_field(&rest, &field)) {
        if (field.key_len == strlen(key) && memcmp(field.key, key, field.key_len) == 0) {
            *value = field.value;
            *value_len = field.value_len;
            return true;
        }
    }
    return false;
}

static bool number_field(const char *fields, size_t len, const char *key, uint64_t *number)
{
    const char *digits = NULL;
    size_t count = 0;
    uint64_t value = 0;
    if (!journal_field(fields, len, key, &digits, &count) || count == 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (digits[i] < '0' || digits[i] > '9' || value > (UINT64_MAX - 9) / 10)
            return false;
        value = value * 10 + (uint64_t)(digits[i] - '0');
    }
    *number = value;
    return true;
}

uint64_t journal_time_ns(const char *fields, size_t len)
{
    uint64_t number = 0;
    if (number_field(fields, len, "SOCKDIAG_EXIT_NS", &number))
        return number;
    if (number_field(fields, len, "__REALTIME_TIMESTAMP", &number) && number <= UINT64_MAX / NS_PER_US)
        return number * NS_PER_US;
    return 0;
}
