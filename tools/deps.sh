#!/bin/sh
# Find out what the build, the tests or the linters miss on this machine, and install it.
#   tools/deps.sh SET…        SET: build, test, lint
#   tools/deps.sh --list SET… print the Debian names and do nothing
#
# Each need is looked for by itself (a command, a library, a header), not by its package, so that a compiler or a
# Node.js that came another way is as good. Installs with apt-get, through sudo where the caller is not root. On
# another system it prints the usual package names and leaves the installing to its owner.
# Exit: 0 when every "must" of the sets is there in the end, 1 when not.
set -u

# set  need  probe            Debian                             Fedora              Arch           Alpine
table='
build  must  cmd:cc           gcc                                gcc                 gcc            gcc
build  must  cmd:make         make                               make                make           make
build  must  cmd:pkg-config   pkg-config                         pkgconf-pkg-config  pkgconf        pkgconf
build  must  header:stdio.h   libc6-dev                          glibc-devel         glibc          musl-dev
build  must  pc:libpcap       libpcap-dev                        libpcap-devel       libpcap        libpcap-dev
build  must  pc:jansson       libjansson-dev                     jansson-devel       jansson        jansson-dev
build  must  pc:libseccomp    libseccomp-dev                     libseccomp-devel    libseccomp     libseccomp-dev
build  must  pc:libcap-ng     libcap-ng-dev                      libcap-ng-devel     libcap-ng      libcap-ng-dev
build  must  pc:libmd         libmd-dev                          libmd-devel         libmd          libmd-dev
build  must  pc:libnl-3.0     libnl-3-dev                        libnl3-devel        libnl          libnl3-dev
build  must  pc:libnl-route-3.0  libnl-route-3-dev               libnl3-devel        libnl          libnl3-dev
build  must  cmd:msgfmt       gettext                            gettext             gettext        gettext
build  must  header:unistr.h  libunistring-dev                   libunistring-devel  libunistring   libunistring-dev
test   must  pc:cmocka        libcmocka-dev                      libcmocka-devel     cmocka         cmocka-dev
test   must  cmd:python3      python3                            python3             python         python3
test   may   pc:libnl-idiag-3.0 libnl-idiag-3-dev                libnl3-devel        libnl          libnl3-dev
test   may   header:libnet.h  libnet1-dev|libnet-dev             libnet-devel        libnet         libnet-dev
test   may   cmd:clang        clang                              clang               clang          clang
test   may   clang-rt:        libclang-rt-dev|libclang-common-14-dev  compiler-rt    compiler-rt    compiler-rt
test   may   cmd:ip           iproute2                           iproute             iproute2       iproute2
test   may   cmd:ping         iputils-ping                       iputils             iputils        iputils
test   may   cmd:tshark       tshark                             wireshark-cli       wireshark-cli  tshark
test   may   cmd:tcpdump      tcpdump                            tcpdump             tcpdump        tcpdump
test   may   cmd:nc           netcat-openbsd                     netcat              openbsd-netcat netcat-openbsd
test   may   cmd:curl         curl                               curl                curl           curl
test   may   cmd:perl         perl                               perl                perl           perl
test   may   cmd:node         nodejs                             nodejs              nodejs         nodejs
test   may   cmd:strace       strace                             strace              strace         strace
test   may   cmd:mandoc       mandoc                             mandoc              mandoc         mandoc
test   may   cmd:tmux         tmux                               tmux                tmux           tmux
test   may   cmd:ps           procps                             procps-ng           procps-ng      procps
test   may   cmd:setcap       libcap2-bin                        libcap              libcap         libcap-setcap
test   may   cmd:unshare      util-linux                         util-linux          util-linux     util-linux
lint   may   cmd:clang-format clang-format                       clang-tools-extra   clang          clang-extra-tools
lint   may   cmd:cppcheck     cppcheck                           cppcheck            cppcheck       cppcheck
'

PATH=$PATH:/usr/sbin:/sbin

