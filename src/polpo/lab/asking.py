"""A client that opens a connection every 5 ms: `python asking.py ADDRESS SECONDS`.

Prints what it saw as JSON. Only the standard library, so that it starts at once.
"""

import itertools
import json
import socket
import sys
import threading
import time

EVERY_S, PATIENCE_S = 0.005, 0.5
REQUEST = b"GET / HTTP/1.0\r\n\r\n"


def answered(address: str) -> bool:
    try:
        with socket.create_connection((address, 80), timeout=PATIENCE_S) as link:
            link.sendall(REQUEST)
            return b" 200 " in link.recv(64)
    except OSError:
        return False


def main() -> None:
    address, end = sys.argv[1], time.monotonic() + float(sys.argv[2])
    begun: list[float] = []
    failed: list[float] = []

    def ask() -> None:
        at = time.monotonic()
        (begun if answered(address) else failed).append(at)

    threads = []
    while time.monotonic() < end:
        threads.append(threading.Thread(target=ask))
        threads[-1].start()
        time.sleep(EVERY_S)
    for thread in threads:
        thread.join()
    times = sorted(begun)
    outage_s = max((b - a for a, b in itertools.pairwise(times)), default=PATIENCE_S)
    said = {"asked": len(begun) + len(failed), "failed": len(failed), "outage_s": outage_s}
    print(json.dumps(said))


if __name__ == "__main__":
    main()
