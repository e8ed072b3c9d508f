"""Guests: who comes to services by the host's own devices, from outside or from the host itself."""

import pytest
from msgspec.structs import replace
from tests.dataplane import packets
from tests.dataplane.guest_scenes import (
    CLIENT,
    CLIENT6,
    DOOR,
    NODE_PORT,
    OUTER,
    OWN6,
    SHOWN,
    SHOWN6,
    guest_scene,
    offered,
    placed,
    visit,
)
from tests.dataplane.packets import whole
from tests.dataplane.rig import (
    UNKNOWN,
    UPLINK,
    Rig,
    both,
    both_outside,
    both_overlay,
    both_own,
)
from tests.dataplane.routed_scenes import (
    ALL,
    NETWORKS,
    OTHER,
    OWN,
    REMOTE,
    addresses,
    at,
    gate,
    mac,
)
from tests.dataplane.served_scenes import CLUSTER, ends_of, owner, request, summed

from polpo.dataplane.frames import checksum, parse
from polpo.dataplane.model import Verdict
from polpo.dataplane.tables import Drop, pack_address
from polpo.target.rows import AnyRow, Rule
from polpo.target.service import Backend, Face, Node, Service

FAMILIES = pytest.mark.parametrize("six", [False, True], ids=["IPv4", "IPv6"])


def arrives(rig: Rig, frame: bytes) -> bytes:
    """A guest's packet, as a backend gets it."""
    verdict = both_outside(rig, frame)
    assert verdict.frame is not None, verdict
    assert whole(verdict.frame)
    return verdict.frame


def answered(rig: Rig, got: bytes, flags: int = 18) -> Verdict:
    """What becomes of the backend's answer."""
    source, source_port, destination, port = ends_of(got)
    number, six = owner(destination), got[12:14] == b"\x86\xdd"
    assert number is not None
    inner = owner(source) == DOOR
    to = addresses(DOOR)[six] if inner else (CLIENT6 if six else CLIENT)
    near = inner and NETWORKS[number] == 0
    ends = at(number, six), (mac(DOOR) if near else gate(100, NETWORKS[number]), to)
    body = packets.tcp(port, source_port, flags)
    if number not in REMOTE:
        return both(rig, 10 + number, summed(packets.frame(*ends, 6, body)))
    assert inner
    voice = mac(number) if near else "02:70:6f:00:00:64"
    back = packets.frame((voice, addresses(number)[six]), (mac(DOOR), to), 6, body)
    return both_overlay(rig, 7, OTHER, summed(back))


def assert_back(verdict: Verdict, service: str, port: int, client: str, source_port: int) -> None:
    """It has left by the device that the guest came by, to whom it came from."""
    assert verdict.port == UNKNOWN, verdict
    assert verdict.frame
    assert whole(verdict.frame)
    assert verdict.frame[:12] == packets.mac(OUTER) + packets.mac(UPLINK)
    ends = pack_address(service), port, pack_address(client), source_port
    assert ends_of(verdict.frame) == ends


@FAMILIES
@pytest.mark.parametrize("backend", [1, 2, 21, 22])
@pytest.mark.parametrize("shown", [False, True], ids=["node port", "address"])
def test_a_guest_is_served_by_the_hosts_address(
    rig: Rig, six: bool, backend: int, shown: bool
) -> None:
    rig.set(*guest_scene(offered(six=six), *placed("web", backend, six=six)))
    to, port = ((SHOWN6 if six else SHOWN), 80) if shown else ((OWN6 if six else OWN), NODE_PORT)
    got = arrives(rig, visit(to, port))
    inner = pack_address(addresses(DOOR)[six])
    assert ends_of(got) == (inner, 5000, pack_address(addresses(backend)[six]), 8080)
    assert_back(answered(rig, got), to, port, CLIENT6 if six else CLIENT, 5000)


