"""A small cloud: ports of all kinds on our host, two endpoints on another, all sorts of rules."""

from collections.abc import Mapping, Sequence

import msgspec
from hypothesis import strategies as st

from polpo.dataplane.entries import Plug
from polpo.target.rows import (
    ADMIN,
    BASELINE,
    AnyRow,
    Endpoint,
    GroupSet,
    Host,
    Lease,
    Network,
    Pair,
    Policy,
    Port,
    Rule,
    Subnet,
)

OTHER = "192.0.2.2"
VIRTUAL = "00:00:5e:00:01:07"
VNI = 7
Scene = tuple[dict[str, list[AnyRow]], dict[str, Plug]]


def mac(number: int) -> str:
    return f"02:00:00:00:00:{number:02x}"


def addresses(number: int) -> tuple[str, str]:
    return f"10.0.0.{number}", f"fd00::{number:x}"


def port(
    number: int,
    policy: int,
    pairs: tuple[Pair, ...] = (),
    security: bool = True,
    up: bool = True,
) -> Port:
    leases = (Lease(addresses(number)[0], "s4"), Lease(addresses(number)[1], "s6"))
    return Port(
        id=f"p{number}",
        vni=VNI,
        mac=mac(number),
        mtu=1450,
        policy=policy,
        leases=leases,
        pairs=pairs,
        port_security=security,
        admin_up=up,
    )


def endpoint(number: int, host: str, groups: int) -> Endpoint:
    return Endpoint(
        port=f"p{number}",
        mac=mac(number),
        host_address=host,
        addresses=addresses(number),
        groups=groups,
    )


ALL = tuple(Rule(ingress=i, family=f) for i in (True, False) for f in (4, 6))
GROUPS = [GroupSet(number=1, groups=("red",)), GroupSet(number=2, groups=("red", "blue"))]


SUBNETS = (Subnet("s4", "10.0.0.0/24"), Subnet("s6", "fd00::/64", ra_mode="slaac"))


def scene(
    policies: dict[int, tuple[Rule, ...]],
    numbers: dict[int, int],
    subnets: Sequence[Subnet] = (),
    more: Sequence[Pair] = (),
    marks: Mapping[int, int] | None = None,
) -> Scene:
    """`policies` by number; `numbers`: port -> policy; `more` pairs of port 3; `marks`: port ->
    DSCP. Ports:

    1, 2  plain; 3 with allowed address pairs; 4 without port security; 5 down; 6 with no policy
    20    on our host, and not plugged in; 21, 22 on another host
    """
    pairs = (
        *more,
        Pair(mac(3), "10.0.0.100/32"),
        Pair(mac(3), "fd00::100/128"),
        Pair(VIRTUAL, "10.0.0.101"),
        Pair(mac(3), "10.1.0.0/16"),
    )
    ports: list[AnyRow] = [
        port(1, numbers.get(1, 1)),
        port(2, numbers.get(2, 1)),
        port(3, numbers.get(3, 1), pairs),
        port(4, numbers.get(4, 1), security=False),
        port(5, numbers.get(5, 1), up=False),
        port(6, 0),
        port(20, 1),
    ]
    for number, dscp in (marks or {}).items():
        ports[number - 1] = msgspec.structs.replace(ports[number - 1], dscp=dscp)
    rows: list[AnyRow] = [Policy(number=n, rules=rules) for n, rules in policies.items()]
    ours = [endpoint(n, "192.0.2.1", n % 3) for n in (1, 2, 3, 4, 5, 6, 20)]
    theirs = [endpoint(n, OTHER, n % 3) for n in (21, 22)]
    slices: dict[str, list[AnyRow]] = {
        "hosts": [Host(name="a", address="192.0.2.1"), Host(name="b", address=OTHER)],
        "host/a": [Network(vni=VNI, mtu=1450), *ports, *rows],
        f"network/{VNI}": [*ours, *theirs, *GROUPS, *subnets],
    }
    return slices, {f"p{n}": Plug(10 + n) for n in range(1, 7)}


MODES = (None, "slaac", "dhcpv6-stateless", "dhcpv6-stateful")
PROTOCOLS = (None, 1, 6, 17, 58, 112)
PREFIXES = {
    4: (None, "10.0.0.0/24", "10.0.0.0/30", "10.0.0.2/32", "10.1.0.0/16", "0.0.0.0/0"),
    6: (None, "fd00::/64", "fd00::/126", "fd00::2/128", "::/0"),
}
PORTS = (0, 1, 22, 53, 79, 80, 81, 443, 1023, 1024, 8080, 30000, 65535)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    family = draw(st.sampled_from((4, 6)))
    protocol = draw(st.sampled_from(PROTOCOLS))
    low = high = prefix = group = None
    if protocol in (1, 58):
        low = draw(st.sampled_from((None, 0, 3, 8, 13, 128, 200)))
        high = None if low is None else draw(st.sampled_from((None, 0, 1)))
    elif protocol in (6, 17) and draw(st.booleans()):
        low, high = sorted((draw(st.sampled_from(PORTS)), draw(st.sampled_from(PORTS))))
    if draw(st.booleans()):
        prefix = draw(st.sampled_from(PREFIXES[family]))
    else:
        group = draw(st.sampled_from(("red", "blue", "green")))
    tier = draw(st.sampled_from(("", "", ADMIN, BASELINE)))
    return Rule(
        ingress=draw(st.booleans()),
        family=family,
        protocol=protocol,
        low=low,
        high=high,
        prefix=prefix,
        group=group,
        tier=tier,
        action=draw(st.sampled_from(("allow", "deny", "pass"))) if tier else "allow",
        order=draw(st.integers(1, 4)) if tier else 0,
    )


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    sets = st.lists(rules(), max_size=6).map(tuple)
    policies = {1: draw(st.one_of(st.just(ALL), sets)), 2: draw(sets), 3: draw(sets)}
    numbers = {n: draw(st.sampled_from((1, 1, 2, 3))) for n in range(1, 6)}
    subnets = (
        Subnet("s4", "10.0.0.0/24", dhcp=draw(st.booleans())),
        Subnet(
            "s6",
            "fd00::/64",
            dhcp=draw(st.booleans()),
            ra_mode=draw(st.sampled_from(MODES)),
            address_mode=draw(st.sampled_from(MODES)),
        ),
    )
    wide = [Pair(mac(3), prefix) for prefix in ("::/0", "0.0.0.0/0")]
    more = draw(st.sampled_from(((), (), wide[:1], wide[1:])))
    marks = draw(st.dictionaries(st.sampled_from((1, 2, 3, 4)), st.sampled_from((0, 8, 46, 63))))
    return scene(policies, numbers, subnets, more, marks)
