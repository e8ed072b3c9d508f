"""The steps of a trace, as they come: what the switches did, in terms of what users have made."""

from polpo.dataplane.model import Verdict
from polpo.dataplane.steps import Judged, Routed, Stopped
from polpo.dataplane.steps import Step as Happening
from polpo.dataplane.tables import Drop, pack_address, pack_mac, unpack_address
from polpo.model.port import Port
from polpo.trace import words
from polpo.trace.rules import allowing, described
from polpo.trace.values import Kind, Step, Thing
from polpo.trace.world import World


class Story:
    def __init__(self, world: World) -> None:
        self.world = world
        self.steps: list[Step] = []
        self.reason = ""

    def tell(
        self, kind: Kind, text: str, about: Thing | None = None, host: str = "", vni: int = 0
    ) -> None:
        self.steps.append(Step(kind, text, about, host, vni))

    def drop(self, reason: str, text: str, about: Thing | None, host: str = "") -> None:
        self.reason = reason
        self.tell(Kind.DROP, text, about, host)

    def rules(self, host: str, happened: list[Happening], ingress: bool) -> None:
        """Those that let it in, or out."""
        for judged in happened:
            if isinstance(judged, Judged) and judged.ingress == ingress and judged.allowed:
                self._rule(host, judged)

    def _rule(self, host: str, judged: Judged) -> None:
        port = self.world.snapshot.get(Port, judged.port)
        found = allowing(self.world.snapshot, port, judged) if port is not None else None
        about = Thing("security_group_rule", found.id) if found is not None else None
        way = "in" if judged.ingress else "out"
        self.tell(Kind.RULE, f"lets it {way}: {described(judged)}", about, host)

    def routes(self, host: str, happened: list[Happening], to: str) -> None:
        for step in happened:
            if isinstance(step, Routed):
                on_link = step.next_hop == pack_address(to)
                hop = "on the link" if on_link else f"by way of {unpack_address(step.next_hop)}"
                router = self._router(host, step.router)
                self.tell(Kind.ROUTE, f"has {step.prefix} {hop}", router, host, step.vni)

    def stopped_at(self, host: str, happened: list[Happening]) -> Thing | None:
        """The router that has the last word."""
        numbers = [step.router for step in happened if isinstance(step, Stopped)]
        return self._router(host, numbers[-1]) if numbers else None

    def _router(self, host: str, number: int) -> Thing:
        return Thing("router", self.world.switch(host).routers[number].row.id)

    def dropped(self, host: str, sender: str, happened: list[Happening], verdict: Verdict) -> None:
        """By the switch of the host; the verdict has the frame and the network as they came."""
        reason = verdict.drop
        assert reason is not None
        text, about = words.REASONS.get(reason, "does not pass"), Thing("port", sender)
        if reason in words.OF_RECEIVERS and (receiver := self._receiver(host, happened, verdict)):
            about = Thing("port", receiver)
            text = words.UNPLUGGED if reason == Drop.UNKNOWN_DESTINATION else text
        elif reason in words.OF_ROUTERS:
            about = self.stopped_at(host, happened) or about
        self.drop(reason.name.lower(), text, about, host)

    def _receiver(self, host: str, happened: list[Happening], verdict: Verdict) -> str | None:
        """The port that the last router, or the sender itself, means; None if it is nobody's."""
        assert verdict.frame is not None
        assert verdict.vni is not None
        model, mac, vni = self.world.switch(host), verdict.frame[:6], verdict.vni
        for step in happened:
            if isinstance(step, Routed):
                neighbour = model.neighbour(step.vni, step.next_hop)
                mac, vni = neighbour[0] if neighbour else b"", step.vni
        return next((row.port for row in model.endpoints(vni) if pack_mac(row.mac) == mac), None)
