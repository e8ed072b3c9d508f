"""Packets that are followed -> rows of the hosts on their way. Pure."""

from polpo.compiler.view import View
from polpo.model import probe as model
from polpo.target.probe_row import Probe


def probe_row(view: View, host: str, id: str) -> Probe | None:
    """None where it is not looked for. Only its first host is to send it, and when it is armed."""
    probe = view.snapshot.get(model.Probe, id)
    if probe is None or view.host(host) is None:
        return None
    place = next((place for place in probe.places if place.host == host), None)
    if place is None:
        return None
    sends = probe.armed and place == probe.places[0]
    return Probe(
        id=id,
        ending=probe.ending,
        ports=place.ports,
        gateways=place.gateways,
        armed=probe.armed,
        sender=probe.sender if sends else "",
        frame=probe.frame if sends else "",
    )
