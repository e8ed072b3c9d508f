"""What HAProxy is told at run time comes to the same as what its files would say."""

import random
from pathlib import Path

from polpo.ingress.proxy import maps
from polpo.kernel.haproxy import socket
from polpo.testing.ingress import App, Running
from polpo.testing.kubernetes.api_server import ApiServer, until
from polpo.testing.kubernetes.ingresses import ingress, tls_secret
from polpo.testing.kubernetes.objects import Object

NAMES = ("a", "b", "c", "d;e", "f'g", "h%i", "j\\k")
CHANGES = 25


async def test_any_changes_of_routes_lead_to_the_maps_that_a_reload_would_read(
    api: ApiServer, ingresses: Running
) -> None:
    chance = random.Random(7)
    api.put(
        _some(chance), ingress("both", "x.example.com/ -> tea:80", "y.example.com/ -> coffee:80")
    )
    await ingresses.eventually("/", "x.example.com", wanted="tea")
    for _ in range(CHANGES):
        before = ingresses.controller.table
        api.put(_some(chance))
        await until(lambda before=before: ingresses.controller.table is not before)  # type: ignore[misc]
        wanted = maps.maps(ingresses.controller.table)
        await until(lambda wanted=wanted: _shown(ingresses, wanted) == wanted)  # type: ignore[misc]
    assert ingresses.haproxy.told > CHANGES / 2
    assert ingresses.haproxy.reloads < CHANGES / 2


async def test_certificates_come_and_go_without_a_reload(
    api: ApiServer, ingresses: Running, applications: dict[str, App]
) -> None:
    names = [f"h{n}.example.com" for n in range(4)]
    api.put(*(tls_secret(name, name) for name in names))
    rules = [f"{name}/ -> tea:80" for name in names]
    force = {"force_ssl_redirect": "true"}  # the same policy with a certificate and without
    api.put(ingress("all", *rules, nginx=force))
    await ingresses.eventually(f"https://{names[0]}/", wanted="tea")
    reloads = ingresses.haproxy.reloads
    for count in (1, 3, 2, 4, 0):
        tls = {name: [name] for name in names[:count]}
        api.put(ingress("all", *rules, nginx=force, tls=tls))
        wanted = {f"default_{name}.pem" for name in names[:count]} | {"default.pem"}
        await until(lambda wanted=wanted: _certificates(ingresses) == wanted)  # type: ignore[misc]
    assert ingresses.haproxy.reloads == reloads


def _some(chance: random.Random) -> Object:
    rules = [
        f"{chance.choice(('', '='))}{chance.choice('xy')}.example.com/{name}"
        f" -> {chance.choice(('tea', 'coffee'))}:80"
        for name in chance.sample(NAMES, chance.randint(1, len(NAMES)))
    ]
    return ingress("some", *rules)


def _shown(of: Running, wanted: maps.Maps) -> maps.Maps:
    return {name: _map(of, name) for name in wanted}


def _map(of: Running, name: str) -> dict[str, str]:
    try:
        said = socket.ask(of.settings.socket, f"show map {of.settings.maps / name}.map")
    except OSError:
        return {}
    lines = (line.split(" ", 2) for line in said.splitlines() if line.startswith("0x"))
    return {words[1]: words[2] for words in lines}


def _certificates(of: Running) -> set[str]:
    said = socket.ask(of.settings.socket, "show ssl cert")
    return {Path(line).name for line in said.splitlines() if line.endswith(".pem")}


async def test_what_haproxy_refuses_is_told_to_whoever_wrote_it_and_all_else_goes_on(
    api: ApiServer, ingresses: Running
) -> None:
    """More bytes than it can count: no rule of ours forbids it."""
    odd = {"proxy_body_size": f"{10**30}g"}
    api.put(ingress("good", "cafe.example.com/ -> tea:80"))
    api.put(ingress("odd", "odd.example.com/ -> tea:80", nginx=odd))
    await ingresses.eventually("/", "cafe.example.com", wanted="tea")
    await ingresses.eventually("/", "odd.example.com", wanted=503)
    await until(lambda: any("HAProxy refuses" in note for note in _notes(api, "odd")))
    assert not _notes(api, "good")


def _notes(api: ApiServer, name: str) -> list[str]:
    events = api.stored.all("events", "", "")
    return [event["note"] for event in events if event["regarding"]["name"] == name]
