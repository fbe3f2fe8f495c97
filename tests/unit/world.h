#ifndef SOCKDIAG_UNIT_WORLD_H
#define SOCKDIAG_UNIT_WORLD_H

#include "lanes/lanes.h"
#include "lanes/spans.h"

/* From capture files made here to the model: packets with right checksums between two hosts, and call records
 * of the programs at both ends. Times are milliseconds after T0. */

#define T0 UINT64_C(1700000000000000000)
#define MS UINT64_C(1000000)
#define LINKTYPE_RAW 101
#define CLIENT 0x0a4d0001U
#define SERVER 0x0a4d0002U

struct world {
    struct buf file;
    uint16_t client_port;
    uint32_t isn[2];
};

void begin(struct world *w, const char *comment);
void segment(struct world *w, int from, unsigned ms, uint8_t flags, uint64_t offset, const void *data,
             size_t len, const char *comment);
void handshake(struct world *w, unsigned ms);
void text_segment(struct world *w, int from, unsigned ms, uint64_t offset, const char *text);
struct packet_address ipv4(uint32_t address);
struct packet_address mapped(uint32_t address);
struct call make_call(const struct world *w, int end, enum call_op op, unsigned enter_ms, unsigned exit_ms,
                      int64_t result, uint64_t offset);
void put_call(struct world *w, const struct call *call);
void put(struct world *w, int end, enum call_op op, unsigned ms, int64_t result, uint64_t offset);
struct lanes *read_with(struct world *w, const struct lanes_options *options);
struct lanes *read_world(struct world *w);
bool noted(const struct lanes_stream *stream, const char *words);
void assert_lane(const struct lanes_direction *d, enum lanes_lane lane, const char *expected);

/* "hello" and "world!" in one send each and one segment; read by 4 and 7. */
void both_directions(struct world *w);

#endif
