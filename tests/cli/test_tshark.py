#!/usr/bin/env python3
"""Every crafted kind is read back by tshark without a complaint: all are written to one file by `send -w`, tshark
dissects it with every checksum verification on, and each packet is one case here. What tshark reads is compared,
too, for the fields that a case names."""

import os
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from cases import case, check, done, equal, skip  # noqa: E402
from procs import have, run, sockdiag  # noqa: E402

IP4 = "src=10.0.0.1,dst=10.0.0.2"
IP6 = "src=fd00::1,dst=fd00::2"
LINK6 = "src=fe80::1,dst=ff02::1"
MACS = "src=02:00:00:00:00:01,dst=02:00:00:00:00:02"

# (name, expression, {tshark field: value; a tuple: what its values begin with}, complaints of tshark that are right,
# are there checksums that cannot be verified)
CASES = []


def packet(name, expression, reads=None, says=(), unverified=False):
    CASES.append((name, expression, reads or {}, says, unverified))


def link():
    packet("eth: default", "eth()", {"eth.type": "0x88b5", "eth.dst": "ff:ff:ff:ff:ff:ff"})
    packet("eth: every field", "eth(dst=02:00:00:00:00:02,src=02:00:00:00:00:01,type=0x88b6)/\"x\"",
           {"eth.type": "0x88b6", "eth.src": "02:00:00:00:00:01", "eth.dst": "02:00:00:00:00:02"})
    for size in (0, 1, 45, 46, 1499, 1500, 9000):
        packet(f"eth: {size} bytes of payload", f"eth({MACS})/fill({size},0x41)", {"frame.len": str(14 + size)})
    packet("vlan: default", f"eth({MACS})/vlan()/ip({IP4})/udp()", {"vlan.id": "1", "ip.dst": "10.0.0.2"})
    packet("vlan: every field", f"eth({MACS})/vlan(prio=7,dei=1,vlan=4095)/ip({IP4})/udp()",
           {"vlan.id": "4095", "vlan.priority": "7", "vlan.dei": "1"})
    packet("vlan: number 0", f"eth({MACS})/vlan(vlan=0)/ipv6({IP6})/udp()", {"vlan.id": "0"})
    packet("vlan: in a vlan", f"eth({MACS})/vlan(vlan=10)/vlan(vlan=20)/arp(psrc=10.0.0.1)",
           {"vlan.id": "10,20", "arp.opcode": "1"})
    packet("vlan: of a provider", f"eth({MACS},type=qinq)/vlan(vlan=10)/vlan(vlan=20)/arp(psrc=10.0.0.1)",
           {"ieee8021ad.id": "10", "vlan.id": "20"})
    packet("arp: default", f"eth({MACS})/arp(psrc=10.0.0.1,hwsrc=02:00:00:00:00:01)", {"arp.opcode": "1"})
    packet("arp: every field",
           f"eth({MACS})/arp(hwtype=1,ptype=ip,hwlen=6,plen=4,op=is-at,hwsrc=02:00:00:00:00:01,psrc=10.0.0.1,"
           "hwdst=02:00:00:00:00:02,pdst=10.0.0.2)",
           {"arp.opcode": "2", "arp.src.hw_mac": "02:00:00:00:00:01", "arp.src.proto_ipv4": "10.0.0.1",
            "arp.dst.hw_mac": "02:00:00:00:00:02", "arp.dst.proto_ipv4": "10.0.0.2"})
    for number in (3, 4, 8, 9):
        packet(f"arp: operation {number}", f"eth({MACS},type=0x0806)/arp(op={number},psrc=10.0.0.1)",
               {"arp.opcode": str(number)})


