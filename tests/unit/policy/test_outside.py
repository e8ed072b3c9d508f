"""Which addresses answers may bring into a policy: none of the cluster's own, none of each host."""

import pytest

from polpo.policy.outside import Outside

OWN = Outside(("10.100.0.0/16", "fd00:100::/64", "192.0.2.7"))


@pytest.mark.parametrize(
    "address",
    ["198.51.100.1", "10.0.0.1", "192.0.2.8", "2001:db8::1", "fd00:200::1", "64:ff9b::c633:6401"],
)
def test_others_addresses_are_outside_private_ones_too(address: str) -> None:
    assert OWN.has(address)


@pytest.mark.parametrize(
    "address",
    [
        *("10.100.3.4", "fd00:100::9", "192.0.2.7"),
        *("127.0.0.1", "::1", "0.0.0.0", "::", "0.1.2.3"),
        *("169.254.169.254", "fe80::1", "224.0.0.1", "ff02::1", "255.255.255.255", "240.0.0.1"),
        *("::ffff:198.51.100.1", "::198.51.100.1", "64:ff9b::a64:304", "64:ff9b::7f00:1"),
        *("no address", ""),
    ],
)
def test_what_is_the_clusters_or_each_hosts_own_is_not(address: str) -> None:
    assert not OWN.has(address)
