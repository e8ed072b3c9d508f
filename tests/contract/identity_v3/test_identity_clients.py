"""Real clients: keystoneauth1 and openstacksdk as libraries, `openstack` as a command."""

import asyncio
import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import keystoneauth1.exceptions
import openstack
import pytest
from keystoneauth1.identity.v3 import ApplicationCredential, Password, Token
from keystoneauth1.session import Session

from polpo.testing.identity import PASSWORD, IdentityCloud

# The library warns of its own extras, at import and at connect.
pytestmark = [
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
    pytest.mark.timeout(300),  # each start of the command is two seconds of a core
]

OPENSTACK = Path(sys.executable).parent / "openstack"

SERVICES = {"identity", "network", "load-balancer", "key-manager"}


def environment(cloud: IdentityCloud, user: str, project: str) -> dict[str, str]:
    return {
        "OS_AUTH_URL": f"{cloud.public_url}/identity",
        "OS_USERNAME": user,
        "OS_PASSWORD": PASSWORD,
        "OS_PROJECT_NAME": project,
        "OS_USER_DOMAIN_NAME": "Default",
        "OS_PROJECT_DOMAIN_NAME": "Default",
    }


class Shell:
    """Runs `openstack` as somebody; answers with its JSON."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment}

    async def __call__(self, words: str, shown: bool = True) -> Any:
        arguments = [*words.split(), *(["-f", "json"] if shown else [])]
        code, out, err = await self.run(*arguments)
        assert code == 0, f"openstack {words}: {err}"
        return json.loads(out) if shown else None

    async def run(self, *arguments: str) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            OPENSTACK,
            "--os-identity-api-version=3",
            *arguments,
            env=self._environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        return process.returncode or 0, out.decode(), err.decode()


async def test_the_command_makes_people_and_projects(cloud: IdentityCloud) -> None:
    admin = Shell(environment(cloud, "admin", "admin"))
    token = await admin("token issue")
    assert (await cloud.identity.authenticate(token["id"])).is_admin
    project = await admin("project create --description d --tag red warehouse")
    user = await admin("user create --project warehouse --password pw --email a@b ada")
    assert user["default_project_id"] == project["id"]
    await admin("role add --user ada --project warehouse member", shown=False)
    names = {p["Name"] for p in await admin("project list")}
    assert names == {"admin", "shop", "warehouse"}
    assert "ada" in {u["Name"] for u in await admin("user list --project warehouse")}
    assert {r["Name"] for r in await admin("role list")} == {"admin", "member", "reader"}
    assigned = await admin("role assignment list --user ada --names")
    assert assigned[0]["Role"] == "member"
    assert assigned[0]["Project"] == "warehouse@Default"
    await admin("user set --password other ada", shown=False)
    await admin("project set --disable warehouse", shown=False)
    assert (await admin("project show warehouse"))["enabled"] is False
    await admin("role remove --user ada --project warehouse member", shown=False)
    await admin("user delete ada", shown=False)
    await admin("project delete warehouse", shown=False)


async def test_the_command_shows_the_catalog(cloud: IdentityCloud) -> None:
    admin = Shell(environment(cloud, "admin", "admin"))
    assert {s["Type"] for s in await admin("catalog list")} == {
        "identity",
        "network",
        "load-balancer",
        "key-manager",
    }
    assert {s["Type"] for s in await admin("service list")} == {
        "identity",
        "network",
        "load-balancer",
        "key-manager",
    }
    assert len(await admin("endpoint list")) == 3 * len(SERVICES)
    assert [r["Region"] for r in await admin("region list")] == ["RegionOne"]
    assert [d["Name"] for d in await admin("domain list")] == ["Default"]
    assert await admin("group list") == []
    assert {i["Prior Role Name"] for i in await admin("implied role list")} == {"admin", "member"}
    shown = await admin("role show member")
    assert shown["name"] == "member"


async def test_the_command_revokes_tokens_and_changes_passwords(cloud: IdentityCloud) -> None:
    mia = Shell(environment(cloud, "mia", "shop"))
    token = (await mia("token issue"))["id"]
    await mia(f"token revoke {token}", shown=False)
    code, _, _ = await mia.run(
        "user", "password", "set", "--password", "new", "--original-password", PASSWORD
    )
    assert code == 0
    code, _, err = await mia.run("token", "issue")
    assert code == 1
    assert "401" in err


async def test_a_member_sees_what_is_hers_in_the_command(cloud: IdentityCloud) -> None:
    mia = Shell(environment(cloud, "mia", "shop"))
    assert [p["Name"] for p in await mia("project list")] == ["shop"]
    assert (await mia(f"user show {cloud.user_id('mia')}"))["name"] == "mia"
    code, _, err = await mia.run("user", "create", "eve")
    assert code == 1
    assert "403" in err


async def test_the_command_makes_an_application_credential_and_uses_it(
    cloud: IdentityCloud,
) -> None:
    mia = Shell(environment(cloud, "mia", "shop"))
    words = "application credential create --role reader --expiration 2999-01-01T00:00:00 robot"
    made = {name.lower(): value for name, value in (await mia(words)).items()}
    robot = Shell(
        {
            "OS_AUTH_URL": f"{cloud.public_url}/identity",
            "OS_AUTH_TYPE": "v3applicationcredential",
            "OS_APPLICATION_CREDENTIAL_ID": made["id"],
            "OS_APPLICATION_CREDENTIAL_SECRET": made["secret"],
        }
    )
    token = await robot("token issue")
    context = await cloud.identity.authenticate(token["id"])
    assert context.project_name == "shop"
    assert not context.may_write
    assert [c["Name"] for c in await mia("application credential list")] == ["robot"]
    assert "robot" in (await mia("application credential show robot")).values()
    await mia("application credential delete robot", shown=False)
    code, _, _ = await robot.run("token", "issue")
    assert code == 1


async def test_keystoneauth_logs_in_every_way(cloud: IdentityCloud) -> None:
    await asyncio.to_thread(log_in_every_way, cloud, f"{cloud.public_url}/identity")


def log_in_every_way(cloud: IdentityCloud, auth_url: str) -> None:
    mia: dict[str, Any] = {"user_domain_id": "default", "username": "mia", "password": PASSWORD}
    shop: dict[str, Any] = {"project_domain_id": "default", "project_name": "shop"}
    for url in (auth_url, f"{auth_url}/", f"{auth_url}/v3"):
        session = Session(Password(url, **mia, **shop))
        assert session.get_project_id() == cloud.project_id("shop")
        endpoint = session.get_endpoint(service_type="network", interface="public")
        assert endpoint == f"{cloud.public_url}/networking"
    unscoped = Session(Password(auth_url, **mia, unscoped=True))
    assert unscoped.get_project_id() is None
    again = Session(Token(auth_url, unscoped.get_token() or "", **shop))
    assert again.get_project_id() == cloud.project_id("shop")
    admin: dict[str, Any] = {
        "user_domain_name": "Default",
        "username": "admin",
        "password": PASSWORD,
    }
    system = Session(Password(auth_url, **admin, system_scope="all"))
    assert system.get_user_id() == cloud.user_id("admin")
    with pytest.raises(keystoneauth1.exceptions.Unauthorized):
        Session(Password(auth_url, **{**mia, "password": "wrong"}, **shop)).get_token()
    with pytest.raises(keystoneauth1.exceptions.Unauthorized):
        Session(ApplicationCredential(auth_url, "wrong", "no such")).get_token()


async def test_openstacksdk_manages_identity(cloud: IdentityCloud) -> None:
    await asyncio.to_thread(manage_identity, cloud)


def manage_identity(cloud: IdentityCloud) -> None:
    connection = openstack.connect(
        auth_url=f"{cloud.public_url}/identity",
        username="admin",
        password=PASSWORD,
        project_name="admin",
        user_domain_name="Default",
        project_domain_name="Default",
        region_name="RegionOne",
        load_yaml_config=False,
        load_envvars=False,
    )
    identity: Any = connection.identity
    project = identity.create_project(name="warehouse", tags=["red"])
    user = identity.create_user(name="ada", password="pw", default_project_id=project.id)
    role = identity.find_role("member")
    identity.assign_project_role_to_user(project, user, role)
    assert identity.validate_user_has_project_role(project, user, role)
    assert [a.role["id"] for a in identity.role_assignments(user_id=user.id)] == [role.id]
    assert [p.name for p in identity.user_projects(user)] == ["warehouse"]
    assert identity.update_project(project, description="d").description == "d"
    assert identity.find_domain("Default").id == "default"
    assert {s.type for s in identity.services()} == {
        "identity",
        "network",
        "load-balancer",
        "key-manager",
    }
    assert len(list(identity.endpoints())) == 3 * len(SERVICES)
    own = connection.current_user_id
    expiry = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    made = identity.create_application_credential(own, "robot", expires_at=expiry)
    assert made.secret
    assert [c.name for c in identity.application_credentials(own)] == ["robot"]
    identity.delete_application_credential(own, made)
    identity.unassign_project_role_from_user(project, user, role)
    assert not identity.validate_user_has_project_role(project, user, role)
    identity.delete_user(user)
    identity.delete_project(project)
    assert identity.find_project("warehouse") is None
    connection.close()