def ip():
    packet("ip: default", f"ip({IP4})", {"ip.ttl": "64", "ip.id": "0x0001", "ip.proto": "253", "ip.len": "20"})
    packet("ip: every field", f"ip({IP4},tos=0xb9,id=0xbeef,flags=DF,ttl=1,proto=254)/\"x\"",
           {"ip.dsfield.dscp": "46", "ip.dsfield.ecn": "1", "ip.id": "0xbeef", "ip.flags.df": "1", "ip.ttl": "1",
            "ip.proto": "254", "ip.len": "21"})
    packet("ip: a TTL of 255", f"ip({IP4},ttl=255)", {"ip.ttl": "255"})
    packet("ip: the evil bit", f"ip({IP4},flags=evil)", {"ip.flags.rb": "1"})
    packet("ip: the first fragment", f"ip({IP4},id=101,flags=MF)/udp()/fill(32)", {"ip.flags.mf": "1"}, unverified=True)
    packet("ip: a fragment in the middle", f"ip({IP4},id=102,flags=MF,frag=100)/fill(8)", {"ip.frag_offset": "100"})
    packet("ip: the last fragment there can be", f"ip({IP4},id=103,frag=8189)/fill(3)", {"ip.frag_offset": "8189"})
    packet("ip: in ip", f"ip({IP4})/ip(src=192.0.2.1,dst=192.0.2.2)/udp()/\"x\"", {"ip.src": "10.0.0.1,192.0.2.1"})
    packet("ip: ipv6 in it", f"ip({IP4})/ipv6({IP6})/udp()/\"x\"", {"ipv6.src": "fd00::1"})
    for size in (0, 1, 7, 1479, 1480, 1481, 65515):
        packet(f"ip: {size} bytes of payload", f"ip({IP4})/fill({size},0x41)", {"ip.len": str(20 + size)})
    nine = ",".join("10.1.1.%d" % i for i in range(9))
    options = {
        "eol": ("eol", "0"), "nop": ("nop", "1"), "record route": ("rr(4,10.1.1.1,0.0.0.0)", "7"),
        "full record route": (f"rr(4,{nine})", "7"), "timestamp": ("timestamp(5,0,1000,0)", "68"),
        "loose source route": ("lsrr(4,10.1.1.1)", "131"), "strict source route": ("ssrr(8,10.1.1.1,10.1.1.2)", "137"),
        "stream id": ("stream_id(7)", "136"), "router alert": ("router_alert(0)", "148"),
        "security": ("security(hex(ab00))", "130"),
    }
    for name, (text, kind) in options.items():
        packet(f"ip: option {name}", f"ip({IP4},options=[{text}])/udp()/\"x\"",
               {"ip.opt.type": (kind,), "udp.length": "9"})
    packet("ip: 40 bytes of options", f"ip({IP4},options=[{','.join(['router_alert(0)'] * 10)}])/udp()",
           {"ip.hdr_len": "60"})


