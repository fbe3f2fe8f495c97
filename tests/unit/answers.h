#ifndef SOCKDIAG_TESTS_ANSWERS_H
#define SOCKDIAG_TESTS_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "craft/probe.h"

/* What a target and the routers on the way answer to a probe, made from the probe's bytes by plain arithmetic
 * that shares nothing with the code under test. All are whole IP datagrams with right checksums. */

/* Shapes for the tests: 10.1.0.1 to 10.1.0.2, or fd00::1 to fd00::2. */
struct probe_shape answer_shape(int family, enum probe_method method, enum probe_flow flow, uint32_t payload);

/* Write length and checksums anew into a datagram that was changed. */
void answer_seal(uint8_t *datagram, size_t len);

/* The target's answer: echo reply, UDP datagram with the same payload, SYN-ACK (`reset`: RST-ACK). */
void answer_reply(struct buf *out, const struct buf *probe, bool reset);

/* An ICMP error of 10.9.9.9 or fd09::9 about the probe. */
struct answer_error {
    uint8_t type, code;
    uint32_t rest;       /* the second word of the ICMP header */
    size_t quoted;       /* bytes of the probe behind its IP header; SIZE_MAX: all */
    bool from_target;    /* of the target itself */
    size_t padded;       /* the quote is filled with zeros up to this length */
    const uint8_t *tail; /* behind it */
    size_t tail_len;
};
void answer_error(struct buf *out, const struct buf *probe, const struct answer_error *error);

size_t answer_ip_len(const uint8_t *datagram);

/* Match a copy that ends where its allocation ends, with its IP header, and again without it; both must come
 * to the same. */
struct probe_answer answer_match(const struct probe_shape *shape, const void *datagram, size_t len);

/* What a socket would say of the datagram without its IP header. */
struct probe_input answer_input(const uint8_t *datagram, size_t len, bool has_ip_header);

#endif
