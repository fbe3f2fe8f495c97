#ifndef SOCKDIAG_CRAFT_LAYER_H
#define SOCKDIAG_CRAFT_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The protocols as data. One table of layers and fields serves all that touches a header: building it, taking
 * it apart, the expression language, the boxes and the comparison of what was asked for with what was sent. A
 * new protocol is a new row. */

#define CRAFT_MAX_FIELDS 28 /* of one layer */
#define CRAFT_MAX_LAYERS 16 /* of one packet */

enum craft_kind {
    CRAFT_NUMBER,  /* unsigned, up to 64 bits, big-endian */
    CRAFT_FLAGS,   /* a number whose bits have letters ("SA") or words ("DF+MF") */
    CRAFT_IP4,     /* 32 bits */
    CRAFT_IP6,     /* 128 bits */
    CRAFT_MAC,     /* 48 bits */
    CRAFT_OPTIONS, /* a list of options (TCP, IPv4, IPv6, neighbour discovery), of variable length */
    CRAFT_BYTES,   /* bytes up to the end of the layer, of variable length */
};

/* What stands in a field that the expression does not give. */
enum craft_fill {
    CRAFT_FILL_VALUE,      /* the field's `value` */
    CRAFT_FILL_LENGTH,     /* the length or count that the protocol's RFC says: see `counts` */
    CRAFT_FILL_CHECKSUM,   /* the right one */
    CRAFT_FILL_NEXT,       /* the number of the next layer: protocol, ethertype, next header */
    CRAFT_FILL_SOURCE,     /* the address that packets to this target have: struct craft_env */
    CRAFT_FILL_TARGET_MAC, /* of the next hop: struct craft_env */
    CRAFT_FILL_TYPE,       /* ICMP, ICMPv6: an echo request; IGMP, ARP: a query (the field's `value`) */
    CRAFT_FILL_HOPS, /* TTL, hop limit: 255 above neighbour discovery (RFC 4861), 1 above multicast group
                        messages (RFC 2236, RFC 2710), else the field's `value` */
};

/* What a CRAFT_FILL_LENGTH field counts; the field holds that divided by `unit`, less `less`. */
enum craft_counts {
    CRAFT_COUNTS_HEADER,  /* bytes of this header, options included */
    CRAFT_COUNTS_ALL,     /* bytes of this header and of all that follows */
    CRAFT_COUNTS_PAYLOAD, /* bytes of all that follows */
    CRAFT_COUNTS_OPTIONS, /* the items in the layer's list */
};

/* How the options of a list are counted and what pads them. */
enum craft_option_style {
    CRAFT_OPTIONS_NONE,
    CRAFT_OPTIONS_IP,     /* kind, length (of all of it); padded with 0 to 4 bytes: IPv4, TCP */
    CRAFT_OPTIONS_IP6,    /* kind, length (of the data); padded with Pad1/PadN to 8 bytes: RFC 8200, 4.2 */
    CRAFT_OPTIONS_ND,     /* kind, length in units of 8 bytes (of all of it): RFC 4861, 4.6 */
    CRAFT_OPTIONS_LIST,   /* neither kind nor length, data alone: the addresses of a routing header or of an
                             IGMPv3 query. An option may hold several */
    CRAFT_OPTIONS_GROUPS, /* kind, length of auxiliary data in units of 4 bytes, number of sources, group,
                             sources, auxiliary data: RFC 3376, 4.2.4 and RFC 3810, 5.2.4. `data` is all from
                             the group on; the length is 0 unless it is given */
};

/* A word for a value, or for a bit of a CRAFT_FLAGS field (`value` is then the mask). NULL name ends. */
struct craft_name {
    uint64_t value;
    const char *name;
};

#define CRAFT_EXCEPT (-2)
struct craft_field {
    const char *name;  /* as in an expression: Scapy's name where Scapy has one */
    const char *label; /* as in the RFC's drawing: "Time to Live" */
    uint16_t bit;      /* first bit of the field, counted from the first bit of the header */
    uint16_t width;    /* bits; 0: variable length, begins where the fixed fields that are there end; at most
                          one such field is there at a time */
    enum craft_kind kind;
    enum craft_fill fill;
    uint64_t value; /* for CRAFT_FILL_VALUE, _TYPE, _HOPS; _NEXT: where nothing that has a number follows;
                       of an address its low bits */
    enum craft_counts counts; /* for CRAFT_FILL_LENGTH: what, in which unit, less how many units */
    uint8_t unit, less;
    /* CRAFT_FILL_CHECKSUM: of what `counts` says (HEADER or ALL), with the IP pseudo header or without; a sum
     * of 0 is written as 0xffff where 0 means that there is none. */
    bool pseudo_header, zero_is_none;
    const struct craft_name *names;          /* or NULL */
    const struct craft_option_type *options; /* CRAFT_OPTIONS: the table, ended by a NULL name */
    enum craft_option_style option_style;    /* CRAFT_OPTIONS */
    /* Values of the layer's `select` field for which this field is there, ended by -1; CRAFT_EXCEPT in front:
     * for which it is not. NULL: always. ICMP and ICMPv6 say by their type what follows. Ask
     * craft_field_is_there(). */
    const int16_t *only;
};

