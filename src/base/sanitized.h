#ifndef SOCKDIAG_BASE_SANITIZED_H
#define SOCKDIAG_BASE_SANITIZED_H

/* Is this a build with AddressSanitizer? Such a process needs terabytes of address space, and system calls of
 * its own. */

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#endif
