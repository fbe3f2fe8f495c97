#include "base/i18n.h"
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
    N_("Destination Net Unreachable"),
    N_("Destination Host Unreachable"),
    N_("Destination Protocol Unreachable"),
    N_("Destination Port Unreachable"),
    N_("Frag needed and DF set"),
    N_("Source Route Failed"),
    N_("Destination Net Unknown"),
    N_("Destination Host Unknown"),
    N_("Source Host Isolated"),
    N_("Destination Net Prohibited"),
    N_("Destination Host Prohibited"),
    N_("Destination Net Unreachable for Type of Service"),
    N_("Destination Host Unreachable for Type of Service"),
    N_("Packet filtered"),
    N_("Precedence Violation"),
    N_("Precedence Cutoff"),
};

static const char *const redirect4[] = {
    N_("Redirect Network"),
    N_("Redirect Host"),
    N_("Redirect Type of Service and Network"),
    N_("Redirect Type of Service and Host"),
};

static const char *const exceeded4[] = {
    N_("Time to live exceeded"),
    N_("Frag reassembly time exceeded"),
};

static const char *const unreachable6[] = {
    N_("Destination unreachable: No route"),
    N_("Destination unreachable: Administratively prohibited"),
    N_("Destination unreachable: Beyond scope of source address"),
    N_("Destination unreachable: Address unreachable"),
    N_("Destination unreachable: Port unreachable"),
    N_("Destination unreachable: Source address failed ingress/egress policy"),
    N_("Destination unreachable: Reject route to destination"),
};

static const char *const exceeded6[] = {
    N_("Time exceeded: Hop limit"),
    N_("Time exceeded: Defragmentation failure"),
};

static const char *const problem6[] = {
    N_("Parameter problem: Wrong header field"),
    N_("Parameter problem: Unknown header"),
    N_("Parameter problem: Unknown option"),
};

#define TEXTS(table) (table), sizeof(table) / sizeof(table)[0]

static const struct words all[] = {
    {4, 0, N_("Echo Reply"), NULL, 0},
    {4, 3, N_("Destination Unreachable"), TEXTS(unreachable4)},
    {4, 4, N_("Source Quench"), NULL, 0},
    {4, 5, N_("Redirect"), TEXTS(redirect4)},
    {4, 8, N_("Echo Request"), NULL, 0},
    {4, 11, N_("Time exceeded"), TEXTS(exceeded4)},
    {4, 12, N_("Parameter problem"), NULL, 0},
    {4, 13, N_("Timestamp"), NULL, 0},
    {4, 14, N_("Timestamp Reply"), NULL, 0},
    {6, 1, N_("Destination unreachable"), TEXTS(unreachable6)},
    {6, 2, N_("Packet too big"), NULL, 0},
    {6, 3, N_("Time exceeded"), TEXTS(exceeded6)},
    {6, 4, N_("Parameter problem"), TEXTS(problem6)},
    {6, 128, N_("Echo request"), NULL, 0},
    {6, 129, N_("Echo reply"), NULL, 0},
};

const char *probe_error_text(int family, uint8_t type, uint8_t code)
{
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i].family == family && all[i].type == type)
            return code < all[i].count ? all[i].text[code] : all[i].other;
    }
    return family == 6 ? N_("Unknown ICMPv6 type") : N_("Unknown ICMP type");
}
