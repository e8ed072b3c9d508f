"""Why packets are dropped, for people: each sentence goes on from the name of what dropped it."""

from polpo.dataplane.tables import Drop

REASONS = {
    Drop.ADMIN_DOWN: "is switched off",
    Drop.DESTINATION_DOWN: "is switched off",
    Drop.SPOOFED_MAC: "may not send from this MAC address",
    Drop.SPOOFED_ADDRESS: "may not send from this address",
    Drop.DHCP_SERVER: "may not answer as a DHCP server does",
    Drop.ROUTER_ADVERTISEMENT: "may not advertise itself as a router",
    Drop.EGRESS_POLICY: "has no rule that lets it out",
    Drop.INGRESS_POLICY: "has no rule that lets it in",
    Drop.UNKNOWN_DESTINATION: "sends to a MAC address that nobody has",
    Drop.HAIRPIN: "is where it came from",
    Drop.UNKNOWN_VTEP: "is no host of the cloud",
    Drop.UNKNOWN_VNI: "does not carry the network",
    Drop.NO_ROUTE: "has no route to it",
    Drop.TIME_EXCEEDED: "has come too late in its life: too many routers",
    Drop.TOO_BIG: "may not send packets of this size on",
    Drop.FOR_ROUTER: "is what it is for, and answers nothing but pings",
    Drop.REVERSE_PATH: "does not expect this source here: it would answer another way",
    Drop.UNREACHABLE: "does not know where the next hop is",
}

OF_ROUTERS = frozenset(
    (
        *(Drop.NO_ROUTE, Drop.TIME_EXCEEDED, Drop.TOO_BIG, Drop.FOR_ROUTER, Drop.UNREACHABLE),
        Drop.REVERSE_PATH,
    )
)
OF_RECEIVERS = frozenset((Drop.INGRESS_POLICY, Drop.DESTINATION_DOWN, Drop.UNKNOWN_DESTINATION))
BEFORE_ROUTERS = frozenset(
    (
        *(Drop.EGRESS_POLICY, Drop.SPOOFED_MAC, Drop.SPOOFED_ADDRESS, Drop.REVERSE_PATH),
        *(Drop.DHCP_SERVER, Drop.ROUTER_ADVERTISEMENT),
    )
)
"""By which a sender's port keeps a packet from the router, though its way is known already."""
GATEWAYS = {
    "nobody_active": "has no instance that is active",
    "no_route_outside": "has no way to the outside for it",
    "not_translated": "has no address outside for it: no floating IP, no SNAT",
}
UNBOUND = "is bound to no host"
UNPLUGGED = "is not plugged in"
NO_WAY = "has no address of this family, or no route: its workload sends nothing"
UNRESOLVED = "has nobody with the address {}: nobody answers ARP or neighbour solicitations for it"
CIRCLE = "has seen it too often: it goes round in circles"
