#include "craft/pmtu.h"

/* Routers limit the ICMP they send, Linux to one a second: a size that vanished is asked about again only
 * when such a limit has passed. */
#define PMTU_LIMIT_NS UINT64_C(1200000000)
/* Every IPv6 link carries it (RFC 8200, 5), and so do nearly all others. */
#define PMTU_LIKELY 1280
#define PMTU_MOST_CONTRADICTIONS 2

static struct pmtu_trial *current(struct pmtu *p)
{
    return &p->trial[p->trial_count - 1];
}

void pmtu_begin(struct pmtu *pmtu, const struct pmtu_config *config)
{
    *pmtu = (struct pmtu){.config = *config, .passes = config->small};
}

const struct pmtu_trial *pmtu_find_trial(const struct pmtu *pmtu, uint32_t size, uint8_t ttl)
{
    for (unsigned i = pmtu->trial_count; i-- > 0;) {
        if (pmtu->trial[i].size == size && pmtu->trial[i].ttl == ttl)
            return &pmtu->trial[i];
    }
    return NULL;
}

/* ---- which size is next ---- */

/* The largest size below `bound` that something was heard of, be it a refusal. */
static uint32_t heard_below(const struct pmtu *p, uint32_t bound)
{
    uint32_t heard = p->passes;
    for (unsigned i = 0; i < p->trial_count; i++) {
        const struct pmtu_trial *t = &p->trial[i];
        const bool spoke = t->outcome == PMTU_PASSES || t->outcome == PMTU_REFUSED;
        if (t->ttl == p->config.end && spoke && t->size < bound && t->size > heard)
            heard = t->size;
    }
    return heard;
}

static uint32_t middle(uint32_t low, uint32_t high)
{
    return low + (high - low) / 2;
}

/* 0: all is known. */
static uint32_t next_size(const struct pmtu *p)
{
    if (p->fails == 0)
        return p->passes < p->config.local ? p->config.local : 0;
    if (p->passes + 1 < p->fails) {
        if (p->hint > p->passes && p->hint < p->fails)
            return p->hint;
        if (p->hint == p->passes)
            return p->passes + 1;
        if (PMTU_LIKELY > p->passes && PMTU_LIKELY < p->fails)
            return PMTU_LIKELY;
        return middle(p->passes, p->fails);
    }
    if (p->vanishes == 0)
        return 0;
    if (!p->confirmed)
        return p->vanishes;
    const uint32_t heard = heard_below(p, p->vanishes);
    return heard + 1 < p->vanishes ? middle(heard, p->vanishes) : 0;
}

/* ---- what a trial at the end of the path told ---- */

/* The row of a router that says "too big"; NULL: there is no room. */
static struct pmtu_fall *fall_of(struct pmtu *p, const struct packet_address *router)
{
    for (unsigned i = 0; i < p->fall_count; i++) {
        if (!p->fall[i].vanished && packet_address_equal(&p->fall[i].router, router))
            return &p->fall[i];
    }
    if (p->fall_count == PMTU_FALLS)
        return NULL;
    struct pmtu_fall *fall = &p->fall[p->fall_count++];
    *fall = (struct pmtu_fall){.router = *router, .refused = UINT32_MAX};
    return fall;
}

static void learn_refused(struct pmtu *p, struct pmtu_trial *trial, const struct packet_address *router,
                          uint32_t told)
{
    const bool sane = told >= p->config.least && told < trial->size;
    struct pmtu_fall *fall = fall_of(p, router);
    if (fall != NULL) {
        fall->refused = trial->size < fall->refused ? trial->size : fall->refused;
        fall->told = sane ? told : fall->told;
        trial->fall = (int8_t)(fall - p->fall);
    }
    p->hint = sane ? told : 0;
    if (p->fails == 0 || trial->size < p->fails)
        p->fails = trial->size;
    if (trial->size == p->vanishes)
        p->vanishes = 0;
}

