#ifndef SOCKDIAG_RECORD_MEMORY_H
#define SOCKDIAG_RECORD_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "capture/packet.h"
#include "record/syscalls.h"

/* A stopped program's memory. Addresses and lengths are the program's word: each read may come back short,
 * none is believed. */

#define MEMORY_MAX_IOV 1024           /* UIO_MAXIOV */
#define MEMORY_MAX_GATHER (16U << 20) /* bytes of one call that are looked at */

/* Read exactly `len` bytes at `address`; false when not all of them are there. */
bool memory_read(pid_t tid, uint64_t address, void *out, size_t len);

/* Bytes that a call offers or has room for, by its shape and arguments. */
uint64_t memory_asked(pid_t tid, enum syscall_shape shape, const uint64_t args[6]);

/* Bytes that the first `messages` messages of an mmsghdr array moved (their msg_len). */
uint64_t memory_mmsg_moved(pid_t tid, uint64_t address, uint64_t messages);

/* Append the first `moved` bytes of what a call sent or received, as they stand in memory now. false (and
 * nothing appended) when they cannot be had: too many, not readable, or not in memory (sendfile, splice). */
bool memory_gather(pid_t tid, enum syscall_shape shape, const uint64_t args[6], uint64_t moved,
                   struct buf *out);

/* The IP address in a struct sockaddr of the program; family 0 where it is none. */
void memory_sockaddr(pid_t tid, uint64_t address, uint64_t len, struct packet_address *out, uint16_t *port);

/* The same, where a call names its peer (sendto, recvfrom, sendmsg, recvmsg); family 0 where it does not. */
void memory_peer(pid_t tid, enum syscall_shape shape, const uint64_t args[6], bool is_recv,
                 struct packet_address *out, uint16_t *port);

#endif
