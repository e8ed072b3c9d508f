"""Listeners (Octavia API reference, "Listeners")."""

from collections.abc import Sequence
from typing import Any

from polpo.api.identifier import new_id
from polpo.api.loadbalancer_v2 import instances, protocols, quotas, tls, tree
from polpo.api.loadbalancer_v2.errors import invalid
from polpo.api.loadbalancer_v2.fields import ids, octavia_table, optional, port
from polpo.api.loadbalancer_v2.views import look
from polpo.api.network_v2 import values
from polpo.api.network_v2.attributes import REQUIRED, Attribute, shown
from polpo.api.network_v2.resource import Reading, Resource, View, Writing, changed
from polpo.api.network_v2.values import Kind
from polpo.model.load_balancer import Listener, LoadBalancer, Pool

HEADERS = (
    "X-Forwarded-For",
    "X-Forwarded-Port",
    "X-Forwarded-Proto",
    "X-SSL-Client-Verify",
    "X-SSL-Client-Has-Cert",
    "X-SSL-Client-DN",
    "X-SSL-Client-CN",
    "X-SSL-Issuer",
    "X-SSL-Client-SHA1",
    "X-SSL-Client-Not-Before",
    "X-SSL-Client-Not-After",
)
LONGEST_MS = values.LARGEST_INT
"""HAProxy's longest, 24 days; Octavia takes a year and has it refused later."""


def _headers() -> Kind:
    known = values.record({}, dict.fromkeys(HEADERS, values.boolean()))

    def read(value: Any) -> dict[str, str]:
        return {name: str(on).lower() for name, on in known.read(value).items()}

    return Kind(read, known.schema)


def _ms(default: int) -> Attribute:
    return optional(values.integer(0, LONGEST_MS), default)


TABLE = octavia_table(
    "listener",
    {
        "loadbalancer_id": Attribute(
            kind=values.uuid(), put=False, default=REQUIRED, field="load_balancer_id"
        ),
        "load_balancer_id": shown(values.uuid(), field="load_balancer_id"),
        "protocol": Attribute(
            kind=values.one_of(*protocols.LISTENERS), put=False, default=REQUIRED, field="protocol"
        ),
        "protocol_port": Attribute(kind=port(), put=False, default=REQUIRED, field="protocol_port"),
        "connection_limit": optional(values.integer(-1), -1, field="connection_limit"),
        "default_pool_id": optional(values.uuid(), "", field="default_pool_id"),
        "insert_headers": optional(_headers(), {}),
        "allowed_cidrs": optional(values.list_of(values.prefix()), ()),
        "timeout_client_data": _ms(50_000),
        "timeout_member_connect": _ms(5_000),
        "timeout_member_data": _ms(50_000),
        "timeout_tcp_inspect": _ms(0),
        "default_tls_container_ref": tls.reference(),
        "sni_container_refs": optional(values.list_of(tls.REFERENCE), ()),
        "client_authentication": optional(values.one_of("NONE", "OPTIONAL", "MANDATORY"), "NONE"),
        "client_ca_tls_container_ref": tls.reference(),
        "client_crl_container_ref": tls.reference(),
        **tls.shared(),
        "hsts_max_age": optional(values.integer(0), None),
        "hsts_include_subdomains": optional(values.boolean(), False),
        "hsts_preload": optional(values.boolean(), False),
    },
)


def create(w: Writing, given: dict[str, Any]) -> Listener:
    listener = add(w, given)
    instances.arrange(w, tree.balancer_of(w.snapshot, listener))
    return listener


def add(w: Writing, given: dict[str, Any]) -> Listener:
    """Without the rules that let clients in: `instances.arrange` makes those of many at once."""
    balancer = tree.named(w, LoadBalancer, given.pop("loadbalancer_id"))
    given["project_id"] = balancer.project_id
    quotas.check(w, "listener", balancer.project_id, balancer.id)
    listener = Listener(id=new_id(), load_balancer_id=balancer.id, **given)
    return _put(w, balancer, listener)


def update(w: Writing, listener: Listener, given: dict[str, Any]) -> Listener:
    after = changed(listener, given)
    if after is listener:
        return listener
    balancer = tree.balancer_of(w.snapshot, listener)
    after = _put(w, balancer, after)
    instances.arrange(w, balancer)
    return after


def _put(w: Writing, balancer: LoadBalancer, listener: Listener) -> Listener:
    protocols.check_listener(balancer, listener)
    if listener.default_pool_id:
        pool = tree.named(w, Pool, listener.default_pool_id)
        if pool.load_balancer_id != balancer.id:
            raise invalid(f"Pool {pool.id} belongs to another load balancer.")
        protocols.check_pair(listener, pool)
    _check_families(balancer, listener)
    listener = w.tx.put(listener)
    tree.touch(w, balancer.id)
    return listener


def _check_families(balancer: LoadBalancer, listener: Listener) -> None:
    """Who may come must be able to: IPv6 needs an address of IPv6."""
    vips = (balancer.vip_address, *(vip.ip_address for vip in balancer.additional_vips))
    families = {":" in address for address in vips}
    for cidr in listener.allowed_cidrs:
        if (":" in cidr) not in families:
            raise invalid(f"Allowed CIDR {cidr} is not of an IP version of the load balancer's VIP")


def delete(w: Writing, listener: Listener) -> None:
    for policy in tree.policies(w.snapshot, listener.id):
        tree.remove_policy(w, policy)
    w.tx.remove(listener)
    tree.touch(w, listener.load_balancer_id)
    instances.arrange(w, tree.balancer_of(w.snapshot, listener))


def view(r: Reading, listeners: Sequence[Listener]) -> list[View]:
    seen = look(r, listeners)
    return [
        {
            **{key: _null(getattr(one, key)) for key in KEPT},
            **seen.standard(one),
            "l7policies": ids(tree.policies(r.snapshot, one.id)),
            "loadbalancers": [{"id": one.load_balancer_id}],
        }
        for one in listeners
    ]


KEPT = [key for key in TABLE.attributes if hasattr(Listener, key) and key != "load_balancer_id"]


def _null(value: Any) -> Any:
    return None if value == "" else value


RESOURCE = Resource(
    member="listener",
    collection="listeners",
    path="listeners",
    model=Listener,
    table=TABLE,
    missing=("NotFound", "Listener {id} not found."),
    view=view,
    create=create,
    update=update,
    delete=delete,
    indexes={
        "name": "name",
        "project_id": "project",
        "load_balancer_id": "load_balancer",
        "loadbalancer_id": "load_balancer",
        "default_pool_id": "pool",
    },
)
