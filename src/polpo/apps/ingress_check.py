"""`polpo ingress check`: which annotations of a cluster's Ingresses carry over from ingress-nginx.

It only reads. Exit code 0: all do; 1: some do not, and are listed with the reason; 2: nothing could
be read.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from polpo.ingress import objects
from polpo.ingress.checking import Line, lines
from polpo.ingress.composing import CLASS
from polpo.ingress.objects import Ingress
from polpo.ingress.state import State
from polpo.kube.client import Client
from polpo.kube.configuration import Cluster, ConfigurationError, from_kubeconfig, in_cluster
from polpo.kube.errors import ApiError
from polpo.kube.objects import Page
from polpo.kube.resources import SECRETS, Resource, key


async def read(client: Client) -> State:
    """All that Ingresses lead to. Raises ApiError."""
    state = State()
    await _fill(client, objects.INGRESSES, state.ingresses)
    await _fill(client, objects.SERVICES, state.services)
    await _fill(client, SECRETS, state.secrets)
    await _fill(client, objects.CONFIG_MAPS, state.config_maps)
    return state


async def _fill(client: Client, resource: Resource[Any], kept: dict[str, Any]) -> None:
    body = await client.call("GET", resource.path())
    page: Page[Any] = msgspec.json.decode(body, type=Page[resource.type])  # type: ignore[name-defined]
    kept.update((key(item.metadata), item) for item in page.items or ())


def of_class(ingresses: Iterable[Ingress], name: str) -> list[Ingress]:
    """All, if no class is named."""
    return [
        one
        for one in ingresses
        if not name
        or name == (one.metadata.annotations or {}).get(CLASS)
        or name == one.spec.ingress_class_name
    ]


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="polpo ingress check", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, help="without it, as a pod of the cluster")
    parser.add_argument("--context", default="", help="of the kubeconfig; else its current one")
    parser.add_argument("--class", dest="of", default="", help="only Ingresses of that class")
    parser.add_argument("--all", action="store_true", help="also list what carries over")
    given = parser.parse_args(argv)
    try:
        file = given.kubeconfig
        cluster = from_kubeconfig(file, given.context) if file else in_cluster()
        found = asyncio.run(_lines(cluster, given.of))
    except (ConfigurationError, ApiError, msgspec.MsgspecError) as failed:
        print(f"polpo: {failed}", file=sys.stderr)
        return 2
    print(report(found, given.all))
    return int(any(line.carries == "no" for line in found))


async def _lines(cluster: Cluster, of: str) -> list[Line]:
    client = Client(cluster, agent="polpo-ingress-check")
    try:
        state = await read(client)
    finally:
        await client.close()
    return list(lines(state, of_class(state.ingresses.values(), of)))


def report(found: list[Line], everything: bool) -> str:
    """For people: a line each, those that matter."""
    shown = [line for line in found if everything or line.carries == "no"]
    texts = [
        f"{line.ingress}  {line.what}  {line.carries}{f': {line.why}' if line.why else ''}"
        for line in shown
    ]
    counts = {word: sum(x.carries == word for x in found) for word in ("yes", "harmless", "no")}
    return "\n".join(
        [
            *texts,
            f"{counts['yes']} annotations carry over, {counts['harmless']} need nothing, "
            f"{counts['no']} things do not carry over",
        ]
    )


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
