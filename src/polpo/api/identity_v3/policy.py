"""Who may do what: one name for each rule, used by the table in routes.py.

A policy answers whether the caller may do it; each of them looks at the token, except OPEN.
"""

from collections.abc import Callable
from typing import TypeAlias

from polpo.api.identity_v3 import directory
from polpo.api.identity_v3.call import Call
from polpo.api.identity_v3.caller import Caller

Policy: TypeAlias = Callable[[Call], bool]


def OPEN(call: Call) -> bool:
    """Anybody, with or without a token."""
    return True


def ANY_TOKEN(call: Call) -> bool:
    return call.caller is not None


def ADMIN(call: Call) -> bool:
    return call.caller.context.is_admin


def SEES_ALL(call: Call) -> bool:
    """Admins, and readers of the whole system."""
    return sees_all(call.caller)


def SELF(call: Call) -> bool:
    """The user of the path."""
    return call.part("user_id") == call.caller.user.id


def SELF_OR_SEES_ALL(call: Call) -> bool:
    return SELF(call) or SEES_ALL(call)


def UNRESTRICTED_SELF(call: Call) -> bool:
    """Not by an application credential, unless it is `unrestricted`."""
    return SELF(call) and not call.caller.is_restricted


def UNRESTRICTED_SELF_OR_ADMIN(call: Call) -> bool:
    return UNRESTRICTED_SELF(call) or ADMIN(call)


def OWN_PROJECT(call: Call) -> bool:
    """Projects where the user has a role."""
    target = f"project/{call.part('project_id')}"
    return SEES_ALL(call) or bool(directory.roles_on(call.snapshot, call.caller.user.id, target))


def OWN_DOMAIN(call: Call) -> bool:
    """The domain of the user or of the token's scope."""
    own = (call.caller.user.domain_id, call.caller.context.domain_id)
    return SEES_ALL(call) or call.part("domain_id") in own


def sees_all(caller: Caller) -> bool:
    reads_system = caller.claims.scope == directory.SYSTEM and "reader" in caller.context.roles
    return caller.context.is_admin or reads_system
