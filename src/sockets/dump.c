#include "sockets/dump.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdio.h>
#include <string.h>

#include "sockets/parse.h"

/* libnl-idiag has requests and answers of TCP alone, and of TCP_INFO what there was when it was built; so the
 * messages are our own, and libnl carries them. */

/* One question for each row. */
static const struct {
    enum socket_transport transport;
    uint8_t family, protocol;
    const char *what, *module, *proc; /* proc NULL: nothing there that would do */
} questions[] = {
    {SOCKET_TCP, AF_INET, IPPROTO_TCP, "tcp", "tcp_diag", "/proc/net/tcp"},
    {SOCKET_TCP, AF_INET6, IPPROTO_TCP, "tcp", "tcp_diag", "/proc/net/tcp6"},
    {SOCKET_UDP, AF_INET, IPPROTO_UDP, "udp", "udp_diag", "/proc/net/udp"},
    {SOCKET_UDP, AF_INET6, IPPROTO_UDP, "udp", "udp_diag", "/proc/net/udp6"},
    {SOCKET_RAW, AF_INET, IPPROTO_RAW, "raw", "raw_diag", "/proc/net/raw"},
    {SOCKET_RAW, AF_INET6, IPPROTO_RAW, "raw", "raw_diag", "/proc/net/raw6"},
    {SOCKET_UNIX, AF_UNIX, 0, "unix", "unix_diag", NULL},
};

#define QUESTIONS (sizeof questions / sizeof questions[0])
#define BIT(n) (1U << (n))

/* ---- asking ---- */

static int add_inet_request(struct nl_msg *message, size_t question)
{
    const struct inet_diag_req_v2 request = {
        .sdiag_family = questions[question].family,
        .sdiag_protocol = questions[question].protocol,
        .idiag_ext =
            (uint8_t)(BIT(INET_DIAG_INFO - 1) | BIT(INET_DIAG_CONG - 1) | BIT(INET_DIAG_SKMEMINFO - 1)),
        .idiag_states = UINT32_MAX,
    };
    return nlmsg_append(message, (void *)(uintptr_t)&request, sizeof request, NLMSG_ALIGNTO);
}

static int add_unix_request(struct nl_msg *message)
{
    const struct unix_diag_req request = {
        .sdiag_family = AF_UNIX,
        .udiag_states = UINT32_MAX,
        .udiag_show =
            UDIAG_SHOW_NAME | UDIAG_SHOW_PEER | UDIAG_SHOW_RQLEN | UDIAG_SHOW_MEMINFO | UDIAG_SHOW_UID,
    };
    return nlmsg_append(message, (void *)(uintptr_t)&request, sizeof request, NLMSG_ALIGNTO);
}

