#include "capture/source.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/io.h"
#include "base/missing.h"

/* Live: libpcap's ring, non-blocking, nanoseconds. Files: the pcapng reader; a filter is compiled for each
 * link type, the usual ones at opening, so that later, without privileges, no host name needs to be looked
 * up. */

enum {
    DEFAULT_SNAPLEN = 262144,
    DEFAULT_BUFFER = 16 << 20,
    BLOCK_TIMEOUT_MS = 50,
    MAX_FILTERS = 16, /* link types with a compiled filter */
};

struct link_filter {
    int linktype;
    struct bpf_program program;
};

struct source {
    /* a file */
    struct pcapng_reader *reader;
    char *filter;
    struct link_filter filters[MAX_FILTERS];
    size_t filter_count;

    /* live */
    pcap_t *pcap;
    struct capture_interface interface;
    bool nanoseconds;
    bool ended;
    uint64_t packets;
};

/* ---- files ---- */

/* libpcap's name in memory for a link type of files. */
static int dlt_of(int linktype)
{
    return linktype == 101 ? DLT_RAW : linktype;
}

static int compile_for(struct source *s, int linktype, char why[PCAP_ERRBUF_SIZE])
{
    struct link_filter *added = &s->filters[s->filter_count];
    pcap_t *dead =
        pcap_open_dead_with_tstamp_precision(dlt_of(linktype), DEFAULT_SNAPLEN, PCAP_TSTAMP_PRECISION_NANO);
    snprintf(why, PCAP_ERRBUF_SIZE, "out of memory");
    if (dead == NULL)
        return -ENOMEM;
    added->linktype = linktype;
    int failed = pcap_compile(dead, &added->program, s->filter, 1, PCAP_NETMASK_UNKNOWN);
    snprintf(why, PCAP_ERRBUF_SIZE, "%s", pcap_geterr(dead));
    pcap_close(dead);
    if (failed != 0)
        return -EINVAL;
    s->filter_count++;
    return 0;
}

/* Compile for the usual link types; an expression that fits none of them is wrong. */
static int compile_usual(struct source *s, struct sd_err *err)
{
    static const int usual[] = {DLT_EN10MB, 113, 276, 101, DLT_NULL, DLT_LOOP, DLT_IEEE802_11};
    char first_why[PCAP_ERRBUF_SIZE], why[PCAP_ERRBUF_SIZE];
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
        if (compile_for(s, usual[i], i == 0 ? first_why : why) == -ENOMEM)
            return sd_fail_errno(err, ENOMEM, "filter");
    }
    if (s->filter_count == 0)
        return sd_fail(err, EINVAL, "filter '%s': %s (pcap-filter(7) has the language)", s->filter,
                       first_why);
    return 0;
}

/* Does the filter take the packet? 1, 0, or -EINVAL where it cannot be compiled for this link type. */
static int filter_takes(struct source *s, const struct packet *packet, struct sd_err *err)
{
    if (s->filter == NULL)
        return 1;
    struct link_filter *f = NULL;
    for (size_t i = 0; i < s->filter_count; i++) {
        if (s->filters[i].linktype == packet->linktype)
            f = &s->filters[i];
    }
    if (f == NULL) {
        char why[PCAP_ERRBUF_SIZE] = "too many link types";
        if (s->filter_count == MAX_FILTERS || compile_for(s, packet->linktype, why) != 0)
            return sd_fail(err, EINVAL,
                           "filter '%s' cannot be applied to packet %llu, which is of link type %d: %s",
                           s->filter, (unsigned long long)packet->number, packet->linktype, why);
        f = &s->filters[s->filter_count - 1];
    }
    const struct pcap_pkthdr header = {.caplen = packet->captured_len, .len = packet->wire_len};
    return pcap_offline_filter(&f->program, &header, packet->data) != 0;
}

/* As source_next(); 0 also for a packet that the filter does not take. */
static int next_if_taken(struct source *s, struct capture_record *record, struct sd_err *err)
{
    const int got = pcapng_reader_next(s->reader, record, err);
    if (got <= 0) {
        s->ended = got != -EAGAIN;
        return got;
    }
    const int takes = record->kind == CAPTURE_PACKET ? filter_takes(s, &record->packet, err) : 1;
    s->ended = takes < 0;
    return takes;
}

static int next_from_file(struct source *s, struct capture_record *record, struct sd_err *err)
{
    while (!s->ended) {
        const int got = next_if_taken(s, record, err);
        if (got != 0)
            return got;
    }
    return 0;
}

static struct source *new_source(struct sd_err *err)
{
    struct source *s = calloc(1, sizeof *s);
    if (s == NULL)
        sd_fail_errno(err, ENOMEM, "capture");
    return s;
}

/* A source with its filter. */
static int prepare(struct source **out, const char *filter, struct sd_err *err)
{
    struct source *s = *out = new_source(err);
    if (s == NULL)
        return -ENOMEM;
    if (filter == NULL || filter[0] == '\0')
        return 0;
    s->filter = strdup(filter);
    return s->filter != NULL ? compile_usual(s, err) : sd_fail_errno(err, ENOMEM, "filter");
}

