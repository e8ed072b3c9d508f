"""What a pod's annotations choose."""

import pytest

from polpo.agent.pods.choice import ADDRESS, NETWORK, SUBNET, choice
from polpo.model.choice import Choice


def chosen(name: str = "shop/db-1", **annotations: str) -> Choice | None:
    names = {"network": NETWORK, "subnet": SUBNET, "address": ADDRESS}
    return choice({names[key]: text for key, text in annotations.items()}, "s", name, "u")


def test_a_pod_without_any_takes_what_comes() -> None:
    assert chosen() is None
    assert choice({"else": "where", NETWORK: " "}, "s", "shop/web", "u") is None


def test_network_subnets_and_an_address_of_each_family() -> None:
    found = chosen(network="db", subnet="db-4, db-6", address="10.7.0.5,FD00::5")
    assert found is not None
    assert (found.network, found.subnets) == ("db", ("db-4", "db-6"))
    assert found.addresses == ("10.7.0.5", "fd00::5")
    assert (found.sandbox, found.name, found.uid) == ("s", "shop/db-1", "u")


def test_of_several_pods_addresses_one_has_those_of_its_number() -> None:
    found = chosen(address="10.7.0.5,fd00::5; 10.7.0.6,fd00::6")
    assert found is not None
    assert found.addresses == ("10.7.0.6", "fd00::6")


@pytest.mark.parametrize(
    ("name", "address", "words"),
    [
        ("shop/db-1", "here", "does not appear to be"),
        ("shop/db-1", "fd00::5%x", "an address of one link"),
        ("shop/db-1", "10.7.0.5,10.7.0.6", "more than one address of a family"),
        ("shop/db-2", "10.7.0.5;10.7.0.6", "none for pod number 2"),
        ("shop/db-1", "10.7.0.5;", "none for pod number 1"),
        ("shop/web", "10.7.0.5;10.7.0.6", "shop/web has no number"),
    ],
)
def test_what_makes_no_sense_is_refused_with_words(name: str, address: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        chosen(name, address=address)
