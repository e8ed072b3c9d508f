"""Addresses outside: floating IPs, given to a load balancer's port and taken away again."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from typing import Any

from polpo.client.session import ApiError
from polpo.cloud.annotations import FLOATING_NETWORK, FLOATING_SUBNET, Unusable
from polpo.cloud.openstack import Body, OpenStack
from polpo.cloud.wanted import Floating, Wanted

OURS = "Floating IP for Kubernetes external service "
"""So begins the description of those that we (or cloud-provider-openstack) have made."""


def ensure(cloud: OpenStack, balancer: Body, wanted: Wanted, inside: str, *, owns: bool) -> str:
    """The address outside of the VIP's IPv4 address `inside`, which it is itself if it has none.

    Raises Unusable.
    """
    there = _of_port(cloud, balancer)
    if not owns:
        if there is None:
            raise Unusable(
                f"load balancer {balancer['id']} has no floating IP, and only the Service that "
                "made it may give it one"
            )
        return str(there["floating_ip_address"])
    asked = wanted.floating
    wrong = there is not None and (
        asked is None or asked.address not in ("", there["floating_ip_address"])
    )
    if there is not None and wrong:
        give_up(cloud, there, keep=wanted.keeps_floating)
        there = None
    if asked is None:
        return inside
    made = there or _given(cloud, balancer, wanted, asked, inside)
    return str(made["floating_ip_address"]) if made is not None else inside


def remove(cloud: OpenStack, balancer: Body | None, description: str) -> None:
    """That of a load balancer which goes, as far as we made it, and any that was left behind."""
    attached = _of_port(cloud, balancer) if balancer is not None else None
    if attached is not None and attached["description"].startswith(OURS):
        give_up(cloud, attached, keep=False)
    for left in _described(cloud, description):
        give_up(cloud, left, keep=False)


def give_up(cloud: OpenStack, floating: Body, *, keep: bool) -> None:
    """Deleted if we made it, and else only taken from its port."""
    path = f"/floatingips/{floating['id']}"
    try:
        if floating["description"].startswith(OURS) and not keep:
            cloud.network("DELETE", path)
        else:
            cloud.network("PUT", path, {"floatingip": {"port_id": None}})
    except ApiError as error:
        if error.status != 404:
            raise


def _of_port(cloud: OpenStack, balancer: Body) -> Body | None:
    found = cloud.network("GET", "/floatingips", port_id=balancer["vip_port_id"])["floatingips"]
    return next(iter(found), None)


def _described(cloud: OpenStack, description: str) -> list[Body]:
    """Of no port: those of a try that did not come to its end."""
    if not description:
        return []
    found: list[Body] = cloud.network("GET", "/floatingips", description=description)["floatingips"]
    return [one for one in found if not one["port_id"]]


def _given(
    cloud: OpenStack, balancer: Body, wanted: Wanted, asked: Floating, inside: str
) -> Body | None:
    """The one that was asked for, one of an earlier try, or a new one; None: there is nowhere."""
    to = {"port_id": balancer["vip_port_id"], "fixed_ip_address": inside}
    if asked.address:
        found = cloud.network("GET", "/floatingips", floating_ip_address=asked.address)
        left = found["floatingips"]
        if left and left[0]["port_id"]:
            raise Unusable(f"floating IP {asked.address} is in use")
    else:
        left = _described(cloud, wanted.floating_description)
    if left:
        answer = cloud.network("PUT", f"/floatingips/{left[0]['id']}", {"floatingip": to})
        return dict(answer["floatingip"])
    return _new(cloud, wanted, asked, to)


def _new(cloud: OpenStack, wanted: Wanted, asked: Floating, to: Body) -> Body | None:
    network = asked.network_id or external_network(cloud)
    if not network:
        return None
    body = {
        "floating_network_id": network,
        "description": wanted.floating_description,
        **to,
        **({"floating_ip_address": asked.address} if asked.address else {}),
    }
    if asked.address or not (asked.subnet or asked.subnet_tags):
        subnet = {"subnet_id": asked.subnet_id} if asked.subnet_id else {}
        return _posted(cloud, body | subnet)
    refused: ApiError | None = None
    for subnet in matching(cloud.network("GET", "/subnets", network_id=network)["subnets"], asked):
        try:
            return _posted(cloud, body | {"subnet_id": subnet["id"]})
        except ApiError as error:
            if error.status == 0:
                raise
            refused = error
    why = f": {refused}" if refused is not None else ""
    raise Unusable(f"no subnet of network {network} is as {FLOATING_SUBNET} asks and free{why}")


def _posted(cloud: OpenStack, body: Body) -> Body:
    return dict(cloud.network("POST", "/floatingips", {"floatingip": body})["floatingip"])


def external_network(cloud: OpenStack) -> str:
    """The one that is external; empty if none is. Raises Unusable if there are several."""
    query: dict[str, Any] = {"router:external": "true"}
    found = [n for n in cloud.network("GET", "/networks", **query)["networks"] if n["subnets"]]
    if len(found) > 1:
        names = ", ".join(sorted(f"{network['name']} ({network['id']})" for network in found))
        raise Unusable(f"there are several networks outside; choose by {FLOATING_NETWORK}: {names}")
    return str(found[0]["id"]) if found else ""


def matching(subnets: Iterable[Body], asked: Floating) -> list[Body]:
    """By name (a glob; `~` a regular expression) and tags (`&`: all of them); `!` negates both."""
    return [
        subnet
        for subnet in subnets
        if _has_name(subnet["name"], asked.subnet) and _has_tags(subnet["tags"], asked.subnet_tags)
    ]


def _has_name(name: str, pattern: str) -> bool:
    if not pattern:
        return True
    is_not, pattern = pattern.startswith("!"), pattern.removeprefix("!")
    if not pattern.startswith("~"):
        return fnmatch.fnmatchcase(name, pattern) != is_not
    try:
        return (re.fullmatch(pattern[1:], name) is not None) != is_not
    except re.error as error:
        wrong = f"{FLOATING_SUBNET} {pattern!r} is no regular expression: {error}"
        raise Unusable(wrong) from error


def _has_tags(tags: list[str], text: str) -> bool:
    if not text:
        return True
    is_not, text = text.startswith("!"), text.removeprefix("!")
    of_all, text = text.startswith("&"), text.removeprefix("&")
    asked = {tag.strip() for tag in text.split(",")}
    there = asked & set(tags)
    return (there == asked if of_all else bool(there)) != is_not
