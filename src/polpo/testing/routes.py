"""Ingresses' JSON -> a plan and its table, and where a request would go: without HAProxy."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from polpo.ingress import objects
from polpo.ingress.compile import Compiled, compiled
from polpo.ingress.plan import Plan
from polpo.ingress.state import State
from polpo.ingress.table import Table, table
from polpo.kube.reflection import Change
from polpo.kube.resources import ENDPOINT_SLICES, SECRETS, key

KINDS: dict[str, tuple[Any, str]] = {
    "Ingress": (objects.INGRESSES, "ingresses"),
    "IngressClass": (objects.INGRESS_CLASSES, "classes"),
    "Service": (objects.SERVICES, "services"),
    "Secret": (SECRETS, "secrets"),
    "ConfigMap": (objects.CONFIG_MAPS, "config_maps"),
}


def state(*given: dict[str, Any]) -> State:
    made = State()
    for one in given:
        if one["kind"] == "EndpointSlice":
            found = msgspec.convert(one, ENDPOINT_SLICES.type)
            made.note_slices([Change(key(found.metadata), found)])
            continue
        resource, where = KINDS[one["kind"]]
        found = msgspec.convert(one, resource.type)
        made.note(getattr(made, where), [Change(key(found.metadata), found)])
    return made


def compile(*given: dict[str, Any]) -> Compiled:
    made = state(*given)
    return compiled(made, made.ingresses.values())


def routes(*given: dict[str, Any]) -> Table:
    return table(Plan(sites=compile(*given).sites))


def where(made: Table, host: str, path: str, door: str = "") -> str:
    """The Service that would be asked, by name; "" for none. As proxy/routing.py asks."""
    wild = re.sub(r"^[^.]+", "*", host)
    hosts = made.hosts.get(door, {})
    sites = [hosts.get(name) for name in (host, wild)]
    deep = sorted(made.deep.get(door, {}).items(), key=lambda item: -len(item[0]))
    sites += [of for end, of in deep if host.endswith(end)]
    sites.append(hosts.get("*"))
    site = next((found for found in sites if found), None)
    if site is None:
        return ""
    found = made.exact.get(site + path) or _longest(made, f"{site}{path}/")
    if not found and site.startswith("~"):
        found = next((to for x, to in made.regex.items() if _fits(x, site, path)), "")
    backend = made.backends.get(found)
    return backend.target.service if backend is not None and backend.target else found


def _longest(made: Table, text: str) -> str:
    fitting = [key for key in made.prefix if text.startswith(key)]
    return made.prefix[max(fitting, key=len)] if fitting else ""


def _fits(pattern: str, site: str, path: str) -> bool:
    """Python wants flags at the beginning."""
    text = pattern.replace("(?i)", "")
    return re.match(text, site + path, re.I if text != pattern else 0) is not None
