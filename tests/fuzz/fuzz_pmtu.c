/* needs: craft/pmtu.c capture/packet.c */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "craft/pmtu.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static uint8_t choose(struct bytes *bytes)
{
    uint8_t byte = 0;
    bytes_u8(bytes, &byte);
    return byte;
}

static unsigned hop_of(void *context, const struct packet_address *address)
{
    (void)context;
    return address->bytes[0];
}

static struct pmtu_config choose_config(struct bytes *bytes)
{
    struct pmtu_config config = {
        .small = 60,
        .least = 68,
        .local = 60 + 40U * choose(bytes),
        .end = (uint8_t)(1 + choose(bytes) % 20),
        .wait_ns = 1000000000,
        .gap_ns = 50000000,
        .hop_of = choose(bytes) % 2 == 0 ? hop_of : NULL,
    };
    const uint8_t silent = choose(bytes);
    for (unsigned ttl = 1; ttl <= config.end; ttl++)
        config.answers[ttl] = silent == 0 || ttl % silent != 0 || ttl == config.end;
    return config;
}

/* Whatever answers come, and whenever: the search ends, within the bounds, and says only what it saw. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pmtu pmtu;
    struct bytes bytes = bytes_of(data, size);
    const struct pmtu_config config = choose_config(&bytes);
    struct pmtu_probe probe = {0};
    uint64_t now = 0, until = 0;
    pmtu_begin(&pmtu, &config);
    for (unsigned steps = 0;; steps++) {
        require(steps < PMTU_TRIALS * 4 * PMTU_PAIRS_MAX * 2);
        const enum pmtu_step step = pmtu_next(&pmtu, now, &probe, &until);
        if (step == PMTU_DONE)
            break;
        if (step == PMTU_WAIT) {
            require(until > now);
            now = until;
            continue;
        }
        require(probe.size >= config.small && probe.size <= config.local);
        require(probe.ttl > 0 && probe.ttl <= config.end && config.answers[probe.ttl]);
        const uint8_t what = choose(&bytes);
        const uint32_t ticket = probe.ticket - (what >= 128 ? choose(&bytes) % 16U : 0); /* some are late */
        const struct packet_address router = {.family = what % 2 == 0 ? 4 : 0, .bytes = {choose(&bytes)}};
        if (what % 7 < 3)
            pmtu_answered(&pmtu, ticket);
        else if (what % 7 < 5)
            pmtu_too_big(&pmtu, ticket, &router, 40U * choose(&bytes));
    }
    require(pmtu.verdict != PMTU_RUNNING && pmtu.fall_count <= PMTU_FALLS);
    if (pmtu.verdict == PMTU_FOUND)
        require(pmtu.mtu >= config.small && pmtu.mtu <= config.local);
    for (unsigned i = 0; pmtu.verdict == PMTU_FOUND && i < pmtu.fall_count; i++)
        require(pmtu.fall[i].placed && pmtu.fall[i].passes < pmtu.fall[i].refused);
    return 0;
}