static int begin(struct source *s, int fd, const struct source_guard *guard, const char *name,
                 struct sd_err *err)
{
    if (guard == NULL)
        return pcapng_reader_open(&s->reader, fd, name, err);
    const int failed = guard->before_reading != NULL ? guard->before_reading(guard->context, err) : 0;
    if (failed != 0)
        return failed;
    return guard->pieces != NULL ? pcapng_reader_open_pieces(&s->reader, guard->pieces, name, err)
                                 : pcapng_reader_open_wait(&s->reader, fd, &guard->wait, name, err);
}

int source_open_fd_guarded(struct source **out, int fd, const struct source_guard *guard, const char *name,
                           const char *filter, struct sd_err *err)
{
    struct source *s = NULL;
    int failed = prepare(&s, filter, err);
    if (failed == 0)
        failed = begin(s, fd, guard, name, err);
    if (failed != 0)
        source_close(s);
    else
        *out = s;
    return failed;
}

int source_open_fd(struct source **out, int fd, const char *name, const char *filter, struct sd_err *err)
{
    return source_open_fd_guarded(out, fd, NULL, name, filter, err);
}

/* ---- live ---- */

static int no_permission(const char *interface, struct sd_err *err)
{
    char doing[IF_NAMESIZE + 48];
    snprintf(doing, sizeof doing, _("capturing on %.15s"), interface);
    return missing_net_raw(err, doing, N_("capture in a private network: sockdiag lab"));
}

static int activate_error(pcap_t *pcap, int status, const char *interface, struct sd_err *err)
{
    switch (status) {
    case PCAP_ERROR_NO_SUCH_DEVICE:
        return missing_interface(err, interface);
    case PCAP_ERROR_PERM_DENIED:
    case PCAP_ERROR_PROMISC_PERM_DENIED:
        return no_permission(interface, err);
    case PCAP_ERROR_IFACE_NOT_UP:
        return sd_fail(err, ENETDOWN, "interface %s is down ('ip link set %s up' starts it)", interface,
                       interface);
    default:
        return sd_fail(err, EIO, "cannot capture on %s: %s", interface, pcap_geterr(pcap));
    }
}

static int set_filter(pcap_t *pcap, const char *filter, struct sd_err *err)
{
    struct bpf_program program;
    if (filter == NULL || filter[0] == '\0')
        return 0;
    if (pcap_compile(pcap, &program, filter, 1, PCAP_NETMASK_UNKNOWN) != 0)
        return sd_fail(err, EINVAL, "filter '%s': %s (pcap-filter(7) has the language)", filter,
                       pcap_geterr(pcap));
    int failed = pcap_setfilter(pcap, &program);
    pcap_freecode(&program);
    return failed != 0 ? sd_fail(err, EIO, "filter '%s': %s", filter, pcap_geterr(pcap)) : 0;
}

/* Everything before activation; libpcap refuses these only for a pcap_t that is active already. */
static void configure(pcap_t *pcap, const struct source_live *config)
{
    const uint32_t buffer = config->buffer_bytes != 0 ? config->buffer_bytes : DEFAULT_BUFFER;
    const uint32_t snaplen = config->snaplen != 0 ? config->snaplen : DEFAULT_SNAPLEN;
    pcap_set_snaplen(pcap, snaplen < DEFAULT_SNAPLEN ? (int)snaplen : DEFAULT_SNAPLEN);
    pcap_set_promisc(pcap, config->promiscuous);
    pcap_set_timeout(pcap, config->block_ms != 0 ? (int)config->block_ms : BLOCK_TIMEOUT_MS);
    pcap_set_immediate_mode(pcap, config->immediate);
    pcap_set_buffer_size(pcap, buffer <= INT32_MAX ? (int)buffer : INT32_MAX);
    pcap_set_tstamp_precision(pcap, PCAP_TSTAMP_PRECISION_NANO);
}

static int activate(struct source *s, const struct source_live *config, struct sd_err *err)
{
    char why[PCAP_ERRBUF_SIZE];
    s->pcap = pcap_create(config->interface, why);
    if (s->pcap == NULL)
        return sd_fail(err, EIO, "cannot capture on %s: %s", config->interface, why);
    configure(s->pcap, config);
    int status = pcap_activate(s->pcap);
    if (status < 0)
        return activate_error(s->pcap, status, config->interface, err);
    s->nanoseconds = pcap_get_tstamp_precision(s->pcap) == PCAP_TSTAMP_PRECISION_NANO;
    if (pcap_setnonblock(s->pcap, 1, why) != 0)
        return sd_fail(err, EIO, "cannot capture on %s: %s", config->interface, why);
    if (config->inbound_only && pcap_setdirection(s->pcap, PCAP_D_IN) != 0)
        return sd_fail(err, EIO, "cannot capture inbound only on %s: %s", config->interface,
                       pcap_geterr(s->pcap));
    int linktype = pcap_datalink(s->pcap);
    s->interface.linktype = linktype == DLT_RAW ? 101 : linktype;
    s->interface.snaplen = (uint32_t)pcap_snapshot(s->pcap);
    return set_filter(s->pcap, config->filter, err);
}

