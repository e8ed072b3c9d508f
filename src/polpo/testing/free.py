"""Ports of loopback for servers under test."""

import random
import socket
from contextlib import suppress

HERE = "127.0.0.1"
RANGE = range(10000, 30000)
"""Below those that the kernel gives to whoever asks for any (ip_local_port_range)."""


def port() -> int:
    """Nobody has it by TCP or UDP now, and hardly anybody will before the server does."""
    while True:
        found = random.choice(RANGE)
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                tcp.bind((HERE, found))
                udp.bind((HERE, found))
                return found
