#ifndef SOCKDIAG_CRAFT_EXPR_H
#define SOCKDIAG_CRAFT_EXPR_H

#include "base/buf.h"
#include "base/err.h"
#include "craft/layer.h"

/* Layer expressions:
 *
 *     ip(dst=10.0.0.2,ttl=1-5)/tcp(dport=[80,443],flags=S)/"hello"
 *
 *     packet  := layer { "/" layer }
 *     layer   := NAME [ "(" [ field { "," field } ] ")" ] | bytes
 *     field   := NAME "=" ( set | "[" set { "," set } "]" | options )
 *     set     := scalar | scalar "-" scalar | "(" scalar "," scalar ")" | ADDRESS "/" PREFIX | "random" |
 *                bytes
 *     scalar  := NUMBER | WORD | FLAGS | ADDRESS | HOST
 *     options := "[" [ option { "," option } ] "]"
 *     option  := NAME [ "(" argument { "," argument } ")" ] | "opt(" KIND [ "," bytes [ "," LENGTH ] ] ")"
 *     bytes   := STRING [ "*" TIMES ] | "hex(" { DIGIT DIGIT } ")" | "fill(" COUNT [ "," BYTE ] ")"
 *
 * NUMBER is decimal or 0x and hexadecimal digits. WORD is one of the field's names (type=echo-request).
 * FLAGS are letters (SA) or words (DF+MF), or a number. ADDRESS is IPv4, IPv6 or six hexadecimal pairs with
 * colons (MAC); HOST is a name for an address, asked of `resolve`. An address with a prefix stands for all
 * addresses that have the prefix, the first and the last included. `random` is one value that is another one
 * in each packet: addresses are unicast (IPv6: global, MAC: locally administered).
 *
 * STRING is in double or single quotes; in it \n \t \r \0 \" \' \\ \xHH and \u{HEX} (a character, as UTF-8),
 * everything else stands for itself. hex() may have blanks between its pairs. fill(1000,0x41) is a thousand
 * bytes of 0x41; without BYTE they are 0. A layer of bytes is the payload, raw(load=…), or raw(…) without the
 * name.
 *
 * So that what is written for Scapy is read: a set and the pairs of hex() may stand in quotes
 * (dst="10.0.0.2"), (1,5) is the range 1-5, names of layers and options are the same in upper and lower case,
 * b"text" is "text".
 *
 * mss(1460), nop, …: the options of the field's table; opt(30,hex(0102)) is any other, its LENGTH what
 * stands in the length byte, right or wrong; opt(30) is the one byte alone; eol(hex(0102)) is the end of the
 * list and what the header holds behind it.
 *
 * A set stands for each of its values; the expression for each combination, the last layer's last field
 * changing fastest: the fields in the order of the header, whatever order they are written in. White space
 * between tokens is free. */

/* Bounds; what goes past them is a mistake with its place. */
#define CRAFT_EXPR_TEXT 131072        /* bytes of an expression */
#define CRAFT_EXPR_LIST 4096          /* sets in one list */
#define CRAFT_EXPR_OPTIONS 128        /* options of one field */
#define CRAFT_EXPR_BYTES 65535        /* of one string, hex() or fill() */
#define CRAFT_EXPR_HELD (1024 * 1024) /* of all of them together */

struct craft_expr;

/* Where an expression is wrong. */
struct craft_mistake {
    size_t at;         /* byte of the expression */
    size_t len;        /* bytes that are wrong, at least 1 */
    char text[200];    /* what is wrong: "tcp has no field 'dprot'; did you mean 'dport'?" */
    char allowed[600]; /* what could stand there: "sport, dport, seq, …", or "" */
};

struct craft_parse {
    /* Turn a name into an address (4 or 16 bytes, by family 4 or 6), or NULL: names are mistakes. 0 or a
     * negative errno with err filled. */
    int (*resolve)(void *context, const char *name, int family, uint8_t address[16], struct sd_err *err);
    void *context;
    uint64_t seed; /* what `random` draws from: the same seed gives the same packets */
};

/* 0, -EINVAL with `mistake` filled, or -ENOMEM. The text need not be NUL-terminated and is not kept. */
int craft_parse(struct craft_expr **out, const char *text, size_t len, const struct craft_parse *config,
                struct craft_mistake *mistake);
void craft_expr_free(struct craft_expr *expr);

/* The expression again, in its normal form: parsing that gives the same expression, and the same text. */
void craft_expr_print(const struct craft_expr *expr, struct buf *out);

/* How many packets it stands for; UINT64_MAX where they are more than that. */
uint64_t craft_expr_count(const struct craft_expr *expr);

/* How many different values a field takes, and for how many packets in a row it stays the same: value `k` is
 * that of the packet at k * stride. A random field is another one in each packet. */
void craft_expr_values(const struct craft_expr *expr, size_t layer, int field, uint64_t *values,
                       uint64_t *stride);

/* The packet at `index` (< count): pointers into the expression. */
void craft_expr_packet(const struct craft_expr *expr, uint64_t index, struct craft_packet *packet);

/* A packet as an expression, the fields that are `given` only: what `send` says of an answer. The payload is
 * escaped; with `most` > 0 a longer one ends in "…" and its length. Bytes from the network are safe to print.
 */
void craft_packet_print(const struct craft_packet *packet, size_t most, struct buf *out);

/* One value as an expression has it: "SA", "10.0.0.1", "echo-request", "[mss(1460),nop]". */
void craft_value_print(const struct craft_field *field, const struct craft_value *value, struct buf *out);

/* The two lines under a wrong expression: the expression (cut around the place to fit `columns`) and a caret
 * under the place. */
void craft_mistake_print(const char *text, size_t len, const struct craft_mistake *mistake, unsigned columns,
                         struct buf *out);

#endif
