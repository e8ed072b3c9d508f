"""The shape of a plugin: what its folder holds and what it is given (docs/design/dns.md).

`plugins/<name>/setup.py` has `parse`; `handler.py`, for plugins that see queries, has `make`;
`feed.py`, for plugins that something has to be watched for, has `make_feed`. A folder is imported
when a Corefile names it, and `feed.py` only in control.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple, Protocol

from polpo.dns.corefile.block import Directive, ServerBlock
from polpo.dns.counts import Counts, Metric
from polpo.dns.handing import Through
from polpo.dns.query import Answer, Facts, Handler, Query
from polpo.dns.turn import Turn

# CoreDNS's own order (plugin.cfg of 1.13), with ours in it (nodecache, domains): a query meets the
# plugins of its server block in it.
ORDER = (
    "view",
    "metadata",
    "nodecache",
    "tls",
    "reload",
    "bufsize",
    "bind",
    "ready",
    "health",
    "prometheus",
    "errors",
    "log",
    "acl",
    "any",
    "domains",
    "loadbalance",
    "cache",
    "rewrite",
    "header",
    "autopath",
    "minimal",
    "template",
    "transfer",
    "hosts",
    "kubernetes",
    "file",
    "loop",
    "forward",
    "whoami",
)

EVERYTHING = b""
"""Instead of a name: whatever was answered may be another now."""


class Place(Protocol):
    """What a handler may use of the worker that it runs in; one for each server block."""

    @property
    def zones(self) -> tuple[bytes, ...]:
        """The zones of the server block."""

    @property
    def server(self) -> str:
        """The label of metrics: "dns://:53"."""

    @property
    def counts(self) -> Counts:
        """Metrics of this worker."""

    @property
    def turn(self) -> Turn:
        """For those who send in batches."""

    def now(self) -> float:
        """Monotonic seconds."""

    def later(self, delay_s: float, call: Callable[[], None]) -> Callable[[], None]:
        """Call once after so many seconds; what is returned cancels it."""

    def at_end(self, call: Callable[[], None]) -> None:
        """Call when the handlers are not needed any more: close what is open."""

    def resolve(self, query: Query, answer: Answer) -> None:
        """Ask the server itself, as a client would: the block with the longest zone answers."""

    def fed(self, plugin: str, receive: Callable[[bytes], Iterable[bytes]]) -> None:
        """Have `receive` called with each message of the plugin's feed. It returns the names (wire
        form, lower-case) of which something changed: kept answers about them are dropped; all for
        `EVERYTHING`."""

    def tell(self, plugin: str, message: bytes) -> bool:
        """To the plugin's feed in control (`Hears`). False while nobody is there."""

    def provide(self, plugin: str, service: object) -> None:
        """Let later made handlers of the block find something of this plugin (`provided`)."""

    def hands_on(self, plugin: str, through: Through) -> None:
        """Queries that are handed on by batches need not come to the plugin's handler: they go
        through this. A block with a plugin that does not say so has no such way."""

    def provided(self, plugin: str) -> Any:
        """What that plugin of the block provides: None if it provides nothing."""

    def describe(self, label: str, say: Callable[[Query], str]) -> None:
        """Have `say` tell about queries of this block, for those who ask by the label."""

    def describe_family(self, labels: str, say: Callable[[str, Query], str]) -> None:
        """The same for all labels of "plugin/name/...", of which `say` is told the rest."""

    @property
    def facts(self) -> Facts:
        """All that was described."""

    @property
    def view(self) -> str:
        """The block's view, as a label of metrics."""

    def say(self, words: str) -> None:
        """A line of the log, on standard output as CoreDNS has it."""


PLAIN = "text/plain; charset=utf-8"


class Page(NamedTuple):
    """What `serve_http` answers with: status and text, of a type, made anew for each request."""

    make: Callable[[], Awaitable[tuple[int, str]]]
    type: str = PLAIN


class Outlet(Protocol):
    """What a feed may use of control."""

    @property
    def counts(self) -> Counts:
        """Metrics of control."""

    def send(self, message: bytes) -> None:
        """To the plugin's handler in each worker. Keep messages small (applied within 1 ms)."""

    def serve_http(self, address: str, path: str, page: Page) -> None:
        """Answer GET of a path at "host:port" as long as the configuration is in force."""

    def unready(self) -> list[str]:
        """Names of plugins that have not seen enough for answers, of all blocks."""

    def scrape(self) -> Awaitable[str]:
        """All metrics in Prometheus' format."""

    def say(self, words: str) -> None:
        """A line of the log."""


class Feed(Protocol):
    """What control does for a plugin of one server block."""

    @property
    def ready(self) -> bool:
        """Has it seen enough for answers (the `ready` plugin asks)?"""

    def everything(self) -> Iterable[bytes]:
        """Messages that tell a new worker all that was sent so far."""

    def run(self) -> Awaitable[None]:
        """Watch until cancelled. Failures of what is watched are its own matter."""


class Hears(Feed, Protocol):
    """A feed that handlers tell something."""

    def hear(self, message: bytes) -> None:
        """From the plugin's handler in a worker."""


class Setup(Protocol):
    """`setup.py`. It may have `METRICS`, a tuple of what its handler and feed count."""

    def parse(self, directives: tuple[Directive, ...], block: ServerBlock) -> Any:
        """The value of all directives of this name in a block; a CorefileError if one is wrong.
        The same in control and in each worker: it reads nothing but its arguments."""


class Expanding(Protocol):
    """A `setup.py` whose directives name files that are read once, by control: `expand` puts what
    they say in the file's place. A CorefileError if one cannot be read."""

    def expand(self, directive: Directive) -> Directive: ...


class HandlerModule(Protocol):
    """`handler.py`."""

    def make(self, value: Any, next: Handler, place: Place) -> Handler:
        """The handler of a block, in front of `next`."""


class FeedModule(Protocol):
    """`feed.py`."""

    def make_feed(self, value: Any, outlet: Outlet, block: ServerBlock) -> Feed:
        """The feed of a block."""


def setup_of(name: str) -> Setup:
    module: Any = import_module(f"polpo.dns.plugins.{name}.setup")
    return module  # type: ignore[no-any-return]


def handler_of(name: str) -> HandlerModule | None:
    return _optional(name, "handler")  # type: ignore[no-any-return]


def feed_of(name: str) -> FeedModule | None:
    return _optional(name, "feed")  # type: ignore[no-any-return]


def metrics_of(name: str) -> tuple[Metric, ...]:
    return getattr(setup_of(name), "METRICS", ())


def _optional(name: str, part: str) -> Any:
    module = f"polpo.dns.plugins.{name}.{part}"
    return import_module(module) if find_spec(module) is not None else None
