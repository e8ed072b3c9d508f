"""Lists: Keystone's filters by attribute, and the envelope that lists come in."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from starlette.responses import Response

from polpo.api.identity_v3.call import Call, answer
from polpo.api.identity_v3.errors import NotFound
from polpo.model.object import Object
from polpo.model.snapshot import Snapshot

T = TypeVar("T", bound=Object)


def _anything(has: str, wanted: str) -> bool:
    """An unknown comparison is ignored, like an unknown key."""
    return True


_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "": lambda has, wanted: has == wanted,
    "contains": lambda has, wanted: wanted in has,
    "startswith": lambda has, wanted: has.startswith(wanted),
    "endswith": lambda has, wanted: has.endswith(wanted),
}


def listing(call: Call, name: str, rows: list[dict[str, object]]) -> Response:
    """All of them: one page."""
    path = call.request.url.path.partition("/v3")[2]
    links = {"self": call.url(path), "next": None, "previous": None}
    return answer({"links": links, name: rows})


def filtered(call: Call, objects: Iterable[T], *names: str) -> list[T]:
    """Those whose attributes are what the query says, sorted by name; other keys are ignored.

    `name__contains=x` and the like are Keystone's own; an `i` before the comparison ignores case.
    """
    tests = [_test(key, value) for key, value in call.request.query_params.multi_items()]
    wanted = [test for name, test in tests if name in names]
    found = [o for o in objects if all(test(o) for test in wanted)]
    return sorted(found, key=lambda o: (getattr(o, "name", ""), o.id))


def found(snapshot: Snapshot, cls: type[T], id: str) -> T:
    """Raises NotFound."""
    obj = snapshot.get(cls, id)
    if obj is None:
        raise NotFound(cls.kind, id)
    return obj


def truth(value: str) -> bool:
    """Keystone's reading of a boolean in a query: all but these is true."""
    return value.lower() not in ("0", "false", "no", "off")


def _test(key: str, value: str) -> tuple[str, Callable[[Object], bool]]:
    name, _, comparison = key.partition("__")
    ignore_case = comparison.startswith("i") and comparison[1:] in _COMPARISONS
    compare = _COMPARISONS.get(comparison[1:] if ignore_case else comparison, _anything)

    def test(obj: Object) -> bool:
        has = getattr(obj, name)
        if isinstance(has, bool):
            return has == truth(value)
        if ignore_case:
            return compare(str(has or "").lower(), value.lower())
        return compare(str(has or ""), value)

    return name, test
