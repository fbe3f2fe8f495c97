#ifndef SOCKDIAG_CRAFT_EXPR_PRIVATE_H
#define SOCKDIAG_CRAFT_EXPR_PRIVATE_H

#include "base/arena.h"
#include "base/hash.h"
#include "craft/expr.h"

/* What the parts of craft/expr*.c share: the expression as a tree, the parse under way, its mistakes. */

/* Numbers and addresses alike: an IPv6 address is a number of 128 bits, in host order. */
__extension__ typedef unsigned __int128 expr_number;

enum expr_set_kind {
    EXPR_ONE,    /* from == to; or bytes; or options */
    EXPR_RANGE,  /* from … to */
    EXPR_PREFIX, /* the same, and was written as an address and a prefix length */
    EXPR_RANDOM, /* one value, drawn anew for each packet */
};

struct expr_set {
    enum expr_set_kind kind;
    uint8_t prefix;
    expr_number from, to;
    const uint8_t *bytes;               /* CRAFT_BYTES: `len` of them */
    const struct craft_option *options; /* CRAFT_OPTIONS: `len` of them */
    size_t len;
    uint64_t before; /* values of the sets in front of it in the list */
};

struct expr_field {
    bool given;
    struct expr_set *sets;
    size_t set_count;
    uint64_t count; /* values in all; UINT64_MAX: that many or more */
};

struct expr_layer {
    const struct craft_layer_type *type;
    struct expr_field field[CRAFT_MAX_FIELDS];
};

struct craft_expr {
    struct arena arena; /* sets, options and bytes */
    struct hash_key key;
    uint64_t packets;
    size_t count;
    struct expr_layer layer[CRAFT_MAX_LAYERS];
};

/* The values of a set; UINT64_MAX: that many or more. */
uint64_t expr_set_count(const struct expr_set *set);

/* The largest number that fits into a field. */
expr_number expr_most(const struct craft_field *field);

/* A number as the value of a field, and back. */
void expr_to_value(const struct craft_field *field, expr_number number, struct craft_value *value);
expr_number expr_of_value(const struct craft_field *field, const struct craft_value *value);

/* ---- parsing ---- */

struct expr_parse {
    const char *text;
    size_t len, at;
    const struct craft_parse *config;
    struct craft_mistake *mistake;
    struct craft_expr *expr;
    size_t held; /* bytes of payload so far */
};

/* Skip white space; the next byte, or 0 at the end (a NUL in the text is no token, and so a mistake
 * somewhere). */
char expr_peek(struct expr_parse *p);

/* Take the next byte if it is `c`. */
bool expr_take(struct expr_parse *p, char c);

/* Take a single or double quote: which; 0 where none stands. Then the same one must close: 0 or -EINVAL. */
char expr_take_quote(struct expr_parse *p);
int expr_close_quote(struct expr_parse *p, char quote);

/* Length of what could be a word, a number or an address at p->at; `dashed`: dashes belong to it. */
size_t expr_run(const struct expr_parse *p, bool dashed);

/* Fill the mistake: `len` bytes at `at`. Returns -EINVAL. */
__attribute__((format(printf, 4, 5))) int expr_wrong(struct expr_parse *p, size_t at, size_t len,
                                                     const char *format, ...);

/* The same for what stands at p->at now, with "… expected here". */
int expr_expected(struct expr_parse *p, const char *what);

/* Names that could stand there go into the mistake's `allowed`; past its room comes "…". */
void expr_allow(struct expr_parse *p, const char *name);

/* The nearest of names to a wrong word: offer each, then ask. */
struct expr_nearest {
    const char *word;
    size_t len, distance;
    const char *name; /* NULL: none is near */
};
void expr_offer(struct expr_nearest *nearest, const char *name);

/* "; did you mean 'dport'?" behind the mistake's text, where one is near. */
void expr_suggest(struct expr_parse *p, const struct expr_nearest *nearest);

/* Bytes of outside text, safe to print and cut to a sensible length, for messages. */
#define EXPR_QUOTE 64
const char *expr_quote(char out[EXPR_QUOTE], const char *text, size_t len);

/* One number, flag set or address of `field` (any scalar kind). 0, -EINVAL or -ENOMEM. */
int expr_scalar(struct expr_parse *p, const struct craft_field *field, expr_number *out);

/* A number in decimal or 0x…, from 0 to `most`, for what is called `name`. */
int expr_plain_number(struct expr_parse *p, const char *name, expr_number most, expr_number *out);

/* A string, perhaps many times, hex(…) or fill(…): bytes in the expression's arena. */
int expr_bytes(struct expr_parse *p, const uint8_t **bytes, size_t *len);
bool expr_begins_bytes(struct expr_parse *p);

/* [option, …] of a field. */
int expr_options(struct expr_parse *p, const struct craft_field *field, struct expr_set *out);

/* The field that an option's argument is, for parsing and printing it. */
struct craft_field expr_argument_field(const struct craft_option_type *type, unsigned argument);

/* Which argument the `nth` written one is: those that repeat come again and again. */
unsigned expr_argument_at(const struct craft_option_type *type, unsigned nth);

/* ---- printing ---- */

void expr_print_number(const struct craft_field *field, uint64_t number, struct buf *out); /* no name */
void expr_print_scalar(const struct craft_field *field, expr_number number, struct buf *out);

void expr_print_option(const struct craft_field *field, const struct craft_option *option, struct buf *out);

#endif
