"""A client that comes again when it is not let in, or hears nothing:
`python returning.py SECONDS NAME PATH ADDRESS...`

Each request to https://NAME/PATH has a connection of its own, at all addresses at once. Prints
what it saw as JSON. Only the standard library, so that it starts at once.
"""

import json
import ssl
import sys
import threading
import time
from http.client import HTTPException, HTTPSConnection
from socket import create_connection

EVERY_S, ATTEMPT_S, PATIENCE_S = 0.02, 0.5, 5.0


class Client:
    """`again`: how often it came again; `unanswered`: what it gave up, or heard wrong."""

    def __init__(self, address: str, name: str, path: str, end: float) -> None:
        self._address, self._name, self._path, self._end = address, name, path, end
        self._tls = ssl.create_default_context()
        self._tls.check_hostname, self._tls.verify_mode = False, ssl.CERT_NONE
        self.asked = self.again = self.unanswered = 0
        self.slowest_s = 0.0

    def run(self) -> None:
        while time.monotonic() < self._end:
            begun = time.monotonic()
            self._ask(begun + PATIENCE_S)
            self.slowest_s = max(self.slowest_s, time.monotonic() - begun)
            time.sleep(EVERY_S)

    def _ask(self, deadline: float) -> None:
        self.asked += 1
        while time.monotonic() < deadline:
            try:
                if self._is_answered():
                    return
            except (OSError, HTTPException):
                pass
            self.again += 1
            time.sleep(EVERY_S)
        self.unanswered += 1

    def _is_answered(self) -> bool:
        with create_connection((self._address, 443), timeout=ATTEMPT_S) as plain:
            connection = HTTPSConnection(self._name)
            connection.sock = self._tls.wrap_socket(plain, server_hostname=self._name)
            connection.request("GET", self._path, headers={"Connection": "close"})
            answer = connection.getresponse()
            answer.read()
            connection.close()
            return answer.status == 200


def main() -> None:
    end, (name, path, *addresses) = time.monotonic() + float(sys.argv[1]), sys.argv[2:]
    clients = [Client(address, name, path, end) for address in addresses]
    threads = [threading.Thread(target=client.run) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    said = {
        "asked": sum(client.asked for client in clients),
        "again": sum(client.again for client in clients),
        "unanswered": sum(client.unanswered for client in clients),
        "slowest_s": max(client.slowest_s for client in clients),
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main()
