"""What is written of each object, as far as it is ours. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from typing import Any

from polpo.ingress.gateway.addresses import Assigned
from polpo.ingress.gateway.attaching import Parent
from polpo.ingress.gateway.conditions import Condition, Status, no, yes
from polpo.ingress.gateway.features import FEATURES
from polpo.ingress.gateway.listeners import Served, kinds_of
from polpo.ingress.gateway.objects import GROUP, BackendTLSPolicy, Gateway, GatewayClass
from polpo.ingress.gateway.routes import Route, as_json
from polpo.ingress.objects import Stated
from polpo.kube.resources import key


def of_class(one: GatewayClass) -> Status:
    accepted = yes("Accepted")
    if one.spec.parameters_ref is not None:
        accepted = no("Accepted", "InvalidParameters", "a class has no parameters here")
    body = {
        "conditions": _conditions([accepted, yes("SupportedVersion")], one),
        "supportedFeatures": [{"name": name} for name in FEATURES],
    }
    return _status("GatewayClass", one, body)


def of_gateway(gateway: Gateway, listeners: Sequence[Served], given: Assigned) -> Status:
    ready = bool(given.address) and given.refused is None
    accepted, programmed = _of_listeners(listeners)
    if given.refused is not None and given.refused.type == "Accepted":
        accepted = given.refused
    if given.refused is not None:
        programmed = no("Programmed", given.refused.reason, given.refused.message)
        if given.refused.type == "Accepted":
            programmed = no("Programmed", "Invalid", given.refused.message)
    body = {
        "addresses": [_address(given.address)] if given.address else [],
        "conditions": _conditions([accepted, programmed], gateway),
        "listeners": [_listener(listener, gateway, ready) for listener in listeners],
    }
    return _status("Gateway", gateway, body)


def _address(text: str) -> dict[str, str]:
    """Of a load balancer it may be a name."""
    try:
        ip_address(text)
    except ValueError:
        return {"type": "Hostname", "value": text}
    return {"type": "IPAddress", "value": text}


def _of_listeners(listeners: Sequence[Served]) -> tuple[Condition, Condition]:
    good = [listener for listener in listeners if listener.accepted.status]
    wrong = ", ".join(one.spec.name for one in listeners if not one.accepted.status)
    accepted = yes(
        "Accepted", "ListenersNotValid" if wrong else "", wrong and f"not valid: {wrong}"
    )
    if not good:
        accepted = no("Accepted", "ListenersNotValid", f"no listener is valid: {wrong}")
    if any(listener.serves for listener in listeners):
        return accepted, yes("Programmed")
    return accepted, no("Programmed", "Invalid", "no listener can be served")


def _listener(listener: Served, gateway: Gateway, ready: bool) -> dict[str, Any]:
    return {
        "name": listener.spec.name,
        "supportedKinds": list(kinds_of(listener)),
        "attachedRoutes": listener.attached,
        "conditions": _conditions(listener.conditions(ready), gateway),
    }


def of_route(
    kind: str, route: Route, parents: Iterable[tuple[Parent, Condition]], controller: str
) -> Status:
    """Of each parent, with what became of the references."""
    listed = [
        {
            "parentRef": as_json(parent.ref),
            "controllerName": controller,
            "conditions": _conditions([parent.accepted, resolved], route),
        }
        for parent, resolved in parents
    ]
    return _status(kind, route, {"parents": listed}, "parents")


def of_policy(
    policy: BackendTLSPolicy, gateways: Iterable[str], conditions: list[Condition], controller: str
) -> Status:
    listed = []
    for gateway in gateways:
        namespace, _, name = gateway.partition("/")
        ref = {"group": GROUP, "kind": "Gateway", "namespace": namespace, "name": name}
        listed.append(
            {
                "ancestorRef": ref,
                "controllerName": controller,
                "conditions": _conditions(conditions, policy),
            }
        )
    return _status("BackendTLSPolicy", policy, {"ancestors": listed}, "ancestors")


def _conditions(given: Iterable[Condition], of: Stated) -> list[dict[str, Any]]:
    return [condition.of(of.metadata.generation) for condition in given]


def _status(kind: str, of: Stated, body: dict[str, Any], listed: str = "") -> Status:
    return Status(kind, key(of.metadata), of.metadata.uid, body, listed)
