# What four looks say of a host and a port. Arguments: host, port.
say() { echo; echo "\$ $*"; }
say sockdiag ping -c 1 "$1"; sockdiag ping -q -c 1 -W 0.5 "$1" 2>&1
say sockdiag ping -c 1 -s 1400 "$1"; sockdiag ping -q -c 1 -W 0.5 -s 1400 "$1" 2>&1
say sockdiag send "'ip(dst=$1)/tcp(dport=$2,flags=S)'"; sockdiag send --wait 0.5 "ip(dst=$1)/tcp(dport=$2,flags=S)" 2>&1
say sockdiag route --tcp "$2" "$1"; sockdiag route -n --tcp "$2" --probes 1 -W 0.2 "$1" 2>&1
exit 0