@FAMILIES
@pytest.mark.parametrize("backend", [1, 2])
def test_with_a_local_policy_the_backend_sees_the_guest(rig: Rig, six: bool, backend: int) -> None:
    rows = placed("web", backend, 21, 22, six=six)
    rig.set(*guest_scene(offered(six=six, guests="local"), *rows))
    to, client = (OWN6, CLIENT6) if six else (OWN, CLIENT)
    for source_port in range(5000, 5010):
        got = arrives(rig, visit(to, source_port=source_port))
        ends = pack_address(client), source_port, pack_address(addresses(backend)[six]), 8080
        assert ends_of(got) == ends
        assert_back(answered(rig, got), to, NODE_PORT, client, source_port)


def test_a_local_policy_without_a_local_backend_is_silent(rig: Rig) -> None:
    rig.set(*guest_scene(offered(guests="local"), *placed("web", 21, 22)))
    assert both_outside(rig, visit()) == Verdict(drop=Drop.NO_LOCAL_BACKEND)


@FAMILIES
@pytest.mark.parametrize("guests", ["cluster", "local"])
def test_a_service_that_has_no_backends_at_all_refuses(rig: Rig, six: bool, guests: str) -> None:
    rig.set(*guest_scene(offered(guests=guests, six=six)))
    to = OWN6 if six else OWN
    verdict = both_outside(rig, visit(to))
    assert verdict.drop == Drop.NO_BACKEND
    assert verdict.answer
    assert whole(verdict.answer)
    said = parse(verdict.answer)
    assert (said.source, said.destination) == tuple(
        pack_address(a) for a in (to, CLIENT6 if six else CLIENT)
    )
    assert verdict.answer[:12] == packets.mac(OUTER) + packets.mac(UPLINK)


def test_what_is_for_no_service_is_the_hosts(rig: Rig) -> None:
    rig.set(*guest_scene(offered(), *placed("web", 1)))
    assert both_outside(rig, visit(port=22)) == Verdict()
    assert both_outside(rig, visit("192.0.2.77")) == Verdict()
    assert both_outside(rig, visit(CLUSTER, 80)) == Verdict()
    tunnel = packets.frame((OUTER, OTHER), (UPLINK, OWN), 17, packets.udp(4789, 4789, bytes(60)))
    assert both_outside(rig, tunnel) == Verdict()
    ping = packets.frame((OUTER, CLIENT), (UPLINK, OWN), 1, packets.icmp(8, 0))
    assert both_outside(rig, ping) == Verdict()
    other = packets.frame((OUTER, CLIENT), (UPLINK, OWN), 17, packets.udp(5000, NODE_PORT, b"?"))
    assert both_outside(rig, other) == Verdict()


def test_without_the_hosts_own_port_nobody_is_let_in(rig: Rig) -> None:
    slices, plugs = guest_scene(offered(), *placed("web", 1))
    rig.set(slices, {port: plug for port, plug in plugs.items() if port != f"p{DOOR}"})
    assert both_outside(rig, visit()) == Verdict()


def test_sources_are_asked_of_the_address_and_not_of_the_node_port(rig: Rig) -> None:
    rows = offered(sources=("203.0.113.0/24",)), *placed("web", 1)
    rig.set(*guest_scene(*rows))
    assert both_outside(rig, visit(SHOWN, 80)).drop == Drop.NOT_ADMITTED
    arrives(rig, visit(SHOWN, 80, client="203.0.113.99"))
    arrives(rig, visit())
    assert both(rig, 11, request(1, SHOWN, 80)).drop == Drop.UNKNOWN_DESTINATION
    by_router = summed(packets.frame(at(1), (gate(100, 0), SHOWN), 6, packets.tcp(4000, 80)))
    assert both(rig, 11, by_router).drop == Drop.NOT_ADMITTED


def test_guests_with_one_port_are_told_apart(rig: Rig) -> None:
    rig.set(*guest_scene(offered(), *placed("web", 1)))
    clients = [f"198.51.100.{n}" for n in range(1, 9)]
    got = [arrives(rig, visit(client=client)) for client in clients]
    ports = [ends_of(frame)[1] for frame in got]
    assert len(set(ports)) == len(clients)
    assert all(0x400 <= port < 0x8000 for port in ports)
    for client, frame in zip(clients, got, strict=True):
        assert_back(answered(rig, frame), OWN, NODE_PORT, client, 5000)