/* An option: "mss(1460)". Its arguments stand in its data one after the other. */
struct craft_option_type {
    const char *name; /* "mss"; the row for any other kind is "opt(KIND, BYTES)" and needs none */
    uint16_t kind;
    bool bare;         /* one byte without a length: end of options, no-operation, Pad1 */
    uint8_t arguments; /* how many */
    struct {
        const char *name;
        uint8_t width; /* bits, a multiple of 8; 0: bytes of any number, the last argument only */
        enum craft_kind kind;
    } argument[6];
    bool repeats; /* the arguments may come again and again: SACK blocks, addresses of a record route */
    uint8_t once; /* but not the first `once` of them, which come once: the pointer of a record route. What
                     repeats may also come no time at all where something comes once */
    uint8_t align, align_at; /* IPv6: the option begins at a multiple of `align`, plus `align_at`: RFC
                                8200, 4.2; 0: anywhere */
};

struct craft_layer_type {
    const char *name;  /* "ip", as in an expression */
    const char *alias; /* another name that is accepted, Scapy's; or NULL */
    const char *title; /* "IPv4 (RFC 791)" */
    const struct craft_field *fields;
    uint8_t field_count;
    uint8_t min_len; /* bytes of the fixed part of the shortest header */
    int8_t select;   /* index of the field that others' `only` refers to; -1: none */
    /* The type of header that follows where the field `next_field` (-1: the `select` field) has this value.
     * It returns NULL, and may itself be NULL: bytes follow. */
    const struct craft_layer_type *(*next)(uint64_t next_value);
    int8_t next_field; /* index of the CRAFT_FILL_NEXT field; -1: none */
    /* This layer's number in the `next_field` of the layer before it: in an ethertype, in a protocol or next
     * header; -1: it has none. */
    int32_t ethertype;
    int16_t protocol;
    /* Which of the types that share this one's number the bytes are; NULL: this one. */
    const struct craft_layer_type *(*variant)(const uint8_t *bytes, size_t len);
};

/* All layers, for lists of names; *count is set. */
const struct craft_layer_type *const *craft_layers(size_t *count);

/* By name or alias, upper and lower case alike, `len` bytes; NULL: there is none. */
const struct craft_layer_type *craft_layer_find(const char *name, size_t len);

/* Index of a field by its name (upper and lower case are two), or -1. */
int craft_field_find(const struct craft_layer_type *type, const char *name, size_t len);

/* The layers that other code names. `craft_raw` is the payload: one CRAFT_BYTES field "load". */
extern const struct craft_layer_type craft_eth, craft_vlan, craft_arp, craft_ip, craft_ipv6, craft_hopopts,
    craft_dstopts, craft_routing, craft_fragment_header, craft_icmp, craft_icmp6, craft_igmp, craft_igmp3,
    craft_tcp, craft_udp, craft_raw;

/* ---- a packet: layers with values ---- */

struct craft_option {
    uint16_t kind;
    /* One byte and no length. Where options end by it (end of option list), `data` is what stands behind
     * it in the header, if that is more than padding. */
    bool bare;
    bool length_given; /* `length` stands in the length byte, right or wrong */
    uint8_t length;
    const uint8_t *data;
    size_t len;
};

struct craft_value {
    bool given;              /* else the build fills it */
    union {                  /* by the field's kind */
        uint64_t number;     /* CRAFT_NUMBER, CRAFT_FLAGS */
        uint8_t address[16]; /* CRAFT_IP4 (4 bytes), CRAFT_IP6, CRAFT_MAC (6 bytes) */
        struct {
            union {
                const struct craft_option *options; /* CRAFT_OPTIONS: `len` of them */
                const uint8_t *bytes;               /* CRAFT_BYTES: `len` of them */
            };
            size_t len;
        };
    };
};

struct craft_layer {
    const struct craft_layer_type *type;
    struct craft_value value[CRAFT_MAX_FIELDS]; /* as type->fields */
    /* Where it lies in the bytes; from craft_build() and craft_dissect(). `whole`: all of the header is there
     * (a quoted or captured header may be cut). */
    size_t start, header_len;
    bool whole;
};

/* What the pointers in the values point to belongs to the expression, to the bytes that were dissected, or to
 * an arena of whoever made the packet. */
struct craft_packet {
    size_t count;
    struct craft_layer layer[CRAFT_MAX_LAYERS];
};

/* Is the field there, with these values (see `only`)? A `select` field that is not given has its default. */
bool craft_field_is_there(const struct craft_layer *layer, int field);

/* Bytes of the fixed fields that are there: where the field of variable length begins. */
size_t craft_layer_fixed_len(const struct craft_layer *layer);

/* The field of variable length that is there, or -1. */
int craft_layer_variable(const struct craft_layer *layer);

#endif
