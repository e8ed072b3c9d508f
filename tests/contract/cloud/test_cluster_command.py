"""`polpo cluster create NAME --masters …`: what it makes, and that it takes all of it away."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polpo.cli.clusters import create
from polpo.client.cluster.making import Making
from polpo.client.cluster.plan import Plan, Unfit
from polpo.client.cluster.removing import remove
from polpo.testing.cloud import Cloud

Polpo = Callable[..., Any]


@pytest.fixture
def polpo(cloud: Cloud, tmp_path: Path) -> Polpo:
    """The command; what it prints, or its words if it fails."""
    auth = {
        "auth_url": cloud.url,
        "username": "admin",
        "password": cloud.password,
        "project_name": "admin",
    }
    clouds = tmp_path / "clouds.yaml"
    clouds.write_text(json.dumps({"clouds": {"polpo": {"auth": auth}}}))
    environment = os.environ | {"OS_CLIENT_CONFIG_FILE": str(clouds), "OS_CLOUD": "polpo"}

    def run(*words: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "polpo.cli.main", "cluster", *words],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            return done.stderr
        return json.loads(done.stdout) if "--json" in words else done.stdout

    return run


def everything(cloud: Cloud) -> dict[str, int]:
    """How many there are of what a cluster is made of."""
    kinds = ("networks", "subnets", "ports", "routers", "security-groups", "floatingips")
    found = {
        kind: len(cloud.session.network("GET", f"/{kind}")[kind.replace("-", "_")])
        for kind in kinds
    }
    clusters = cloud.session.hosts("GET", "/clusters")["clusters"]
    return found | {"balancers": len(cloud.balancers()), "clusters": len(clusters)}


def test_all_is_made_with_a_balancer_before_the_masters_and_all_is_removed(
    cloud: Cloud, polpo: Polpo
) -> None:
    before = everything(cloud)
    made = polpo("create", "prod", "--masters", "3", "--workers", "2", "--json")
    assert len(made["nodes"]) == 5
    assert made["edited"] == []
    address, port = made["endpoint"].split(":")
    assert port == "6443"
    (balancer,) = cloud.balancers(name="prod-api")
    (floating,) = cloud.floating(port_id=balancer["vip_port_id"])
    assert floating["floating_ip_address"] == address
    assert made["names"] == [address, balancer["vip_address"]]
    (listener,) = cloud.listed("listeners", load_balancer_id=balancer["id"])
    members = {member["address"] for member in cloud.members(listener["default_pool_id"])}
    assert members == {made["nodes"][f"prod-master-{n}"] for n in (1, 2, 3)}
    again = polpo("create", "prod", "--masters", "3", "--workers", "2", "--json")
    assert again == made
    polpo("delete", "prod")
    assert everything(cloud) == before


def test_an_edited_group_is_reported_and_left(cloud: Cloud) -> None:
    before = everything(cloud)
    making = Making(cloud.session, Plan("edited", internal=True))
    making.make()
    groups = cloud.session.network("GET", "/security-groups", name="edited-master")
    (group,) = groups["security_groups"]
    rule = {"security_group_id": group["id"], "direction": "ingress", "protocol": "tcp"}
    more = {"port_range_min": 22, "port_range_max": 22}
    cloud.session.network("POST", "/security-group-rules", {"security_group_rule": rule | more})
    assert making.make().edited == ("group edited-master has, too, tcp 22 from everywhere (IPv4)",)
    remove(cloud.session, "edited")
    assert everything(cloud) == before


def test_what_was_made_by_halves_is_finished_and_removed(cloud: Cloud) -> None:
    before = everything(cloud)
    body = {"name": "half-nodes", "description": Plan("half").mark}
    cloud.session.network("POST", "/networks", {"network": body})
    made = Making(cloud.session, Plan("half", internal=True)).make()
    assert len(made.nodes) == 2
    remove(cloud.session, "half")
    assert everything(cloud) == before


def test_half_of_the_words_is_refused_in_words() -> None:
    with pytest.raises(Unfit, match="--masters"):
        create("half")
