#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pcap/dlt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/io.h"
#include "base/json.h"
#include "base/privilege.h"
#include "capture/pcapng.h"
#include "cmd/cmd.h"
#include "cmd/send.h"
#include "cmd/send_pieces.h"
#include "cmd/send_text.h"
#include "craft/dissect.h"

/* Packets that are not sent: printed, written to a capture file, or both. Takes no privilege, and has none
 * left when the first name is looked up. */

#define GATHER (256U << 10)
#define LINKTYPE_RAW_IP                                                                                      \
    101 /* LINKTYPE_RAW: begins with an IPv4 or IPv6 header. DLT_RAW is another number                       \
         */

struct dry {
    struct send *send;
    struct craft_packet *packet, *piece_packet;
    struct craft_room *room;
    struct buf bytes;
    struct send_pieces pieces;
    uint64_t number; /* of pieces */
    uint64_t time_ns;

    int fd; /* of the file, -1: none */
    struct buf file;
    uint64_t written;                 /* bytes of whole blocks in the file */
    int link_interface, ip_interface; /* of the file; -1: not yet */
    int interfaces;
    struct sd_err err;
};

/* ---- the file ---- */

static int open_file(struct dry *d)
{
    const char *path = d->send->options.write;
    if (path == NULL)
        return 0;
    d->fd =
        strcmp(path, "-") == 0 ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (d->fd < 0)
        return sd_fail_errno(&d->err, errno, "cannot write %s", path);
    pcapng_build_section(&d->file, "sockdiag " SOCKDIAG_VERSION, NULL);
    return 0;
}

/* A block that the disk has no room for is cut off again; not from stdout, where other things may stand
 * before. */
static int flush_file(struct dry *d)
{
    if (d->file.failed)
        return sd_fail_errno(&d->err, ENOMEM, "cannot write %s", d->send->options.write);
    const int failed = io_write_all(d->fd, d->file.data, d->file.len);
    if (failed != 0) {
        const bool whole = d->fd != STDOUT_FILENO && ftruncate(d->fd, (off_t)d->written) == 0;
        return sd_fail(&d->err, -failed, "cannot write %s: %s%s", d->send->options.write,
                       sd_errno_text(-failed), whole ? _("; what was written before is whole") : "");
    }
    d->written += d->file.len;
    d->file.len = 0;
    return 0;
}

static uint32_t file_interface(struct dry *d, enum send_way way)
{
    int *interface = way == SEND_LINK ? &d->link_interface : &d->ip_interface;
    if (*interface < 0) {
        pcapng_build_interface(&d->file, "", way == SEND_LINK ? DLT_EN10MB : LINKTYPE_RAW_IP, 0);
        *interface = d->interfaces++;
    }
    return (uint32_t)*interface;
}

static int write_piece(struct dry *d, enum send_way way, const uint8_t *bytes, size_t len)
{
    const uint32_t interface = file_interface(d, way);
    pcapng_build_packet(&d->file, interface, d->time_ns, bytes, (uint32_t)len, (uint32_t)len, NULL);
    return d->file.len >= GATHER ? flush_file(d) : 0;
}

/* ---- text ---- */

static void print_json(struct dry *d, struct craft_packet *packet, const uint8_t *bytes, size_t len)
{
    struct buf text = {0};
    send_text_full(packet, &text);
    struct json j = json_begin(&d->send->out);
    json_text(&j, "type", "packet");
    json_u64(&j, "number", d->number);
    json_text_len(&j, "packet", text.data, text.len);
    send_json_bytes(&j, bytes, len);
    json_end_line(&j);
    d->send->out.failed |= text.failed;
    buf_free(&text);
}

static int print_piece(struct dry *d, struct craft_packet *packet, const uint8_t *bytes, size_t len)
{
    const struct send_options *o = &d->send->options;
    const struct craft_style style = send_craft_style(d->send);
    struct buf *out = &d->send->out;
    if (o->common.json) {
        print_json(d, packet, bytes, len);
    } else {
        if (o->common.verbose) {
            craft_dissect(d->piece_packet, d->room, packet->layer[0].type, bytes, len);
            craft_boxes(out, d->piece_packet, bytes, len, &style);
        }
        if (o->dry_run) {
            send_text_full(packet, out);
            buf_char(out, '\n');
        }
        if (o->hex)
            craft_hex(out, bytes, len, &style);
        if (o->hex || o->common.verbose)
            buf_char(out, '\n');
    }
    return out->len >= GATHER ? send_flush(d->send) : 0;
}

/* ---- the packets ---- */

static bool prints(const struct send_options *o)
{
    return o->dry_run || o->hex || o->common.json || o->common.verbose;
}

