"""Certificates of load balancers, asked of the controller and kept on disk (0600), by their digest.

A host that starts without a controller has what it had. What no row names any more is removed.
Those that the host's operator has put there are not asked for (mounted.py).
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import structlog

from polpo.agent.balancer.mounted import SCHEME, Mounted
from polpo.agent.controller import Controller, Refused, Unreachable
from polpo.agent.patience import Waiting
from polpo.runtime.files import replace_file
from polpo.target.balancer import Balancer, Certificate

AGAIN_S = 5.0


class Certificates:
    """`came` is called when one more is here; `mounted`: the operator's directory, if any."""

    def __init__(
        self, directory: Path, came: Callable[[], None], mounted: Path | None = None
    ) -> None:
        self._directory, self._came = directory, came
        self._mounted = Mounted(mounted, directory)
        self._refused: dict[Certificate, str] = {}
        self._log = structlog.get_logger("polpo.agent")

    def files(self, row: Balancer) -> dict[str, Path]:
        """Reference -> file, of those that are here."""
        paths = {c.ref: self._path(c) for c in row.certificates}
        found = {ref: path for ref, path in paths.items() if path.exists()}
        copies = {ref: self._mounted.path(row.project, ref) for ref in asked(row) if _is_file(ref)}
        return found | {ref: path for ref, path in copies.items() if path is not None}

    def trouble(self, row: Balancer) -> str | None:
        """Why one of them is not here; None if all are. Nothing is wrong before it was asked for:
        a load balancer that is new must not be told to have failed."""
        known = {certificate.ref for certificate in row.certificates}
        files = (self._mounted.trouble(row.project, x) for x in asked(row) if _is_file(x))
        if trouble := next(filter(None, files), None):
            return trouble
        lost = next((x for x in asked(row) if x not in known and not _is_file(x)), None)
        if lost is not None:
            return f"{lost} leads to no certificate of this project"
        missing = [c for c in row.certificates if not self._path(c).exists()]
        if not missing:
            return None
        return self._refused.get(missing[0]) or Waiting(f"{missing[0].ref} is on its way")

    async def fetch(self, controller: Controller, rows: Mapping[int, Balancer]) -> bool:
        """Get what is missing, forget what is not needed; whether all are here."""
        wanted = {c for row in rows.values() for c in row.certificates}
        self._mounted.keep_only({(r.project, ref) for r in rows.values() for ref in asked(r)})
        self._forget(wanted)
        missing = [c for c in sorted(wanted, key=lambda c: c.ref) if not self._path(c).exists()]
        for certificate in missing:
            await self._get(controller, certificate)
        return all(self._path(certificate).exists() for certificate in wanted)

    async def _get(self, controller: Controller, certificate: Certificate) -> None:
        try:
            content = await controller.certificate(certificate.ref, certificate.digest)
        except Unreachable:
            reason = f"{certificate.ref} is not here yet: no controller answers"
            self._refused.setdefault(certificate, reason)
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
        kept = {self._path(certificate) for certificate in wanted} | self._mounted.kept()
        for path in self._directory.glob("*.pem"):
            if path not in kept:
                path.unlink(missing_ok=True)

    def _path(self, certificate: Certificate) -> Path:
        return self._directory / f"{certificate.digest}.pem"


def asked(row: Balancer) -> list[str]:
    """All references in it."""
    own = [ref for x in row.listeners for ref in x.refs]
    return own + [ref for pool in row.pools for ref in pool.refs]


def _is_file(ref: str) -> bool:
    return ref.startswith(SCHEME)
