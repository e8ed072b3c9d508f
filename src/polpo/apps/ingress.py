"""`polpo ingress`: a cluster's Ingresses and Gateways, on HAProxy.

It runs as a pod, or anywhere with a way to the pods; several share the work, one of them writes
statuses. `polpo ingress check` says what of a cluster's Ingresses will not carry over.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from ipaddress import ip_network
from itertools import islice
from pathlib import Path

from polpo.ingress.composing import Ours
from polpo.ingress.controller import Controller
from polpo.ingress.gateway.compile import CONTROLLER as GATEWAYS
from polpo.ingress.gateway.exposing import Exposure
from polpo.ingress.gateway.keeping import Keeping
from polpo.ingress.gateway.telling import Telling
from polpo.ingress.plan import Door, Target
from polpo.ingress.proxy.haproxy import Haproxy
from polpo.ingress.proxy.identity import networks
from polpo.ingress.proxy.settings import Settings
from polpo.ingress.reporting import Reporting
from polpo.kube.api import Api
from polpo.kube.client import Client
from polpo.kube.configuration import Cluster, ConfigurationError, from_kubeconfig, in_cluster
from polpo.kube.events import Events
from polpo.kube.lease import Election, own_identity
from polpo.runtime import log

NAME = "polpo-ingress"
MOST_ADDRESSES = 4096


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="polpo ingress", description=__doc__)
    add = parser.add_argument
    add("--kubeconfig", type=Path, help="without it, as a pod of the cluster")
    add("--context", default="", help="of the kubeconfig; else its current one")
    add("--controller", default="polpo.dev/ingress", help="of the IngressClasses that are ours")
    add("--watch-ingress-without-class", action="store_true")
    add("--http-port", type=int, default=8080)
    add("--https-port", type=int, default=8443)
    add(
        "--forwarded-port",
        type=int,
        default=0,
        help="for HTTP load balancers: they are believed; 0: none",
    )
    add("--bind-address", default="", help="where to listen; else at every address")
    add("--public-http-port", type=int, default=80, help="as clients know it")
    add("--public-https-port", type=int, default=443, help="as clients know it")
    add("--metrics-port", type=int, default=10254, help="Prometheus' /metrics; /healthz; 0: none")
    add("--publish-service", default="", help="namespace/name: whose address Ingresses get")
    add("--publish-status-address", default="", help="addresses or names, with commas")
    add("--default-ssl-certificate", default="", help="namespace/name of a Secret")
    add("--default-backend-service", default="", help="namespace/name:port")
    add("--proxy-protocol-from", default="", help="networks whose connections begin with it")
    add("--trust-forwarded-from", default="", help="networks whose X-Forwarded-For is believed")
    add("--gateway-controller", default=GATEWAYS, help="of the GatewayClasses that are ours")
    add("--gateway-addresses", default="", help="addresses and networks for Gateways, one each")
    add("--gateway-services", default="", help="labels of our pods: Gateways get Services of them")
    add("--gateway-service-annotations", default="", help="of each such Service, as in a=b,c=d")
    add("--threads", type=int, default=0, help="of HAProxy; 0: one for each CPU")
    add("--access-log", action="store_true")
    add("--place", type=Path, default=Path("/tmp/polpo-ingress"), help="a directory of its own")
    add("--lease-namespace", default="", help="where the leader's Lease is; else our own namespace")
    add(
        "--shutdown-delay",
        type=float,
        default=0.0,
        help="seconds to go on after SIGTERM, until load balancers know",
    )
    add("--grace", type=float, default=30.0, help="seconds for what has been asked, at the end")
    add("--log-level", default="info")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """0 after SIGTERM, 1 when it cannot begin."""
    words = sys.argv[1:] if argv is None else list(argv)
    if words[:1] == ["check"]:
        from polpo.apps import ingress_check

        return ingress_check.main(words[1:])
    given = arguments().parse_args(words)
    log.set_up(given.log_level)
    try:
        file = given.kubeconfig
        cluster = from_kubeconfig(file, given.context) if file else in_cluster()
        asyncio.run(_run(given, cluster, _settings(given), _ours(given, cluster.namespace)))
    except (ConfigurationError, ValueError) as failed:
        print(f"polpo: {failed}", file=sys.stderr)
        return 1
    return 0


def _split(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (part.strip() for part in text.split(","))))


def _settings(given: argparse.Namespace) -> Settings:
    settings = Settings(
        place=given.place.absolute(),
        proxies=_split(given.proxy_protocol_from),
        forwarders=_split(given.trust_forwarded_from),
        threads=given.threads,
        metrics_port=given.metrics_port,
        access_log=given.access_log,
        user="haproxy" if os.geteuid() == 0 else "",
    )
    networks(settings.proxies + settings.forwarders)
    return settings


def _ours(given: argparse.Namespace, namespace: str) -> Ours:
    return Ours(
        controller=given.controller,
        classless=given.watch_ingress_without_class,
        certificate=given.default_ssl_certificate,
        fallback=_target(given.default_backend_service),
        doors=tuple(_doors(given)),
        gateways=given.gateway_controller,
        addresses=tuple(_addresses(given.gateway_addresses)),
        exposure=_exposure(given, namespace),
    )


def _doors(given: argparse.Namespace) -> Iterator[Door]:
    where = given.bind_address
    yield Door("http", given.http_port, False, where, given.public_http_port)
    yield Door("https", given.https_port, True, where, given.public_https_port)
    if given.forwarded_port:
        yield Door("forwarded", given.forwarded_port, False, where, 80, forwarded=True)


def _exposure(given: argparse.Namespace, namespace: str) -> Exposure | None:
    if not given.gateway_services:
        return None
    if given.gateway_addresses:
        raise ValueError("--gateway-addresses or --gateway-services: not both")
    return Exposure(
        namespace=namespace,
        selector=_pairs(given.gateway_services),
        annotations=_pairs(given.gateway_service_annotations),
        bind=given.bind_address,
    )


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    parts = [part.partition("=") for part in _split(text)]
    if not all(key and equals for key, equals, _ in parts):
        raise ValueError(f"{text!r} is no list as in a=b,c=d")
    return tuple((key, value) for key, _, value in parts)


def _addresses(text: str) -> Iterator[str]:
    """Of a network all. ValueError if one is none."""
    for part in _split(text):
        yield from (str(address) for address in islice(ip_network(part), MOST_ADDRESSES))


def _target(text: str) -> Target | None:
    if not text:
        return None
    namespace, _, rest = text.partition("/")
    name, _, port = rest.partition(":")
    if not namespace or not name or not port:
        raise ValueError(f"{text!r} is not namespace/name:port")
    return Target(namespace, name, int(port) if port.isdecimal() else port)


async def _run(given: argparse.Namespace, cluster: Cluster, settings: Settings, ours: Ours) -> None:
    client = Client(cluster, agent=NAME)
    api = Api(client, NAME)
    instance = own_identity()
    reporting = Reporting(api, Events(api, ours.controller, instance))
    haproxy = Haproxy(settings)
    addresses = tuple(_address(text) for text in _split(given.publish_status_address))
    telling = Telling(api, ours.gateways)
    service = given.publish_service
    keeping = Keeping(api, cluster.namespace)
    speakers = [reporting.run, telling.run, *([keeping.run] if ours.exposure else [])]
    controller = Controller(client, haproxy, ours, reporting, service, addresses, telling, keeping)

    async def lead() -> None:
        await asyncio.gather(*(speak() for speak in speakers))

    election = Election(api, given.lease_namespace or cluster.namespace, NAME, instance)
    tasks = asyncio.gather(controller.run(), election.run(lead))
    loop = asyncio.get_running_loop()

    def leave() -> None:
        loop.call_later(given.shutdown_delay, tasks.cancel)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, leave)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await tasks
    finally:
        await asyncio.to_thread(haproxy.end, given.grace)
        await client.close()


def _address(text: str) -> dict[str, str]:
    is_address = text.replace(".", "").isdecimal() or ":" in text
    return {"ip" if is_address else "hostname": text}


if __name__ == "__main__":
    raise SystemExit(main())
