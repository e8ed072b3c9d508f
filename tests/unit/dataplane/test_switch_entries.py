"""Table entries from target rows: an increment comes to the same as the whole."""

from collections.abc import Mapping

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polpo.dataplane.entries import Entries, Plug
from polpo.dataplane.tables import (
    FLOOD_KEY,
    GUESTS,
    HOP,
    IPV6_ROUTE,
    MEMBERS,
    NEIGHBOUR,
    ORDER,
    REMOTE,
    ROUTE,
    ROUTE_KEY,
    SERVICE_KEY,
    TABLES,
    U32,
    WHERE,
    pack_address,
    pack_prefix,
    unpack_address,
    unpack_mac,
)
from polpo.target.rows import (
    AnyRow,
    Endpoint,
    GroupSet,
    Host,
    Interface,
    Lease,
    Limit,
    Member,
    Network,
    Pair,
    Policy,
    Port,
    Route,
    Router,
    Rule,
)
from polpo.target.service import Node

OWN, OTHER = "192.0.2.1", "192.0.2.2"
few = st.integers(1, 4)
macs = few.map(lambda n: f"02:00:00:00:00:{n:02x}")
addresses = st.one_of(few.map(lambda n: f"10.0.0.{n}"), few.map(lambda n: f"fd00::{n}"))
vteps = st.sampled_from((OWN, OTHER, "192.0.2.3", "2001:db8::9"))
rules = st.builds(
    Rule,
    ingress=st.booleans(),
    family=st.just(4),
    protocol=st.sampled_from((None, 6)),
    prefix=st.sampled_from((None, "10.0.0.0/8", "10.0.0.0/24")),
    group=st.sampled_from((None, "a", "b")),
)
endpoints = st.builds(
    Endpoint,
    port=few.map(str),
    mac=macs,
    host_address=vteps,
    addresses=st.lists(addresses, max_size=2, unique=True).map(tuple),
    groups=st.integers(0, 2),
)
group_sets = st.builds(GroupSet, number=few, groups=st.sampled_from((("a",), ("b",), ("a", "b"))))
ports = st.builds(
    Port,
    id=few.map(str),
    vni=st.sampled_from((7, 8)),
    mac=macs,
    mtu=st.just(1450),
    policy=few,
    leases=addresses.map(lambda a: (Lease(a, "s4"),)),
    pairs=st.sampled_from(((), (Pair("02:00:00:00:00:01", "10.0.0.0/24"),))),
    port_security=st.booleans(),
    egress=st.sampled_from((None, Limit(1000, 800))),
    dscp=st.sampled_from((None, 0, 46)),
)
policies = st.builds(Policy, number=few, rules=st.lists(rules, max_size=3).map(tuple))
networks = st.builds(
    Network, vni=st.sampled_from((7, 8)), mtu=st.just(1450), domain=st.sampled_from((0, 100))
)
hosts = st.builds(Host, name=few.map(str), address=vteps)
routers = st.builds(Router, vni=st.just(100), id=st.just("r"), domain=st.sampled_from((100, 101)))
interfaces = st.builds(
    Interface,
    port=few.map(str),
    vni=st.sampled_from((7, 8)),
    mac=macs,
    mtu=st.sampled_from((1450, 1500)),
    addresses=st.sampled_from((("10.0.0.1/24",), ("10.0.0.2/25", "fd00::1/64"), ())),
)
hops = st.lists(st.tuples(st.sampled_from((7, 8, 9)), addresses), max_size=6).map(tuple)
routes = st.builds(
    Route,
    prefix=st.sampled_from(("0.0.0.0/0", "10.0.0.0/24", "10.9.0.0/16", "fd09::/64")),
    via=hops,
    backups=hops,
)
ROWS: dict[str, st.SearchStrategy[AnyRow]] = {
    "hosts": hosts,
    "host/x": st.one_of(ports, policies, networks),
    "network/7": st.one_of(endpoints, group_sets),
    "network/8": st.one_of(endpoints, group_sets),
    "router/100": st.one_of(routers, interfaces, routes, vteps.map(Member)),
}
plugs = st.dictionaries(few.map(str), st.builds(Plug, st.integers(10, 13), st.booleans()))


@st.composite
def steps(draw: st.DrawFn) -> tuple[str, str, list[AnyRow]]:
    name = draw(st.sampled_from(sorted(ROWS)))
    what = draw(st.sampled_from(("apply", "apply", "apply", "gone", "replace", "drop", "plugs")))
    return what, name, draw(st.lists(ROWS[name], max_size=4))


