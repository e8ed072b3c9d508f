"""What the CNI plugin prints: results and errors in the form that was asked for. Pure."""

from typing import Any

from polpo.agent.addressing import Address
from polpo.agent.ownership import host_end
from polpo.agent.plugging import Plugged
from polpo.agent.pods.call import DIFFERENT, Call, CniError

Json = dict[str, Any]


def error(version: str, refused: CniError) -> Json:
    return {"cniVersion": version, "code": refused.code, "msg": str(refused)}


def result(call: Call, plugged: Plugged) -> Json:
    """After what plugins before us have made, if any were. IPv4 first: Kubernetes calls a pod by
    its first address.
    """
    version = call.config.cni_version
    before = call.config.prev_result or {}
    interfaces = [*before.get("interfaces", ()), *_interfaces(call, plugged)]
    at = len(interfaces) - 1
    leases = sorted(plugged.leases, key=_is_v6)
    ips = [_ip(version, at, lease) for lease in leases]
    routes = [route for lease in leases for route in _routes(lease)]
    return {
        "cniVersion": version,
        "interfaces": interfaces,
        "ips": [*before.get("ips", ()), *ips],
        "routes": [*before.get("routes", ()), *routes],
        "dns": before.get("dns", {}),
    }


def check(call: Call, plugged: Plugged) -> None:
    """Whether the pod still has what was said then. Raises CniError."""
    before = call.config.prev_result or {}
    at = [
        number
        for number, interface in enumerate(before.get("interfaces", ()))
        if interface.get("name") == call.device and interface.get("sandbox")
    ]
    said = {ip.get("address") for ip in before.get("ips", ()) if ip.get("interface") in at}
    now = {_prefix(lease) for lease in plugged.leases}
    if at and said != now:
        raise CniError(
            DIFFERENT, f"{call.device} has {sorted(now)}, and not {sorted(map(str, said))}"
        )


def _interfaces(call: Call, plugged: Plugged) -> list[Json]:
    """The host's end, and the pod's."""
    ends: list[Json] = [
        {"name": host_end(plugged.port)},
        {"name": call.device, "mac": plugged.mac, "sandbox": call.path},
    ]
    if call.config.cni_version == "1.1.0":
        ends = [end | {"mtu": plugged.mtu} for end in ends]
    return ends


def _ip(version: str, at: int, lease: Address) -> Json:
    ip: Json = {"interface": at, "address": _prefix(lease)}
    if lease.gateway:
        ip["gateway"] = lease.gateway
    if version.startswith("0."):
        ip["version"] = "6" if _is_v6(lease) else "4"
    return ip


def _routes(lease: Address) -> list[Json]:
    routes: list[Json] = [{"dst": to, "gw": via} for to, via in lease.routes]
    if lease.gateway:
        every = "::/0" if _is_v6(lease) else "0.0.0.0/0"
        routes.append({"dst": every, "gw": lease.gateway})
    return routes


def _is_v6(lease: Address) -> bool:
    return ":" in lease.address


def _prefix(lease: Address) -> str:
    return f"{lease.address}/{lease.prefix_length}"
