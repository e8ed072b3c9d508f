"""A workload's HTTP server: says its name and who asked. `python -m polpo.lab.server NAME PORT…`

Only the standard library, so that it starts at once.
"""

import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Greeter(BaseHTTPRequestHandler):
    """Answers any GET."""

    name = ""

    def do_GET(self) -> None:
        text = f"{self.name} to {self.client_address[0].removeprefix('::ffff:')}\n".encode()
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
