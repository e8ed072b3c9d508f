"""Certificates of load balancers, asked of the controller and kept on disk (0600), by their digest.

A host that starts without a controller has what it had. What no row names any more is removed.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import structlog

from polpo.agent.controller import Controller, Refused, Unreachable
from polpo.runtime.files import replace_file
from polpo.target.balancer import Balancer, Certificate

AGAIN_S = 5.0


class Certificates:
    """`came` is called when one more is here."""

    def __init__(self, directory: Path, came: Callable[[], None]) -> None:
        self._directory, self._came = directory, came
        self._refused: dict[Certificate, str] = {}
        self._log = structlog.get_logger("polpo.agent")

    def files(self, row: Balancer) -> dict[str, Path]:
        """Reference -> file, of those that are here."""
        paths = {c.ref: self._path(c) for c in row.certificates}
        return {ref: path for ref, path in paths.items() if path.exists()}

    def trouble(self, row: Balancer) -> str | None:
        """Why one of them is not here; None if all are."""
        known = {certificate.ref for certificate in row.certificates}
        asked = [ref for x in row.listeners for ref in x.refs]
        asked += [ref for pool in row.pools for ref in pool.refs]
        lost = next((ref for ref in asked if ref not in known), None)
        if lost is not None:
            return f"{lost} leads to no certificate of this project"
        missing = [c for c in row.certificates if not self._path(c).exists()]
        if not missing:
            return None
        return self._refused.get(missing[0], f"{missing[0].ref} is not here yet")

    async def fetch(self, controller: Controller, rows: Mapping[int, Balancer]) -> bool:
        """Get what is missing, forget what is not needed; whether all are here."""
        wanted = {c for row in rows.values() for c in row.certificates}
        self._forget(wanted)
        missing = [c for c in sorted(wanted, key=lambda c: c.ref) if not self._path(c).exists()]
        for certificate in missing:
            await self._get(controller, certificate)
        return all(self._path(certificate).exists() for certificate in wanted)

    async def _get(self, controller: Controller, certificate: Certificate) -> None:
        try:
            content = await controller.certificate(certificate.ref, certificate.digest)
        except Unreachable:
            return
        except Refused as e:
            if self._refused.get(certificate) != str(e):
                self._log.warning("no certificate", ref=certificate.ref, reason=str(e))
            self._refused[certificate] = str(e)
        else:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self._path(certificate), content)
            self._refused.pop(certificate, None)
        self._came()

    def _forget(self, wanted: Iterable[Certificate]) -> None:
        kept = {self._path(certificate) for certificate in wanted}
        for path in self._directory.glob("*.pem"):
            if path not in kept:
                path.unlink(missing_ok=True)

    def _path(self, certificate: Certificate) -> Path:
        return self._directory / f"{certificate.digest}.pem"
