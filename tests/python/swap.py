"""Sends what goes to a host from an address of its own, the first segment of each ClientHello behind the
next one. Prints `ready`, then for each pair `swapped`.

    swap.py ADDRESS HOST DEVICE
"""

import fcntl
import os
import socket
import struct
import subprocess
import sys

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000


def is_first(packet):
    """Whether an IPv4 packet bears the beginning of a handshake over TCP."""
    header = (packet[0] & 15) * 4
    payload = packet[header + (packet[header + 12] >> 4) * 4 :] if packet[9] == 6 else b""
    # A record that the segment does not hold whole.
    return payload[:2] == b"\x16\x03" and 5 + struct.unpack(">H", payload[3:5])[0] > len(payload)


address, host, device = sys.argv[1:]
tunnel = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tunnel, TUNSETIFF, struct.pack("16sH", b"swap0", IFF_TUN | IFF_NO_PI))
for line in (
    f"address add {address}/32 dev swap0",
    "link set swap0 up",
    f"route add {host}/32 dev swap0 src {address}",
):
    subprocess.run(["ip", *line.split()], check=True)
out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
out.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode() + b"\0")


def send(packet):
    out.sendto(packet, (host, 0))


print("ready", flush=True)
held = None
while True:
    packet = os.read(tunnel, 65536)
    if packet[0] >> 4 != 4:
        continue
    if held is None and is_first(packet):
        held = packet
        continue
    send(packet)
    if held is not None:
        send(held)
        held = None
        print("swapped", flush=True)