def ipv6():
    packet("ipv6: default", f"ipv6({IP6})", {"ipv6.nxt": "59", "ipv6.hlim": "64", "ipv6.plen": "0"})
    packet("ipv6: every field", f"ipv6({IP6},tc=0xb9,fl=0xfffff,hlim=255,nh=253)/\"x\"",
           {"ipv6.flow": "0x0fffff", "ipv6.tclass": "0x000000b9", "ipv6.hlim": "255", "ipv6.nxt": "253"})
    packet("ipv6: in ipv6", f"ipv6({IP6})/ipv6(src=fd77::1,dst=fd77::2)/udp()/\"x\"", {"ipv6.src": "fd00::1,fd77::1"})
    packet("ipv6: ip in it", f"ipv6({IP6})/ip({IP4})/icmp()", {"ip.src": "10.0.0.1"})
    for size in (1, 7, 1459, 1460, 1461, 65535):
        packet(f"ipv6: {size} bytes of payload", f"ipv6({IP6})/fill({size},0x41)", {"ipv6.plen": str(size)})
    for header, number in (("hopopts", "0"), ("dstopts", "60")):
        packet(f"{header}: default", f"ipv6({IP6})/{header}()/udp()", {"ipv6.nxt": number, "udp.dstport": "9"})
        for pad in range(1, 10):
            packet(f"{header}: PadN of {pad + 1}", f"ipv6({IP6})/{header}(options=[padn(fill({pad}))])/udp()/\"x\"",
                   {"udp.length": "9"})
        packet(f"{header}: Pad1", f"ipv6({IP6})/{header}(options=[pad1,padn(fill(3))])/udp()", {"udp.length": "8"})
        packet(f"{header}: another option", f"ipv6({IP6})/{header}(options=[opt(0x1e,hex(010203))])/udp()",
               {"ipv6.opt.type": ("0x1e",)})
        packet(f"{header}: 2048 bytes", f"ipv6({IP6})/{header}(options=[{','.join(['opt(0x1e,fill(253))'] * 8)}])/udp()",
               {"udp.length": "8"})
    packet("hopopts: router alert", f"ipv6({IP6})/hopopts(options=[router_alert(0)])/icmp6()",
           {"ipv6.opt.router_alert": "0"})
    packet("dstopts: home address", f"ipv6({IP6})/dstopts(options=[home_address(fd77::1)])",
           {"ipv6.opt.mipv6.home_address": "fd77::1"})
    packet("hopopts: router alert is aligned", f"ipv6({IP6})/hopopts(options=[opt(0x1e,hex(01)),router_alert(2)])/udp()",
           {"ipv6.opt.router_alert": "2"})
    packet("routing: default", f"ipv6({IP6})/routing()/udp()", {"ipv6.routing.type": "0"})
    packet("routing: two addresses", f"ipv6({IP6})/routing(addresses=[addr(fd77::1,fd77::2)])/udp()/\"x\"",
           {"ipv6.routing.segleft": "2"})
    packet("routing: arrived", f"ipv6({IP6})/routing(segleft=0,addresses=[addr(fd77::1)])/tcp()",
           {"ipv6.routing.segleft": "0"})
    packet("routing: mobile", f"ipv6({IP6})/routing(type=mobile,addresses=[addr(fd77::1)])/icmp6()",
           {"ipv6.routing.type": "2", "ipv6.routing.mipv6.home_address": "fd77::1"})
    packet("routing: segments",
           f"ipv6({IP6})/routing(type=segment,segleft=1,data=hex(01 00 0000 {'fd77' + '0' * 27}1 {'fd77' + '0' * 27}2))/udp()",
           {"ipv6.routing.srh.addr": "fd77::1,fd77::2"})
    packet("fragment: atomic", f"ipv6({IP6})/fragment(id=7)/udp()/\"x\"", {"ipv6.fraghdr.ident": "0x00000007"})
    packet("fragment: the first", f"ipv6({IP6})/fragment(id=8,m=1)/udp()/fill(32)", {"ipv6.fraghdr.more": "1"},
           unverified=True)
    packet("fragment: a later one", f"ipv6({IP6})/fragment(id=9,offset=8191,nh=udp)/fill(7)",
           {"ipv6.fraghdr.offset": "8191"}, unverified=True)


