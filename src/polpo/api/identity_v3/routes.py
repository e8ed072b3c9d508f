"""Every path of Identity v3, and who may do what there: the whole policy in one table."""

from starlette.routing import BaseRoute, Mount, Route, Router

from polpo.api.context import Controller
from polpo.api.identity_v3 import auth, policy, versions
from polpo.api.identity_v3.local import LocalIdentity
from polpo.api.identity_v3.policy import Policy
from polpo.api.identity_v3.resource import Handler, no_such_path, route

Actions = dict[str, tuple[Handler, Policy]]

VERSIONS: dict[str, Actions] = {
    "/identity": {"GET": (versions.list_versions, policy.OPEN)},
    "/identity/": {"GET": (versions.list_versions, policy.OPEN)},
    "/identity/v3": {"GET": (versions.show_version, policy.OPEN)},
}

AUTH: dict[str, Actions] = {
    "/": {"GET": (versions.show_version, policy.OPEN)},
    "/auth/tokens": {
        "POST": (auth.issue_token, policy.OPEN),
        "GET": (auth.validate_token, policy.ANY_TOKEN),
        "DELETE": (auth.revoke_token, policy.ANY_TOKEN),
    },
    "/auth/catalog": {"GET": (auth.get_auth_catalog, policy.ANY_TOKEN)},
}

TABLE: dict[str, Actions] = {**AUTH}


def routes(controller: Controller) -> list[BaseRoute]:
    """For the application's root: the paths begin with `/identity`.

    None where an existing Keystone is used: clients go there.
    """
    identity = controller.identity
    if not isinstance(identity, LocalIdentity):
        return []
    return [*_routes(identity, VERSIONS), Mount("/identity/v3", _v3(identity), name="identity_v3")]


def _v3(identity: LocalIdentity) -> Router:
    return Router(_routes(identity, TABLE), redirect_slashes=False, default=no_such_path)


def _routes(identity: LocalIdentity, table: dict[str, Actions]) -> list[Route]:
    return [route(identity, path, actions) for path, actions in table.items()]
