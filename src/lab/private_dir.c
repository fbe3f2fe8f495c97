#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"
#include "lab/lab.h"

/* The mount calls of Linux 5.2, directly: older C libraries have no functions for them, and <sys/mount.h> and
 * <linux/mount.h> cannot be included together. */

static int configure(int fs)
{
    static const struct {
        const char *key, *value;
    } options[] = {
        {"source", "sockdiag"},
        {"size", "1g"},
        {"mode", "0777"}, /* whoever holds the descriptor; no path leads here */
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, options[i].key, options[i].value, 0) < 0)
            return -errno;
    }
    return syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ? -errno : 0;
}

/* fsmount(2) gives a descriptor that only names the place; programs also want to list and sync the directory.
 */
static int mount_detached(int fs)
{
    const unsigned flags = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    int mount = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, flags);
    if (mount < 0)
        return -errno;
    int dir = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int code = errno;
    close(mount);
    return dir < 0 ? -code : dir;
}

int lab_private_dir(struct sd_err *err)
{
    int fs = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
    if (fs < 0 && errno == ENOSYS)
        return sd_fail(
            err, ENOSYS,
            "this kernel cannot make a private directory (fsopen, Linux 5.2): a newer one is needed");
    if (fs < 0)
        return sd_fail_errno(err, errno, "cannot make a private directory (fsopen tmpfs)");
    int dir = configure(fs);
    if (dir == 0)
        dir = mount_detached(fs);
    close(fs);
    if (dir < 0)
        return sd_fail_errno(err, -dir, "cannot make a private directory (tmpfs)");
    return dir;
}