@settings(max_examples=300)
@given(walk=st.lists(steps(), max_size=12), plugged=st.lists(plugs, min_size=12, max_size=12))
def test_what_entries_come_to_does_not_depend_on_the_way(
    walk: list[tuple[str, str, list[AnyRow]]], plugged: list[dict[str, Plug]]
) -> None:
    followed, actual = Entries(OWN, 5), Entries(OWN, 5).full
    tables = {name: dict(actual[name]) for name in ORDER}
    slices: dict[str, dict[str, AnyRow]] = {}
    now: dict[str, Plug] = {}
    for (what, name, rows), plugs_then in zip(walk, plugged, strict=False):
        now = plugs_then if what == "plugs" else now
        _step(followed, slices, what, name, rows, now)
        for table, keys in followed.take_touched().items():
            _write(tables[table], followed.full[table], keys)
    whole = Entries(OWN, 5)
    whole.set_plugs(now)
    for name, kept in slices.items():
        whole.apply(name, kept.values())
    assert followed.full == whole.full
    assert followed.listeners == whole.listeners
    assert tables == whole.full, "what was touched is all that had to be written"


def _step(
    entries: Entries,
    slices: dict[str, dict[str, AnyRow]],
    what: str,
    name: str,
    rows: list[AnyRow],
    now: dict[str, Plug],
) -> None:
    given_rows = {row.key: row for row in rows}
    kept = slices.setdefault(name, {})
    if what == "apply":
        kept.update(given_rows)
        entries.apply(name, rows)
    elif what == "gone":
        slices[name] = {key: row for key, row in kept.items() if key not in given_rows}
        entries.apply(name, gone=given_rows)
    elif what == "replace":
        slices[name] = given_rows
        entries.replace(name, rows)
    elif what == "drop":
        del slices[name]
        entries.drop(name)
    else:
        entries.set_plugs(now)


def _write(table: dict[bytes, bytes], target: Mapping[bytes, bytes], keys: set[bytes]) -> None:
    for key in keys:
        if key in target:
            table[key] = target[key]
        else:
            table.pop(key, None)


def endpoint(number: int, host: str = OTHER) -> Endpoint:
    mac = f"02:00:00:00:00:{number:02x}"
    return Endpoint(
        port=str(number), mac=mac, host_address=host, addresses=(f"10.0.0.{number}",), groups=3
    )


def test_one_endpoint_more_touches_its_own_entries_only() -> None:
    entries = Entries(OWN, 5)
    entries.apply("network/7", [endpoint(1), endpoint(2)])
    entries.take_touched()
    entries.apply("network/7", [endpoint(3)])
    assert {table: len(keys) for table, keys in entries.take_touched().items()} == {
        "neighbours": 1,
        "fdb": 1,
    }


def test_an_endpoint_of_this_host_is_where_it_is_plugged_in() -> None:
    entries = Entries(OWN, 5)
    entries.apply("network/7", [endpoint(1, OWN)])
    assert not entries.full["fdb"]
    entries.set_plugs({"1": Plug(12)})
    (where,) = entries.full["fdb"].values()
    assert WHERE.unpack(where) == {"ifindex": 12, "router": 0, "groups": 3, "vtep": bytes(16)}
    (neighbour,) = entries.full["neighbours"].values()
    assert unpack_mac(NEIGHBOUR.unpack(neighbour)["mac"]) == "02:00:00:00:00:01"


def test_broadcasts_go_to_every_other_host_once() -> None:
    entries = Entries(OWN, 5)
    entries.apply("network/7", [endpoint(1), endpoint(2), endpoint(3, OWN)])
    (key,), (value,) = entries.full["flood"], entries.full["flood"].values()
    assert FLOOD_KEY.unpack(key) == {"vni": 7, "index": REMOTE}
    assert unpack_address(WHERE.unpack(value)["vtep"]) == OTHER
    entries.apply("network/7", gone=["endpoint/1"])
    assert entries.full["flood"]
    entries.apply("network/7", gone=["endpoint/2"])
    assert not entries.full["flood"]


def test_equal_sets_of_ports_are_one_class() -> None:
    rule = Rule(ingress=True, family=4, protocol=6, low=80, high=80)
    other = msgspec.structs.replace(rule, prefix="10.0.0.0/8")
    entries = Entries(OWN, 5)
    entries.apply("host/x", [Policy(number=1, rules=(rule,)), Policy(number=2, rules=(other,))])
    assert len(set(entries.full["prefixes"].values())) == 1
    assert len(entries.full["classes"]) == 1
    entries.apply("host/x", gone=["policy/1"])
    assert len(entries.full["classes"]) == 1
    entries.apply("host/x", gone=["policy/2"])
    assert not entries.full["classes"]


def test_sets_are_written_before_their_users() -> None:
    before = [
        ("classes", "prefixes"),
        ("prefixes", "ports"),
        ("peers", "ports"),
        ("allowed", "ports"),
    ]
    assert all(ORDER.index(first) < ORDER.index(then) for first, then in before)
    assert set(ORDER) == {name for name, table in TABLES.items() if table.ours}


def test_hosts_are_known_by_their_tunnel_address() -> None:
    entries = Entries(OWN, 5)
    entries.apply("hosts", [Host(name="a", address=OTHER), Host(name="b", address="2001:db8::9")])
    assert entries.full["vteps"] == {
        pack_address(OTHER): U32.pack(1),
        pack_address("2001:db8::9"): U32.pack(1),
    }


