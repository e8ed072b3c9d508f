"""Services: which backend a packet goes to, as what, and as whose its answer comes back."""

import pytest
from tests.dataplane import packets
from tests.dataplane.packets import whole
from tests.dataplane.rig import Rig, both, both_overlay
from tests.dataplane.routed_scenes import (
    ALL,
    FIRST,
    GATEWAY,
    OTHER,
    OUTSIDE,
    OWN,
    addresses,
    at,
    gate,
    mac,
)
from tests.dataplane.served_scenes import (
    CLUSTER,
    CLUSTER6,
    VIP,
    VIP6,
    answering,
    backends,
    ends_of,
    owner,
    question,
    request,
    served_scene,
    service,
    summed,
    to_vip,
)

from polpo.dataplane.entries import Entries
from polpo.dataplane.frames import parse
from polpo.dataplane.metadata import voice as voice_of
from polpo.dataplane.model import Verdict
from polpo.dataplane.tables import Drop, pack_address, unpack_mac
from polpo.target.rows import Route, Rule
from polpo.target.service import Backend

VOICE = unpack_mac(voice_of(7))
FAMILIES = pytest.mark.parametrize("six", [False, True], ids=["IPv4", "IPv6"])


def sent(rig: Rig, number: int, frame: bytes) -> Verdict:
    return both(rig, 10 + number, frame)


def arrives(rig: Rig, number: int, frame: bytes) -> bytes:
    """The frame as the backend gets it; its checksums are right."""
    verdict = sent(rig, number, frame)
    assert verdict.frame is not None, verdict
    assert whole(verdict.frame)
    return verdict.frame


def answered(rig: Rig, client: int, got: bytes) -> bytes:
    """The backend's answer as the client gets it."""
    back = answering(got, client)
    assert back is not None
    port, vni, frame = back
    verdict = both(rig, 10 + port, frame) if port else both_overlay(rig, vni, OTHER, frame)
    assert verdict.port == 10 + client, verdict
    assert verdict.frame is not None
    assert whole(verdict.frame)
    return verdict.frame


@FAMILIES
@pytest.mark.parametrize(
    ("client", "backend"),
    [(c, b) for c in (1, 2, 6) for b in (1, 8, 21, 2, 22, 23) if c != b],
)
def test_whoever_reaches_the_network_reaches_its_services(
    rig: Rig, six: bool, client: int, backend: int
) -> None:
    vip = VIP6 if six else VIP
    rig.set(*served_scene(service("web", vip), *backends("web", backend, six=six)))
    got = arrives(rig, client, request(client, vip))
    assert ends_of(got)[2:] == (pack_address(addresses(backend)[six]), 8080)
    assert ends_of(answered(rig, client, got)) == (
        *(pack_address(vip), 80),
        *(pack_address(addresses(client)[six]), 4000),
    )


@FAMILIES
@pytest.mark.parametrize(("client", "backend"), [(1, 8), (1, 21), (1, 22), (2, 1), (2, 22)])
def test_a_service_of_a_router_needs_no_network(
    rig: Rig, six: bool, client: int, backend: int
) -> None:
    cluster = CLUSTER6 if six else CLUSTER
    rows = service("api", cluster, 443), *backends("api", backend, six=six)
    rig.set(*served_scene(*rows, router=True))
    target = gate(100, 0 if client == 1 else 1), cluster
    syn = packets.frame(at(client, six), target, 6, packets.tcp(4000, 443))
    verdict = sent(rig, client, syn)
    assert verdict.frame
    assert owner(ends_of(verdict.frame)[2]) == backend
    back = answered(rig, client, verdict.frame)
    assert ends_of(back)[:2] == (pack_address(cluster), 443)


def test_who_comes_from_outside_is_served_at_the_gateway(rig: Rig) -> None:
    """A floating IP of the service's address: the gateway has translated it."""
    rows = service("web"), *backends("web", 8)
    rig.set(*served_scene(*rows, first=(*FIRST, *GATEWAY, *OUTSIDE)))
    way_in = (mac(7), "9.9.9.9"), (gate(100, 93), VIP)
    got = arrives(rig, 7, summed(packets.frame(*way_in, 6, packets.tcp(4000, 80))))
    assert ends_of(got)[:2] == (pack_address("9.9.9.9"), 4000)
    way_out = at(8), (gate(100, 0), "9.9.9.9")
    back = sent(rig, 8, summed(packets.frame(*way_out, 6, packets.tcp(8080, 4000, 18))))
    assert back.port == 17
    assert back.frame
    assert whole(back.frame)
    assert ends_of(back.frame)[:2] == (pack_address(VIP), 80)


