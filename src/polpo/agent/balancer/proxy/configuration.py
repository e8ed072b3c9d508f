"""HAProxy's whole configuration, written from a row (HAProxy 2.6's Configuration Manual). Pure.

A listener is a frontend. A pool is a backend for each listener that leads to it, as the listener
says how long its members may take. Names are ids, so that whatever HAProxy says is about something
that users know.

Frontends listen on every address: the namespace's rules keep them to the load balancer's, and a
packet for a connection that is not here can be told from one that is (docs/design/balancing.md).
What the switch carries has no frontend: of its members it is only seen here whether they work.
"""

from collections.abc import Iterator

from polpo.agent.balancer.proxy.backend import backend
from polpo.agent.balancer.proxy.frontend import frontend
from polpo.agent.balancer.proxy.settings import PEERS_PORT, Settings
from polpo.agent.balancer.proxy.tree import Tree
from polpo.kernel.haproxy.words import word
from polpo.target.balancer import Balancer

OLD_S = 1800
MOST_OLD = 16
"""For so long a former worker may go on with the connections it has, and for so many reloads: each
of them takes memory of what the instance may have."""


def configuration(row: Balancer, settings: Settings) -> str:
    """The text. ValueError, which names the object, if the row makes no sense."""
    tree = Tree(row)
    sections = [_global(row, settings), _defaults(), _peers(row)]
    for listener in tree.listeners:
        sections.append(frontend(tree, listener, settings))
        sections += [backend(tree, pool, listener, settings) for pool in tree.pools_of(listener)]
    for listener in tree.switched:
        sections += [backend(tree, pool, listener, settings) for pool in tree.pools_of(listener)]
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _global(row: Balancer, settings: Settings) -> Iterator[str]:
    yield "global"
    yield "  user haproxy"
    yield "  group haproxy"
    yield f"  chroot {word(str(settings.jail))}"
    yield "  log /log len 2048 local0 notice"
    yield f"  stats socket {word(str(settings.socket))} mode 600 level admin expose-fd listeners"
    yield "  stats timeout 1m"
    yield f"  server-state-file {word(str(settings.states))}"
    yield f"  localpeer instance-{row.instance}"
    yield f"  hard-stop-after {OLD_S}s"
    yield f"  mworker-max-reloads {MOST_OLD}"
    yield f"  nbthread {settings.threads}"
    yield f"  maxconn {settings.maxconn}"
    yield "  ssl-default-bind-options ssl-min-ver TLSv1.2"
    yield "  ssl-default-server-options ssl-min-ver TLSv1.2"
    yield "  tune.ssl.default-dh-param 2048"


def _defaults() -> Iterator[str]:
    """Without `log`: a frontend that has one and no format says of each request who asks, and that
    costs every tenth part of a request even where nobody wants to hear it.
    """
    yield "defaults"
    yield "  mode tcp"
    yield "  retries 3"
    yield "  timeout connect 5s"
    yield "  timeout client 50s"
    yield "  timeout server 50s"
    yield "  timeout http-request 30s"
    yield "  timeout tunnel 1h"
    yield "  timeout client-fin 30s"
    yield "  load-server-state-from-file global"


def _peers(row: Balancer) -> Iterator[str]:
    """What sticks to whom is known to both; nobody else is on that network."""
    yield "peers pair"
    for instance in (row.instance,) if row.alone else (3, 4):
        yield f"  peer instance-{instance} 169.254.0.{instance}:{PEERS_PORT}"
