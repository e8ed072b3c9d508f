"""Choosing addresses."""

from ipaddress import ip_address, ip_network
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from polpo.api.network_v2 import addresses
from polpo.model.network import AddressRange, Subnet

CIDRS = st.sampled_from(
    ["10.0.0.0/24", "10.0.0.0/28", "10.1.2.0/30", "10.1.2.4/31", "10.1.2.4/32", "fd00::/120"]
)


@given(CIDRS, st.integers(), st.data())
def test_a_pool_is_given_out_to_its_last_address_and_none_twice(
    cidr: str, seed: int, data: st.DataObject
) -> None:
    gateway = data.draw(st.sampled_from([None, addresses.default_gateway(cidr)]))
    pools = addresses.default_pools(cidr, gateway)
    total = sum(int(ip_address(p.end)) - int(ip_address(p.start)) + 1 for p in pools)
    held: dict[str, str] = {}
    choose = Random(seed).randrange
    for _ in range(total):
        address = addresses.free_address(pools, held, choose)
        assert address is not None
        assert address not in held
        assert address != gateway
        assert addresses.usable(cidr, address)
        held[address] = "port"
    assert addresses.free_address(pools, held, choose) is None


@given(st.integers(), st.sets(st.integers(0, 300), max_size=290))
def test_addresses_held_outside_the_pools_do_not_make_them_full(
    seed: int, outside: set[int]
) -> None:
    pools = (AddressRange("10.0.0.10", "10.0.0.19"),)
    held = {f"10.0.1.{n}" for n in outside} | {f"10.0.0.{n}" for n in range(10, 19)}
    assert addresses.free_address(pools, held, Random(seed).randrange) == "10.0.0.19"


def test_no_pool_has_no_address() -> None:
    assert addresses.free_address((), set(), Random(1).randrange) is None


def test_a_mac_gives_the_address_of_rfc_4291() -> None:
    assert addresses.eui64("fd00::/64", "fa:16:3e:01:02:03") == "fd00::f816:3eff:fe01:203"


@given(CIDRS)
def test_default_pools_leave_out_the_gateway_and_nothing_else(cidr: str) -> None:
    gateway = addresses.default_gateway(cidr)
    with_it = addresses.default_pools(cidr, gateway)
    whole = addresses.hosts(cidr)
    for address in ip_network(cidr):
        inside = any(str(address) in pool for pool in with_it)
        assert inside == (str(address) in whole and str(address) != gateway)


def test_a_gateway_outside_the_prefix_takes_nothing_away() -> None:
    assert addresses.default_pools("10.0.0.0/30", "192.0.2.1") == (
        AddressRange("10.0.0.1", "10.0.0.2"),
    )


def test_addresses_come_by_themselves_in_slaac_and_stateless_subnets_only() -> None:
    def automatic(mode: str | None) -> bool:
        subnet = Subnet(
            id="s", network_id="n", ip_version=6, cidr="fd00::/64", ipv6_address_mode=mode
        )
        return addresses.is_automatic(subnet)

    assert automatic("slaac")
    assert automatic("dhcpv6-stateless")
    assert not automatic("dhcpv6-stateful")
    assert not automatic(None)
