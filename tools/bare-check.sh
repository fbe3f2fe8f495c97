#!/bin/sh
# The proof that git and make are enough: a bare Debian 12 root, made with debootstrap, in which the committed tree is
# built, demonstrated and tested.
#
#   tools/bare-check.sh [-m MIRROR] DIRECTORY [COMMAND]…
#
# DIRECTORY   where the root goes (about 1.5 GB); made if it is not there, used again if it is one already
# COMMAND     run one after the other in the tree; default: 'make demo' 'make check'
# -m MIRROR   a Debian mirror; default: the one this machine's apt uses
#
# Runs as root. proc, sysfs, devpts and a tmpfs on /dev/shm and /tmp are mounted, in a mount namespace of the script's
# own: they are gone when it ends, however it ends. In a chroot nobody can make user namespaces, and root needs none;
# so the tests of the ordinary user run as root there.
set -eu
suite=bookworm

if [ "${BARE_CHECK_INSIDE:-}" != 1 ]; then
    [ "$(id -u)" -eq 0 ] || { echo "bare-check: must run as root" >&2; exit 2; }
    exec env BARE_CHECK_INSIDE=1 unshare --mount --propagation private "$0" "$@"
fi

mirror=
if [ "${1:-}" = -m ]; then
    mirror=$2
    shift 2
fi
[ $# -ge 1 ] || { sed -n '2,/^set /s/^# \{0,1\}//p' "$0" | sed '$d' >&2; exit 2; }
root=$1
shift
[ $# -ge 1 ] || set -- 'make demo' 'make check'
tree=$(cd "$(dirname "$0")/.." && pwd)

if [ -z "$mirror" ]; then
    # shellcheck disable=SC2016 # apt-get's variables
    mirror=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        awk -v suite=$suite '$1 == suite { print $2; exit }')
    mirror=${mirror:-http://deb.debian.org/debian}
fi

if [ ! -x "$root/usr/bin/apt-get" ]; then
    command -v debootstrap >/dev/null || { echo "bare-check: needs the package debootstrap" >&2; exit 2; }
    mkdir -p "$root"
    debootstrap --variant=minbase $suite "$root" "$mirror"
fi
root=$(cd "$root" && pwd)

mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mkdir -p "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
[ -e "$root/dev/ptmx" ] || ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
apt-config dump Acquire::http::Proxy Acquire::https::Proxy >"$root/etc/apt/apt.conf.d/90proxy" 2>/dev/null || :

rm -rf "$root/src/sockdiag"
mkdir -p "$root/src/sockdiag"
git -C "$tree" archive HEAD | tar -x -C "$root/src/sockdiag"

inside() {
    echo "bare-check: $1"
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
        TERM="${TERM:-dumb}" http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" \
        chroot "$root" sh -c "cd /src/sockdiag && $1"
}

inside 'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq git make >/dev/null'
for command in "$@"; do
    inside "$command"
done