there() {
    case $1 in
    cmd:*) command -v "${1#cmd:}" >/dev/null 2>&1 ;;
    pc:*) pkg-config --exists "${1#pc:}" 2>/dev/null ;;
    header:*) echo "#include <${1#header:}>" | ${CC:-cc} -E - >/dev/null 2>&1 ;;
    clang-rt:*) echo 'int LLVMFuzzerTestOneInput(void); int LLVMFuzzerTestOneInput(void) { return 0; }' |
        clang -x c -fsanitize=fuzzer,address - -o /dev/null 2>/dev/null ;;
    esac
}

# Rows of the wanted sets whose probe fails: "need probe debian fedora arch alpine".
missing() {
    echo "$table" | while read -r set need probe names; do
        case " $sets " in *" $set "*) there "$probe" || echo "$need $probe $names" ;; esac
    done
}

column() { # of `missing`'s output
    echo "$absent" | awk -v n="$1" '{ print $n }' | sort -u | tr '\n' ' '
}

first_names() { # Debian's, for people
    column 3 | sed 's/|[^ ]*//g; s/ $//'
}

# The first of the alternatives that the archive has.
pick() {
    for names in $1; do
        found=
        for name in $(echo "$names" | tr '|' ' '); do
            if [ -n "$(apt-cache madison "$name" 2>/dev/null)" ]; then
                found=$name
                break
            fi
        done
        [ -n "$found" ] && echo "$found" || echo "deps: the archive has no $names" >&2
    done
}

install_debian() {
    if [ "$(id -u)" -eq 0 ]; then
        as_root=
    elif command -v sudo >/dev/null 2>&1; then
        as_root=sudo
    else
        echo "deps: neither root nor sudo; as root: apt-get install --no-install-recommends $(first_names)" >&2
        return
    fi
    echo "deps: installing $(first_names)"
    $as_root apt-get update -qq || echo "deps: apt-get update failed; trying with the lists that are there" >&2
    # shellcheck disable=SC2046,SC2086 # lists of words
    $as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get install -qq -y --no-install-recommends \
        $(pick "$(column 3)") >"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        echo "deps: apt-get install failed" >&2
    }
}

show_others() {
    echo "deps: this system has no apt-get; install with its own package manager what is missing:" >&2
    found=
    for entry in "dnf:4:dnf install" "pacman:5:pacman -S" "apk:6:apk add"; do
        manager=${entry%%:*}
        command -v "$manager" >/dev/null 2>&1 || continue
        rest=${entry#*:}
        echo "  ${rest#*:} $(column "${rest%%:*}")" >&2
        found=1
    done
    if [ -z "$found" ]; then
        printf '  Fedora:  dnf install %s\n  Arch:    pacman -S %s\n  Alpine:  apk add %s\n' \
            "$(column 4)" "$(column 5)" "$(column 6)" >&2
    fi
}

list=
if [ "${1:-}" = --list ]; then
    list=1
    shift
fi
sets=$*
for set in $sets; do
    case $set in
    build | test | lint) ;;
    *)
        echo "deps: there is no set '$set' (build, test, lint)" >&2
        exit 2
        ;;
    esac
done
if [ -n "$list" ]; then
    echo "$table" | awk -v sets=" $sets " 'NF && index(sets, " " $1 " ") { sub(/\|.*/, "", $4); print $4 }'
    exit 0
fi

absent=$(missing)
if [ -z "$absent" ]; then
    echo "deps: all there for: $sets"
    exit 0
fi
if command -v apt-get >/dev/null 2>&1; then
    log=$(mktemp) || exit 1
    trap 'rm -f "$log"' EXIT
    install_debian
else
    show_others
fi

absent=$(missing)
[ -z "$absent" ] && exit 0
echo "deps: still missing: $(column 2 | sed 's/[a-z]*:\([^ ]\)/\1/g; s/: / /; s/ $//')" >&2
case $absent in
must* | *"
must"*) exit 1 ;;
esac
echo "deps: none of these is indispensable; tests that need them will be skipped" >&2
