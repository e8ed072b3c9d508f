"""What checks do to the lab, and undo; and where they look."""

import time

from polpo.lab import balancer, outside, underlay
from polpo.lab.balancer import Balancer
from polpo.lab.running import Running


class Harm:
    def __init__(self, running: Running) -> None:
        self._running = running

    def drops(self, host: str) -> dict[str, int]:
        drops: dict[str, int] = self._running.agent(host).status().get("drops", {})
        return drops

    def kill_agent(self, host: str) -> None:
        self._running.processes.kill(f"agent-{host}")

    def revive_agent(self, host: str) -> None:
        chosen = self._running.host(host)
        self._running.start_agent(chosen)
        self._running.await_agent(chosen)

    def active_gateway(self) -> str:
        """Of the one router of project polpo: the host, when both instances are placed."""
        admin = self._running.admin
        with self._running.tenant() as session:
            (router,) = session.network("GET", "/routers", name="router")["routers"]
        found: list[str] = []

        def is_settled() -> bool:
            agents = admin.network("GET", f"/routers/{router['id']}/l3-agents")["agents"]
            found[:] = [agent["host"] for agent in agents if agent["ha_state"] == "active"]
            return len(agents) == 2 and len(found) == 1

        self._running.until(is_settled, "controller")
        return found[0]

    def make_balancer(self) -> Balancer:
        with self._running.tenant() as session:
            return balancer.make(session)

    def await_balancer(self, made: Balancer) -> None:
        with self._running.tenant() as session:
            self._running.until(lambda: balancer.is_active(session, made), "controller")

    def find_balancer(self) -> Balancer:
        with self._running.tenant() as session:
            return balancer.find(session)

    def kill_balancer(self, made: Balancer) -> str:
        return balancer.kill_active(self._running.admin, self._running.lab, made)

    def cut(self, host: str) -> None:
        """All its cables."""
        self._pull(host, out=True)

    def mend(self, host: str) -> None:
        """Returns when the host has been heard again, and everything is as before."""
        began_at = time.time()
        self._pull(host, out=False)
        self._running.until(lambda: self._last_seen(host) > began_at, f"agent-{host}")
        self._running.await_converged()

    def _pull(self, name: str, *, out: bool) -> None:
        for cable in (underlay.pull, outside.pull):
            cable(self._running.lab, self._running.host(name), out=out)

    def _last_seen(self, name: str) -> float:
        hosts = self._running.admin.hosts("GET", "/status")["hosts"]
        return next(float(h.get("last_seen", 0)) for h in hosts if h["host"] == name)
