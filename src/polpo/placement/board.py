"""What is where while it is decided what goes where next: it changes with each decision."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from polpo.model.placement import HIGH, INSTANCES, LOW, Placement, instance_id
from polpo.placement.homes import Home, Said
from polpo.placement.needs import Need

Instances: TypeAlias = tuple[Placement, ...]
"""Of one router."""


def beside(now: Instances, placement: Placement) -> Instances:
    """The others of the router."""
    return tuple(p for p in now if p.instance != placement.instance)


class Board:
    def __init__(
        self,
        needs: Sequence[Need],
        homes: Mapping[str, Home],
        placements: Iterable[Placement],
        said: Said,
    ) -> None:
        self.needs, self.homes, self.said = needs, homes, said
        self._at: dict[str, Instances] = {need.function_id: () for need in needs}
        self._loads, self._actives = Counter[str](), Counter[str]()
        for placement in sorted(placements, key=lambda p: (p.function_id, p.instance)):
            if placement.function_id in self._at:
                self.put(placement.function_id, (*self.of(placement.function_id), placement))

    def of(self, function_id: str) -> Instances:
        return self._at[function_id]

    def all(self) -> list[Placement]:
        return [placement for need in self.needs for placement in self._at[need.function_id]]

    def put(self, function_id: str, instances: Instances) -> None:
        """In the place of what the router had."""
        for placements, step in ((self._at[function_id], -1), (instances, 1)):
            for placement in placements:
                self._loads[placement.host] += step
                self._actives[placement.host] += step * (placement.priority >= HIGH)
        self._at[function_id] = tuple(sorted(instances, key=lambda p: p.instance))

    def candidate(self, need: Need, others: Iterable[Placement]) -> str | None:
        """A host for one more beside the others: in another zone if it can be, the least loaded."""
        used = {placement.host for placement in others}
        zones = {self.homes[host].zone for host in used if host in self.homes}
        fit = [home for home in self.homes.values() if self._fits(need, home, used)]
        ranked = ((home.zone in zones, self._loads[home.name], home.name) for home in fit)
        return min(ranked, default=(False, 0, None))[2]

    def one_more(self, need: Need, now: Instances) -> Placement | None:
        """Of the number that is free; None where there is no host for it."""
        host = self.candidate(need, now)
        if host is None:
            return None
        taken = {placement.instance for placement in now}
        instance = next(i for i in INSTANCES if i not in taken)
        id = instance_id(need.function_id, instance)
        return Placement(
            id=id,
            function_id=need.function_id,
            instance=instance,
            host=host,
            priority=LOW,
            wish=need.wish,
        )

    def least_active(self, instances: Iterable[Placement]) -> Placement:
        """Which of them is to be the active one, so that these are spread."""
        return min(instances, key=lambda p: (self._actives[p.host], p.instance))

    def is_drained(self, placement: Placement) -> bool:
        home = self.homes.get(placement.host)
        return home is not None and not home.admin_state_up

    def is_lost(self, need: Need, placement: Placement) -> bool:
        """Its host is gone, has been silent too long, or has no way to the physical network."""
        home = self.homes.get(placement.host)
        return home is None or need.physical_network not in home.keeps

    def is_well(self, need: Need, placement: Placement) -> bool:
        here = not self.is_lost(need, placement) and not self.is_drained(placement)
        return here and not placement.leaving

    def _fits(self, need: Need, home: Home, used: set[str]) -> bool:
        return (
            home.admin_state_up
            and need.physical_network in home.offers
            and home.name not in used
            and (not need.zones or home.zone in need.zones)
        )
