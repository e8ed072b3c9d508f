"""A device that is deleted without a wait is gone all the same."""

import os
from collections.abc import Iterator

import pytest

from polpo.kernel import netns
from polpo.kernel.departures import dismiss
from polpo.kernel.links import add_veth, dump_links, get_link, parse_link, set_link
from polpo.kernel.netlink import Netlink

ROOM, DEVICE = "pt-dp-room", "pt-dp0"


@pytest.fixture
def netlink() -> Iterator[Netlink]:
    with Netlink() as netlink:
        yield netlink


@pytest.fixture
def pair(netlink: Netlink) -> Iterator[int]:
    """The index of one end; the other is in a namespace."""
    netns.create(ROOM)
    handle = os.open(netns.DIRECTORY / ROOM, os.O_RDONLY)
    add_veth(netlink, DEVICE, 7, 1400, handle, "eth0", "02:00:00:00:00:01")
    os.close(handle)
    index = get_link(netlink, DEVICE).index
    set_link(netlink, index, up=True)
    yield index
    netns.delete(ROOM)


def _names(netlink: Netlink) -> set[str]:
    return {parse_link(link).name for link in dump_links(netlink)}


def test_both_ends_are_gone_when_it_returns(netlink: Netlink, pair: int) -> None:
    dismiss(pair)
    assert DEVICE not in _names(netlink)
    with netns.netlink_in(ROOM) as inside:
        assert "eth0" not in _names(inside)


def test_one_that_is_not_there_is_refused_in_the_kernels_words(netlink: Netlink, pair: int) -> None:
    dismiss(pair)
    with pytest.raises(OSError, match="No such device"):
        dismiss(pair)