def icmp():
    quote = "ip(src=10.0.0.2,dst=192.0.2.1)/udp()/fill(4)"
    start = f"ip({IP4})/icmp"
    packet("icmp: default", f"{start}()", {"icmp.type": "8", "icmp.ident": "0"})
    packet("icmp: echo request", f"{start}(id=0x1234,seq=0xffff)/\"x\"", {"icmp.ident": "4660", "icmp.seq": "65535"})
    packet("icmp: echo reply", f"{start}(type=echo-reply,id=1,seq=2)/\"abc\"", {"icmp.type": "0", "icmp.seq": "2"})
    for size in (0, 1, 1471, 1472, 1473, 65507):
        packet(f"icmp: {size} bytes of payload", f"{start}()/fill({size},0x41)", {"ip.len": str(28 + size)})
    for code in range(16):
        packet(f"icmp: unreachable, code {code}", f"{start}(type=dest-unreach,code={code})/{quote}",
               {"icmp.type": "3", "icmp.code": str(code)})
    packet("icmp: the next hop's MTU", f"{start}(type=3,code=4,nexthopmtu=1400)/{quote}", {"icmp.mtu": "1400"})
    for code in range(4):
        packet(f"icmp: redirect, code {code}", f"{start}(type=redirect,code={code},gw=10.0.0.9)/{quote}",
               {"icmp.redir_gw": "10.0.0.9"})
    packet("icmp: source quench", f"{start}(type=source-quench)/{quote}", {"icmp.type": "4"})
    for code in range(2):
        packet(f"icmp: time exceeded, code {code}", f"{start}(type=time-exceeded,code={code})/{quote}", {"icmp.type": "11"})
    packet("icmp: parameter problem", f"{start}(type=parameter-problem,ptr=20)/{quote}", {"icmp.pointer": "20"})
    packet("icmp: a quote with its length, and MPLS labels",
           f"{start}(type=11,length=32)/ip(src=10.0.0.2,dst=192.0.2.1,len=128)/udp(len=108,chksum=0)/fill(100)"
           "/hex(2000 db45 0008 0101 0271 01 40)", {"icmp.length": "32", "icmp.mpls.label": "10000"})
    for kind, name in ((13, "request"), (14, "reply")):
        packet(f"icmp: timestamp {name}", f"{start}(type={kind},id=1,seq=2,ts_ori=1,ts_rx=2,ts_tx=86399999)",
               {"icmp.originate_timestamp": "1", "icmp.transmit_timestamp": "86399999"})
    for kind in (15, 16):
        packet(f"icmp: information, type {kind}", f"{start}(type={kind},id=1,seq=2)", {"icmp.type": str(kind)})
    for kind in (17, 18):
        packet(f"icmp: address mask, type {kind}", f"{start}(type={kind},id=1,addr_mask=255.255.255.0)",
               {"icmp.address_mask": "255.255.255.0"})


