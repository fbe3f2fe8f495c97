#include "lab/rules.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/i18n.h"
#include "lab/scan.h"

static const char forms[] = N_(
    "a rule is data:3, data:3-5, data:2,4-6 (the same with reply, syn, fin, ack, frame), larger:1000, or a "
    "share of all frames: 2% or 2.5%@7");

static const struct {
    const char *word;
    enum lab_rule_kind kind;
} kinds[] = {
    {"data", LAB_RULE_DATA}, {"reply", LAB_RULE_REPLY}, {"syn", LAB_RULE_SYN},       {"fin", LAB_RULE_FIN},
    {"ack", LAB_RULE_ACK},   {"frame", LAB_RULE_FRAME}, {"larger", LAB_RULE_LARGER},
};

enum {
    MILLION = 1000000
};

/* The text of a rule and how far it was read. */
struct rule_text {
    const char *text, *at;
    struct sd_err *err;
};

static int bad_rule(const struct rule_text *t, const char *why)
{
    if (*t->at == '\0')
        return sd_fail(t->err, EINVAL, "the rule '%.60s' ends too early: %s; %s", t->text, _(why), _(forms));
    return sd_fail(t->err, EINVAL, "the rule '%.60s' is wrong at '%.60s': %s; %s", t->text, t->at, _(why),
                   _(forms));
}

static int parse_range(struct rule_text *t, struct lab_rule *rule)
{
    const char *begin = t->at;
    uint64_t first, last;
    if (rule->range_count == LAB_RULE_RANGES)
        return bad_rule(t, "too many ranges (16 at most)");
    if (!scan_number(&t->at, UINT32_MAX, &first) || first == 0) {
        t->at = begin;
        return bad_rule(t, "expected a number, counted from 1");
    }
    last = first;
    if (*t->at == '-') {
        t->at++;
        if (!scan_number(&t->at, UINT32_MAX, &last))
            return bad_rule(t, "expected the last number of the range");
        if (last < first) {
            t->at = begin;
            return bad_rule(t, "the range runs backwards");
        }
    }
    rule->range[rule->range_count].first = (uint32_t)first;
    rule->range[rule->range_count].last = (uint32_t)last;
    rule->range_count++;
    return 0;
}

static int parse_ranges(struct rule_text *t, struct lab_rule *rule)
{
    for (;;) {
        int failed = parse_range(t, rule);
        if (failed != 0)
            return failed;
        if (*t->at == '\0')
            return 0;
        if (*t->at != ',')
            return bad_rule(t, "expected a comma or the end");
        t->at++;
    }
}

static int parse_percent(struct rule_text *t, struct lab_rule *rule)
{
    rule->kind = LAB_RULE_PERCENT;
    uint64_t share;
    if (!scan_decimal(&t->at, MILLION / 100, MILLION, &share))
        return bad_rule(t, "expected a share from 0 to 100");
    rule->per_million = (uint32_t)share;
    if (*t->at != '%')
        return bad_rule(t, "expected %");
    t->at++;
    if (*t->at == '@') {
        t->at++;
        if (!scan_number(&t->at, UINT64_MAX, &rule->seed))
            return bad_rule(t, "expected the seed, a number");
    }
    return *t->at == '\0' ? 0 : bad_rule(t, "expected @seed or the end");
}

static int parse_size(struct rule_text *t, struct lab_rule *rule)
{
    uint64_t size;
    if (!scan_number(&t->at, UINT32_MAX, &size))
        return bad_rule(t, "expected a number of bytes");
    rule->larger_than = (uint32_t)size;
    return *t->at == '\0' ? 0 : bad_rule(t, "expected the end");
}

int lab_rule_parse(struct lab_rule *rule, const char *text, struct sd_err *err)
{
    struct rule_text t = {.text = text, .at = text, .err = err};
    *rule = (struct lab_rule){.seed = 1};
    if (scan_is_digit(*text))
        return parse_percent(&t, rule);
    size_t word = strcspn(text, ":");
    if (text[word] == '\0')
        return bad_rule(&t, "expected a kind of frame and a colon, or a share");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strlen(kinds[i].word) != word || strncmp(kinds[i].word, text, word) != 0)
            continue;
        rule->kind = kinds[i].kind;
        t.at = text + word + 1;
        return rule->kind == LAB_RULE_LARGER ? parse_size(&t, rule) : parse_ranges(&t, rule);
    }
    return bad_rule(&t, "there is no such kind of frame");
}

bool lab_rule_looks_like(const char *word)
{
    size_t letters = strspn(word, "abcdefghijklmnopqrstuvwxyz");
    if (letters > 0)
        return word[letters] == ':' && scan_is_digit(word[letters + 1]);
    return scan_is_digit(*word) && word[strspn(word, "0123456789.")] == '%';
}

static bool of_kind(enum lab_rule_kind kind, const struct packet *packet, int side)
{
    const unsigned control = TCP_SYN | TCP_FIN | TCP_RST;
    const unsigned flags = packet->tcp.flags;
    if (kind == LAB_RULE_FRAME)
        return true;
    if (packet->ip_protocol != IPPROTO_TCP || packet->is_fragment || packet->verdict != PACKET_OK)
        return false;
    switch (kind) {
    case LAB_RULE_DATA:
        return side == 0 && packet->payload_len > 0;
    case LAB_RULE_REPLY:
        return side == 1 && packet->payload_len > 0;
    case LAB_RULE_SYN:
        return (flags & TCP_SYN) != 0;
    case LAB_RULE_FIN:
        return (flags & TCP_FIN) != 0;
    case LAB_RULE_ACK:
        return packet->payload_len == 0 && (flags & control) == 0;
    default:
        return false;
    }
}

uint64_t lab_rule_random(uint64_t seed, int side, uint64_t k)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(k >> (8 * i));
    return hash_bytes(&(struct hash_key){seed, (uint64_t)side}, bytes, sizeof bytes);
}

bool lab_rule_hits(struct lab_rule *rule, const struct packet *packet, int side)
{
    if (rule->kind == LAB_RULE_NONE)
        return false;
    if (rule->kind == LAB_RULE_PERCENT)
        return lab_rule_random(rule->seed, side, ++rule->side_seen[side]) % MILLION < rule->per_million;
    if (rule->kind == LAB_RULE_LARGER)
        return packet->ip_len > rule->larger_than;
    if (!of_kind(rule->kind, packet, side))
        return false;
    rule->seen++;
    for (unsigned i = 0; i < rule->range_count; i++) {
        if (rule->seen >= rule->range[i].first && rule->seen <= rule->range[i].last)
            return true;
    }
    return false;
}