static int take_piece(struct dry *d, const struct send_built *built, const uint8_t *bytes, size_t len)
{
    const struct send_options *o = &d->send->options;
    struct craft_packet *packet = d->packet;
    int failed = 0;
    d->number++;
    d->time_ns += o->rate != 0 ? NS_PER_S / o->rate : NS_PER_US;
    if (d->pieces.count > 1 && prints(o)) {
        packet = d->piece_packet;
        craft_dissect(packet, d->room, d->packet->layer[0].type, bytes, len);
    }
    if (d->fd >= 0)
        failed = write_piece(d, built->expr->way, bytes, len);
    return failed == 0 && prints(o) ? print_piece(d, packet, bytes, len) : failed;
}

static int take_packet(struct dry *d, uint64_t number)
{
    const struct send_options *o = &d->send->options;
    struct send_built built;
    d->bytes.len = 0;
    int failed = send_plan_build(&d->send->plan, number, d->packet, &d->bytes, &built, &d->err);
    if (failed == 0)
        failed = send_cut(&d->pieces, d->packet, d->bytes.data, &built, o->mtu, (uint32_t)number, &d->err);
    const uint8_t *at = d->pieces.bytes.data;
    for (size_t i = 0; failed == 0 && i < d->pieces.count; i++) {
        const size_t len = send_piece_len(&d->pieces, i);
        failed = take_piece(d, &built, at, len);
        at += len;
    }
    return failed;
}

static int take_packets(struct dry *d)
{
    const struct send *s = d->send;
    int failed = 0;
    for (uint64_t round = 0; round < s->options.count && failed == 0; round++) {
        for (uint64_t n = 0; n < s->plan.total && failed == 0; n++)
            failed = take_packet(d, n);
    }
    if (failed == 0 && d->fd >= 0)
        failed = flush_file(d);
    return failed == 0 ? send_flush(d->send) : failed;
}

/* What stands in the packets although nothing told it. */
static void say_unknown(const struct send *s)
{
    char text[PACKET_ADDRESS_TEXT];
    for (size_t i = 0; i < s->plan.target_count && !s->options.common.quiet; i++) {
        const struct send_target *t = &s->plan.targets[i];
        if (t->address.family == 0 || (t->known && (!t->needs_mac || t->path.has_macs)))
            continue;
        packet_address_text(&t->address, text);
        if (!t->known)
            fprintf(stderr,
                    _("sockdiag send: there is no way to %s from here: fields that it would fill are 0\n"),
                    text);
        else
            fprintf(stderr,
                    _("sockdiag send: the MAC address of the next hop to %s is not known here: it is the "
                      "broadcast "
                      "address\n"),
                    text);
        return;
    }
}

static int prepare(struct dry *d)
{
    int failed = privilege_drop(&d->err);
    if (failed == 0 && d->send->plan.has_names && send_parse(d->send, true) != CMD_OK)
        return -EINVAL;
    if (failed == 0)
        failed = send_plan_targets(&d->send->plan, &d->err);
    if (failed == 0)
        failed = send_plan_paths(&d->send->plan, false, &d->err);
    if (failed == 0)
        failed = open_file(d);
    if (failed != 0)
        return failed;
    say_unknown(d->send);
    failed = privilege_filter(0, &d->err);
    return failed == -ENOSYS ? 0 : failed;
}

int send_dry(struct send *send)
{
    struct dry d = {.send = send, .fd = -1, .link_interface = -1, .ip_interface = -1};
    d.packet = malloc(sizeof *d.packet);
    d.piece_packet = malloc(sizeof *d.piece_packet);
    d.room = malloc(sizeof *d.room);
    d.time_ns = clock_real_ns();
    int failed = d.packet == NULL || d.piece_packet == NULL || d.room == NULL
                     ? sd_fail_errno(&d.err, ENOMEM, "cannot begin")
                     : prepare(&d);
    if (failed == 0)
        failed = take_packets(&d);
    if (failed != 0 && d.err.text[0] != '\0')
        cmd_fail("send", "%s", d.err.text);
    if (failed == 0 && send->options.write != NULL && !send->options.common.quiet)
        cmd_say(ngettext("%" PRIu64 " packet written to %s\n", "%" PRIu64 " packets written to %s\n",
                         (unsigned long)d.number),
                d.number, strcmp(send->options.write, "-") == 0 ? "stdout" : send->options.write);
    if (d.fd > STDERR_FILENO)
        io_close(&d.fd);
    free(d.packet);
    free(d.piece_packet);
    free(d.room);
    buf_free(&d.bytes);
    buf_free(&d.file);
    send_pieces_free(&d.pieces);
    return failed == 0 || failed == -EPIPE ? CMD_OK : CMD_ERROR;
}