def test_datagrams_are_served_as_connections_are(rig: Rig) -> None:
    rig.set(*served_scene(service("dns", port=53, protocol="udp"), *backends("dns", 8, port=5353)))
    got = arrives(rig, 1, question(1))
    assert ends_of(got)[3] == 5353
    assert ends_of(answered(rig, 1, got))[:2] == (pack_address(VIP), 53)


def test_a_datagram_without_a_checksum_gets_none(rig: Rig) -> None:
    rig.set(*served_scene(service("dns", port=53, protocol="udp"), *backends("dns", 8, port=5353)))
    ends = at(1), (to_vip(1), VIP)
    got = sent(rig, 1, packets.frame(*ends, 17, packets.udp(4000, 53, b"what?"))).frame
    assert got
    assert got[40:42] == bytes(2)


def test_what_load_balancers_carry_is_counted_and_what_clusters_services_do_is_not(
    rig: Rig,
) -> None:
    for router, counted in ((False, {(1, 1, 1)}), (True, set())):
        rig.switch.tables["carried"].remove(rig.switch.tables["carried"].read().keys())
        row = service("web", CLUSTER if router else VIP)
        rig.set(*served_scene(row, *backends("web", 1), router=router))
        answered(rig, 2, arrives(rig, 2, request(2, CLUSTER if router else VIP)))
        sums = rig.switch.tables["carried"].sum().values()
        assert {(flows, to, back) for flows, to, _, back, _ in sums} == counted


@FAMILIES
@pytest.mark.parametrize("backend", [8, 2, 21, 22])
def test_what_a_client_says_of_an_answer_is_told_to_the_backend(
    rig: Rig, six: bool, backend: int
) -> None:
    vip = VIP6 if six else VIP
    rig.set(*served_scene(service("web", vip), *backends("web", backend, six=six)))
    answer = answered(rig, 1, arrives(rig, 1, request(1, vip)))
    said = arrives(rig, 1, packets.complaint(answer, at(1, six), to_vip(1)))
    own, client = (pack_address(addresses(n)[six]) for n in (backend, 1))
    assert parse(said).destination == own
    quoted = said[:14] + said[14 + (48 if six else 28) :]
    assert ends_of(quoted) == (own, 8080, client, 4000)


def test_flows_are_divided_by_weight(rig: Rig) -> None:
    rows = [Backend("web", addresses(n)[0], 80, weight=w) for n, w in ((8, 1), (21, 3))]
    rows.append(Backend("web", addresses(2)[0], 80, weight=0))
    rows.append(Backend("web", addresses(22)[0], 80, up=False))
    rig.set(*served_scene(service("web"), *rows))
    got = [arrives(rig, 1, request(1, source_port=port)) for port in range(20000, 20400)]
    taken = [owner(ends_of(frame)[2]) for frame in got]
    assert set(taken) == {8, 21}
    assert 70 < taken.count(8) < 130


def test_a_client_keeps_its_backend_where_this_is_asked_for(rig: Rig) -> None:
    rig.set(*served_scene(service("web", by_source=True), *backends("web", 8, 21, 2, 22)))
    got = [arrives(rig, 1, request(1, source_port=port)) for port in range(20000, 20020)]
    assert len({ends_of(frame)[2] for frame in got}) == 1


def test_more_backends_than_fit_in_one_entry_are_all_used(rig: Rig) -> None:
    many = [Backend("web", addresses(21)[0], port) for port in range(1000, 1040)]
    rig.set(*served_scene(service("web"), *many))
    got = [arrives(rig, 1, request(1, source_port=port)) for port in range(20000, 20400)]
    assert {ends_of(frame)[3] for frame in got} == set(range(1000, 1040))


def test_a_service_without_backends_refuses(rig: Rig) -> None:
    rig.set(*served_scene(service("web"), Backend("web", addresses(8)[0], 80, up=False)))
    verdict = sent(rig, 1, request(1))
    assert verdict.drop == Drop.NO_BACKEND
    assert verdict.answer
    assert verdict.answer[26:30] == packets.packed(VIP)
    assert verdict.answer[34:36] == bytes([3, 3])
    assert whole(verdict.answer)


def test_only_those_who_may_are_served(rig: Rig) -> None:
    rows = service("web", sources=("10.0.1.0/24", "10.0.0.8/32")), *backends("web", 21)
    rig.set(*served_scene(*rows))
    assert sent(rig, 1, request(1)).drop == Drop.NOT_ADMITTED
    arrives(rig, 8, request(8))
    arrives(rig, 2, request(2))


