"""What handlers are given: who asks, and the parts of the controller they may use."""

from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

from polpo.model.load_balancer import LoadBalancer
from polpo.model.port import Port
from polpo.model.router import FloatingIP, Router
from polpo.model.snapshot import Snapshot
from polpo.store.store import Store
from polpo.target.balancer import Flow


class Context(msgspec.Struct, frozen=True):
    """Who asks: a user scoped to a project (or to the system, then `project_id` is "")."""

    user_id: str
    user_name: str
    project_id: str
    project_name: str
    roles: frozenset[str]
    domain_id: str = "default"
    token_id: str = ""
    expires_at: str = ""

    @property
    def is_admin(self) -> bool:
        return "admin" in self.roles

    @property
    def is_placed(self) -> bool:
        """Whether there is anything that may be the asker's. A token of no project (unscoped, or of
        a domain) is nobody's in a project, and what is in no project is the cloud's own.
        """
        return self.is_admin or bool(self.project_id)

    @property
    def may_write(self) -> bool:
        """`reader` alone may only look."""
        return self.is_admin or "member" in self.roles


class Unauthorized(Exception):
    """No token, or one that is malformed, expired, revoked or of a disabled user."""


class Identity(Protocol):
    """Turns a token into who asks: polpo's own, or an existing Keystone's."""

    async def authenticate(self, token: str) -> Context:
        """Raises Unauthorized."""


class HostReport(msgspec.Struct, frozen=True):
    """What a host's agent last said. `last_seen` in unix seconds, `ports` plugged in there.

    uplinks  physical network -> device
    active   numbers of the routers whose gateway is active there
    error    what keeps it from its target, or from being told of it
    """

    host: str
    alive: bool
    last_seen: float
    revision: int
    ports: int
    uplinks: Mapping[str, str] = {}
    active: frozenset[int] = frozenset()
    error: str | None = None


class Instance(msgspec.Struct, frozen=True):
    """Where an instance of a load balancer is; `role` is MASTER, BACKUP, or "" if nobody knows."""

    host: str
    address: str
    role: str = ""


class Carrying(msgspec.Struct, frozen=True):
    """What the hosts of a load balancer's instances have reported of it.

    reached    the revision that all of them that are alive have; 0 while one is still to begin, -1
               while none is active
    error      why it does not work as it should, None if it does
    members    member's id -> UP, DOWN, DRAIN, MAINT or NO_CHECK, as the active one sees it
    flows      listener's id -> what has passed, of all instances
    instances  by instance's id
    """

    reached: int = -1
    error: str | None = None
    members: Mapping[str, str] = {}
    flows: Mapping[str, Flow] = {}
    instances: Mapping[str, Instance] = {}


class Wiring(Protocol):
    """What hosts have reported, as far as it answers `status`."""

    def port_status(self, snapshot: Snapshot, port: Port) -> str:
        """ACTIVE, DOWN or BUILD; the truth as hosts have reported it."""

    def port_statuses(self, snapshot: Snapshot, ports: Iterable[Port]) -> dict[str, str]:
        """The same for many at once, by port id; cheap for 20,000 ports."""

    def router_statuses(self, snapshot: Snapshot, routers: Iterable[Router]) -> dict[str, str]:
        """ACTIVE or BUILD, by router id."""

    def floatingip_statuses(self, snapshot: Snapshot, fips: Iterable[FloatingIP]) -> dict[str, str]:
        """ACTIVE, DOWN or ERROR, by floating IP's id."""

    def balancers(
        self, snapshot: Snapshot, balancers: Iterable[LoadBalancer]
    ) -> dict[str, Carrying]:
        """By load balancer's id."""

    def reports(self) -> dict[str, HostReport]:
        """The newest report of each host that has ever made one, by the host's name."""


class Controller(msgspec.Struct):
    """The parts, made in apps/controller.py and kept as `app.state.controller`."""

    store: Store
    identity: Identity
    wiring: Wiring
    public_url: str
