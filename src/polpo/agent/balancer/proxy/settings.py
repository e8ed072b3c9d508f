"""What the host gives to one HAProxy, besides the row."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

PEERS_PORT = 1025


class Settings(msgspec.Struct, frozen=True):
    """
    place         the instance's directory: configuration, sockets, certificates
    maxconn       connections at once, from what the process may have open
    threads       of one HAProxy
    memory_bytes  that the instance may have, with all its processes
    access_log    where it writes who asks for what, if it does; it never asks for another file
    certificates  reference -> file with its certificate, key and chain (PEM)
    """

    place: Path
    maxconn: int = 4000
    threads: int = 1
    memory_bytes: int = 1 << 30
    access_log: Path = Path("/dev/null")
    certificates: Mapping[str, Path] = {}

    @property
    def configuration(self) -> Path:
        return self.place / "haproxy.cfg"

    @property
    def socket(self) -> Path:
        """Where it takes commands."""
        return self.place / "haproxy.sock"

    @property
    def jail(self) -> Path:
        """All that it sees of the host's files once it runs: a socket for what it says."""
        return self.place / "jail"

    @property
    def states(self) -> Path:
        """How servers are, for the next process (server-state-file)."""
        return self.place / "states"

    @property
    def health(self) -> Path:
        """The file that keepalived tracks: `0`, or `-254` while none listens."""
        return self.place / "health"

    def file(self, ref: str) -> Path:
        """Of a certificate. ValueError if there is none."""
        if ref not in self.certificates:
            raise ValueError(f"certificate {ref} can't be had")
        return self.certificates[ref]
