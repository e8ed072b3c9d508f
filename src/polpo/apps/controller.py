"""The controller: wiring only. `polpo controller --config FILE`.

One socket, `listen`. /identity, /networking, /load-balancer, /key-manager and /v1 want a token
(users' or hosts'), /metrics loopback or a token; / and /healthz say only that it is here. SIGTERM
ends it at once: agents keep what they have and come back.
"""

import argparse
import asyncio
import secrets
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec
import structlog
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import ASGIApp

from polpo.api import front
from polpo.api.clusters_v1.routes import routes as cluster_routes
from polpo.api.context import Controller, Identity
from polpo.api.gauges import Gauges
from polpo.api.hosts_v1.convergence import Convergence
from polpo.api.hosts_v1.errors import Refused, refusal
from polpo.api.hosts_v1.feed import Feed
from polpo.api.hosts_v1.parts import Parts
from polpo.api.hosts_v1.report_keeping import ReportKeeping
from polpo.api.hosts_v1.reports import Reports
from polpo.api.hosts_v1.routes import routes as hosts_routes
from polpo.api.identity_v3.bootstrap import bootstrap
from polpo.api.identity_v3.keystone import KeystoneAccess, KeystoneIdentity
from polpo.api.identity_v3.local import LocalIdentity
from polpo.api.identity_v3.routes import routes as identity_routes
from polpo.api.loadbalancer_v2.routes import routes as loadbalancer_routes
from polpo.api.metrics import Metrics
from polpo.api.network_v2.routes import routes as network_routes
from polpo.api.network_v2.settings import DEFAULT_QUOTAS, VXLAN_BYTES, Settings
from polpo.api.outages import Outages
from polpo.api.placer import Placer
from polpo.api.secrets_v1 import sealing
from polpo.api.secrets_v1.routes import routes as secrets_routes
from polpo.api.supervised import supervised
from polpo.api.watched import Watched
from polpo.api.wiring import HostWiring
from polpo.apps.controller_config import Config, load
from polpo.runtime import garbage, log
from polpo.runtime.clock import Steady, monotonic
from polpo.runtime.files import replace_file
from polpo.store.errors import StoreError
from polpo.store.store import Store

SHUTDOWN_S = 5
"""How long requests that are under way may take to end."""


class Parting(uvicorn.Server):
    """Ends the feed's streams, which would never end, before it waits for requests to end."""

    def __init__(self, config: uvicorn.Config, feed: Feed) -> None:
        super().__init__(config)
        self._feed = feed

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Without uvicorn's own way of dying of the signal before the store is closed."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._leave)
        yield

    def _leave(self) -> None:
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._feed.close()
        await super().shutdown(sockets)


async def run(config: Config) -> None:
    """Runs until SIGTERM or SIGINT."""
    store = await Store.open(config.database, utc_now)
    identity = await _identity(config, store)
    try:
        await _serve(config, _parts(config, store, identity))
    finally:
        await identity.close()
        await store.close()


def application(parts: Parts, config: Config) -> ASGIApp:
    """The whole HTTP side; tests use it without a socket."""
    settings = _network_settings(config)
    app = Starlette(
        routes=[
            Mount("/v1", routes=[*hosts_routes(parts), *cluster_routes(parts, settings)]),
            *identity_routes(parts.controller),
            *network_routes(parts.controller, settings),
            *loadbalancer_routes(parts.controller, settings),
            *secrets_routes(parts.controller, parts.seal, utc_now),
            *front.routes(parts, version("polpo"), front.token_in(config.metrics_token_file)),
        ],
        exception_handlers={Exception: _failed},
    )
    app.state.controller = parts.controller
    return Watched(app, parts.store, parts.metrics)


def _network_settings(config: Config) -> Settings:
    quotas = {**DEFAULT_QUOTAS, **config.quotas}
    return Settings(
        mtu=config.underlay_mtu - VXLAN_BYTES, dns_domain=config.dns_domain, quotas=quotas
    )


