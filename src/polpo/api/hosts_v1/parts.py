"""What the handlers under `/v1` work with."""

import msgspec

from polpo.api.context import Controller
from polpo.api.hosts_v1.convergence import Convergence
from polpo.api.hosts_v1.feed import Feed
from polpo.api.hosts_v1.reports import Reports
from polpo.api.metrics import Metrics
from polpo.api.secrets_v1.bundling import Bundler
from polpo.api.secrets_v1.sealing import Seal
from polpo.store.store import Store


class Parts(msgspec.Struct, frozen=True):
    """Made in apps/controller.py. `seal` opens what users keep secret; `bundler` reads it."""

    controller: Controller
    reports: Reports
    convergence: Convergence
    feed: Feed
    metrics: Metrics
    seal: Seal
    bundler: Bundler = msgspec.field(default_factory=Bundler)

    @property
    def store(self) -> Store:
        return self.controller.store
