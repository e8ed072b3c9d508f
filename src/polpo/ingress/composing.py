"""State -> the whole plan and what is wrong: Ingress and Gateway API together. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from polpo.ingress import compile
from polpo.ingress.gateway import compile as gateway
from polpo.ingress.gateway.exposing import Exposure
from polpo.ingress.objects import Ingress
from polpo.ingress.plan import Backend, Certificate, Door, Plan, Target
from polpo.ingress.proxy.certificates import FIRST
from polpo.ingress.secrets import pair, stand_in
from polpo.ingress.state import State
from polpo.ingress.wrong import Complaint, Wrong

CLASS = "kubernetes.io/ingress.class"
IS_DEFAULT = "ingressclass.kubernetes.io/is-default-class"


class Ours(msgspec.Struct, frozen=True, kw_only=True):
    """
    controller    of IngressClasses that are ours
    classless     an Ingress without a class is ours, too
    certificate   namespace/name of the Secret for names without one of their own
    fallback      namespace/service:port for what nobody has asked for
    gateways      controller of GatewayClasses that are ours
    addresses     for Gateways, one each
    exposure      or whose Services Gateways get
    """

    controller: str = "polpo.dev/ingress"
    classless: bool = False
    certificate: str = ""
    fallback: Target | None = None
    doors: tuple[Door, ...] = ()
    gateways: str = gateway.CONTROLLER
    addresses: tuple[str, ...] = ()
    exposure: Exposure | None = None


class Composed(NamedTuple):
    plan: Plan
    ingresses: tuple[Ingress, ...]
    complaints: tuple[Complaint, ...]
    of_gateways: gateway.Compiled = gateway.Compiled()


def composed(state: State, ours: Ours) -> Composed:
    state.used_secrets.clear()
    ingresses = tuple(_ours(state, ours))
    found = compile.compiled(state, ingresses)
    of_gateways = gateway.compiled(state, ours.addresses, ours.gateways, ours.exposure)
    plan = Plan(
        doors=(*ours.doors, *of_gateways.doors),
        sites=(*found.sites, *of_gateways.sites),
        passed=(*found.passed, *of_gateways.passed),
        certificates=(_first(state, ours), *found.certificates, *of_gateways.certificates),
        fallback=Backend(ours.fallback) if ours.fallback else None,
    )
    return Composed(plan, ingresses, found.complaints, of_gateways)


def _ours(state: State, ours: Ours) -> Iterator[Ingress]:
    classes = {k: c for k, c in state.classes.items() if c.spec.controller == ours.controller}
    by_default = ours.classless or any(
        (c.metadata.annotations or {}).get(IS_DEFAULT) == "true" for c in classes.values()
    )
    for ingress in state.ingresses.values():
        name = (ingress.metadata.annotations or {}).get(CLASS) or ingress.spec.ingress_class_name
        if name in classes or (not name and by_default):
            yield ingress


def _first(state: State, ours: Ours) -> Certificate:
    """Shown to who asks for a name that has none."""
    if ours.certificate:
        state.used_secrets.add(ours.certificate)
        secret = state.secrets.get(ours.certificate)
        if secret is not None:
            try:
                return Certificate(FIRST, pair(secret))
            except Wrong:
                pass
    return Certificate(FIRST, stand_in())
