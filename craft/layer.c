#include "craft/layer.h"

#include <string.h>
#include <strings.h>

#include "craft/layer_tables.h"

static const struct craft_layer_type *const layers[] = {
    &craft_eth,  &craft_vlan,    &craft_arp,     &craft_ip,
    &craft_ipv6, &craft_hopopts, &craft_dstopts, &craft_routing,
    &craft_icmp, &craft_icmp6,   &craft_igmp,    &craft_igmp3,
    &craft_tcp,  &craft_udp,     &craft_raw,     &craft_fragment_header,
};
#define LAYER_COUNT (sizeof layers / sizeof layers[0])

const struct craft_name layer_ethertypes[] = {
    {0x0800, "ip"},    {0x0806, "arp"},      {0x8100, "vlan"}, {0x86dd, "ipv6"},   {0x88a8, "qinq"},
    {0x0842, "wol"},   {0x88cc, "lldp"},     {0x8847, "mpls"}, {0x8863, "pppoed"}, {0x8864, "pppoe"},
    {0x888e, "eapol"}, {0x9000, "loopback"}, {0, NULL},
};

const struct craft_name layer_protocols[] = {
    {1, "icmp"},   {2, "igmp"},      {4, "ip"},         {6, "tcp"},       {17, "udp"},     {41, "ipv6"},
    {58, "icmp6"}, {0, "hopopts"},   {43, "routing"},   {44, "fragment"}, {60, "dstopts"}, {59, "none"},
    {47, "gre"},   {50, "esp"},      {51, "ah"},        {89, "ospf"},     {103, "pim"},    {112, "vrrp"},
    {132, "sctp"}, {136, "udplite"}, {58, "ipv6-icmp"}, {4, "ipip"},      {0, NULL},
};

const struct craft_layer_type *const *craft_layers(size_t *count)
{
    *count = LAYER_COUNT;
    return layers;
}

static bool same_name(const char *name, const char *text, size_t len)
{
    return name != NULL && strlen(name) == len && strncasecmp(name, text, len) == 0;
}

const struct craft_layer_type *craft_layer_find(const char *name, size_t len)
{
    for (size_t i = 0; i < LAYER_COUNT; i++) {
        if (same_name(layers[i]->name, name, len) || same_name(layers[i]->alias, name, len))
            return layers[i];
    }
    return NULL;
}

int craft_field_find(const struct craft_layer_type *type, const char *name, size_t len)
{
    for (int i = 0; i < type->field_count; i++) {
        const char *field = type->fields[i].name;
        if (strlen(field) == len && memcmp(field, name, len) == 0)
            return i;
    }
    return -1;
}

static bool listed(const int16_t *values, uint64_t value)
{
    for (; *values != -1; values++) {
        if ((uint64_t)*values == value)
            return true;
    }
    return false;
}

bool craft_field_is_there(const struct craft_layer *layer, int field)
{
    const struct craft_layer_type *type = layer->type;
    const int16_t *only = type->fields[field].only;
    if (only == NULL)
        return true;
    const struct craft_value *select = &layer->value[type->select];
    const uint64_t value = select->given ? select->number : type->fields[type->select].value;
    return only[0] == CRAFT_EXCEPT ? !listed(only + 1, value) : listed(only, value);
}

size_t craft_layer_fixed_len(const struct craft_layer *layer)
{
    const struct craft_layer_type *type = layer->type;
    if (type->select < 0)
        return type->min_len;
    size_t bits = 0;
    for (int i = 0; i < type->field_count; i++) {
        const struct craft_field *field = &type->fields[i];
        const size_t end = (size_t)field->bit + field->width;
        if (field->width > 0 && end > bits && craft_field_is_there(layer, i))
            bits = end;
    }
    return bits / 8;
}

int craft_layer_variable(const struct craft_layer *layer)
{
    /* It stands last, if not alone so. */
    for (int i = layer->type->field_count - 1; i >= 0; i--) {
        if (layer->type->fields[i].width == 0 && craft_field_is_there(layer, i))
            return i;
    }
    return -1;
}

const struct craft_layer_type *layer_of_ethertype(uint64_t value)
{
    if (value == 0x88a8 || value == 0x9100) /* IEEE 802.1ad, and what came before it */
        return &craft_vlan;
    for (size_t i = 0; i < LAYER_COUNT; i++) {
        if (layers[i]->ethertype >= 0 && (uint64_t)layers[i]->ethertype == value)
            return layers[i];
    }
    return NULL;
}

const struct craft_layer_type *layer_of_protocol6(uint64_t value)
{
    for (size_t i = 0; i < LAYER_COUNT; i++) {
        if (layers[i]->protocol >= 0 && (uint64_t)layers[i]->protocol == value)
            return layers[i];
    }
    return NULL;
}

bool layer_is_extension(const struct craft_layer_type *type)
{
    return type == &craft_hopopts || type == &craft_dstopts || type == &craft_routing ||
           type == &craft_fragment_header;
}

const struct craft_layer_type *layer_of_protocol4(uint64_t value)
{
    const struct craft_layer_type *type = layer_of_protocol6(value);
    return type != NULL && layer_is_extension(type) ? NULL : type;
}
