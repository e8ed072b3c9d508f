"""Counts and tells of every repair of something that changed under the agent."""

from collections import Counter

import structlog


class Drift:
    """Repairs since the agent started, by kind."""

    def __init__(self) -> None:
        self.repaired: Counter[str] = Counter()
        self._log = structlog.get_logger("polpo.agent")

    def note(self, kind: str, key: str, what: str, count: int = 1) -> None:
        """`what`: missing, altered or unexpected."""
        self.repaired[kind] += count
        self._log.warning("repairing what changed under us", kind=kind, key=key, what=what)