def test_a_guests_port_is_none_that_programs_of_the_host_use(rig: Rig) -> None:
    rig.set(*guest_scene(offered(), *placed("web", 1)))
    got = arrives(rig, visit(source_port=40000))
    assert 0x400 <= ends_of(got)[1] < 0x8000
    assert_back(answered(rig, got), OWN, NODE_PORT, CLIENT, 40000)


@FAMILIES
@pytest.mark.parametrize("guests", ["cluster", "local"])
def test_policies_see_the_host_or_the_guest(rig: Rig, six: bool, guests: str) -> None:
    seen = f"{CLIENT6}/128" if six else f"{CLIENT}/32"
    if guests == "cluster":
        seen = f"{addresses(DOOR)[six]}/{128 if six else 32}"
    lets = Rule(True, 6 if six else 4, 6, 8080, 8080, prefix=seen)
    rows = offered(guests=guests, six=six), *placed("web", 1, six=six)
    numbers = {1: 3, DOOR: 1}
    to = OWN6 if six else OWN
    rig.set(*guest_scene(*rows, policies={1: ALL, 3: (lets,)}, numbers=numbers))
    got = arrives(rig, visit(to))
    assert_back(answered(rig, got), to, NODE_PORT, CLIENT6 if six else CLIENT, 5000)
    rig.set(*guest_scene(*rows, policies={1: ALL, 3: ()}, numbers=numbers))
    assert both_outside(rig, visit(to)).drop == Drop.INGRESS_POLICY


@FAMILIES
@pytest.mark.parametrize("backend", [1, 2, 21])
def test_what_is_too_big_for_pods_is_told(rig: Rig, six: bool, backend: int) -> None:
    rig.set(*guest_scene(offered(six=six), *placed("web", backend, six=six)))
    to = OWN6 if six else OWN
    verdict = both_outside(rig, visit(to, payload=bytes(1600)))
    assert verdict.drop == Drop.TOO_BIG
    assert verdict.answer
    assert whole(verdict.answer)
    said = parse(verdict.answer)
    assert said.source == pack_address(to)
    assert int.from_bytes(said.body[4:8], "big") == (1300 if backend == 2 else 1500)
    assert said.body[8:].startswith(visit(to, payload=bytes(1600))[14:80])


@FAMILIES
@pytest.mark.parametrize("guests", ["cluster", "local"])
def test_an_error_of_a_backend_quotes_what_the_guest_has_sent(
    rig: Rig, six: bool, guests: str
) -> None:
    rig.set(*guest_scene(offered(guests=guests, six=six), *placed("web", 1, six=six)))
    to, client = (OWN6, CLIENT6) if six else (OWN, CLIENT)
    asked = visit(to)
    got = arrives(rig, asked)
    kind = (1, 4) if six else (3, 3)
    body = packets.icmp(*kind)[:4] + bytes(4) + got[14:]
    seen = addresses(DOOR)[six] if guests == "cluster" else client
    target = mac(DOOR) if guests == "cluster" else gate(100, 0)
    ends = at(1, six), (target, seen)
    verdict = both(rig, 11, packets.summed(packets.frame(*ends, 58 if six else 1, body)))
    assert verdict.port == UNKNOWN, verdict
    assert verdict.frame
    assert whole(verdict.frame)
    said = parse(verdict.frame)
    assert (said.source, said.destination) == (pack_address(to), pack_address(client))
    quoted = said.body[8:]
    first = 40 if six else 20
    assert (
        quoted[first - (32 if six else 8) : first + 4]
        == asked[14:][first - (32 if six else 8) : first + 4]
    )


