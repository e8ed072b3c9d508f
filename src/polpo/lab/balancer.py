"""The lab's load balancer: made in one request of the public API, as a user would; and its loss."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from polpo.client.session import Session
from polpo.lab import asking
from polpo.lab.command import inside, meanwhile, run
from polpo.lab.layout import Lab

UDP_PORT = 5000
NAME, SUBNET, MEMBERS = "lab-web", "net-v4", ("10.0.0.11", "10.0.0.12")


class Balancer(msgspec.Struct, frozen=True):
    id: str
    listener: str
    address: str


class Asked(msgspec.Struct, frozen=True):
    """What a client saw that opened a connection, and sent a datagram, every few milliseconds."""

    asked: int
    failed: int
    outage_s: float
    datagrams: int
    datagrams_lost: int


def make(session: Session) -> Balancer:
    """Anew: HTTP on port 80; TCP on 8080, to members that are told of the client by the PROXY
    protocol; TLS on 443, which ends at the load balancer; UDP on 5000. All divided between two
    members.
    """
    remove(session)
    (subnet,) = session.network("GET", "/subnets", name=SUBNET)["subnets"]
    headers = {"insert_headers": {"X-Forwarded-For": "true"}}
    secure = {"default_tls_container_ref": certificate(session), **headers}
    listeners = [
        {"protocol": "HTTP", "protocol_port": 80, "default_pool": _pool("HTTP"), **headers},
        {"protocol": "TCP", "protocol_port": 8080, "default_pool": _pool("PROXYV2")},
        {"protocol": "TERMINATED_HTTPS", "protocol_port": 443, "default_pool": _pool("HTTP")}
        | secure,
        {"protocol": "UDP", "protocol_port": UDP_PORT, "default_pool": _pool("UDP")},
    ]
    tree = {"name": NAME, "vip_subnet_id": subnet["id"], "listeners": listeners}
    made = session.load_balancer("POST", "/lbaas/loadbalancers", {"loadbalancer": tree})
    return _said(made["loadbalancer"])


def find(session: Session) -> Balancer:
    (found,) = session.load_balancer("GET", "/lbaas/loadbalancers", name=NAME)["loadbalancers"]
    return _said(found)


def _said(found: Any) -> Balancer:
    return Balancer(found["id"], found["listeners"][0]["id"], found["vip_address"])


def _pool(protocol: str) -> dict[str, object]:
    members = [{"address": address, "protocol_port": 80} for address in MEMBERS]
    return {"protocol": protocol, "lb_algorithm": "ROUND_ROBIN", "members": members}


def certificate(session: Session) -> str:
    """The reference of one for NAME, self-signed, in the project's store of secrets."""
    found = session.secrets("GET", "/secrets", name=NAME)["secrets"]
    if found:
        return str(found[0]["secret_ref"])
    words = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={NAME}")
    pem = run(*words, "-days", "365", "-keyout", "-", "-out", "-")
    secret = {"name": NAME, "payload": pem, "payload_content_type": "text/plain"}
    return str(session.secrets("POST", "/secrets", secret)["secret_ref"])


def remove(session: Session) -> None:
    found = session.load_balancer("GET", "/lbaas/loadbalancers", name=NAME)["loadbalancers"]
    for balancer in found:
        session.load_balancer("DELETE", f"/lbaas/loadbalancers/{balancer['id']}", cascade="true")


def is_active(session: Session, balancer: Balancer) -> bool:
    path = f"/lbaas/loadbalancers/{balancer.id}"
    found = session.load_balancer("GET", path)["loadbalancer"]
    return bool(found["provisioning_status"] == "ACTIVE")


def kill_active(admin: Session, lab: Lab, balancer: Balancer) -> str:
    """kill -9 the active instance's HAProxy; the host where that was."""
    found = admin.load_balancer("GET", "/octavia/amphorae", loadbalancer_id=balancer.id)
    name = next(a["compute_id"] for a in found["amphorae"] if a["role"] == "MASTER")
    host = next(host for host in lab.hosts if host.name == name)
    for place in (host.runtime / "balancers").glob("*"):
        if balancer.listener in (place / "haproxy.cfg").read_text():
            os.kill(int((place / "haproxy.pid").read_text()), signal.SIGKILL)
    return host.name


def ask_while(netns: str, address: str, harm: Callable[[], object]) -> Asked:
    """Has a client in the namespace ask all the while, from before the harm until after it."""
    seconds = 2.0
    asks = (str(Path(asking.__file__)), address, str(seconds), str(UDP_PORT))
    words = inside(netns, sys.executable, *asks)
    return msgspec.json.decode(meanwhile(words, seconds, harm), type=Asked)
