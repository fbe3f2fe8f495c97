#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/crafted.h"

static struct craft_value *field_of(struct craft_packet *packet, const char *name,
                                    const struct craft_field **field)
{
    assert_true(packet->count > 0);
    struct craft_layer *layer = &packet->layer[packet->count - 1];
    const int i = craft_field_find(layer->type, name, strlen(name));
    if (i < 0)
        fail_msg("%s has no field %s", layer->type->name, name);
    *field = &layer->type->fields[i];
    layer->value[i] = (struct craft_value){.given = true};
    return &layer->value[i];
}

void crafted_layer(struct craft_packet *packet, const struct craft_layer_type *type)
{
    assert_true(packet->count < CRAFT_MAX_LAYERS);
    packet->layer[packet->count++] = (struct craft_layer){.type = type};
}

void crafted_number(struct craft_packet *packet, const char *field, uint64_t number)
{
    const struct craft_field *f;
    field_of(packet, field, &f)->number = number;
}

void crafted_address(struct craft_packet *packet, const char *field, const char *text)
{
    const struct craft_field *f;
    uint8_t *to = field_of(packet, field, &f)->address;
    unsigned m[6];
    if (f->kind != CRAFT_MAC) {
        assert_int_equal(inet_pton(f->kind == CRAFT_IP4 ? AF_INET : AF_INET6, text, to), 1);
        return;
    }
    assert_int_equal(sscanf(text, "%x:%x:%x:%x:%x:%x", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]), 6);
    for (int i = 0; i < 6; i++)
        to[i] = (uint8_t)m[i];
}

void crafted_options(struct craft_packet *packet, const char *field, const struct craft_option *options,
                     size_t count)
{
    const struct craft_field *f;
    struct craft_value *value = field_of(packet, field, &f);
    assert_int_equal(f->kind, CRAFT_OPTIONS);
    value->options = options;
    value->len = count;
}

void crafted_load(struct craft_packet *packet, const void *bytes, size_t len)
{
    const struct craft_field *f;
    crafted_layer(packet, &craft_raw);
    struct craft_value *value = field_of(packet, "load", &f);
    value->bytes = bytes;
    value->len = len;
}

void crafted_build(struct craft_packet *packet, struct buf *out)
{
    struct sd_err err = {0};
    out->len = 0;
    if (craft_build(packet, NULL, out, &err) != 0)
        fail_msg("%s", err.text);
}

void crafted_equal(const void *got, size_t got_len, const void *expected, size_t len)
{
    assert_int_equal(got_len, len);
    assert_memory_equal(got, expected, len);
}