@FAMILIES
@pytest.mark.parametrize("backend", [1, 2, 21, 22])
def test_what_a_router_outside_says_of_an_answer_is_told_to_the_backend(
    rig: Rig, six: bool, backend: int
) -> None:
    """So the backend learns what is too big for the way to the client (path MTU)."""
    rig.set(*guest_scene(offered(six=six), *placed("web", backend, six=six)))
    asked = arrives(rig, visit(OWN6 if six else OWN))
    answer = answered(rig, asked).frame
    assert answer
    speaker = "2001:db8:9::1" if six else "198.51.100.254"
    got = arrives(rig, packets.complaint(answer, (OUTER, speaker), UPLINK))
    said = parse(got)
    own = pack_address(addresses(backend)[six])
    assert (said.source, said.destination) == (pack_address(addresses(DOOR)[six]), own)
    assert_quotes(got, own, 8080, *ends_of(asked)[:2])


@FAMILIES
@pytest.mark.parametrize("backend", [1, 2])
def test_with_a_local_policy_it_is_the_router_that_says_it(
    rig: Rig, six: bool, backend: int
) -> None:
    rig.set(*guest_scene(offered(six=six, guests="local"), *placed("web", backend, six=six)))
    answer = answered(rig, arrives(rig, visit(OWN6 if six else OWN))).frame
    assert answer
    speaker = "2001:db8:9::1" if six else "198.51.100.254"
    got = arrives(rig, packets.complaint(answer, (OUTER, speaker), UPLINK))
    said, own = parse(got), pack_address(addresses(backend)[six])
    assert (said.source, said.destination) == (pack_address(speaker), own)
    assert_quotes(got, own, 8080, pack_address(CLIENT6 if six else CLIENT), 5000)


def test_what_is_said_of_nobodys_answer_goes_nowhere(rig: Rig) -> None:
    rig.set(*guest_scene(offered(), *placed("web", 1)))
    arrives(rig, visit())
    strange = packets.frame((UPLINK, OWN), (OUTER, CLIENT), 6, packets.tcp(NODE_PORT, 5001, 18))
    said = packets.complaint(strange, (OUTER, CLIENT), UPLINK)
    assert both_outside(rig, said).drop == Drop.SPOOFED_ADDRESS
    hosts = packets.frame((UPLINK, OWN), (OUTER, CLIENT), 6, packets.tcp(22, 5001, 18))
    assert both_outside(rig, packets.complaint(hosts, (OUTER, CLIENT), UPLINK)) == Verdict()


def assert_quotes(
    error: bytes, source: bytes, source_port: int, destination: bytes, port: int
) -> None:
    """The packet in an ICMP error is one between these ends."""
    six = error[12:14] == b"\x86\xdd"
    quoted = error[:14] + error[14 + (48 if six else 28) :]
    assert ends_of(quoted) == (source, source_port, destination, port)
    assert six or checksum(quoted[14:34]) == bytes(2)


def test_the_host_itself_is_a_guest_under_other_addresses(rig: Rig) -> None:
    rig.set(*guest_scene(offered(guests="local"), *placed("web", 21)))
    sent = visit(client="192.0.2.1")
    verdict = both_own(rig, sent)
    assert verdict.port == 10 + DOOR
    assert verdict.frame
    assert verdict.frame[:12] == packets.mac(gate(100, 0)) + packets.mac(mac(DOOR))
    got = both(rig, 10 + DOOR, verdict.frame)  # to any backend, whatever is said of outside
    assert got.frame
    assert ends_of(got.frame)[0] == pack_address(addresses(DOOR)[0])
    back = answered(rig, got.frame)
    assert back.port == 10 + DOOR
    assert back.frame
    assert ends_of(back.frame) == (
        *(pack_address(OWN), NODE_PORT),
        *(pack_address("192.0.2.1"), 5000),
    )
    own = both_own(rig, packets.complaint(back.frame, (OUTER, "192.0.2.1"), UPLINK))
    assert own.port == 10 + DOOR
    said = both(rig, 10 + DOOR, own.frame or b"").frame
    assert said
    assert whole(said)
    assert_quotes(said, pack_address(addresses(21)[0]), 8080, *ends_of(got.frame)[:2])