static int send_request(struct nl_sock *netlink, size_t question)
{
    struct nl_msg *message = nlmsg_alloc_simple(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
    int failed = -ENOMEM;
    if (message != NULL &&
        (questions[question].transport == SOCKET_UNIX ? add_unix_request(message)
                                                      : add_inet_request(message, question)) == 0)
        failed = nl_send_auto(netlink, message) >= 0 ? 0 : -EIO;
    nlmsg_free(message);
    return failed;
}

/* ---- answers ---- */

struct answers {
    struct open_sockets *sockets; /* NULL: only whether there are any */
    enum socket_transport transport;
    int failed; /* negative errno, of ours or the kernel's */
};

static int take_answer(struct nl_msg *message, void *context)
{
    struct answers *answers = context;
    const struct nlmsghdr *head = nlmsg_hdr(message);
    if (answers->sockets == NULL || head->nlmsg_type != SOCK_DIAG_BY_FAMILY)
        return NL_OK;
    struct open_socket *socket = open_sockets_add(answers->sockets);
    if (socket == NULL) {
        answers->failed = -ENOMEM;
        return NL_STOP;
    }
    const void *payload = nlmsg_data(head);
    const size_t len = (size_t)nlmsg_datalen(head);
    const int wrong = answers->transport == SOCKET_UNIX
                          ? parse_unix_diag(payload, len, socket)
                          : parse_inet_diag(payload, len, answers->transport, socket);
    if (wrong != 0)
        answers->sockets->count--;
    return NL_OK;
}

/* The end of the answers has an error of its own: a module that is not there, for one. */
static int take_end(struct nl_msg *message, void *context)
{
    struct answers *answers = context;
    const struct nlmsghdr *head = nlmsg_hdr(message);
    int code = 0;
    if (nlmsg_datalen(head) >= (int)sizeof code)
        memcpy(&code, nlmsg_data(head), sizeof code);
    if (code < 0 && answers->failed == 0)
        answers->failed = code;
    return NL_OK;
}

static int take_error(struct sockaddr_nl *from, struct nlmsgerr *error, void *context)
{
    struct answers *answers = context;
    (void)from;
    answers->failed = error->error;
    return NL_STOP;
}

/* 0, or a negative errno: -ENOENT: the kernel has no module for it. */
static int ask(struct nl_sock *netlink, size_t question, struct open_sockets *sockets)
{
    struct answers answers = {.sockets = sockets, .transport = questions[question].transport};
    struct nl_cb *callbacks = nl_cb_alloc(NL_CB_DEFAULT);
    if (callbacks == NULL)
        return -ENOMEM;
    nl_cb_set(callbacks, NL_CB_VALID, NL_CB_CUSTOM, take_answer, &answers);
    nl_cb_set(callbacks, NL_CB_FINISH, NL_CB_CUSTOM, take_end, &answers);
    nl_cb_err(callbacks, NL_CB_CUSTOM, take_error, &answers);
    int failed = send_request(netlink, question);
    if (failed == 0) {
        failed = nl_recvmsgs(netlink, callbacks);
        /* Sockets came and went while they were told: the picture of a moment never was to be had. */
        failed = failed == 0 || failed == -NLE_DUMP_INTR ? 0 : answers.failed != 0 ? answers.failed : -EIO;
    }
    nl_cb_put(callbacks);
    return answers.failed != 0 ? answers.failed : failed;
}

/* 0, or a negative errno: -EPROTONOSUPPORT: no sock_diag at all. */
static int open_netlink(struct nl_sock **out)
{
    *out = nl_socket_alloc();
    if (*out == NULL)
        return -ENOMEM;
    errno = 0;
    if (nl_connect(*out, NETLINK_SOCK_DIAG) == 0)
        return 0;
    const int failed = errno != 0 ? -errno : -EPROTONOSUPPORT;
    nl_socket_free(*out);
    *out = NULL;
    return failed;
}

/* ---- /proc ---- */

/* 0, or a negative errno: the file is not there. */
static int read_proc(size_t question, struct open_sockets *sockets)
{
    char line[512];
    FILE *file = questions[question].proc != NULL ? fopen(questions[question].proc, "re") : NULL;
    int failed = 0;
    if (file == NULL)
        return -ENOENT;
    while (failed == 0 && fgets(line, sizeof line, file) != NULL) {
        struct open_socket *socket = open_sockets_add(sockets);
        if (socket == NULL)
            failed = -ENOMEM;
        else if (parse_proc_net(line, questions[question].transport, socket) != 0)
            sockets->count--; /* the line of heads */
    }
    fclose(file);
    return failed;
}

/* ---- all ---- */

static void add_gap(struct socket_dump *dump, size_t question, int code, bool from_proc)
{
    for (size_t i = 0; i < dump->gap_count; i++) {
        if (strcmp(dump->gaps[i].what, questions[question].what) == 0) {
            dump->gaps[i].from_proc = dump->gaps[i].from_proc || from_proc;
            return;
        }
    }
    if (dump->gap_count < DUMP_GAPS)
        dump->gaps[dump->gap_count++] =
            (struct dump_gap){questions[question].what, questions[question].module, from_proc, code};
}

int socket_dump_read(struct socket_dump *dump, unsigned transports, struct sd_err *err)
{
    struct nl_sock *netlink = NULL;
    *dump = (struct socket_dump){0};
    const int closed = open_netlink(&netlink);
    int failed = closed == -ENOMEM ? closed : 0;
    for (size_t i = 0; i < QUESTIONS && failed == 0; i++) {
        if ((transports & BIT(questions[i].transport)) == 0)
            continue;
        const int answer = closed != 0 ? closed : ask(netlink, i, &dump->sockets);
        if (answer == 0)
            continue;
        failed = answer == -ENOMEM ? answer : read_proc(i, &dump->sockets);
        /* A kernel without IPv6 has neither. */
        if (failed != -ENOMEM && !(failed != 0 && questions[i].family == AF_INET6))
            add_gap(dump, i, -answer, failed == 0);
        failed = failed == -ENOMEM ? failed : 0;
    }
    nl_socket_free(netlink);
    return failed == 0 ? 0 : sd_fail_errno(err, -failed, "cannot list the open sockets");
}

void socket_dump_free(struct socket_dump *dump)
{
    open_sockets_free(&dump->sockets);
}

int socket_dump_probe(enum socket_transport transport, const char **module)
{
    struct nl_sock *netlink = NULL;
    size_t question = 0;
    while (questions[question].transport != transport)
        question++;
    *module = questions[question].module;
    int failed = open_netlink(&netlink);
    if (failed == 0)
        failed = ask(netlink, question, NULL);
    nl_socket_free(netlink);
    return failed;
}
