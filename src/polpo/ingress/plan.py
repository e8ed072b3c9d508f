"""What HAProxy is to do, as plain values: what Ingress and Gateway API both come to. Pure.

A request comes in by a *door* (an address and a port), at a *site* (a host name), takes the first
of the site's *entries* that fits, and goes to one of the entry's *backends* by their shares. What
is done with it on the way (redirects, who may come, headers) is the backend's *policy*.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

EVERY_HOST = "*"


class Struct(msgspec.Struct, frozen=True, gc=False):
    """Values."""


class Feature(msgspec.Struct, frozen=True):
    """One thing of a policy: each is a module of `features`. `name` is the backend's."""

    def lines(self, name: str) -> Iterator[str]:
        """Of the backend's section, in the order in which they are to be."""
        yield from ()

    def server(self) -> Iterator[str]:
        """Words for all of its servers."""
        yield from ()

    def sections(self, name: str) -> Iterator[list[str]]:
        """Sections of its own besides."""
        yield from ()

    def backends(self) -> Iterator[Backend]:
        """Others that are asked besides."""
        yield from ()

    def routing(self, name: str) -> Iterator[str]:
        """Of frontends, where it is known that the backend is to be asked."""
        yield from ()

    def programs(self) -> Iterator[str]:
        """Names of the Lua files (proxy/NAME.lua) that its words need."""
        yield from ()

    def files(self) -> Iterator[str]:
        """Contents (PEM) that its words name by `file_of`."""
        yield from ()


class Target(Struct, frozen=True):
    """A Service's port, by its name or number. `address`: not its endpoints, but itself."""

    namespace: str
    service: str
    port: int | str
    address: bool = False


class Backend(Struct, frozen=True):
    """Without a target it answers by itself, as its policy says. `protocol` is http, h2c, https
    or h2; `problem`: why nobody is to be let in, whatever else is asked for.
    """

    target: Target | None
    policy: tuple[Feature, ...] = ()
    protocol: str = "http"
    problem: str = ""

    @property
    def name(self) -> str:
        """The same for the same backend, in whatever process; people see whose it is."""
        digest = hashlib.blake2b(repr(self).encode(), digest_size=6).hexdigest()
        if self.target is None:
            return f"b.{digest}"
        return f"b.{self.target.namespace}.{self.target.service}.{self.target.port}.{digest}"


class Condition(Struct, frozen=True):
    """`kind` is method, header, query or cookie; `how` exact or regex."""

    kind: str
    name: str
    value: str
    how: str = "exact"


class Share(NamedTuple):
    """Of the requests, in proportion to the others' weights."""

    backend: Backend
    weight: int = 1


class Entry(Struct, frozen=True):
    """`how` is exact, prefix (whole elements of the path) or regex. `rank`: the smaller is asked
    first, among those of the same path; `owner` names the object, for people.
    """

    how: str
    path: str
    shares: tuple[Share, ...]
    conditions: tuple[Condition, ...] = ()
    rank: tuple[int | str, ...] = ()
    owner: str = ""


class Site(Struct, frozen=True):
    """`host` may begin with `*.`; `deep`: then it stands for more than one label, too. `door` is
    the name of one, or "" for all that have no sites of their own.
    """

    host: str
    entries: tuple[Entry, ...]
    door: str = ""
    deep: bool = False


class Certificate(Struct, frozen=True):
    """A file of certificates and a key (PEM), and the names for which it is shown. `door` as of
    sites. `ca` (PEM): clients are to have one by it; `verify` is required or optional.
    """

    name: str
    pem: str
    hosts: tuple[str, ...] = ()
    door: str = ""
    ca: str = ""
    verify: str = ""


class Passed(Struct, frozen=True):
    """TLS that does not end here: a name, and who gets it; of several for one name each gets the
    share of 1000 from where the one before ends.
    """

    host: str
    backend: Backend
    door: str = ""
    until: int = 1000


class Door(Struct, frozen=True):
    """Where requests come in. `address` "" is every address; `public`: the port that clients
    know, if it is another. `names`: who comes by TLS for one of them asks for that one only.
    `forwarded`: for load balancers that speak HTTP: X-Forwarded-For, no PROXY protocol.
    """

    name: str
    port: int
    tls: bool = False
    address: str = ""
    public: int = 0
    shared: bool = True
    names: tuple[str, ...] = ()
    forwarded: bool = False


class Plan(Struct, frozen=True):
    """All of it. Sites, certificates and doors have names of their own; sorted."""

    doors: tuple[Door, ...] = ()
    sites: tuple[Site, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    passed: tuple[Passed, ...] = ()
    fallback: Backend | None = None


def file_of(content: str) -> str:
    """The name of a file with that content."""
    return f"{hashlib.blake2b(content.encode(), digest_size=12).hexdigest()}.pem"