def test_policies_see_the_backend_and_the_client(rig: Rig) -> None:
    to_backends = Rule(False, 4, 6, 8080, 8080, prefix="10.0.0.8/32")
    from_client = Rule(True, 4, 6, 8080, 8080, prefix="10.0.0.1/32")
    policies, numbers = {1: ALL, 2: (to_backends,), 3: (from_client,)}, {1: 2, 8: 3}
    rows = service("web"), *backends("web", 8)
    rig.set(*served_scene(*rows, policies=policies, numbers=numbers))
    arrives(rig, 1, request(1))
    rig.set(*served_scene(*rows, policies={**policies, 2: ()}, numbers=numbers))
    assert sent(rig, 1, request(1)).drop == Drop.EGRESS_POLICY
    rig.set(*served_scene(*rows, policies={**policies, 3: ()}, numbers=numbers))
    assert sent(rig, 1, request(1)).drop == Drop.INGRESS_POLICY


def test_two_services_may_have_one_backend(rig: Rig) -> None:
    rows = service("a"), service("b", port=81), *backends("a", 8), *backends("b", 8)
    rig.set(*served_scene(*rows))
    first, second = (arrives(rig, 1, request(1, port=port)) for port in (80, 81))
    assert ends_of(first)[1] == 4000
    assert ends_of(second)[1] >= 0x8000  # from where the backend can tell them apart
    for got, port in ((first, 80), (second, 81)):
        assert ends_of(answered(rig, 1, got))[1::2] == (port, 4000)


def test_who_speaks_to_a_backend_by_itself_too_has_to_use_another_port(rig: Rig) -> None:
    rig.set(*served_scene(service("web"), *backends("web", 8)))
    arrives(rig, 1, request(1))
    direct = packets.frame(at(1), at(8), 6, packets.tcp(4000, 8080))
    assert sent(rig, 1, direct).drop == Drop.PORT_TAKEN
    other = packets.frame(at(1), at(8), 6, packets.tcp(4001, 8080))
    assert sent(rig, 1, other).port == 18


def test_a_connection_outlives_the_entry_of_its_flow(rig: Rig) -> None:
    """Its backend speaks first then, and is not the service until the client speaks again."""
    rig.set(*served_scene(service("web"), *backends("web", 8)))
    got = arrives(rig, 1, request(1))
    for table in ("flows",):
        rig.switch.tables[table].remove(rig.switch.tables[table].read())
    rig.model.flows.clear()
    back = answering(got, 1)
    assert back
    both(rig, 18, back[2])
    again = arrives(rig, 1, request(1, flags=16))
    assert ends_of(answered(rig, 1, again))[:2] == (pack_address(VIP), 80)


@FAMILIES
def test_an_error_about_a_packet_quotes_what_the_client_has_sent(rig: Rig, six: bool) -> None:
    vip = VIP6 if six else VIP
    rows = service("dns", vip, 53, protocol="udp"), *backends("dns", 8, six=six, port=5353)
    rig.set(*served_scene(*rows))
    asked = question(1, vip)
    got = arrives(rig, 1, asked)
    kind = (1, 4) if six else (3, 3)
    body = packets.icmp(*kind)[:4] + bytes(4) + got[14 : 14 + 64]
    refused = packets.summed(packets.frame(at(8, six), at(1, six), 58 if six else 1, body))
    verdict = both(rig, 18, refused)
    assert verdict.port == 11
    assert verdict.frame
    assert whole(verdict.frame)
    head = 54 if six else 34
    assert verdict.frame[head - (32 if six else 8) :][: 16 if six else 4] == packets.packed(vip)
    quoted = verdict.frame[head + 8 :]
    ends = 40 if six else 20
    assert (
        quoted[ends - (32 if six else 8) : ends + 4]
        == asked[head - (32 if six else 8) :][: (32 if six else 8) + 4]
    )


def test_a_router_quotes_what_the_client_has_sent(rig: Rig) -> None:
    rig.set(*served_scene(service("web"), *backends("web", 22)))
    ends = at(1), (to_vip(1), VIP)
    late = packets.frame(*ends, 6, packets.tcp(4000, 80), hops=1)
    verdict = sent(rig, 1, late)
    assert verdict.drop == Drop.TIME_EXCEEDED
    assert verdict.answer
    assert verdict.answer[42:] == late[14:]


def test_later_fragments_go_where_the_first_went(rig: Rig) -> None:
    rig.set(*served_scene(service("dns", port=53, protocol="udp"), *backends("dns", 8, 21)))
    ends = at(1), (to_vip(1), VIP)
    first = packets.frame(*ends, 17, packets.udp(4000, 53, bytes(24)), more=True)
    later = packets.frame(*ends, 17, bytes(16), offset=4)
    one, two = (sent(rig, 1, frame).frame for frame in (first, later))
    assert one
    assert two
    assert one[30:34] == two[30:34] != packets.packed(VIP)


