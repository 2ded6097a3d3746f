# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sockets and descriptors."""

from attack import CAGES, Attack

# An abstract socket of the host, on which somebody listens while the programs run
ABSTRACT_CANARY = "\0pysbd-canary"

NETWORK = ("raw", "default", "default-cage", "loopback-cage")
NO_NETWORK = ("raw", "default-cage", "eval-cage")

ATTACKS = (
    Attack("NW-01a", "R-NW1", "network namespace", "interfaces", """
import socket
try:
    names = [name for _, name in socket.if_nameindex()]
    judge(set(names) <= {"lo"}, "interfaces", names)
except OSError as e:
    OK(e.strerror)
""", NETWORK),
    Attack("NW-01k", "R-NW1", "network namespace", "what /proc/net says: one interface, no route, nobody who listens", """
for name in ("dev", "route", "arp", "tcp", "udp", "unix", "fib_trie", "if_inet6"):
    try:
        with open("/proc/self/net/" + name) as file:
            rows = file.read()
    except OSError as e:
        OK(name, e.strerror)
        continue
    if name == "dev":
        judge({row.split(":")[0].strip() for row in rows.splitlines()[2:]} <= {"lo"}, name, rows[-80:])
    elif name in ("route", "arp", "tcp", "udp"):
        judge(len(rows.splitlines()) <= 1, name, rows[:200])
    elif name == "unix":
        judge("@" not in rows and "/" not in rows, name, rows[:200])
""", ("raw", "default", "default-cage"), bare="caught"),
    Attack("NW-02a", "R-NW1", "network namespace, seccomp", "connections to the Internet, to a cloud's metadata, to the host", """
import socket, time
for address in (("1.1.1.1", 53), ("169.254.169.254", 80), ("10.0.0.1", 80), ("192.168.0.1", 80), ("172.17.0.1", 2375)):
    begin = time.monotonic()
    try:
        s = socket.socket()
        s.settimeout(3)
        s.connect(address)
        BAD("connected", address)
    except OSError as e:
        judge(time.monotonic() - begin < 0.5, address, e, round(time.monotonic() - begin, 2))
""", NETWORK, bare="never"),
    Attack("NW-02k", "R-NW1", "network namespace, seccomp", "datagrams, IPv6, broadcast and multicast leave by no way", """
import socket
for family, kind, address in ((socket.AF_INET, socket.SOCK_DGRAM, ("192.0.2.1", 53)), (socket.AF_INET, socket.SOCK_DGRAM, ("224.0.0.251", 5353)),
                              (socket.AF_INET6, socket.SOCK_DGRAM, ("2001:db8::1", 53)), (socket.AF_INET6, socket.SOCK_STREAM, ("fe80::1", 22)),
                              (socket.AF_INET, socket.SOCK_DGRAM, ("255.255.255.255", 9))):
    try:
        s = socket.socket(family, kind)
        s.settimeout(1)
        if "255" in address[0]:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        (s.sendto(b"x", address) if kind == socket.SOCK_DGRAM else s.connect(address))
        BAD("sent", address)
    except OSError as e:
        OK(address, e)
""", NETWORK, bare="never"),
    Attack("NW-03a", "R-NW1", "network namespace", "the resolver", """
import socket, time
begin = time.monotonic()
for name in ("example.com", "localhost.localdomain", "metadata.google.internal"):
    try:
        BAD("resolved", name, socket.getaddrinfo(name, 80)[:1])
    except OSError as e:
        OK(name, e)
judge(time.monotonic() - begin < 2, "time", round(time.monotonic() - begin, 2))
""", NETWORK, bare="never"),
    Attack("NW-04a", "R-NW2", "network namespace, mount namespace", "abstract sockets of the host", """
import socket
for name in ("\\0pysbd-canary", "\\0/tmp/dbus-canary", "\\0/tmp/.X11-unix/X0"):
    try:
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(1)
        s.connect(name)
        BAD("connected", repr(name))
    except OSError as e:
        OK(repr(name), e.strerror)
""", NETWORK),
    Attack("NW-04k", "R-NW2", "network namespace, mount namespace", "the same by a socket pair, which may be made; and sockets with a name", """
import socket
names = ("\\0pysbd-canary", "/run/pysb/io.pysb.sandbox", "/run/systemd/notify", "/dev/log", "/run/dbus/system_bus_socket", "/var/run/docker.sock")
for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
    one, two = socket.socketpair(socket.AF_UNIX, kind)
    for name in names:
        for way in (lambda: one.connect(name), lambda: one.sendto(b"x", name), lambda: one.sendmsg([b"x"], [], 0, name)):
            try:
                way()
                # But for datagrams a pair is connected already: it sends to its other end, whatever the address
                judge(kind != socket.SOCK_DGRAM and two.recv(10) == b"x", "reached", kind, repr(name))
            except OSError as e:
                OK(repr(name), e.strerror)
""", NETWORK, bare="never"),
    Attack("NW-05a", "R-NW3", "seccomp: families", "the families of sockets that are trouble", """
FAMILIES = (("VSOCK", 40, 1, 0), ("VSOCK_dgram", 40, 2, 0), ("ALG", 38, 5, 0), ("ROUTE", 16, 3, 0), ("AUDIT", 16, 3, 9), ("GENERIC", 16, 3, 16),
            ("UEVENT", 16, 2, 15), ("NETFILTER", 16, 3, 12), ("PACKET", 17, 3, 768), ("XDP", 44, 3, 0), ("BLUETOOTH", 31, 3, 1), ("TIPC", 30, 1, 0),
            ("RXRPC", 33, 2, 2), ("KCM", 41, 2, 0), ("SMC", 43, 1, 0), ("CAN", 29, 3, 1))
for name, family, kind, protocol in FAMILIES:
    value, error = call(41, family, kind, protocol)
    judge(value == -1 and error in ("EPERM", "EACCES", "EAFNOSUPPORT", "ENOSYS"), name, value, error)
""", CAGES),
    Attack("NW-05k", "R-NW3", "seccomp: families", "every family, with high bits and flags; and pairs of others than Unix sockets", """
for family in [*range(2, 64), 255]:
    if family in (2, 10) and "loopback" in MODE:
        continue
    for kind in (1, 2, 3, 5, 0x80801):
        for number in (41, 53):
            value, error = call(number, family, kind, 0, 0)
            if not (value == -1 and error in DENIALS):
                BAD(number, family, kind, value, error)
for arguments in ((41, 16 | 1 << 32, 3, 0), (41, 38 | 1 << 40, 5, 0), (53, 16 | 1 << 32, 3, 0, 0)):
    value, error = call(*arguments)
    judge(value == -1 and error in DENIALS, arguments, value, error)
""", CAGES),
    Attack("NW-06a", "R-NW3", "seccomp, no capability", "raw sockets and ping sockets", """
for name, arguments in (("raw_icmp", (2, 3, 1)), ("raw_raw", (2, 3, 255)), ("raw6", (10, 3, 58)), ("ping", (2, 2, 1)), ("ping6", (10, 2, 58))):
    value, error = call(41, *arguments)
    judge(value == -1, name, value, error)
""", CAGES, bare="silent"),
    Attack("NW-06k", "R-NW3", "seccomp", "without a network there is no socket at all, and none of its calls", """
for name, arguments in (("tcp", (41, 2, 1, 0)), ("udp", (41, 2, 2, 0)), ("unix", (41, 1, 1, 0)), ("tcp6", (41, 10, 1, 0)), ("mptcp", (41, 2, 1, 262)),
                        ("sctp", (41, 2, 1, 132)), ("bind", (49, -1, 0, 0)), ("listen", (50, -1, 1)), ("accept", (43, -1, 0, 0)), ("accept4", (288, -1, 0, 0, 0)),
                        ("connect", (42, -1, 0, 0)), ("setsockopt", (54, -1, 0, 0, 0, 0)), ("sendmmsg", (307, -1, 0, 0, 0)), ("recvmmsg", (299, -1, 0, 0, 0, 0))):
    value, error = call(*arguments)
    judge(value == -1 and error in DENIALS, name, value, error)
""", NO_NETWORK),
    Attack("NW-08a", "R-D5", "descriptors are closed", "only 0, 1, 2 and the channel are open", """
have = []
for fd in range(4096):
    try:
        os.fstat(fd)
        have.append(fd)
    except OSError:
        pass
judge(set(have) <= {0, 1, 2, 3}, "descriptors", have[:20])
""", CAGES + ("default",), bare="silent"),
    Attack("NW-08k", "R-D5", "descriptors are closed", "what the four descriptors are, and what can be done with them", """
import stat
for fd in (0, 1, 2, 3):
    found = os.fstat(fd)
    judge(stat.S_ISFIFO(found.st_mode) or stat.S_ISSOCK(found.st_mode) or stat.S_ISCHR(found.st_mode), fd, oct(found.st_mode))
    for name in ("/proc/self/fd/%d/.." % fd, "/proc/self/fdinfo/%d" % fd):
        try:
            with open(name, "rb") as file:
                judge(b"pysb" not in file.read(), name)
        except OSError as e:
            OK(name, e.strerror)
    for flags in (os.O_RDWR, os.O_RDONLY, os.O_WRONLY):  # another access than it was given
        try:
            os.close(os.open("/proc/self/fd/%d" % fd, flags | os.O_NONBLOCK))
            judge(stat.S_ISFIFO(found.st_mode) or stat.S_ISCHR(found.st_mode), "opened again", fd, flags)
        except OSError as e:
            OK(fd, flags, e.strerror)
""", CAGES, bare="never"),
    Attack("NW-08l", "R-D5", "seccomp by arguments", "the channel says nothing of who is at its other end", """
buffer = ctypes.create_string_buffer(64)
size = ctypes.c_uint32(64)
for fd in (0, 1, 2, 3):
    for name, option in (("PEERCRED", 17), ("PEERSEC", 31), ("PEERGROUPS", 59), ("PEERPIDFD", 77), ("COOKIE", 57), ("NETNS_COOKIE", 71)):
        value, error = call(55, fd, 1, option, buffer, ctypes.byref(size))
        judge(value == -1, name, fd, value, error)
    for option in (16, 26, 32, 33, 36, 46, 50, 76):  # credentials, filters, forced buffers, marks, busy polling
        value, error = call(54, fd, 1, option, buffer, 4)
        judge(value == -1, "setsockopt", option, value, error)
""", CAGES, bare="never"),
)
