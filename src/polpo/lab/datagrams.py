"""A client that sends a datagram from each of many sockets: `datagrams.py ADDRESS PORT COUNT`.

Prints each answer in a line. Only the standard library, so that it starts at once.
"""

import socket
import sys

PATIENCE_S = 2.0


def answer(address: str, port: int) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.connect((address, port))
        link.settimeout(PATIENCE_S)
        link.send(b"?")
        return link.recv(64).decode()


if __name__ == "__main__":
    for _ in range(int(sys.argv[3])):
        print(answer(sys.argv[1], int(sys.argv[2])))
