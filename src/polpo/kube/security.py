"""TLS and tokens that are looked at again: both are renewed under a program that stays."""

from __future__ import annotations

import base64
import os
import ssl
import tempfile
from pathlib import Path

from polpo.kube.configuration import Cluster, ConfigurationError
from polpo.runtime.clock import Clock, monotonic

TOKEN_AGE_S = 60.0  # a token on disk is renewed at 80 % of its life, which is 10 minutes or more


class Credentials:
    """Of one cluster: the TLS context for a new connection, the header for a request."""

    def __init__(self, cluster: Cluster, clock: Clock = monotonic) -> None:
        self._cluster, self._clock = cluster, clock
        self._context: ssl.SSLContext | None = None
        self._seen: tuple[int, ...] = ()
        self._token = cluster.token
        self._read_at: float | None = None

    def context(self) -> ssl.SSLContext:
        """Made anew when one of its files has changed. Raises ConfigurationError."""
        now = tuple(map(_changed, self._files()))
        if self._context is None or now != self._seen:
            try:
                self._context = _context(self._cluster)
            except (OSError, ssl.SSLError, ValueError) as error:
                if self._context is None:
                    raise ConfigurationError(f"TLS for {self._cluster.server}: {error}") from error
                return self._context  # half renewed: the old one may do until it is whole
            self._seen = now
        return self._context

    def authorization(self, *, refused: bool = False) -> str:
        """The header's value, "" for none; `refused`: the last one was, so the file is read now."""
        if self._cluster.token_file:
            return self._from_file(refused)
        if self._token:
            return f"Bearer {self._token}"
        if self._cluster.username:
            pair = f"{self._cluster.username}:{self._cluster.password}"
            return f"Basic {base64.b64encode(pair.encode()).decode()}"
        return ""

    def _from_file(self, refused: bool) -> str:
        now = self._clock()
        if refused or self._read_at is None or now - self._read_at > TOKEN_AGE_S:
            self._read_at = now
            try:
                self._token = Path(self._cluster.token_file).read_text().strip()
            except OSError as error:
                if not self._token:
                    raise ConfigurationError(f"token: {error}") from error
        return f"Bearer {self._token}"

    def _files(self) -> tuple[str, str, str]:
        return self._cluster.ca_file, self._cluster.certificate_file, self._cluster.key_file


def _context(cluster: Cluster) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])
    if cluster.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif cluster.ca:
        context.load_verify_locations(cadata=cluster.ca.decode())
    elif cluster.ca_file:
        context.load_verify_locations(cluster.ca_file)
    else:
        context.load_default_certs()
    if cluster.certificate or cluster.certificate_file:
        _load_identity(context, cluster)
    return context


def _load_identity(context: ssl.SSLContext, cluster: Cluster) -> None:
    """OpenSSL reads certificate and key from files only: contents go through our directory."""
    with tempfile.TemporaryDirectory() as folder:  # 0700

        def path(file: str, content: bytes, name: str) -> str:
            if not content:
                return file
            written = Path(folder, name)
            written.write_bytes(content)
            return str(written)

        context.load_cert_chain(
            path(cluster.certificate_file, cluster.certificate, "certificate"),
            path(cluster.key_file, cluster.key, "key") or None,
        )


def _changed(file: str) -> int:
    """When, in nanoseconds; 0 if there is none."""
    try:
        return os.stat(file).st_mtime_ns if file else 0
    except OSError:
        return 0
