"""`binding:profile`: anything that is an object. What is polpo's own in it is looked at.

`metadata` is what the metadata service tells the port: user_data (base64, as Nova takes it),
public_keys (name -> key) and meta (name -> value).
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

from polpo.api.network_v2.values import Kind

MOST_USER_DATA = 65535
"""Characters of base64: Nova's limit."""
LONGEST_NAME, LONGEST_VALUE, LONGEST_KEY = 255, 255, 16384


def profile() -> Kind:
    def read(value: Any) -> dict[str, Any]:
        if value is None or value == "":
            return {}
        if not isinstance(value, dict):
            raise ValueError(f"'{value}' is not a dictionary")
        if "metadata" in value:
            _check_metadata(value["metadata"])
        return value

    return Kind(read, {"type": "object"})


def _check_metadata(value: Any) -> None:
    if not isinstance(value, dict):
        raise ValueError("'metadata' is not a dictionary")
    for name, given in value.items():
        if name not in CHECKS:
            raise ValueError(f"'metadata' has '{name}', which is none of {sorted(CHECKS)}")
        CHECKS[name](given)


def _check_user_data(value: Any) -> None:
    """It may be a secret: what is wrong with it is not repeated."""
    if not isinstance(value, str) or len(value) > MOST_USER_DATA:
        raise ValueError(f"'user_data' is not a text of {MOST_USER_DATA} characters at most")
    try:
        base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("'user_data' is not base64") from None


def _texts(what: str, longest: int) -> Callable[[Any], None]:
    """Names that may stand in a path and in a line, with texts of one line."""

    def check(value: Any) -> None:
        if not isinstance(value, dict):
            raise ValueError(f"'{what}' is not a dictionary")
        for name, given in value.items():
            if not 0 < len(name) <= LONGEST_NAME or not name.isprintable() or "/" in name:
                raise ValueError(f"'{what}' has a name that is empty, too long or has a '/'")
            if not isinstance(given, str) or len(given) > longest or not given.isprintable():
                raise ValueError(f"'{name}' of '{what}' is no line of text")

    return check


CHECKS: Mapping[str, Callable[[Any], None]] = {
    "user_data": _check_user_data,
    "public_keys": _texts("public_keys", LONGEST_KEY),
    "meta": _texts("meta", LONGEST_VALUE),
}