def router_of(*rows: AnyRow) -> Entries:
    entries = Entries(OWN, 5)
    entries.apply("router/100", [Router(100, "r", 100), *rows])
    return entries


WEST = Interface("i7", 7, "02:00:00:00:07:fe", 1450, ("10.0.0.254/24", "fd00::fe/64"))
EAST = Interface("i8", 8, "02:00:00:00:08:fe", 1400, ("10.0.1.254/24",))


def hops_of(entries: Entries, prefix: str) -> list[tuple[int, int, str]]:
    """(network, MTU, next hop or "") of the route with this very prefix."""
    address, length = pack_prefix(prefix)
    router = 100 | (IPV6_ROUTE if ":" in prefix else 0)
    route = ROUTE.unpack(entries.full["routes"][ROUTE_KEY.pack(32 + length, router, address)])
    found = (route["hop"][i * HOP.size :][: HOP.size] for i in range(route["total"]))
    read = [HOP.unpack(hop) for hop in found]
    nobody = bytes(16)
    return [
        (h["vni"], h["mtu"], unpack_address(h["address"]) if h["address"] != nobody else "")
        for h in read
    ]


def test_what_is_on_a_routers_links_is_sent_there() -> None:
    entries = router_of(WEST, EAST)
    assert hops_of(entries, "10.0.0.0/24") == [(7, 1450, "")]
    assert hops_of(entries, "10.0.1.0/24") == [(8, 1400, "")]
    assert hops_of(entries, "fd00::/64") == [(7, 1450, "")]


def test_a_route_has_the_mtu_of_the_link_to_each_next_hop() -> None:
    route = Route("10.9.0.0/16", via=((7, "10.0.0.9"), (8, "10.0.1.9")), backups=((8, "10.0.1.8"),))
    hops = [(7, 1450, "10.0.0.9"), (8, 1400, "10.0.1.9"), (8, 1400, "10.0.1.8")]
    assert hops_of(router_of(WEST, EAST, route), "10.9.0.0/16") == hops


def test_a_route_to_where_the_router_is_not_leads_nowhere() -> None:
    entries = router_of(WEST, Route("10.9.0.0/16", via=((8, "10.0.1.9"),)))
    address, length = pack_prefix("10.9.0.0/16")
    assert ROUTE_KEY.pack(32 + length, 100, address) not in entries.full["routes"]


def test_a_malformed_row_of_a_router_keeps_nothing_from_the_others() -> None:
    entries = router_of(WEST)
    bad = Interface("i9", 9, "02:00:00:00:09:fe", 1450, ("10.0.9.254/240",))
    with pytest.raises(ValueError, match=r"10\.0\.9\.254/240"):
        entries.apply("router/100", [bad, EAST])
    entries.apply("router/100", [EAST])
    assert hops_of(entries, "10.0.1.0/24") == [(8, 1400, "")]


def test_the_hosts_of_a_domain_but_this_one_hear_of_addresses_that_move() -> None:
    entries = router_of(WEST, Member(OWN), Member(OTHER))
    ((key, value),) = entries.full["flood"].items()
    assert FLOOD_KEY.unpack(key) == {"vni": 100, "index": MEMBERS}
    assert unpack_address(WHERE.unpack(value)["vtep"]) == OTHER


def test_who_is_plugged_in_has_limits_besides_those_of_the_port() -> None:
    port = Port("p", 7, "02:00:00:00:00:01", 1400, 1, ingress=Limit(50, 10), egress=Limit(50, 10))
    entries = Entries(OWN, 1)
    entries.replace("host/h1", [port])
    entries.set_plug("p", Plug(9, ingress=Limit(20, 5), egress=Limit(90, 5)))
    kbps = {
        TABLES["limits"].value.unpack(value)["kbps"] for value in entries.full["limits"].values()
    }
    assert kbps == {20, 50}
    entries.set_plug("p", None)
    assert not entries.full["limits"]


def test_a_cluster_without_pods_here_does_not_say_which_addresses_are_the_hosts() -> None:
    """Guests of other clusters' services would come by them."""
    entries, node = (
        Entries("192.0.2.1", 9),
        Node("theirs", "h1", "192.0.2.1", addresses=("8.8.8.8",)),
    )

    def of_guests() -> int:
        return sum(SERVICE_KEY.unpack(k)["scope"] == GUESTS for k in entries.full["services"])

    entries.apply("router/7", (node,))
    assert of_guests() == 0
    inside = Interface("i", 5, "02:00:00:00:00:01", 1450, ("10.0.0.254/24",))
    entries.apply("router/7", (Router(7, "r", 7), inside))
    entries.apply("host/h1", (Port("p", 5, "02:00:00:00:00:02", 1450, 0, host_of="theirs"),))
    entries.set_plugs({"p": Plug(3)})
    assert of_guests() == 1
