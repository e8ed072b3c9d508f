"""polpo's CNI plugin: hands what it is given to the host's agent, and its answer back.

What runs is a copy that `polpo cni install` wrote: with its interpreter's path in the first line
and the agent's socket below. It imports what the interpreter has built in, for speed.

To the agent: NAME=VALUE of each CNI_* variable, each ended by a zero byte; a zero byte; standard
input as it is. From the agent: the exit code, a newline, what is to be printed.
"""

import _socket
from posix import _exit, environ, read, write

SOCKET = "/run/polpo/agent/cni.sock"
PATIENCE_S = 60.0  # the agent gives up long before
VERSIONS = b"""{"cniVersion": "1.1.0", "supportedVersions": ["0.3.1", "0.4.0", "1.0.0", "1.1.0"]}
"""
TRY_AGAIN, NOT_AVAILABLE = 11, 50


def main() -> int:
    """The exit code."""
    command = environ.get(b"CNI_COMMAND", b"")
    if command == b"VERSION":
        _print(VERSIONS)
        return 0
    try:
        code, _, text = _ask(b"".join(iter(lambda: read(0, 1 << 16), b""))).partition(b"\n")
        if not code.isdigit():
            raise OSError(0, "it ended before it had answered")
    except OSError as error:
        number = NOT_AVAILABLE if command == b"STATUS" else TRY_AGAIN
        _print(_failure(number, f"polpo's agent at {SOCKET}: {error.strerror or error}"))
        return 1
    _print(text)
    return int(code)


def _ask(config: bytes) -> bytes:
    given = [b"%b=%b\0" % item for item in environ.items() if item[0].startswith(b"CNI_")]
    link = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    link.settimeout(PATIENCE_S)
    link.connect(SOCKET)
    link.sendall(b"".join(given) + b"\0" + config)
    link.shutdown(_socket.SHUT_WR)
    return b"".join(iter(lambda: link.recv(1 << 16), b""))


def _failure(code: int, words: str) -> bytes:
    words = words.replace("\\", "/").replace('"', "'")
    return f'{{"cniVersion": "1.0.0", "code": {code}, "msg": "{words}"}}\n'.encode()


def _print(text: bytes) -> None:
    while text:
        text = text[write(1, text) :]


if __name__ == "__main__":
    _exit(main())  # nothing is left to be said, and an orderly end would take a millisecond
