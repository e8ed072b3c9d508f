"""What a pod's annotations choose: its network, subnets and addresses. Pure.

Runtimes hand annotations on (capability `io.kubernetes.cri.pod-annotations`: containerd, CRI-O).
"""

import re
from collections.abc import Mapping
from ipaddress import ip_address

from polpo.model.choice import Choice

NETWORK, SUBNET, ADDRESS = (f"polpo.dev/{word}" for word in ("network", "subnet", "address"))

_ORDINAL = re.compile(r"-([0-9]{1,9})$")


def choice(annotations: Mapping[str, str], sandbox: str, name: str, uid: str) -> Choice | None:
    """None of a pod that takes what comes. ValueError if it makes no sense."""
    found = Choice(
        sandbox,
        name,
        uid,
        annotations.get(NETWORK, "").strip(),
        _listed(annotations.get(SUBNET, "")),
        _addresses(annotations.get(ADDRESS, ""), name),
    )
    return found if found.network or found.subnets or found.addresses else None


def _addresses(text: str, name: str) -> tuple[str, ...]:
    """One of a family; of several pods' (`;` between) those of its number, as of StatefulSets."""
    pods = text.split(";")
    mine = pods[0] if len(pods) == 1 else _of_number(pods, name)
    if "%" in mine:
        raise ValueError(f"{ADDRESS}: {mine.strip()} is an address of one link")
    addresses = [ip_address(address) for address in _listed(mine)]
    if len({address.version for address in addresses}) < len(addresses):
        raise ValueError(f"{ADDRESS}: {mine.strip()} is more than one address of a family")
    return tuple(map(str, addresses))


def _of_number(pods: list[str], name: str) -> str:
    number = _ORDINAL.search(name)
    if number is None:
        raise ValueError(f"{ADDRESS}: it has those of several pods, and {name} has no number")
    at = int(number[1])
    if at >= len(pods) or not pods[at].strip():
        raise ValueError(f"{ADDRESS}: it has none for pod number {at}")
    return pods[at]


def _listed(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (word.strip() for word in text.split(","))))
