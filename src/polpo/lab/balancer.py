"""The lab's load balancer: made in one request of the public API, as a user would; and its loss."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from polpo.client.session import Session
from polpo.lab import asking
from polpo.lab.command import inside
from polpo.lab.layout import Lab

NAME, SUBNET, MEMBERS = "lab-web", "net-v4", ("10.0.0.11", "10.0.0.12")


class Balancer(msgspec.Struct, frozen=True):
    id: str
    listener: str
    address: str


class Asked(msgspec.Struct, frozen=True):
    """What a client saw that opened a connection every few milliseconds."""

    asked: int
    failed: int
    outage_s: float


def make(session: Session) -> Balancer:
    """Anew: HTTP on port 80, divided between two members."""
    remove(session)
    (subnet,) = session.network("GET", "/subnets", name=SUBNET)["subnets"]
    members = [{"address": address, "protocol_port": 80} for address in MEMBERS]
    pool = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "members": members}
    listener = {"protocol": "HTTP", "protocol_port": 80, "default_pool": pool}
    tree = {"name": NAME, "vip_subnet_id": subnet["id"], "listeners": [listener]}
    made = session.load_balancer("POST", "/lbaas/loadbalancers", {"loadbalancer": tree})
    found = made["loadbalancer"]
    return Balancer(found["id"], found["listeners"][0]["id"], found["vip_address"])


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
    words = inside(netns, sys.executable, str(Path(asking.__file__)), address, str(seconds))
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    time.sleep(seconds / 3)
    harm()
    said, _ = process.communicate(timeout=60)
    return msgspec.json.decode(said, type=Asked)