def icmp6():
    quote = "ipv6(src=fd00::2,dst=fd77::1)/udp()/fill(4)"
    start = f"ipv6({IP6})/icmp6"
    nd = f"ipv6({LINK6})/icmp6"
    packet("icmp6: default", f"{start}()", {"icmpv6.type": "128"})
    packet("icmp6: echo request", f"{start}(id=0x1234,seq=0xffff)/\"x\"", {"icmpv6.echo.sequence_number": "65535"})
    packet("icmp6: echo reply", f"{start}(type=echo-reply,id=1,seq=2)/\"abc\"", {"icmpv6.type": "129"})
    for size in (0, 1, 1451, 1452, 1453, 65527):
        packet(f"icmp6: {size} bytes of payload", f"{start}()/fill({size},0x41)", {"ipv6.plen": str(8 + size)})
    for code in range(7):
        packet(f"icmp6: unreachable, code {code}", f"{start}(type=dest-unreach,code={code})/{quote}",
               {"icmpv6.type": "1", "icmpv6.code": str(code)})
    packet("icmp6: packet too big", f"{start}(type=packet-too-big,mtu=1280)/{quote}", {"icmpv6.mtu": "1280"})
    for code in range(2):
        packet(f"icmp6: time exceeded, code {code}", f"{start}(type=time-exceeded,code={code})/{quote}",
               {"icmpv6.type": "3"})
    packet("icmp6: parameter problem", f"{start}(type=parameter-problem,ptr=40)/{quote}", {"icmpv6.pointer": "40"})
    packet("icmp6: router solicitation", f"{nd}(type=router-solicitation)", {"ipv6.hlim": "255"})
    packet("icmp6: router solicitation, link address",
           f"{nd}(type=router-solicitation,options=[source(02:00:00:00:00:01)])",
           {"icmpv6.opt.linkaddr": "02:00:00:00:00:01"})
    packet("icmp6: router advertisement", f"{nd}(type=router-advertisement)", {"icmpv6.nd.ra.router_lifetime": "1800"})
    packet("icmp6: router advertisement, every field and option",
           f"{nd}(type=router-advertisement,chlim=64,raflags=MO,routerlifetime=9000,reachabletime=1,retranstimer=2,"
           "options=[source(02:00:00:00:00:01),mtu(1500),prefix(64,0xc0,86400,14400,0,fd77::),rdnss(600,fd77::53)])",
           {"icmpv6.nd.ra.cur_hop_limit": "64", "icmpv6.nd.ra.flag.m": "1", "icmpv6.opt.mtu": "1500",
            "icmpv6.opt.prefix": "fd77::", "icmpv6.opt.rdnss": "fd77::53",
            "icmpv6.opt.prefix.valid_lifetime": "86400", "icmpv6.opt.prefix.preferred_lifetime": "14400"})
    packet("icmp6: neighbor solicitation", f"{nd}(type=neighbor-solicitation,tgt=fe80::2)",
           {"icmpv6.nd.ns.target_address": "fe80::2"})
    packet("icmp6: neighbor solicitation, link address and nonce",
           f"{nd}(type=neighbor-solicitation,tgt=fe80::2,options=[source(02:00:00:00:00:01),nonce(hex(010203040506))])",
           {"icmpv6.opt.type": "1,14"})
    packet("icmp6: neighbor advertisement",
           f"{nd}(type=neighbor-advertisement,flags=RSO,tgt=fe80::2,options=[target(02:00:00:00:00:02)])",
           {"icmpv6.nd.na.target_address": "fe80::2", "icmpv6.nd.na.flag.s": "1", "icmpv6.nd.na.flag.r": "1",
            "icmpv6.nd.na.flag.o": "1"})
    packet("icmp6: redirect", f"{nd}(type=redirect,tgt=fe80::9,dst=fd77::1,options=[target(02:00:00:00:00:09)])",
           {"icmpv6.nd.rd.target_address": "fe80::9"})
    for kind, name in ((130, "query"), (131, "report"), (132, "done")):
        packet(f"icmp6: listener {name}",
               f"ipv6({LINK6})/hopopts(options=[router_alert(0)])/icmp6(type={kind},mrd=1000,mladdr=ff02::1:3)",
               {"icmpv6.mld.multicast_address": "ff02::1:3", "ipv6.hlim": "1"})
    packet("icmp6: listener report, version 2",
           f"ipv6({LINK6})/hopopts(options=[router_alert(0)])/icmp6(type=mld2-report,"
           "records=[to_ex(ff02::1:3),allow(ff15::1,fd77::1,fd77::2)])", {"icmpv6.mldr.nb_mcast_records": "2"})


def igmp():
    start = f"ip(src=10.0.0.1,dst=224.0.0.22,options=[router_alert(0)])"
    packet("igmp: default", f"{start}/igmp()", {"igmp.type": "0x11", "ip.ttl": "1", "igmp.version": "2"})
    for kind, version in ((0x12, "1"), (0x16, "2"), (0x17, "2")):
        packet(f"igmp: type {kind:#x}", f"{start}/igmp(type={kind},mrcode=0,gaddr=239.1.2.3)",
               {"igmp.maddr": "239.1.2.3", "igmp.version": version})
    packet("igmp3: query", f"{start}/igmp3()", {"igmp.version": "3", "igmp.num_src": "0"})
    packet("igmp3: query, every field",
           f"{start}/igmp3(mrcode=100,gaddr=239.1.2.3,s=1,qrv=7,qqic=60,srcaddrs=[addr(10.1.1.1,10.1.1.2)])",
           {"igmp.num_src": "2", "igmp.s": "1", "igmp.qrv": "7", "igmp.saddr": "10.1.1.1,10.1.1.2"})
    packet("igmp3: query, 366 sources",
           f"ip(src=10.0.0.1,dst=224.0.0.1)/igmp3(srcaddrs=[addr({','.join(['10.1.1.1'] * 60)})"
           f"{(',addr(' + ','.join(['10.1.1.1'] * 51) + ')') * 6}])", {"igmp.num_src": "366"})
    packet("igmp3: report without records", f"{start}/igmp3(type=report-v3)", {"igmp.num_grp_recs": "0"})
    for number, kind in enumerate(("is_in", "is_ex", "to_in", "to_ex", "allow", "block"), 1):
        packet(f"igmp3: record {kind}", f"{start}/igmp3(type=report-v3,records=[{kind}(239.1.2.3,10.1.1.1)])",
               {"igmp.record_type": str(number), "igmp.maddr": "239.1.2.3", "igmp.saddr": "10.1.1.1"})
    packet("igmp3: many records", f"{start}/igmp3(type=report-v3,records=[{','.join(['to_ex(239.1.2.3)'] * 100)}])",
           {"igmp.num_grp_recs": "100"})


