"""Placement, in a cloud that does what it is told a little later: nothing doubled, nothing lost."""

from collections.abc import Iterable
from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from polpo.model.placement import Placement
from polpo.placement.homes import Home, Report, Said
from polpo.placement.needs import Need
from polpo.placement.place import place

NET = "physnet1"
QUIET = 30
"""Rounds in which everything that is under way comes to its end."""


class Host:
    """`held`: what its agent has made of its target: router's number -> placement."""

    def __init__(self, name: str, zone: str) -> None:
        self.name, self.zone = name, zone
        self.drained = self.cut_off = self.mute = False  # mute: only the agent is away
        self.held: dict[int, Placement] = {}
        self.looked = 0


class Cloud:
    """Hosts, routers, and whoever places; `active`: router's number -> the host that it is on."""

    def __init__(self, zones: Iterable[str], seed: int) -> None:
        self.hosts = {f"h{n}": Host(f"h{n}", zone) for n, zone in enumerate(zones)}
        self.needs: dict[int, Need] = {}
        self.placements: list[Placement] = []
        self.active: dict[int, str] = {}
        self.revision, self.random = 1, Random(seed)
        self.lost: list[str] = []  # active when they were taken down
        self.deaf: list[str] = []  # running, and somewhere else as well
        self.writes = 0

    def router(self, number: int, instances: int = 2, zones: frozenset[str] = frozenset()) -> None:
        self.needs[number] = Need(f"r{number}", number, NET, zones, instances)

    def homes(self) -> dict[str, Home]:
        nets, none = frozenset({NET}), frozenset[str]()
        return {
            h.name: Home(
                h.name,
                h.zone,
                not h.drained,
                none if h.cut_off or h.mute else nets,
                none if h.cut_off or h.mute else nets,
                heard=not h.cut_off,
            )
            for h in self.hosts.values()
        }

    def said(self) -> Said:
        return Said(
            {
                h.name: Report(
                    h.looked,
                    frozenset(n for n, at in self.active.items() if at == h.name),
                    frozenset(h.held),
                )
                for h in self.hosts.values()
                if not (h.cut_off or h.mute)
            }
        )

    def place(self) -> None:
        needs = sorted(self.needs.values(), key=lambda need: need.function_id)
        wanted = place(needs, self.homes(), self.placements, self.said())
        shuffled = self.random.sample(self.placements, len(self.placements))
        assert place(needs, self.homes(), shuffled, self.said()) == wanted, "two runs agree"
        self.check(wanted)
        if wanted != self.placements:
            self.revision, self.writes = self.revision + 1, self.writes + 1
            before = set(self.placements)
            self.placements = [
                p if p in before else msgspec.structs.replace(p, revision=self.revision)
                for p in wanted
            ]

    def check(self, placements: list[Placement]) -> None:
        assert len({(p.function_id, p.instance) for p in placements}) == len(placements)
        assert len({(p.function_id, p.host) for p in placements}) == len(placements)
        assert all(p.instance in (3, 4) for p in placements)

    def hear(self, host: Host) -> None:
        """Its agent takes in the target."""
        mine = {p.function_id: p for p in self.placements if p.host == host.name and not p.leaving}
        numbers = {need.function_id: number for number, need in self.needs.items()}
        held = {numbers[id]: p for id, p in mine.items() if id in numbers}
        for number in host.held.keys() - held.keys():
            if self.active.get(number) == host.name:
                del self.active[number]
                if number in self.needs:
                    self.lost.append(f"{number} on {host.name}")
        host.held, host.looked = held, self.revision

    def elect(self) -> None:
        """VRRP: who is active stays it, unless one with `preempt` is greater."""
        for number in self.needs:
            heard = [h for h in self.hosts.values() if number in h.held and not h.cut_off]
            at = self.active.get(number, "")
            if at and self.hosts[at] not in heard:
                del self.active[number]
            best = max(heard, key=lambda h: h.held[number].priority, default=None)
            if best is None:
                continue
            now = self.hosts.get(self.active.get(number, ""))
            greater = now is not None and best.held[number].preempt
            if now is None or (greater and best.held[number].priority > now.held[number].priority):
                self.active[number] = best.name

    def round(self) -> None:
        self.place()
        for host in self.hosts.values():
            if not (host.cut_off or host.mute) and self.random.random() < 0.6:
                self.hear(host)
        self.elect()
        homes = {(p.function_id, p.host) for p in self.placements}
        self.deaf += [
            f"{number} on {host.name}"
            for host in self.hosts.values()
            for number in host.held
            if not host.cut_off and (self.needs[number].function_id, host.name) not in homes
        ]

    def rounds(self, count: int) -> None:
        for _ in range(count):
            self.round()

    def fit(self, need: Need) -> list[Host]:
        return [
            h
            for h in self.hosts.values()
            if not (h.drained or h.cut_off or h.mute) and (not need.zones or h.zone in need.zones)
        ]