def test_what_the_host_sends_to_others_goes_its_way(rig: Rig) -> None:
    rig.set(*guest_scene(offered(), *placed("web", 1)))
    assert both_own(rig, visit("192.0.2.77")) == Verdict()
    stray = summed(packets.frame((mac(DOOR), "192.0.2.1"), at(1), 6, packets.tcp(4000, 80)))
    assert both(rig, 10 + DOOR, stray).drop == Drop.SPOOFED_ADDRESS


def test_pods_reach_node_ports_of_all_hosts_and_addresses_outside(rig: Rig) -> None:
    rig.set(*guest_scene(offered(guests="local"), *placed("web", 21)))
    for to, port in ((OWN, NODE_PORT), (OTHER, NODE_PORT), (SHOWN, 80), (CLUSTER, 80)):
        frame = packets.frame(at(1), (gate(100, 0), to), 6, packets.tcp(4000 + port, port))
        verdict = both(rig, 11, summed(frame))
        assert verdict.host == OTHER, (to, verdict)
        assert verdict.frame
        assert ends_of(verdict.frame)[2] == pack_address(addresses(21)[0])


def test_spare_backends_are_for_when_no_other_is_there(rig: Rig) -> None:
    def spare(*numbers: int) -> list[Backend]:
        return [
            Backend(b.service, b.address, b.port, host=b.host, spare=True)
            for b in placed("web", *numbers)
        ]

    def taken() -> set[int | None]:
        frames = [visit(source_port=port) for port in range(5000, 5020)]
        return {owner(ends_of(arrives(rig, frame))[2]) for frame in frames}

    rig.set(*guest_scene(offered(), *placed("web", 21), *spare(1, 22)))
    assert taken() == {21}
    rig.set(*guest_scene(offered(), *spare(1, 22)))
    assert taken() == {1, 22}
    rig.set(*guest_scene(offered(guests="local"), *placed("web", 21), *spare(1, 22)))
    assert taken() == {1}  # the best that the host has itself


def from_pod(rig: Rig, to: str, port: int = NODE_PORT, source_port: int = 4000) -> Verdict:
    ends = at(1, ":" in to), (gate(100, 0), to)
    return both(rig, 11, summed(packets.frame(*ends, 6, packets.tcp(source_port, port))))


def test_a_local_policy_holds_at_the_hosts_that_pods_ask(rig: Rig) -> None:
    """At their own host's address they reach any backend, as with kube-proxy."""

    def taken(to: str, *numbers: int) -> set[int | Drop | None]:
        rig.set(*guest_scene(offered(guests="local"), *placed("web", *numbers)))
        found = (from_pod(rig, to, source_port=4000 + n) for n in range(20))
        return {owner(ends_of(one.frame)[2]) if one.frame else one.drop for one in found}

    assert taken(OTHER, 2, 21, 22) == {21, 22}
    assert taken(OTHER, 2, 3) == {Drop.NO_LOCAL_BACKEND}
    assert taken(OTHER) == {Drop.NO_BACKEND}
    assert taken(OWN, 2, 21) == {2, 21}
    assert taken(OWN, 21, 22) == {21, 22}


@pytest.mark.parametrize("guests", ["cluster", "local"])
def test_node_ports_are_at_all_addresses_of_nodes(rig: Rig, guests: str) -> None:
    own, other = "2001:db8:5::1", "2001:db8:5::2"
    nodes = (Node("k8s", "h1", OWN, addresses=(own,)), Node("k8s", "h2", OTHER, addresses=(other,)))
    backends = placed("web", 2, 21, six=True)
    rig.set(*guest_scene(offered(six=True, guests=guests), *backends, *nodes))
    for source_port in range(5000, 5010):
        got = arrives(rig, visit(own, source_port=source_port))
        assert_back(answered(rig, got), own, NODE_PORT, CLIENT6, source_port)
    verdicts = [from_pod(rig, other, source_port=4000 + n) for n in range(20)]
    found = {owner(ends_of(one.frame)[2]) for one in verdicts if one.frame}
    assert found == ({21} if guests == "local" else {2, 21})
    rig.set(*guest_scene(offered(six=True, guests=guests), *backends))
    assert both_outside(rig, visit(own)) == Verdict()