static void learn_vanished(struct pmtu *p, const struct pmtu_trial *trial)
{
    /* A byte more than a router told, and than passes: that router just did not say it again. */
    const bool explained = p->hint != 0 && p->hint == p->passes && trial->size == p->passes + 1;
    if (trial->size == p->vanishes)
        p->confirmed = true;
    if (p->fails == 0 || trial->size < p->fails)
        p->fails = trial->size;
    if (!explained && (p->vanishes == 0 || trial->size < p->vanishes))
        p->vanishes = trial->size;
}

/* What was believed is wrong, for a larger size passes: begin again from there. */
static void begin_again(struct pmtu *p, uint32_t passes)
{
    p->mistrusts = true;
    p->passes = passes > p->passes ? passes : p->passes;
    p->fails = p->vanishes = p->hint = 0;
    p->fall_count = 0;
    p->confirmed = p->trying = false;
    p->stage = PMTU_SIZES;
    for (unsigned i = 0; i < p->trial_count; i++) {
        if (p->trial[i].outcome != PMTU_PASSES)
            p->trial[i].outcome = PMTU_UNCLEAR;
    }
    if (++p->contradictions >= PMTU_MOST_CONTRADICTIONS)
        p->verdict = PMTU_UNSTABLE;
}

static void learn_passed(struct pmtu *p, uint32_t size)
{
    if (p->fails != 0 && size >= p->fails)
        begin_again(p, size);
    else if (size > p->passes)
        p->passes = size;
}

/* ---- where a fall is ---- */

/* The fall that is to be placed next, or NULL. */
static struct pmtu_fall *unplaced(struct pmtu *p)
{
    for (unsigned i = 0; i < p->fall_count; i++) {
        if (!p->fall[i].placed)
            return &p->fall[i];
    }
    return NULL;
}

/* A refusal is placed by the address of who sent it, where that is known. */
static bool place_by_address(const struct pmtu *p, struct pmtu_fall *fall)
{
    unsigned hop = 0;
    if (fall->vanished)
        return false;
    if (fall->router.family != 0) {
        hop = p->config.hop_of != NULL ? p->config.hop_of(p->config.context, &fall->router) : 0;
        if (hop == 0 || hop >= UINT8_MAX)
            return false;
    }
    fall->hop = (uint8_t)hop;
    fall->next_hop = (uint8_t)(hop + 1);
    fall->placed = true;
    return true;
}

/* The middle one of the hops between `near` and `far` that answer; 0: there is none. */
static uint8_t middle_hop(const struct pmtu *p)
{
    uint8_t between[256];
    unsigned count = 0;
    for (unsigned ttl = p->near + 1U; ttl < p->far; ttl++) {
        if (p->config.answers[ttl] && !p->unclear[ttl])
            between[count++] = (uint8_t)ttl;
    }
    return count > 0 ? between[count / 2] : 0;
}

/* The hop that the next trial goes to; 0: every fall is placed. */
static uint8_t next_hop(struct pmtu *p, uint32_t *size)
{
    struct pmtu_fall *fall = NULL;
    while ((fall = unplaced(p)) != NULL) {
        if (place_by_address(p, fall))
            continue;
        if (p->stage != PMTU_PLACES) {
            p->stage = PMTU_PLACES;
            p->near = 0;
            p->far = p->config.end;
        }
        const uint8_t ttl = middle_hop(p);
        *size = fall->refused;
        if (ttl != 0)
            return ttl;
        fall->hop = p->near;
        fall->next_hop = p->far;
        fall->placed = true;
        p->stage = PMTU_WORDS; /* the next one begins anew */
    }
    return 0;
}

/* What was told, and no probe could verify, for something farther on lets less pass: does it come to the hop
 * behind? 0: nothing is left to be tried. */
static uint8_t next_word(struct pmtu *p, uint32_t *size)
{
    p->stage = PMTU_WORDS;
    for (unsigned i = 0; i < p->fall_count; i++) {
        const struct pmtu_fall *fall = &p->fall[i];
        const bool open = !fall->vanished && fall->told > p->passes && fall->told < fall->refused;
        if (open && fall->next_hop < p->config.end && p->config.answers[fall->next_hop] &&
            pmtu_find_trial(p, fall->told, fall->next_hop) == NULL) {
            *size = fall->told;
            return fall->next_hop;
        }
    }
    return 0;
}