clouds = st.builds(
    Cloud, st.lists(st.sampled_from("ab"), min_size=1, max_size=5), st.integers(0, 1 << 30)
)
routers = st.lists(
    st.tuples(st.integers(1, 2), st.sampled_from([frozenset(), frozenset("a"), frozenset("ab")])),
    max_size=6,
)
Acts = list[tuple[str, int, int]]


def acts(*kinds: str) -> st.SearchStrategy[Acts]:
    """(what, which host, rounds until the next one)."""
    return st.lists(
        st.tuples(st.sampled_from(kinds), st.integers(0, 4), st.integers(0, 12)), max_size=12
    )


def play(cloud: Cloud, routers: list[tuple[int, frozenset[str]]], acts: Acts) -> None:
    for number, (instances, zones) in enumerate(routers):
        cloud.router(number, instances, zones)
    cloud.rounds(QUIET)
    for what, which, rounds in acts:
        host = list(cloud.hosts.values())[which % len(cloud.hosts)]
        match what:
            case "drain":
                host.drained = True
            case "enable":
                host.drained = False
            case "cut":
                host.cut_off = True
            case "join":
                host.cut_off = host.mute = False
            case "mute":
                host.mute = True
        cloud.rounds(rounds)


def settle(cloud: Cloud) -> None:
    """And then nothing moves any more."""
    cloud.rounds(QUIET * (1 + len(cloud.needs)))
    writes = cloud.writes
    cloud.rounds(QUIET)
    assert cloud.writes == writes, "nothing flaps"


@settings(max_examples=150)
@given(clouds, routers, acts("drain", "enable", "cut", "join"))
def test_every_router_ends_up_with_what_there_is_for_it(
    cloud: Cloud, routers: list[tuple[int, frozenset[str]]], acts: Acts
) -> None:
    play(cloud, routers, acts)
    settle(cloud)
    for number, need in cloud.needs.items():
        fit = {h.name for h in cloud.fit(need)}
        homes = {p.host for p in cloud.placements if p.function_id == need.function_id}
        assert len(homes & fit) == min(need.instances, len(fit))
        if fit:
            assert cloud.active.get(number) in homes & fit
            assert not any(cloud.hosts[h].drained and not cloud.hosts[h].cut_off for h in homes)
            assert len(homes) <= need.instances


@settings(max_examples=150)
@given(clouds, routers, acts("drain", "enable"))
def test_draining_loses_no_router_at_any_time(
    cloud: Cloud, routers: list[tuple[int, frozenset[str]]], acts: Acts
) -> None:
    play(cloud, routers, acts)
    settle(cloud)
    assert cloud.lost == []
    assert cloud.deaf == []


@settings(max_examples=150)
@given(clouds, routers, acts("drain", "enable", "mute", "join"))
def test_agents_that_are_away_while_their_hosts_live_neither(
    cloud: Cloud, routers: list[tuple[int, frozenset[str]]], acts: Acts
) -> None:
    play(cloud, routers, acts)
    settle(cloud)
    assert cloud.lost == []
    assert cloud.deaf == []


@settings(max_examples=150)
@given(clouds, routers)
def test_what_is_well_placed_stays_and_is_spread(
    cloud: Cloud, routers: list[tuple[int, frozenset[str]]]
) -> None:
    play(cloud, [(instances, frozenset()) for instances, _ in routers], [])
    before = list(cloud.placements)
    cloud.rounds(QUIET)
    assert cloud.placements == before
    zones = {h.zone for h in cloud.hosts.values()}
    for need in cloud.needs.values():
        homes = [cloud.hosts[p.host] for p in before if p.function_id == need.function_id]
        if len(zones) == 2 and need.instances == 2:
            assert {h.zone for h in homes} == zones
    if len(zones) == 1 and before:
        loads = [sum(p.host == name for p in before) for name in cloud.hosts]
        assert max(loads) - min(loads) <= 1
