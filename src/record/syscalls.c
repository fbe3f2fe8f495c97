#include "record/syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>

#include "base/i18n.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const struct syscall_row syscall_rows[] = {
    {"sendto", CALL_SEND, SHAPE_BUFFER, EFFECT_NONE, 3, NULL},
    {"sendmsg", CALL_SEND, SHAPE_MSGHDR, EFFECT_NONE, 2, NULL},
    {"sendmmsg", CALL_SEND, SHAPE_MMSGHDR, EFFECT_NONE, 3, NULL},
    {"write", CALL_SEND, SHAPE_BUFFER, EFFECT_NONE, -1, NULL},
    {"writev", CALL_SEND, SHAPE_IOVEC, EFFECT_NONE, -1, NULL},
    {"pwritev2", CALL_SEND, SHAPE_IOVEC, EFFECT_NONE, -1, NULL},
    {"sendfile", CALL_SEND, SHAPE_SENDFILE, EFFECT_NONE, -1, NULL},
    {"splice", CALL_SEND, SHAPE_SPLICE, EFFECT_NONE, -1, NULL},
    {"recvfrom", CALL_RECV, SHAPE_BUFFER, EFFECT_NONE, 3, NULL},
    {"recvmsg", CALL_RECV, SHAPE_MSGHDR, EFFECT_NONE, 2, NULL},
    {"recvmmsg", CALL_RECV, SHAPE_MMSGHDR, EFFECT_NONE, 3, NULL},
    {"read", CALL_RECV, SHAPE_BUFFER, EFFECT_NONE, -1, NULL},
    {"readv", CALL_RECV, SHAPE_IOVEC, EFFECT_NONE, -1, NULL},
    {"preadv2", CALL_RECV, SHAPE_IOVEC, EFFECT_NONE, -1, NULL},
    {"socket", CALL_OTHER, SHAPE_PLAIN, EFFECT_CREATE, -1, NULL},
    {"socketpair", CALL_OTHER, SHAPE_PLAIN, EFFECT_PAIR, -1, NULL},
    {"accept", CALL_OTHER, SHAPE_PLAIN, EFFECT_ACCEPT, -1, NULL},
    {"accept4", CALL_OTHER, SHAPE_PLAIN, EFFECT_ACCEPT, -1, NULL},
    {"connect", CALL_OTHER, SHAPE_SOCKADDR, EFFECT_CONNECT, -1, NULL},
    {"bind", CALL_OTHER, SHAPE_SOCKADDR, EFFECT_BIND, -1, NULL},
    {"listen", CALL_OTHER, SHAPE_PLAIN, EFFECT_LISTEN, -1, NULL},
    {"shutdown", CALL_OTHER, SHAPE_PLAIN, EFFECT_SHUTDOWN, -1, NULL},
    {"setsockopt", CALL_OTHER, SHAPE_PLAIN, EFFECT_OPTION, -1, NULL},
    {"close", CALL_OTHER, SHAPE_PLAIN, EFFECT_CLOSE, -1, NULL},
    {"close_range", CALL_OTHER, SHAPE_PLAIN, EFFECT_CLOSE_RANGE, -1, NULL},
    {"dup", CALL_OTHER, SHAPE_PLAIN, EFFECT_DUP, -1, NULL},
    {"dup2", CALL_OTHER, SHAPE_PLAIN, EFFECT_DUP_ONTO, -1, NULL},
    {"dup3", CALL_OTHER, SHAPE_PLAIN, EFFECT_DUP_ONTO, -1, NULL},
    {"fcntl", CALL_OTHER, SHAPE_PLAIN, EFFECT_DUP, -1, NULL}, /* F_DUPFD only, see the filter */
    {"unshare", CALL_OTHER, SHAPE_PLAIN, EFFECT_UNSHARE, -1, NULL},
    {"io_uring_setup", CALL_OTHER, SHAPE_PLAIN, EFFECT_BLIND, -1,
     N_("uses io_uring: socket operations it submits there are not seen")},
    {"ptrace", CALL_OTHER, SHAPE_PLAIN, EFFECT_BLIND, -1,
     N_("calls ptrace: a process that is being recorded cannot be traced by another, it gets EPERM")},
    {"seccomp", CALL_OTHER, SHAPE_PLAIN, EFFECT_BLIND, -1,
     N_("installs a seccomp filter: calls that this filter refuses are not seen")},
    {"prctl", CALL_OTHER, SHAPE_PLAIN, EFFECT_BLIND, -1, /* PR_SET_SECCOMP only, see the filter */
     N_("installs a seccomp filter: calls that this filter refuses are not seen")},
};

const unsigned syscall_row_count = COUNT(syscall_rows);

/* Numbers differ by machine: libseccomp knows them. Rows by number, filled once. */
#define MAX_NUMBER 1024
static const struct syscall_row *by_number[MAX_NUMBER];
static bool filled;

static void fill(void)
{
    for (unsigned i = 0; i < syscall_row_count; i++) {
        int number = seccomp_syscall_resolve_name(syscall_rows[i].name);
        if (number >= 0 && number < MAX_NUMBER)
            by_number[number] = &syscall_rows[i];
    }
    filled = true;
}

