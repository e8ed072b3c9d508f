"""A workload's HTTP server: says its name and who asked. `python -m polpo.lab.server NAME PORT…`

Only the standard library, so that it starts at once.
"""

import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

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


class DualStackServer(ThreadingHTTPServer):
    """One socket for both families."""

    address_family = socket.AF_INET6
    daemon_threads = True

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


def main() -> None:
    Greeter.name = sys.argv[1]
    threads = [
        threading.Thread(target=DualStackServer(("::", int(port)), Greeter).serve_forever)
        for port in sys.argv[2:]
    ]
    for thread in threads:
        thread.start()


if __name__ == "__main__":
    main()
