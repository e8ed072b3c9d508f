"""Where a user can go: /v3/auth/projects, domains and system, and /v3/users/{id}/projects."""

from starlette.responses import Response

from polpo.api.identity_v3 import directory
from polpo.api.identity_v3.call import Call, answer
from polpo.api.identity_v3.domains import domain_view
from polpo.api.identity_v3.listing import listing
from polpo.api.identity_v3.projects import list_of
from polpo.model.identity import Domain, Project, RoleAssignment
from polpo.model.snapshot import Snapshot


async def list_user_projects(call: Call) -> Response:
    return list_of(call, user_projects(call.snapshot, call.part("user_id")))


async def get_auth_projects(call: Call) -> Response:
    mine = user_projects(call.snapshot, call.caller.user.id)
    return list_of(call, [p for p in mine if directory.is_open(call.snapshot, f"project/{p.id}")])


async def get_auth_domains(call: Call) -> Response:
    ids = _targets(call.snapshot, call.caller.user.id, "domain")
    domains = [d for id in ids if (d := call.snapshot.get(Domain, id)) and d.enabled]
    return listing(call, "domains", [domain_view(call, d) for d in domains])


async def get_auth_system(call: Call) -> Response:
    all = directory.assignments(call.snapshot, call.caller.user.id, directory.SYSTEM)
    links = {"self": call.url("/auth/system")}
    return answer({"system": [{"all": True}] if all else [], "links": links})


def user_projects(snapshot: Snapshot, user_id: str) -> list[Project]:
    """Where the user has a role."""
    ids = _targets(snapshot, user_id, "project")
    return [p for id in ids if (p := snapshot.get(Project, id)) is not None]


def _targets(snapshot: Snapshot, user_id: str, kind: str) -> list[str]:
    targets = {a.target for a in snapshot.by(RoleAssignment, "user", user_id)}
    return sorted(id for k, _, id in (t.partition("/") for t in targets) if k == kind)
