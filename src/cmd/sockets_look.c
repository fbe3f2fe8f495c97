/* A look at the open sockets, and what it did not show. */

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/json.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/labelled.h"
#include "cmd/sockets.h"
#include "view/glyphs.h"

#define BIT(n) (1U << (n))

/* ---- taking it ---- */

static unsigned wanted(const struct sockets_options *options)
{
    const bool some = options->tcp || options->udp || options->unix_domain || options->raw;
    return (options->tcp || !some ? BIT(SOCKET_TCP) : 0) | (options->udp || !some ? BIT(SOCKET_UDP) : 0) |
           (options->raw || !some ? BIT(SOCKET_RAW) : 0) |
           (options->unix_domain || !some ? BIT(SOCKET_UNIX) : 0);
}

/* Transports one after the other; listeners first; then by port, so that what belongs together stands
 * together. */
static int compare(const void *left, const void *right)
{
    const struct open_socket *a = left, *b = right;
    const bool a_listens = a->state == STATE_LISTEN, b_listens = b->state == STATE_LISTEN;
    if (a->transport != b->transport)
        return a->transport < b->transport ? -1 : 1;
    if (a_listens != b_listens)
        return a_listens ? -1 : 1;
    if (a->local_port != b->local_port)
        return a->local_port < b->local_port ? -1 : 1;
    if (a->peer_port != b->peer_port)
        return a->peer_port < b->peer_port ? -1 : 1;
    return a->cookie < b->cookie ? -1 : a->cookie > b->cookie;
}

static bool waits_for_others(const struct open_socket *socket)
{
    return socket->state == STATE_LISTEN ||
           (socket->state == STATE_CLOSED &&
            (socket->transport == SOCKET_UDP || socket->transport == SOCKET_RAW ||
             (socket->transport == SOCKET_UNIX && socket->name_len > 0)));
}

bool sockets_wanted(const struct open_socket *socket, const struct sockets_options *options)
{
    const bool has_ports = socket->transport == SOCKET_TCP || socket->transport == SOCKET_UDP;
    if (options->listen && !waits_for_others(socket))
        return false;
    return options->port == 0 ||
           (has_ports && (socket->local_port == options->port || socket->peer_port == options->port));
}

static void count(struct sockets_look *look, const struct sockets_options *options)
{
    size_t owners;
    for (size_t i = 0; i < look->dump.sockets.count; i++) {
        const struct open_socket *socket = &look->dump.sockets.all[i];
        if (!sockets_wanted(socket, options))
            continue;
        look->matching++;
        look->ownerless +=
            socket->inode != 0 && socket_owners_find(&look->owners, socket->inode, &owners) == NULL;
    }
}

int sockets_look_take(struct sockets_look *look, const struct sockets_options *options, struct sd_err *err)
{
    *look = (struct sockets_look){0};
    const int failed = socket_dump_read(&look->dump, wanted(options), err);
    if (failed != 0)
        return failed;
    if (socket_owners_read(&look->owners, &look->owners_err) == -ENOMEM)
        return sd_fail(err, ENOMEM, "%s", look->owners_err.text);
    if (look->dump.sockets.count > 1)
        qsort(look->dump.sockets.all, look->dump.sockets.count, sizeof *look->dump.sockets.all, compare);
    count(look, options);
    return 0;
}

void sockets_look_free(struct sockets_look *look)
{
    socket_dump_free(&look->dump);
    socket_owners_free(&look->owners);
}

/* ---- what was not seen ---- */

static void put_note(struct buf *out, const struct view_style *style, struct buf *text)
{
    const struct labelled front = {glyphs_of(style->ascii)->note, _("note"), NULL, 6};
    labelled_put(out, style, &front, buf_cstr(text));
    out->failed = out->failed || text->failed;
    text->len = 0;
}

void sockets_look_notes(const struct sockets_look *look, struct buf *out, const struct view_style *style)
{
    struct buf text = {0};
    for (size_t i = 0; i < look->dump.gap_count; i++) {
        const struct dump_gap *gap = &look->dump.gaps[i];
        if (gap->code == ENOENT && gap->from_proc)
            buf_printf(&text,
                       _("%s sockets: this kernel has no module %s (sudo modprobe %s); what is told of them "
                         "comes from "
                         "/proc/net, without TCP_INFO and memory"),
                       gap->what, gap->module, gap->module);
        else if (gap->code == ENOENT)
            buf_printf(&text,
                       _("%s sockets: this kernel has no module %s (sudo modprobe %s); they are not told"),
                       gap->what, gap->module, gap->module);
        else if (gap->from_proc)
            buf_printf(&text,
                       _("%s sockets: sock_diag does not answer (%s); what is told of them comes from "
                         "/proc/net, without "
                         "TCP_INFO and memory"),
                       gap->what, sd_errno_name(gap->code));
        else
            buf_printf(&text, _("%s sockets: sock_diag does not answer (%s); they are not told"), gap->what,
                       sd_errno_name(gap->code));
        put_note(out, style, &text);
    }
    if (look->owners_err.code != 0) {
        buf_text(&text, look->owners_err.text);
        put_note(out, style, &text);
    } else if (look->ownerless > 0) {
        buf_printf(
            &text,
            ngettext(
                "the process of %zu socket is not seen: it belongs to another user, or lives in another "
                "container",
                "the processes of %zu sockets are not seen: they belong to other users, or live in other "
                "containers",
                look->ownerless),
            look->ownerless);
        buf_text(&text, geteuid() != 0 ? _("; root sees more (sudo)") : "");
        put_note(out, style, &text);
    }
    buf_free(&text);
}