int source_open_live(struct source **out, const struct source_live *config, struct sd_err *err)
{
    if (strcmp(config->interface, "any") != 0 && if_nametoindex(config->interface) == 0)
        return missing_interface(err, config->interface);
    struct source *s = new_source(err);
    if (s == NULL)
        return -ENOMEM;
    snprintf(s->interface.name, sizeof s->interface.name, "%s", config->interface);
    int failed = activate(s, config, err);
    if (failed != 0)
        source_close(s);
    else
        *out = s;
    return failed;
}

/* libpcap is silent when an interface goes down: look, now that nothing comes. */
static int check_up(struct source *s, struct sd_err *err)
{
    struct ifreq request = {0};
    if (strcmp(s->interface.name, "any") == 0)
        return -EAGAIN;
    snprintf(request.ifr_name, sizeof request.ifr_name, "%.15s", s->interface.name);
    if (ioctl(pcap_get_selectable_fd(s->pcap), SIOCGIFFLAGS, &request) != 0) {
        s->ended = true;
        return sd_fail(err, ENETDOWN, "interface %s is gone", s->interface.name);
    }
    if ((request.ifr_flags & IFF_UP) != 0)
        return -EAGAIN;
    s->ended = true;
    return sd_fail(err, ENETDOWN, "interface %s went down", s->interface.name);
}

static int next_live(struct source *s, struct capture_record *record, struct sd_err *err)
{
    struct pcap_pkthdr *header = NULL;
    const u_char *data = NULL;
    if (s->ended)
        return sd_fail(err, ENETDOWN, "interface %s went down", s->interface.name);
    int got = pcap_next_ex(s->pcap, &header, &data);
    if (got == 0)
        return check_up(s, err);
    if (got < 0) {
        const int checked = check_up(s, err);
        return checked != -EAGAIN
                   ? checked
                   : sd_fail(err, EIO, "cannot capture on %s: %s", s->interface.name, pcap_geterr(s->pcap));
    }
    const uint64_t fraction = (uint64_t)header->ts.tv_usec;
    const uint64_t time_ns =
        (uint64_t)header->ts.tv_sec * NS_PER_S + fraction * (s->nanoseconds ? 1 : NS_PER_US);
    capture_record_clear(record);
    packet_captured(&record->packet, s->interface.linktype, time_ns, data, header->caplen, header->len);
    record->packet.number = ++s->packets;
    return 1;
}

int source_stats(const struct source *s, uint64_t *received, uint64_t *dropped)
{
    struct pcap_stat stat;
    if (s->pcap == NULL)
        return -EINVAL;
    if (pcap_stats(s->pcap, &stat) != 0)
        return -EIO;
    *received = stat.ps_recv;
    /* Without the right to open /sys, libpcap counts the interface's drops down from what they were at the
     * start: such a number is no count. */
    *dropped = (uint64_t)stat.ps_drop + (stat.ps_ifdrop <= INT32_MAX ? stat.ps_ifdrop : 0);
    return 0;
}

int source_inject(struct source *s, const void *frame, size_t len)
{
    if (s->pcap == NULL)
        return -EINVAL;
    errno = 0;
    if (pcap_inject(s->pcap, frame, len) >= 0)
        return 0;
    return errno != 0 ? -errno : -EIO;
}

/* ---- both ---- */

int source_next(struct source *s, struct capture_record *record, struct sd_err *err)
{
    return s->pcap != NULL ? next_live(s, record, err) : next_from_file(s, record, err);
}

int source_next_in_memory(struct source *s, struct capture_record *record, struct sd_err *err)
{
    while (s->reader != NULL && !s->ended && pcapng_reader_has_next(s->reader)) {
        const int got = next_if_taken(s, record, err);
        if (got != 0)
            return got;
    }
    return 0;
}

int source_fd(const struct source *s)
{
    return s->pcap != NULL ? pcap_get_selectable_fd(s->pcap) : -1;
}

int source_linktype(const struct source *s)
{
    return s->interface.linktype;
}

const char *source_comment(const struct source *s)
{
    return s->reader != NULL ? pcapng_reader_comment(s->reader) : NULL;
}

const struct capture_interface *source_interface(const struct source *s, uint32_t index)
{
    if (s->reader != NULL)
        return pcapng_reader_interface(s->reader, index);
    return index == 0 ? &s->interface : NULL;
}

void source_close(struct source *s)
{
    if (s == NULL)
        return;
    if (s->pcap != NULL)
        pcap_close(s->pcap);
    for (size_t i = 0; i < s->filter_count; i++)
        pcap_freecode(&s->filters[i].program);
    pcapng_reader_close(s->reader);
    free(s->filter);
    free(s);
}