def tcp():
    for name, start in (("ip", f"ip({IP4})"), ("ipv6", f"ipv6({IP6})")):
        packet(f"tcp over {name}: default", f"{start}/tcp(dport=9)", {"tcp.flags": "0x0002", "tcp.hdr_len": "20"})
        packet(f"tcp over {name}: every field",
               f"{start}/tcp(sport=40001,dport=9,seq=0xffffffff,ack=7,flags=AP,window=1,urgptr=0)/\"x\"",
               {"tcp.seq_raw": "4294967295", "tcp.ack_raw": "7", "tcp.flags": "0x0018", "tcp.window_size_value": "1"})
        top = 65535 - 20 - (20 if name == "ip" else 0)
        for size in (0, 1, 3, 1459, 1460, 1461, top):
            packet(f"tcp over {name}: {size} bytes of payload", f"{start}/tcp(dport=9,flags=A)/fill({size},0x41)",
                   {"tcp.len": str(size)})
        packet(f"tcp over {name}: 40 bytes of options",
               f"{start}/tcp(dport=9,options=[mss(1460),sackok,ts(1,2),wscale(7),{','.join(['nop'] * 21)}])/\"x\"",
               {"tcp.hdr_len": "60", "tcp.len": "1"})
    start = f"ip({IP4})/tcp(dport=9"
    for letter, value in (("F", 1), ("S", 2), ("R", 4), ("P", 8), ("A", 16), ("U", 32), ("E", 64), ("C", 128), ("N", 256)):
        packet(f"tcp: flag {letter}", f"{start},flags={letter}{'' if letter in 'SRA' else 'A'},urgptr={1 if letter == 'U' else 0})",
               {"tcp.flags": f"0x{value | (0 if letter in 'SRA' else 16):04x}"},
               says=("Connection reset (RST)",) if letter == "R" else ())  # a warning whenever one is seen
    packet("tcp: urgent data", f"{start},flags=UA,urgptr=3)/\"abc\"", {"tcp.urgent_pointer": "3"})
    options = {
        "eol": ("eol", "0"), "nop": ("nop", "1"), "mss": ("mss(1460)", "2"), "mss of 0": ("mss(0)", "2"),
        "wscale": ("wscale(14)", "3"), "sackok": ("sackok", "4"), "ts": ("ts(4294967295,0)", "8"),
        "one SACK block": ("sack(1,2)", "5"), "four SACK blocks": ("sack(1,2,3,4,5,6,7,8)", "5"),
        "md5": ("md5(fill(16,0x41))", "19"), "uto": ("uto(0x8001)", "28"), "ao": ("ao(hex(0101) )", "29"),
        "tfo": ("tfo(hex(0102030405060708))", "34"), "mptcp": ("mptcp(hex(0001 0102030405060708))", "30"),
        "another": ("opt(77,hex(0102))", "77"),
    }
    for name, (text, kind) in options.items():
        flags = "S" if name.split()[0] in ("mss", "wscale", "sackok", "tfo", "mptcp") else "A"
        packet(f"tcp: option {name}", f"{start},flags={flags},options=[{text}])", {"tcp.option_kind": (kind,)})