static void learn_place(struct pmtu *p, const struct pmtu_trial *trial)
{
    if (trial->outcome == PMTU_UNCLEAR)
        p->unclear[trial->ttl] = true;
    else if (trial->outcome == PMTU_PASSES)
        p->near = trial->ttl;
    else
        p->far = trial->ttl;
}

/* ---- trials ---- */

static void settle(struct pmtu *p, enum pmtu_outcome outcome)
{
    struct pmtu_trial *trial = current(p);
    trial->outcome = outcome;
    p->trying = false;
    if (p->stage == PMTU_PLACES)
        learn_place(p, trial);
    if (p->stage != PMTU_SIZES)
        return;
    if (outcome == PMTU_PASSES)
        learn_passed(p, trial->size);
    else if (outcome == PMTU_VANISHES)
        learn_vanished(p, trial);
    else if (outcome == PMTU_UNCLEAR)
        p->verdict = PMTU_UNKNOWN;
}

static void begin_trial(struct pmtu *p, uint32_t size, uint8_t ttl, uint64_t now_ns)
{
    if (p->trial_count == PMTU_TRIALS) {
        p->verdict = PMTU_UNSTABLE;
        return;
    }
    const bool again = p->stage == PMTU_SIZES && size == p->vanishes;
    p->trial[p->trial_count++] = (struct pmtu_trial){.size = size, .ttl = ttl, .fall = -1};
    p->trying = true;
    p->small_due = false;
    p->pairs = PMTU_PAIRS;
    p->next_pair_ns = again ? now_ns + PMTU_LIMIT_NS : now_ns;
}

/* Did this size pass a fall that was told? It arrived, or came to the hop behind, or was refused farther on.
 */
static bool passed(const struct pmtu *p, const struct pmtu_fall *fall, const struct pmtu_trial *trial)
{
    if (trial->outcome == PMTU_PASSES)
        return trial->ttl > fall->hop;
    return trial->outcome == PMTU_REFUSED && trial->fall >= 0 && p->fall[trial->fall].hop > fall->hop;
}

static void fill_passes(struct pmtu *p)
{
    for (unsigned i = 0; i < p->fall_count; i++) {
        struct pmtu_fall *fall = &p->fall[i];
        fall->passes = fall->vanished ? heard_below(p, fall->refused) : p->passes;
        for (unsigned k = 0; k < p->trial_count && !fall->vanished; k++) {
            const struct pmtu_trial *t = &p->trial[k];
            if (t->size < fall->refused && t->size > fall->passes && passed(p, fall, t))
                fall->passes = t->size;
        }
    }
}

/* Begin what is to be tried next, or end the search. */
static void go_on(struct pmtu *p, uint64_t now_ns)
{
    uint32_t size = p->stage == PMTU_SIZES ? next_size(p) : 0;
    uint8_t ttl = p->config.end;
    if (size == 0) {
        if (p->vanishes != 0 && p->fall_count < PMTU_FALLS) {
            p->fall[p->fall_count++] = (struct pmtu_fall){.refused = p->vanishes, .vanished = true};
            p->vanishes = 0;
        }
        ttl = next_hop(p, &size);
        if (ttl == 0)
            ttl = next_word(p, &size);
    }
    if (ttl != 0) {
        begin_trial(p, size, ttl, now_ns);
        return;
    }
    p->verdict = PMTU_FOUND;
    p->mtu = p->passes;
    fill_passes(p);
}

static uint32_t new_ticket(struct pmtu *p, bool large)
{
    const uint32_t ticket = p->ticket_count++;
    p->ticket[ticket % PMTU_TICKETS].trial = (uint16_t)(p->trial_count - 1);
    p->ticket[ticket % PMTU_TICKETS].large = large;
    p->ticket[ticket % PMTU_TICKETS].answered = false;
    return ticket;
}

