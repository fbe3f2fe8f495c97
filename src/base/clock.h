#ifndef SOCKDIAG_BASE_CLOCK_H
#define SOCKDIAG_BASE_CLOCK_H

#include <stdint.h>

#define NS_PER_US 1000U
#define NS_PER_MS 1000000U
#define NS_PER_S 1000000000U

uint64_t clock_real_ns(void); /* CLOCK_REALTIME: time stamps; the clock of the kernel's packet stamps */
uint64_t clock_mono_ns(void); /* CLOCK_MONOTONIC: durations and deadlines */

#endif
