"""Every path of Identity v3, and who may do what there: the whole policy in one table."""

from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from polpo.api.context import Controller
from polpo.api.identity_v3 import (
    application_credentials,
    auth,
    domains,
    grants,
    password_change,
    project_tags,
    projects,
    reach,
    role_assignments,
    roles,
    services,
    users,
    versions,
)
from polpo.api.identity_v3.local import LocalIdentity
from polpo.api.identity_v3.policy import (
    ADMIN,
    ANY_TOKEN,
    OPEN,
    OWN_DOMAIN,
    OWN_PROJECT,
    SEES_ALL,
    SELF_OR_SEES_ALL,
    UNRESTRICTED_SELF,
    UNRESTRICTED_SELF_OR_ADMIN,
    Policy,
)
from polpo.api.identity_v3.resource import Handler, no_such_path, route

Actions = dict[str, tuple[Handler, Policy]]

VERSIONS: dict[str, Actions] = {
    "/identity": {"GET": (versions.list_versions, OPEN)},
    "/identity/": {"GET": (versions.list_versions, OPEN)},
    "/identity/v3": {"GET": (versions.show_version, OPEN)},
}

AUTH: dict[str, Actions] = {
    "/": {"GET": (versions.show_version, OPEN)},
    "/auth/tokens": {
        "POST": (auth.issue_token, OPEN),
        "GET": (auth.validate_token, ANY_TOKEN),
        "DELETE": (auth.revoke_token, ANY_TOKEN),
    },
    "/auth/catalog": {"GET": (auth.get_auth_catalog, ANY_TOKEN)},
    "/auth/projects": {"GET": (reach.get_auth_projects, ANY_TOKEN)},
    "/auth/domains": {"GET": (reach.get_auth_domains, ANY_TOKEN)},
    "/auth/system": {"GET": (reach.get_auth_system, ANY_TOKEN)},
}

DOMAINS: dict[str, Actions] = {
    "/domains": {
        "GET": (domains.list_domains, SEES_ALL),
        "POST": (domains.create_domain, ADMIN),
    },
    "/domains/{domain_id}": {
        "GET": (domains.get_domain, OWN_DOMAIN),
        "PATCH": (domains.update_domain, ADMIN),
        "DELETE": (domains.delete_domain, ADMIN),
    },
}

PROJECTS: dict[str, Actions] = {
    "/projects": {
        "GET": (projects.list_projects, SEES_ALL),
        "POST": (projects.create_project, ADMIN),
    },
    "/projects/{project_id}": {
        "GET": (projects.get_project, OWN_PROJECT),
        "PATCH": (projects.update_project, ADMIN),
        "DELETE": (projects.delete_project, ADMIN),
    },
    "/projects/{project_id}/tags": {
        "GET": (project_tags.list_project_tags, OWN_PROJECT),
        "PUT": (project_tags.update_project_tags, ADMIN),
        "DELETE": (project_tags.delete_project_tags, ADMIN),
    },
    "/projects/{project_id}/tags/{tag}": {
        "GET": (project_tags.get_project_tag, OWN_PROJECT),
        "PUT": (project_tags.create_project_tag, ADMIN),
        "DELETE": (project_tags.delete_project_tag, ADMIN),
    },
}

USERS: dict[str, Actions] = {
    "/users": {"GET": (users.list_users, SEES_ALL), "POST": (users.create_user, ADMIN)},
    "/users/{user_id}": {
        "GET": (users.get_user, SELF_OR_SEES_ALL),
        "PATCH": (users.update_user, ADMIN),
        "DELETE": (users.delete_user, ADMIN),
    },
    "/users/{user_id}/password": {"POST": (password_change.change_password, OPEN)},
    "/users/{user_id}/projects": {"GET": (reach.list_user_projects, SELF_OR_SEES_ALL)},
    "/users/{user_id}/groups": {"GET": (services.list_groups, SELF_OR_SEES_ALL)},
    "/users/{user_id}/access_rules": {
        "GET": (application_credentials.list_access_rules, SELF_OR_SEES_ALL)
    },
    "/users/{user_id}/application_credentials": {
        "GET": (application_credentials.list_application_credentials, SELF_OR_SEES_ALL),
        "POST": (application_credentials.create_application_credential, UNRESTRICTED_SELF),
    },
    "/users/{user_id}/application_credentials/{id}": {
        "GET": (application_credentials.get_application_credential, SELF_OR_SEES_ALL),
        "DELETE": (
            application_credentials.delete_application_credential,
            UNRESTRICTED_SELF_OR_ADMIN,
        ),
    },
}

