"""gophercloud, by which Terraform and OpenStack's cloud controller for Kubernetes speak."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("hosts")

SOURCE = Path(__file__).parent / "gophercloud"
GO = shutil.which("go") or shutil.which("/usr/local/go/bin/go")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built with the modules that go.sum names."""
    if GO is None:
        pytest.skip("there is no Go on this machine")
    settings = {**os.environ, "GOFLAGS": "-buildvcs=false"}
    got = subprocess.run(
        [GO, "mod", "download"], cwd=SOURCE, env=settings, capture_output=True, check=False
    )
    if got.returncode:
        pytest.skip(f"gophercloud can't be had: {got.stderr.decode().strip()}")
    built = tmp_path_factory.mktemp("go") / "gophercloud"
    subprocess.run([GO, "build", "-o", str(built), "."], cwd=SOURCE, env=settings, check=True)
    return built


def test_a_tree_is_made_at_once_changed_bit_by_bit_and_deleted(
    program: Path, login: dict[str, Any], sdk: Any
) -> None:
    network = sdk.create_network(name="gophercloud")
    subnet = sdk.create_subnet(network_id=network.id, ip_version=4, cidr="10.4.0.0/24")
    cloud = {
        "OS_AUTH_URL": login["auth_url"],
        "OS_USERNAME": login["username"],
        "OS_PASSWORD": login["password"],
        "OS_PROJECT_NAME": login["project_name"],
        "OS_DOMAIN_ID": login["user_domain_id"],
    }
    done = subprocess.run(
        [str(program), subnet.id],
        env=os.environ | cloud,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert list(sdk.ports(network_id=network.id)) == []
    sdk.delete_network(network)
