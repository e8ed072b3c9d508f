"""A workload's server: says its name and who asked, by HTTP and to any datagram.
`python -m polpo.lab.server NAME PORT…`

Only the standard library, so that it starts at once.
"""

import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseRequestHandler, TCPServer, UDPServer

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
"""With which a header of the PROXY protocol, version 2, begins (HAProxy's proxy-protocol.txt)."""


class Greeter(BaseHTTPRequestHandler):
    """Answers any GET. A load balancer may say for whom it asks: in the PROXY protocol, or by
    X-Forwarded-For.
    """

    name = ""

    def setup(self) -> None:
        super().setup()
        self.client = self.client_address[0].removeprefix("::ffff:")
        if self.rfile.peek(len(SIGNATURE)).startswith(SIGNATURE):  # type: ignore[attr-defined]
            self.client = self._told()

    def _told(self) -> str:
        """The client's address, of a PROXY header for TCP over IPv4."""
        head = self.rfile.read(len(SIGNATURE) + 4)
        addresses = self.rfile.read(int.from_bytes(head[-2:], "big"))
        return socket.inet_ntoa(addresses[:4])

    def do_GET(self) -> None:
        client = self.headers.get("X-Forwarded-For", self.client)
        text = f"{self.name} to {client}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


class DatagramGreeter(BaseRequestHandler):
    """Answers any datagram."""

    def handle(self) -> None:
        _, link = self.request
        client = self.client_address[0].removeprefix("::ffff:")
        link.sendto(f"{Greeter.name} to {client}".encode(), self.client_address)


class DualStack(TCPServer):
    """One socket for both families."""

    address_family = socket.AF_INET6

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


class RequestServer(DualStack, ThreadingHTTPServer):
    daemon_threads = True


class DatagramServer(DualStack, UDPServer):
    """Answers one after the other."""


def main() -> None:
    Greeter.name = sys.argv[1]
    for at in (("::", int(port)) for port in sys.argv[2:]):
        for server in (RequestServer(at, Greeter), DatagramServer(at, DatagramGreeter)):
            threading.Thread(target=server.serve_forever).start()


if __name__ == "__main__":
    main()