_GRANTS: Actions = {"GET": (grants.list_grants, SEES_ALL)}
_GRANT: Actions = {
    "GET": (grants.check_grant, SEES_ALL),
    "PUT": (grants.create_grant, ADMIN),
    "DELETE": (grants.revoke_grant, ADMIN),
}
ROLES: dict[str, Actions] = {
    "/roles": {"GET": (roles.list_roles, SEES_ALL), "POST": (roles.create_role, ADMIN)},
    "/roles/{role_id}": {
        "GET": (roles.get_role, SEES_ALL),
        "PATCH": (roles.update_role, ADMIN),
        "DELETE": (roles.delete_role, ADMIN),
    },
    "/role_inferences": {"GET": (roles.list_role_inference_rules, SEES_ALL)},
    "/role_assignments": {"GET": (role_assignments.list_role_assignments, SEES_ALL)},
    "/projects/{project_id}/users/{user_id}/roles": _GRANTS,
    "/projects/{project_id}/users/{user_id}/roles/{role_id}": _GRANT,
    "/domains/{domain_id}/users/{user_id}/roles": _GRANTS,
    "/domains/{domain_id}/users/{user_id}/roles/{role_id}": _GRANT,
    "/system/users/{user_id}/roles": _GRANTS,
    "/system/users/{user_id}/roles/{role_id}": _GRANT,
}

CATALOG: dict[str, Actions] = {
    "/regions": {"GET": (services.list_regions, ANY_TOKEN)},
    "/regions/{region_id}": {"GET": (services.get_region, ANY_TOKEN)},
    "/services": {"GET": (services.list_services, SEES_ALL)},
    "/services/{service_id}": {"GET": (services.get_service, SEES_ALL)},
    "/endpoints": {"GET": (services.list_endpoints, SEES_ALL)},
    "/endpoints/{endpoint_id}": {"GET": (services.get_endpoint, SEES_ALL)},
    "/groups": {"GET": (services.list_groups, SEES_ALL)},
    "/groups/{group_id}": {"GET": (services.get_group, SEES_ALL)},
}

TABLE: dict[str, Actions] = {**AUTH, **DOMAINS, **PROJECTS, **USERS, **ROLES, **CATALOG}


def routes(controller: Controller) -> list[BaseRoute]:
    """For the application's root: the paths begin with `/identity`.

    None where an existing Keystone is used: clients go there.
    """
    identity = controller.identity
    return local_routes(identity) if isinstance(identity, LocalIdentity) else []


def local_routes(identity: LocalIdentity) -> list[BaseRoute]:
    return [*_routes(identity, VERSIONS), Mount("/identity/v3", _v3(identity), name="identity_v3")]


def _v3(identity: LocalIdentity) -> ASGIApp:
    router = Router(_routes(identity, TABLE), redirect_slashes=False, default=no_such_path)

    async def with_or_without_slash(scope: Scope, receive: Receive, send: Send) -> None:
        """`/users/` is `/users`, without a redirect: a POST would not survive it."""
        if not scope["path"].endswith("/v3/"):
            scope = {**scope, "path": scope["path"].rstrip("/")}
        await router(scope, receive, send)

    return with_or_without_slash


def _routes(identity: LocalIdentity, table: dict[str, Actions]) -> list[Route]:
    return [route(identity, path, actions) for path, actions in table.items()]