/* The large probe of a pair, then the small one. */
static struct pmtu_probe send_one(struct pmtu *p, uint64_t now_ns)
{
    struct pmtu_trial *trial = current(p);
    const bool large = !p->small_due;
    const struct pmtu_probe probe = {large ? trial->size : p->config.small, trial->ttl, new_ticket(p, large)};
    if (large) {
        trial->large_sent++;
        p->small_due = true;
        return probe;
    }
    trial->small_sent++;
    p->small_due = false;
    p->next_pair_ns = now_ns + (trial->small_sent < PMTU_PAIRS ? p->config.gap_ns : p->config.wait_ns);
    p->settled_ns = now_ns + p->config.wait_ns;
    return probe;
}

/* All pairs are sent and waited for: is it known what became of them? */
static void judge(struct pmtu *p)
{
    const struct pmtu_trial *trial = current(p);
    if (trial->small_answered >= PMTU_PAIRS)
        settle(p, PMTU_VANISHES);
    else if (p->pairs < PMTU_PAIRS_MAX)
        p->pairs++;
    else
        settle(p, PMTU_UNCLEAR);
}

enum pmtu_step pmtu_next(struct pmtu *pmtu, uint64_t now_ns, struct pmtu_probe *probe, uint64_t *until_ns)
{
    while (pmtu->verdict == PMTU_RUNNING) {
        if (!pmtu->trying) {
            go_on(pmtu, now_ns);
            continue;
        }
        const bool more = current(pmtu)->large_sent < pmtu->pairs;
        if (pmtu->small_due || (more && now_ns >= pmtu->next_pair_ns)) {
            *probe = send_one(pmtu, now_ns);
            return PMTU_SEND;
        }
        if (more || now_ns < pmtu->settled_ns) {
            *until_ns = more ? pmtu->next_pair_ns : pmtu->settled_ns;
            return PMTU_WAIT;
        }
        judge(pmtu);
    }
    return PMTU_DONE;
}

/* ---- answers ---- */

/* The trial of a ticket, the first time it is answered; else NULL. */
static struct pmtu_trial *take_ticket(struct pmtu *p, uint32_t ticket, bool *large)
{
    if (p->ticket_count - ticket - 1 >= PMTU_TICKETS || p->ticket[ticket % PMTU_TICKETS].answered)
        return NULL;
    p->ticket[ticket % PMTU_TICKETS].answered = true;
    *large = p->ticket[ticket % PMTU_TICKETS].large;
    return &p->trial[p->ticket[ticket % PMTU_TICKETS].trial];
}

void pmtu_answered(struct pmtu *pmtu, uint32_t ticket)
{
    bool large = false;
    struct pmtu_trial *trial = take_ticket(pmtu, ticket, &large);
    if (trial == NULL)
        return;
    trial->small_answered += !large;
    trial->large_answered += large;
    if (!large || pmtu->verdict != PMTU_RUNNING)
        return;
    if (pmtu->trying && trial == current(pmtu))
        settle(pmtu, PMTU_PASSES);
    else if (trial->outcome != PMTU_PASSES && trial->ttl == pmtu->config.end) {
        trial->outcome = PMTU_PASSES;
        begin_again(pmtu, trial->size);
    }
}

void pmtu_too_big(struct pmtu *pmtu, uint32_t ticket, const struct packet_address *router, uint32_t told)
{
    bool large = false;
    if (pmtu->mistrusts || pmtu->ticket_count - ticket - 1 >= PMTU_TICKETS)
        return;
    struct pmtu_trial *trial = &pmtu->trial[pmtu->ticket[ticket % PMTU_TICKETS].trial];
    large = pmtu->ticket[ticket % PMTU_TICKETS].large;
    /* The probe stays unanswered: if it arrives after all, the message was wrong. */
    if (!large || !pmtu->trying || trial != current(pmtu))
        return;
    trial->outcome = PMTU_REFUSED;
    if (pmtu->stage == PMTU_SIZES)
        learn_refused(pmtu, trial, router, told);
    settle(pmtu, PMTU_REFUSED);
}