def udp():
    for name, start in (("ip", f"ip({IP4})"), ("ipv6", f"ipv6({IP6})")):
        packet(f"udp over {name}: default", f"{start}/udp()", {"udp.dstport": "9", "udp.length": "8"})
        packet(f"udp over {name}: every field", f"{start}/udp(sport=1,dport=65535)/\"x\"",
               {"udp.srcport": "1", "udp.dstport": "65535"})
        for size in (0, 1, 3, 1471, 1472, 1473, 65507 if name == "ip" else 65527):
            packet(f"udp over {name}: {size} bytes of payload", f"{start}/udp()/fill({size},0x41)",
                   {"udp.length": str(8 + size)})
    packet("udp: without a checksum", f"ip({IP4})/udp(chksum=0)/\"x\"", {"udp.checksum": "0x0000"}, unverified=True)
    packet("udp: a sum of zero is 0xffff", f"ip({IP4})/udp()/hex(2bce)", {"udp.checksum": "0xffff"})


def wrong():
    """That the check can fail: what was asked to be wrong is found wrong."""
    packet("wrong: the checksum of ip", f"ip({IP4},chksum=0x1234)/udp()", {"ip.checksum.status": "0"}, says=("Bad checksum",))
    for layer in ("icmp(chksum=1)", "tcp(chksum=1)", "udp(chksum=1)"):
        packet(f"wrong: {layer}", f"ip({IP4})/{layer}", says=("Bad checksum",))
    packet("wrong: icmp6", f"ipv6({IP6})/icmp6(cksum=1)", says=("Bad checksum",))
    packet("wrong: the version", f"eth({MACS})/ip({IP4},version=5)", says=("Bogus IPv4 version",))
    packet("wrong: the header length", f"ip({IP4},ihl=4)", says=("Bogus IP header length",))
    packet("wrong: the total length", f"ip({IP4},len=19)/udp()", says=("Bogus IP length",))
    packet("wrong: the length of udp", f"ip({IP4})/udp(len=7)", says=("Bad length value",))
    packet("wrong: the data offset", f"ip({IP4})/tcp(dataofs=4)", says=("Bogus TCP header length",))
    packet("wrong: the length of an option", f"ip({IP4})/tcp(options=[opt(2,hex(05b4),3)])", says=("option length",))


STATUS = ["ip.checksum.status", "tcp.checksum.status", "udp.checksum.status", "icmp.checksum.status",
          "icmpv6.checksum.status", "igmp.checksum.status"]
PLAIN = ["frame.number", "frame.protocols", "_ws.malformed", "_ws.expert.severity", "_ws.expert.message"]
GOOD, UNVERIFIED, NOT_PRESENT = "1", "2", "3"
NOTE, WARNING = 0x400000, 0x600000

# One packet stands alone here: what tshark says of its place among others is left out. Checksums are always looked at.
PREFERENCES = ["tcp.analyze_sequence_numbers:FALSE", "ip.defragment:FALSE", "ipv6.defragment:FALSE",
               "ip.check_checksum:TRUE", "tcp.check_checksum:TRUE", "udp.check_checksum:TRUE"]


def dissect(path, home, *more):
    """What tshark reads: for each packet the values of each field."""
    names = list(dict.fromkeys(PLAIN + STATUS + [name for _, _, reads, _, _ in CASES for name in reads]))
    words = ["tshark", "-n", "-r", path, "-T", "fields", "-E", "separator=/t", "-E", "occurrence=a", "-E", "aggregator=,"]
    for preference in (*PREFERENCES, *more):
        words += ["-o", preference]
    for name in names:
        words += ["-e", name]
    ran = run(*words, env=os.environ | {"HOME": str(home)})
    equal(ran.returncode, 0, f"tshark: {ran.stderr}")
    return [dict(zip(names, line.split("\t"))) for line in ran.stdout.splitlines()]


