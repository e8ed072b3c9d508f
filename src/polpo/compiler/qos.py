"""Which QoS policy is a port's or a floating IP's, and what is to be done about it.

A port's own policy counts, else its network's: not for the network's own ports (routers, load
balancers), as in Neutron. These are in no project: what a user calls the owner of a port makes it
none of them. A floating IP's own counts, else its external network's. A minimum bandwidth is for
who places workloads: nothing follows from it here.
"""

from polpo.model.network import Network
from polpo.model.port import Port
from polpo.model.qos import BURST, EGRESS, INGRESS, BandwidthLimit, DscpMarking, QosPolicy
from polpo.model.router import FloatingIP, Router
from polpo.model.snapshot import Snapshot
from polpo.target.rows import FloatingLimits, Limit

SERVICES = ("network:", "neutron:")
"""How the `device_owner` of a network's own ports begins."""


def policy_of(snapshot: Snapshot, port: Port, network: Network) -> QosPolicy | None:
    id = port.qos_policy_id
    if not id and (port.project_id or not port.device_owner.startswith(SERVICES)):
        id = network.qos_policy_id
    return snapshot.get(QosPolicy, id) if id else None


def floating_limits(snapshot: Snapshot, router: Router) -> tuple[FloatingLimits, ...]:
    """Of all floating IPs that the router's gateway has, in the order of their addresses."""
    found = snapshot.by(FloatingIP, "router", router.id)
    limits = (limits_of(ip.floating_ip_address, floating_policy(snapshot, ip)) for ip in found)
    return tuple(sorted(filter(None, limits), key=lambda limit: limit.address))


def floating_policy(snapshot: Snapshot, floating: FloatingIP) -> QosPolicy | None:
    network = snapshot.get(Network, floating.floating_network_id)
    id = floating.qos_policy_id or (network.qos_policy_id if network is not None else "")
    return snapshot.get(QosPolicy, id) if id else None


def limits_of(address: str, policy: QosPolicy | None) -> FloatingLimits | None:
    """What a gateway does about it; None if that is nothing."""
    found = FloatingLimits(address, ingress(policy), egress(policy), dscp(policy))
    return found if found != FloatingLimits(address) else None


def ingress(policy: QosPolicy | None) -> Limit | None:
    """Of what the port receives."""
    return _limit(policy, INGRESS)


def egress(policy: QosPolicy | None) -> Limit | None:
    """Of what the port sends."""
    return _limit(policy, EGRESS)


def dscp(policy: QosPolicy | None) -> int | None:
    marks = (rule for rule in _rules(policy) if isinstance(rule, DscpMarking))
    return next((rule.dscp_mark for rule in marks), None)


def _limit(policy: QosPolicy | None, direction: str) -> Limit | None:
    """A limit of 0 is none."""
    for rule in _rules(policy):
        if isinstance(rule, BandwidthLimit) and rule.direction == direction and rule.max_kbps:
            return Limit(rule.max_kbps, rule.max_burst_kbps or int(rule.max_kbps * BURST))
    return None


def _rules(policy: QosPolicy | None) -> tuple[object, ...]:
    return policy.rules if policy is not None else ()
