"""Somebody on the LAN who tells of very many briefing nodes by multicast DNS, and answers nothing else: none of them can be
resolved. By IPv4 and IPv6, on eth0. Arguments: how many, and of which service.
"""
import errno
import select
import socket
import struct
import sys

GROUP4, GROUP6, PORT = "224.0.0.251", "ff02::fb", 5353


def name(*labels):
    return b"".join(bytes([len(part)]) + part for part in (text.encode() for text in labels)) + b"\0"


def packets(service, number):
    """Answers of type PTR, thirty in a packet, each an instance that nothing else is said of."""
    kind = name(*service.split("."))
    for first in range(0, number, 30):
        numbers = range(first, min(first + 30, number))
        out = struct.pack("!6H", 0, 0x8400, 0, len(numbers), 0, 0)
        for i in numbers:
            label = b"nobody %d" % i
            value = bytes([len(label)]) + label + b"\xc0\x0c"
            out += (kind if i == first else b"\xc0\x0c") + struct.pack("!HHIH", 12, 1, 4500, len(value)) + value
        yield out


def open_both():
    on = socket.if_nametoindex("eth0")
    four = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    four.bind(("", PORT))
    mreq = struct.pack("4s4si", socket.inet_aton(GROUP4), bytes(4), on)
    four.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, mreq)
    four.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, mreq)
    four.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
    six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    six.bind(("", PORT))
    six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.inet_pton(socket.AF_INET6, GROUP6) + struct.pack("@I", on))
    six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, on)
    six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
    return {four: (GROUP4, PORT), six: (GROUP6, PORT, 0, on)}


def tell(s, to, crowd):
    for p in crowd:
        s.sendto(p, to)


def main(number, service):
    ways, crowd = open_both(), list(packets(service, number))
    asked = name(*service.split("."))
    told = set()
    while True:
        for s, to in ways.items():
            try:
                if s not in told:
                    tell(s, to, crowd)
                    told.add(s)
            except OSError as e:
                if e.errno != errno.EADDRNOTAVAIL:      # IPv6 looks first whether somebody has its address
                    raise
        if len(told) == len(ways):
            print("told", flush=True)
        for s in select.select(list(ways), [], [], None if len(told) == len(ways) else 0.1)[0]:
            query = s.recv(9000)
            if not query[2] & 0x80 and asked in query:
                tell(s, ways[s], crowd)


main(int(sys.argv[1]), sys.argv[2])