async def _identity(config: Config, store: Store) -> LocalIdentity | KeystoneIdentity:
    """An existing Keystone, if there is one; else polpo's own, with its first user in it."""
    if config.keystone_url is not None:
        return KeystoneIdentity(_keystone_access(config, config.keystone_url))
    identity = LocalIdentity(store, config.url)
    password_hash = await identity.passwords.hash(_admin_password(Path(config.admin_password_file)))
    await store.write(lambda tx: bootstrap(tx, password_hash))
    return identity


def _keystone_access(config: Config, url: str) -> KeystoneAccess:
    password = Path(config.keystone_password_file).read_text().strip()
    return KeystoneAccess(url, config.keystone_username, password, config.keystone_project)


def _admin_password(file: Path) -> str:
    """What is in the file, made if there is none."""
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(file, secrets.token_urlsafe(24).encode())
        structlog.get_logger("polpo.controller").info("admin's password made", file=str(file))
    return file.read_text().strip()


def _parts(config: Config, store: Store, identity: Identity) -> Parts:
    metrics, reports = Metrics(), Reports(monotonic, Steady())
    parts = Parts(
        controller=Controller(store, identity, HostWiring(reports), config.url),
        reports=reports,
        convergence=Convergence(store, reports, metrics, monotonic),
        feed=Feed(store, metrics),
        metrics=metrics,
        seal=sealing.load(config.secrets_keys),
    )
    Gauges(parts, metrics.registry)
    store.on_commit = metrics.committed
    return parts


async def _serve(config: Config, parts: Parts) -> None:
    keeping = ReportKeeping(parts.store, parts.reports, parts.reports.now)
    await keeping.load()
    background = {
        "follow": parts.store.follow,
        "feed": parts.feed.run,
        "beat": parts.feed.beat,
        "convergence": parts.convergence.run,
        "deaths": parts.convergence.watch_deaths,
        "reports": keeping.run,
        "outages": Outages(parts.store, parts.reports).run,
        "placer": Placer(parts.store, parts.reports, monotonic, config.gateway_patience_s).run,
    }
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(supervised(*task)) for task in background.items()]
        await Parting(_server_config(config, parts), parts.feed).serve()
        for task in tasks:
            task.cancel()


def _server_config(config: Config, parts: Parts) -> uvicorn.Config:
    _say_what_listens(config)
    return uvicorn.Config(
        application(parts, config),
        host=config.address,
        port=config.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_S,
        timeout_keep_alive=60,
        backlog=4096,
        ssl_certfile=config.tls_certificate,
        ssl_keyfile=config.tls_key,
    )


def _say_what_listens(config: Config) -> None:
    logger = structlog.get_logger("polpo.controller")
    logger.info(
        "listening",
        address=config.listen,
        tls=bool(config.tls_certificate),
        guarded_by="tokens of users and hosts",
        metrics="bearer token or admin" if config.metrics_token_file else "loopback or admin",
    )
    if config.is_exposed:
        logger.warning("tokens pass in clear: set tls_certificate and tls_key, or use a TLS proxy")


async def _failed(_request: Request, error: Exception) -> Response:
    """What no handler answered: the database is away (503), or we are wrong (500)."""
    if isinstance(error, StoreError):
        return refusal(Refused(503, f"Cannot be written now: {error}"))
    return refusal(Refused(500, "The server failed; its log says why."))


def utc_now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="polpo controller", description=__doc__)
    parser.add_argument("--config", type=Path, help="TOML file; see polpo.apps.controller_config")
    parser.add_argument("--log-level", default="info")
    for field in msgspec.structs.fields(Config):
        parser.add_argument(f"--{field.name.replace('_', '-')}", default=None)
    arguments = vars(parser.parse_args(argv))
    log.set_up(arguments.pop("log_level"))
    garbage.unhurried()
    try:
        config = load(arguments.pop("config"), **arguments)
        uvloop.run(run(config))
    except (OSError, ValueError, StoreError) as error:
        print(f"polpo controller: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
