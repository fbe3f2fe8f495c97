#include "craft/probe.h"

#include <stddef.h>

/* ICMP types and codes in the words that users of ping know. */

struct words {
    int family;
    uint8_t type;
    const char *other;       /* for codes without a text of their own */
    const char *const *text; /* by code */
    size_t count;
};

static const char *const unreachable4[] = {
    "Destination Net Unreachable",
    "Destination Host Unreachable",
    "Destination Protocol Unreachable",
    "Destination Port Unreachable",
    "Frag needed and DF set",
    "Source Route Failed",
    "Destination Net Unknown",
    "Destination Host Unknown",
    "Source Host Isolated",
    "Destination Net Prohibited",
    "Destination Host Prohibited",
    "Destination Net Unreachable for Type of Service",
    "Destination Host Unreachable for Type of Service",
    "Packet filtered",
    "Precedence Violation",
    "Precedence Cutoff",
};

static const char *const redirect4[] = {
    "Redirect Network",
    "Redirect Host",
    "Redirect Type of Service and Network",
    "Redirect Type of Service and Host",
};

static const char *const exceeded4[] = {
    "Time to live exceeded",
    "Frag reassembly time exceeded",
};

static const char *const unreachable6[] = {
    "Destination unreachable: No route",
    "Destination unreachable: Administratively prohibited",
    "Destination unreachable: Beyond scope of source address",
    "Destination unreachable: Address unreachable",
    "Destination unreachable: Port unreachable",
    "Destination unreachable: Source address failed ingress/egress policy",
    "Destination unreachable: Reject route to destination",
};

static const char *const exceeded6[] = {
    "Time exceeded: Hop limit",
    "Time exceeded: Defragmentation failure",
};

static const char *const problem6[] = {
    "Parameter problem: Wrong header field",
    "Parameter problem: Unknown header",
    "Parameter problem: Unknown option",
};

#define TEXTS(table) (table), sizeof(table) / sizeof(table)[0]

static const struct words all[] = {
    {4, 0, "Echo Reply", NULL, 0},
    {4, 3, "Destination Unreachable", TEXTS(unreachable4)},
    {4, 4, "Source Quench", NULL, 0},
    {4, 5, "Redirect", TEXTS(redirect4)},
    {4, 8, "Echo Request", NULL, 0},
    {4, 11, "Time exceeded", TEXTS(exceeded4)},
    {4, 12, "Parameter problem", NULL, 0},
    {4, 13, "Timestamp", NULL, 0},
    {4, 14, "Timestamp Reply", NULL, 0},
    {6, 1, "Destination unreachable", TEXTS(unreachable6)},
    {6, 2, "Packet too big", NULL, 0},
    {6, 3, "Time exceeded", TEXTS(exceeded6)},
    {6, 4, "Parameter problem", TEXTS(problem6)},
    {6, 128, "Echo request", NULL, 0},
    {6, 129, "Echo reply", NULL, 0},
};

const char *probe_error_text(int family, uint8_t type, uint8_t code)
{
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i].family == family && all[i].type == type)
            return code < all[i].count ? all[i].text[code] : all[i].other;
    }
    return family == 6 ? "Unknown ICMPv6 type" : "Unknown ICMP type";
}
