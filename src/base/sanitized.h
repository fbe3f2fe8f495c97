#ifndef SOCKDIAG_BASE_SANITIZED_H
#define SOCKDIAG_BASE_SANITIZED_H

/* Is this a build with AddressSanitizer? Such a process needs terabytes of address space, and system calls of
 * its own. */

#if defined(__SANITIZE_ADDRESS__)
enum {
    SANITIZED = 1
};
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum {
    SANITIZED = 1
};
#else
enum {
    SANITIZED = 0
};
#endif
#else
enum {
    SANITIZED = 0
};
#endif

#endif