@FAMILIES
@pytest.mark.parametrize("routed", [False, True], ids=["on the link", "by a router"])
def test_a_client_that_is_a_backend_speaks_to_itself_in_the_networks_name(
    rig: Rig, six: bool, routed: bool
) -> None:
    """By a router it hears no link-local address: UDP would answer from its own link-local one."""
    vip, voice = (VIP6, "fe80::a9fe:a9fe") if six else (VIP, "169.254.169.254")
    if routed:
        vip, voice = (CLUSTER6, "fd70:6f6c:706f:1::a9fe:a9fe") if six else (CLUSTER, voice)
    number = 2 if routed else 1
    rows = service("web", vip), *backends("web", number, six=six)
    rig.set(*served_scene(*rows, router=routed))
    there = sent(rig, number, request(number, vip)).answer
    assert there
    assert whole(there)
    own = pack_address(addresses(number)[six])
    assert ends_of(there) == (pack_address(voice), 4000, own, 8080)
    to = gate(100, 1) if routed else VOICE, voice
    answer = summed(packets.frame(at(number, six), to, 6, packets.tcp(8080, 4000, 18)))
    back = sent(rig, number, answer).answer
    assert back
    assert whole(back)
    assert ends_of(back) == (pack_address(vip), 80, own, 4000)
    stray = summed(packets.frame(at(number, six), to, 6, packets.tcp(8080, 4001, 18)))
    assert sent(rig, number, stray).drop


def test_a_client_sticks_to_its_backend_whichever_come(rig: Rig) -> None:
    few = [service("web", sticks_s=60), *backends("web", 8)]
    rig.set(*served_scene(*few))
    arrives(rig, 1, request(1))
    many = [*few, *backends("web", 21, 2, 22, 3, 6)]
    entries = Entries(OWN, 99)
    entries.set_plugs(served_scene()[1])
    for name, rows in served_scene(*many)[0].items():
        entries.apply(name, rows)
    for name in ("members", "backends", "services"):
        rig.switch.tables[name].put(entries.full[name])
    rig.model.rows["network/7"].extend(backends("web", 21, 2, 22, 3, 6))  # type: ignore[attr-defined]
    got = [arrives(rig, 1, request(1, source_port=port)) for port in range(20000, 20020)]
    assert {owner(ends_of(frame)[2]) for frame in got} == {8}


def test_a_local_service_has_only_what_is_on_the_clients_host(rig: Rig) -> None:
    far = Backend("web", addresses(21)[0], 8080, host=OTHER)
    near = Backend("web", addresses(8)[0], 8080, host=OWN)
    rig.set(*served_scene(service("web", local=True), far, near))
    got = [arrives(rig, 1, request(1, source_port=port)) for port in range(20000, 20020)]
    assert {owner(ends_of(frame)[2]) for frame in got} == {8}
    rig.set(*served_scene(service("web", local=True), far))
    assert sent(rig, 1, request(1)) == Verdict(drop=Drop.NO_LOCAL_BACKEND)
    rig.set(*served_scene(service("web", local=True)))
    assert sent(rig, 1, request(1)).drop == Drop.NO_BACKEND


@FAMILIES
def test_what_no_service_is_at_of_their_prefix_is_told_so_and_goes_nowhere(
    rig: Rig, six: bool
) -> None:
    """Not even where everything else goes."""
    address, prefix = (CLUSTER6, "fdfe::/112") if six else (CLUSTER, "10.254.0.0/16")
    out = Route("::/0" if six else "0.0.0.0/0", ((7, addresses(8)[six]),))
    rows = [service("web", address), *backends("web", 8, six=six), out]
    rig.set(*served_scene(*rows, router=True))
    assert sent(rig, 2, request(2, address, port=81)).port == 18
    rig.set(*served_scene(*rows, Route(prefix, ()), router=True))
    arrives(rig, 2, request(2, address))
    verdict = sent(rig, 2, request(2, address, port=81))
    assert verdict.drop == Drop.UNREACHABLE
    assert verdict.answer
    assert whole(verdict.answer)


def test_of_other_ports_and_protocols_nothing_is_known(rig: Rig) -> None:
    rig.set(*served_scene(service("web"), *backends("web", 8)))
    assert sent(rig, 1, request(1, port=81)).drop == Drop.UNKNOWN_DESTINATION
    assert sent(rig, 1, question(1, port=80)).drop == Drop.UNKNOWN_DESTINATION
