"""Filters of ports that are not attributes: by address, by security group."""

from collections.abc import Callable, Mapping

from polpo.api.network_v2.errors import bad_resource, invalid
from polpo.api.network_v2.resource import Filter, each
from polpo.api.network_v2.values import address
from polpo.model.port import Port


def by_fixed_ips(asked: list[str]) -> list[Filter]:
    """`fixed_ips=ip_address=A&fixed_ips=subnet_id=S`: of each key any, of all keys one each."""
    wanted: dict[str, list[str]] = {}
    for item in asked:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise invalid(f"'{item}' is not of the form <key>=[value]")
        wanted.setdefault(key.strip(), []).append(value.strip())
    return [_by_fixed_ip(key, values) for key, values in wanted.items()]


def _by_fixed_ip(key: str, values: list[str]) -> Filter:
    if key == "subnet_id":
        return _any_address(lambda subnet, _: subnet in values, "subnet", values)
    if key == "ip_address":
        known = [_canonical(value) for value in values]
        return _any_address(lambda _, ip: ip in known, "address", known)
    if key == "ip_address_substr":
        return _any_address(lambda _, ip: any(v in ip for v in values), "", [])
    raise bad_resource("ports", f"'{key}' is not a key of fixed_ips")


def _any_address(matches: Callable[[str, str], bool], index: str, values: list[str]) -> Filter:
    def check(port: Port) -> bool:
        return any(matches(f.subnet_id, f.ip_address) for f in port.fixed_ips)

    return Filter(each(check), index, values)


def _canonical(value: str) -> str:
    """An address in another spelling finds the same port; what is none finds nothing."""
    try:
        return str(address().read(value))
    except ValueError:
        return value


def by_security_groups(asked: list[str]) -> list[Filter]:
    wanted = frozenset(asked)
    return [
        Filter(
            each(lambda port: not wanted.isdisjoint(port.security_groups)), "security_group", asked
        )
    ]


def by_address_part(asked: list[str]) -> list[Filter]:
    return [_by_fixed_ip("ip_address_substr", asked)]


FILTERS: Mapping[str, Callable[[list[str]], list[Filter]]] = {
    "fixed_ips": by_fixed_ips,
    "security_groups": by_security_groups,
    "ip_address_substr": by_address_part,
}
