"""What pods that are processes have said, as the API server asks a kubelet for it."""

from __future__ import annotations

import ssl
import subprocess
import tempfile
import threading
import time
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from polpo.lab.kubernetes.certificates import self_signed

PORT = 10250


class Logs:
    """At an address: GET /containerLogs/<namespace>/<pod>/<container>?sinceTime=…, to anybody."""

    def __init__(self, address: str) -> None:
        self._said: dict[str, list[tuple[float, bytes]]] = {}
        logs = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = urlsplit(self.path)
                _, what, namespace, pod, *_ = [*asked.path.split("/"), "", "", ""]
                since = parse_qs(asked.query).get("sinceTime", ["1970-01-01T00:00:00Z"])[0]
                text = logs.text(f"{namespace}/{pod}", datetime.fromisoformat(since).timestamp())
                self.send_response(200 if what == "containerLogs" else 404)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *words: Any) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer((address, PORT), Handler)
        self._server.socket = _context(address).wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()

    def keep(self, pod: str, process: subprocess.Popen[bytes]) -> None:
        """Each line with its time, until the process ends. `pod` is <namespace>/<name>."""
        said = self._said.setdefault(pod, [])

        def read() -> None:
            for line in process.stdout or ():
                said.append((time.time(), line))

        threading.Thread(target=read, daemon=True).start()

    def text(self, pod: str, since_s: float) -> bytes:
        return b"".join(line for at, line in self._said.get(pod, ()) if at >= since_s)

    def end(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _context(address: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        pem = Path(folder, "pem")
        pem.write_text("".join(self_signed(address)))
        context.load_cert_chain(pem)
    return context
