#ifndef SOCKDIAG_TESTS_UNIT_NETNS_H
#define SOCKDIAG_TESTS_UNIT_NETNS_H

/* Two private networks and a cable, for tests that send:
 *
 *      ┌──── here ────┐          ┌──── there ────┐
 *      │ va 10.1.0.1  │──────────│ vb 10.1.0.2   │      also fd01::1, fd01::2; each knows
 *      └──────────────┘          └───────────────┘      the other's hardware address
 *
 * The process is here, and may step over. No privilege is needed where users may make namespaces; all is gone
 * with the process. */
struct netns {
    int here, there;
    unsigned char mac_here[6], mac_there[6];
};

/* NULL, or the reason why this machine cannot. Call it first in main(). */
const char *netns_make(struct netns *net);

/* Go on in this network. */
void netns_enter(int ns);

/* Run a command of the shell's; its exit status. */
__attribute__((format(printf, 1, 2))) int netns_run(const char *format, ...);

/* Wait until the interface carries frames; whether it does. */
int netns_carrier(const char *interface);

/* Wait until `condition` holds, at most five seconds; what it is then. */
int netns_wait(int (*condition)(void *context), void *context);

#endif