def complaints(read, level):
    """What tshark has to say of this severity or a higher one."""
    severities = [int(value) for value in read["_ws.expert.severity"].split(",") if value]
    found = []
    if any(value >= level for value in severities):
        found.append(read["_ws.expert.message"])
    if read["_ws.malformed"]:
        found.append("malformed: " + read["_ws.malformed"])
    return found


def judge(read, reads, says, unverified):
    found = complaints(read, NOTE if says else WARNING)
    for words in says:
        check(any(words in text for text in found), f"tshark does not say {words!r}: {read}")
    if not says:
        check(not found, f"tshark complains: {found}")
        for name in STATUS:
            # The datagram that an ICMP error quotes is a piece: its checksums are not looked at.
            allowed = {GOOD, UNVERIFIED, NOT_PRESENT} if unverified or "icmp" in read["frame.protocols"] else {GOOD}
            values = set(filter(None, read[name].split(",")))
            check(values <= allowed, f"{name} is {read[name]}")
        if read["frame.protocols"].split(":")[-1] in ("icmp", "icmpv6", "igmp", "tcp", "udp") and not unverified:
            check(any(GOOD in read[name].split(",") for name in STATUS[1:]), f"no checksum was found good: {read}")
    for name, value in reads.items():
        got = read[name]
        equal(tuple(got.split(",")[:len(value)]) if isinstance(value, tuple) else got, value, name)


def fragments(directory):
    """Datagrams that were cut are put together again by tshark, and their checksums are good."""
    whole = {
        "ip": f"ip({IP4},id=7)/udp()/fill(3000,0x41)",
        "ip with options": f"ip({IP4},id=8,options=[router_alert(0),rr(4,0.0.0.0)])/udp()/fill(65000,0x41)",
        "ipv6": f"ipv6({IP6})/udp()/fill(3000,0x41)",
        "ipv6 with extension headers":
            f"ipv6({IP6})/hopopts()/routing(addresses=[addr(fd77::1)])/dstopts()/udp()/fill(3000,0x41)",
    }
    for name, expression in whole.items():
        with case(f"fragments: {name}"):
            path = directory / "fragments.pcapng"
            ran = sockdiag("send", "-q", "--mtu", "1280", "-w", path, expression)
            equal(ran.returncode, 0, ran.stderr)
            pieces = dissect(path, directory, "ip.defragment:TRUE", "ipv6.defragment:TRUE")
            check(len(pieces) > 2 and all(int(piece["frame.len"]) <= 1280 for piece in pieces), f"pieces: {pieces}")
            check(not any(complaints(piece, WARNING) for piece in pieces), lambda: str(pieces))
            equal(pieces[-1]["udp.checksum.status"], GOOD)
            equal(pieces[-1]["udp.length"], str(8 + int(expression.split("fill(")[1].split(",")[0])))


def main():
    missing = have("tshark")
    if missing:
        skip("tshark reads what is crafted", missing)
        done()
    for add in (link, ip, ipv6, icmp, icmp6, igmp, tcp, udp, wrong):
        add()
    with tempfile.TemporaryDirectory(prefix="sockdiag-tshark-") as directory:
        path = pathlib.Path(directory) / "crafted.pcapng"
        packets = []
        with case("every packet is written, and tshark reads as many"):
            ran = sockdiag("send", "-q", "-w", path, *(expression for _, expression, _, _, _ in CASES))
            equal(ran.returncode, 0, ran.stderr)
            packets = dissect(path, directory)
            equal(len(packets), len(CASES))
        for (name, expression, reads, says, unverified), read in zip(CASES, packets):
            with case(name):
                try:
                    judge(read, reads, says, unverified)
                except AssertionError as error:
                    raise AssertionError(f"{error}; {expression[:200]}") from None
        fragments(pathlib.Path(directory))
    done()


main()