void sockets_look_gaps_json(const struct sockets_look *look, struct buf *out)
{
    for (size_t i = 0; i < look->dump.gap_count; i++) {
        const struct dump_gap *gap = &look->dump.gaps[i];
        struct json j = json_begin(out);
        json_text(&j, "type", "gap");
        json_text(&j, "transport", gap->what);
        json_text(&j, "module", gap->module);
        json_text(&j, "errno", sd_errno_name(gap->code));
        json_bool(&j, "from_proc", gap->from_proc);
        json_end_line(&j);
    }
}

int sockets_look_status(const struct sockets_look *look)
{
    for (size_t i = 0; i < look->dump.gap_count; i++) {
        if (!look->dump.gaps[i].from_proc)
            return CMD_PARTIAL;
    }
    return CMD_OK;
}

/* ---- words ---- */

static void put_end(struct buf *out, const struct packet_address *address, uint16_t port, bool has_ports)
{
    char text[PACKET_ENDPOINT_TEXT];
    if (has_ports)
        packet_endpoint_text(address, port, text);
    else
        packet_address_text(address, text);
    buf_text(out, text);
}

/* An abstract name begins with a NUL and is shown with an @; a path ends with one. */
static void put_unix_name(struct buf *out, const struct open_socket *socket)
{
    const bool abstract = socket->name_len > 0 && socket->name[0] == 0;
    size_t len = socket->name_len;
    while (!abstract && len > 0 && socket->name[len - 1] == 0)
        len--;
    if (abstract)
        buf_char(out, '@');
    text_escape(out, socket->name + (abstract ? 1 : 0), len - (abstract ? 1 : 0));
}

void sockets_put_local(struct buf *out, const struct open_socket *socket)
{
    static const struct {
        uint16_t protocol;
        const char *name;
    } protocols[] = {
        {IPPROTO_ICMP, "icmp"}, {IPPROTO_IGMP, "igmp"}, {IPPROTO_TCP, "tcp"},       {IPPROTO_UDP, "udp"},
        {IPPROTO_GRE, "gre"},   {IPPROTO_ESP, "esp"},   {IPPROTO_ICMPV6, "icmpv6"}, {IPPROTO_RAW, "raw"},
    };
    if (socket->transport == SOCKET_UNIX) {
        put_unix_name(out, socket);
        return;
    }
    put_end(out, &socket->local, socket->local_port, socket->transport != SOCKET_RAW);
    if (socket->transport != SOCKET_RAW)
        return;
    for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++) {
        if (protocols[i].protocol == socket->local_port) {
            buf_printf(out, " %s", protocols[i].name);
            return;
        }
    }
    buf_printf(out, " protocol %u", socket->local_port);
}

void sockets_put_peer(struct buf *out, const struct open_socket *socket, const struct sockets_look *look)
{
    size_t count;
    if (socket->transport != SOCKET_UNIX) {
        if (socket->peer.family != 0)
            put_end(out, &socket->peer, socket->peer_port, socket->transport != SOCKET_RAW);
        return;
    }
    if (socket->peer_inode == 0)
        return;
    const struct socket_owner *owner = socket_owners_find(&look->owners, socket->peer_inode, &count);
    if (owner == NULL) {
        buf_printf(out, "inode %" PRIu64, socket->peer_inode);
        return;
    }
    text_escape(out, owner->comm, strlen(owner->comm));
    buf_printf(out, " %d", (int)owner->pid);
}

void sockets_put_owner(struct buf *out, const struct open_socket *socket, const struct sockets_look *look)
{
    size_t count;
    const struct socket_owner *owner = socket_owners_find(&look->owners, socket->inode, &count);
    if (owner != NULL) {
        text_escape(out, owner->comm, strlen(owner->comm));
        if (count > 1)
            buf_printf(out, _(" (pid %d, fd %d, and %zu more)"), (int)owner->pid, owner->fd, count - 1);
        else
            buf_printf(out, " (pid %d, fd %d)", (int)owner->pid, owner->fd);
    } else if (socket->inode == 0) {
        buf_text(out, _("no process any more"));
    } else if (socket->uid >= 0) {
        buf_printf(out, _("a process of uid %lld"), (long long)socket->uid);
    } else {
        buf_text(out, _("a process that is not seen"));
    }
}

/* ---- JSON ---- */

static void text_or_null(struct json *j, const char *key, const struct buf *text)
{
    if (text->len > 0)
        json_text_len(j, key, text->data, text->len);
    else
        json_none(j, key);
}

void sockets_put_identity_json(struct json *j, const struct open_socket *socket,
                               const struct sockets_look *look)
{
    struct buf text = {0};
    size_t count;
    const struct socket_owner *owner = socket_owners_find(&look->owners, socket->inode, &count);
    json_text(j, "transport", socket_transport_name(socket));
    json_text(j, "state", socket_state_name(socket));
    sockets_put_local(&text, socket);
    text_or_null(j, "local", &text);
    text.len = 0;
    if (socket->transport != SOCKET_UNIX)
        sockets_put_peer(&text, socket, look);
    text_or_null(j, "peer", &text);
    json_u64_if(j, "uid", socket->uid >= 0, (uint64_t)socket->uid);
    json_u64(j, "inode", socket->inode);
    json_u64_if(j, "pid", owner != NULL, owner != NULL ? (uint64_t)owner->pid : 0);
    json_u64_if(j, "fd", owner != NULL, owner != NULL ? (uint64_t)owner->fd : 0);
    text.len = 0;
    if (owner != NULL)
        text_escape(&text, owner->comm, strlen(owner->comm));
    text_or_null(j, "process", &text);
    json_u64(j, "descriptors", count);
    j->out->failed = j->out->failed || text.failed;
    buf_free(&text);
}
