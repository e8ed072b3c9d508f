"""Keystone's resource options: those that would promise what polpo does not do are refused."""

from typing import Any

from polpo.api.identity_v3.fields import invalid

_PROMISES = (
    "immutable",
    "lock_password",
    "multi_factor_auth_enabled",
    "multi_factor_auth_rules",
)


def check_options(options: dict[str, Any]) -> None:
    """Raises BadRequest."""
    for name in _PROMISES:
        if options.get(name):
            raise invalid(f"options/{name}", "this option is not supported")