/* Calls that matter only with certain arguments, all of them 32 bits wide in the kernel. */
static const struct {
    const char *name;
    struct scmp_arg_cmp arg;
} conditions[] = {
    {"fcntl", {1, SCMP_CMP_MASKED_EQ, UINT32_MAX, F_DUPFD}},
    {"fcntl", {1, SCMP_CMP_MASKED_EQ, UINT32_MAX, F_DUPFD_CLOEXEC}},
    {"prctl", {0, SCMP_CMP_MASKED_EQ, UINT32_MAX, PR_SET_SECCOMP}},
    {"seccomp", {0, SCMP_CMP_MASKED_EQ, UINT32_MAX, SECCOMP_SET_MODE_FILTER}},
    {"seccomp", {0, SCMP_CMP_MASKED_EQ, UINT32_MAX, SECCOMP_SET_MODE_STRICT}},
    {"ptrace", {0, SCMP_CMP_MASKED_EQ, UINT32_MAX, PTRACE_TRACEME}},
    {"ptrace", {0, SCMP_CMP_MASKED_EQ, UINT32_MAX, PTRACE_ATTACH}},
    {"ptrace", {0, SCMP_CMP_MASKED_EQ, UINT32_MAX, PTRACE_SEIZE}},
};

/* Does a call matter with these arguments? The filter has asked the same; without one nobody has. */
static bool condition_holds(const struct syscall_row *row, const uint64_t args[6])
{
    bool conditional = false;
    for (size_t i = 0; i < COUNT(conditions); i++) {
        if (strcmp(conditions[i].name, row->name) != 0)
            continue;
        if ((uint32_t)args[conditions[i].arg.arg] == conditions[i].arg.datum_b)
            return true;
        conditional = true;
    }
    return !conditional;
}

const struct syscall_row *syscall_find(uint64_t number, const uint64_t args[6])
{
    if (!filled)
        fill();
    const struct syscall_row *row = number < MAX_NUMBER ? by_number[number] : NULL;
    return row != NULL && (row->op != CALL_OTHER || condition_holds(row, args)) ? row : NULL;
}

static int add_row(scmp_filter_ctx filter, const char *name)
{
    int number = seccomp_syscall_resolve_name(name);
    bool conditional = false;
    if (number < 0)
        return 0; /* this machine has no such call (aarch64: dup2) */
    for (size_t i = 0; i < COUNT(conditions); i++) {
        if (strcmp(conditions[i].name, name) != 0)
            continue;
        int failed = seccomp_rule_add_array(filter, SCMP_ACT_TRACE(0), number, 1, &conditions[i].arg);
        if (failed != 0)
            return failed;
        conditional = true;
    }
    return conditional ? 0 : seccomp_rule_add_array(filter, SCMP_ACT_TRACE(0), number, 0, NULL);
}

int syscall_filter_install(struct sd_err *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int failed = filter == NULL ? -ENOMEM : 0;
    /* Programs for another ABI of this machine (32-bit) must run too; that they are not seen is said
     * elsewhere. */
    if (failed == 0)
        failed = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW);
    if (failed == 0)
        failed = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
    if (failed == 0)
        failed = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    for (unsigned i = 0; failed == 0 && i < syscall_row_count; i++)
        failed = add_row(filter, syscall_rows[i].name);
    if (failed == 0)
        failed = seccomp_load(filter);
    if ((failed == -EACCES || failed == -EPERM || failed == -ECANCELED) &&
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
        failed = seccomp_load(filter);
    seccomp_release(filter);
    return failed == 0
               ? 0
               : sd_fail_errno(err, -failed, "cannot install the seccomp filter that stops at socket calls");
}

const char *syscall_flags_text(uint64_t flags, char out[SYSCALL_FLAGS_TEXT])
{
    static const struct {
        uint64_t bit;
        const char *name;
    } names[] = {
        {MSG_OOB, "MSG_OOB"},
        {MSG_PEEK, "MSG_PEEK"},
        {MSG_DONTROUTE, "MSG_DONTROUTE"},
        {MSG_TRUNC, "MSG_TRUNC"},
        {MSG_DONTWAIT, "MSG_DONTWAIT"},
        {MSG_EOR, "MSG_EOR"},
        {MSG_WAITALL, "MSG_WAITALL"},
        {MSG_CONFIRM, "MSG_CONFIRM"},
        {MSG_ERRQUEUE, "MSG_ERRQUEUE"},
        {MSG_NOSIGNAL, "MSG_NOSIGNAL"},
        {MSG_MORE, "MSG_MORE"},
        {MSG_WAITFORONE, "MSG_WAITFORONE"},
        {MSG_ZEROCOPY, "MSG_ZEROCOPY"},
        {MSG_FASTOPEN, "MSG_FASTOPEN"},
        {MSG_CMSG_CLOEXEC, "MSG_CMSG_CLOEXEC"},
    };
    size_t used = 0;
    flags &= 0xffffffffU;
    if (flags == 0)
        return NULL;
    out[0] = '\0';
    for (size_t i = 0; i < COUNT(names); i++) {
        if ((flags & names[i].bit) == 0)
            continue;
        used += (size_t)snprintf(out + used, SYSCALL_FLAGS_TEXT - used, "%s%s", used > 0 ? "|" : "",
                                 names[i].name);
        flags &= ~names[i].bit;
        if (used >= SYSCALL_FLAGS_TEXT)
            return out;
    }
    if (flags != 0)
        snprintf(out + used, SYSCALL_FLAGS_TEXT - used, "%s0x%llx", used > 0 ? "|" : "",
                 (unsigned long long)flags);
    return out;
}