def test_endpoints_are_for_whom_they_are_meant_where_all_say_so(rig: Rig) -> None:
    nodes = (Node("k8s", "h1", OWN, "a"), Node("k8s", "h2", OTHER, "b"))

    def taken(*backends: Backend) -> set[int | None]:
        rig.set(*guest_scene(offered(), *backends, *nodes))
        found = (from_pod(rig, CLUSTER, 80, 4000 + n) for n in range(20))
        return {owner(ends_of(one.frame)[2]) for one in found if one.frame}

    one, two = (replace(b, zones=("a",), nodes=(OWN,)) for b in placed("web", 3, 2))
    far = replace(placed("web", 21)[0], zones=("b",), nodes=(OTHER,))
    assert taken(one, two, far) == {2, 3}
    assert taken(replace(one, nodes=(OTHER,)), two, far) == {2}
    assert taken(replace(one, nodes=()), two, far) == {2, 3}  # not all name nodes: zones, then
    assert taken(replace(one, zones=(), nodes=()), two, far) == {2, 3, 21}
    assert taken(replace(one, up=False, zones=(), nodes=()), far) == {21}
    assert taken(far) == {21}  # nothing is meant for here


def test_the_host_asks_another_hosts_node_port_itself_where_its_policy_is_local(rig: Rig) -> None:
    """So that it is seen there by its own address."""
    rig.set(*guest_scene(offered(guests="local"), *placed("web", 1, 21)))
    assert both_own(rig, visit(OTHER, client=OWN)) == Verdict()
    rig.set(*guest_scene(offered(), *placed("web", 1, 21)))
    assert both_own(rig, visit(OTHER, client=OWN)).port == 10 + DOOR


def exposed(number: int, address: str, six: bool = False) -> list[AnyRow]:
    """A pod's host port, 8080 of the host's address."""
    host = OTHER if number in REMOTE else OWN
    at = address, "tcp", 8080
    row = Service(f"pod/{address}", *at, faces=(Face(address, 8080),), guests="local")
    return [row, Backend(row.id, addresses(number)[six], 80, host=host)]


def test_a_host_port_leads_to_a_pod_that_sees_who_asks(rig: Rig) -> None:
    rig.set(*guest_scene(*exposed(2, OWN), *exposed(21, OTHER)))
    got = arrives(rig, visit(OWN, 8080))
    assert ends_of(got) == (pack_address(CLIENT), 5000, pack_address(addresses(2)[0]), 80)
    assert_back(answered(rig, got), OWN, 8080, CLIENT, 5000)
    near, far = from_pod(rig, OWN, 8080), from_pod(rig, OTHER, 8080)
    assert near.port == 10 + 2
    assert (far.host, owner(ends_of(far.frame or b"")[2])) == (OTHER, 21)


def test_a_host_port_of_loopback_is_the_hosts_own(rig: Rig) -> None:
    loopback = "127.0.0.1"
    rig.set(*guest_scene(*exposed(2, loopback)))
    verdict = both_own(rig, visit(loopback, 8080, client=OWN))
    assert verdict.port == 10 + DOOR
    got = both(rig, 10 + DOOR, verdict.frame or b"")
    assert got.frame
    assert owner(ends_of(got.frame)[2]) == 2
    back = answered(rig, got.frame)
    assert back.port == 10 + DOOR
    assert ends_of(back.frame or b"") == (pack_address(loopback), 8080, pack_address(OWN), 5000)
    assert both_outside(rig, visit(loopback, 8080)) == Verdict()
    assert from_pod(rig, loopback, 8080).drop == Drop.MALFORMED
    rig.set(*guest_scene(*exposed(21, loopback)))  # another host's
    assert both_own(rig, visit(loopback, 8080, client=OWN)) == Verdict()
