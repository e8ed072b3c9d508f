"""From the API's JSON to objects of a kind. What cannot be read is left out and said:
one odd object must not hide all others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar, cast

import msgspec

from polpo.kube.errors import ApiError, Status
from polpo.kube.objects import Meta, Page
from polpo.kube.reflection import Event
from polpo.kube.resources import Object, Resource

T = TypeVar("T", bound=Object)

Warn = Callable[[str], None]


def to_log(words: str) -> None:
    """Where nobody says otherwise. Imported then: it takes 250 ms and some megabytes."""
    import structlog

    structlog.get_logger().warning(words)


class _Line(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _Mark(msgspec.Struct):
    """A bookmark's object: of the kind, but with nothing in it, or null."""

    metadata: Meta


class Decoding(Generic[T]):
    """`warn` gets lines for people."""

    def __init__(self, resource: Resource[T], warn: Warn = to_log) -> None:
        self._plural, self._warn = resource.plural, warn
        self._page: Any = msgspec.json.Decoder(Page[resource.type])  # type: ignore[name-defined]
        self._pieces = msgspec.json.Decoder(Page[msgspec.Raw])
        self._object: msgspec.json.Decoder[T] = msgspec.json.Decoder(resource.type)
        self._mark = msgspec.json.Decoder(_Mark)
        self._line = msgspec.json.Decoder(_Line)
        self._status = msgspec.json.Decoder(Status)

    def page(self, body: bytes) -> Page[T]:
        """Raises ApiError for what is no list at all."""
        try:
            page: Page[T] = self._page.decode(body)
            return page
        except msgspec.MsgspecError:
            pass
        try:
            pieces = self._pieces.decode(body)
        except msgspec.MsgspecError as error:
            raise ApiError(502, f"the answer is no list of {self._plural}: {error}") from error
        return Page(pieces.metadata, tuple(self._readable(pieces.items or ())))

    def events(self, lines: Iterable[bytes]) -> list[Event[T]]:
        """Raises ApiError for an ERROR event, and for what is no event."""
        events: list[Event[T]] = []
        for line in lines:
            try:
                parsed = self._line.decode(line)
                if parsed.type == "ERROR":
                    status = self._status.decode(parsed.object)
                    raise ApiError(status.code or 500, status.message, status.reason)
            except msgspec.MsgspecError as error:
                raise ApiError(502, f"no event of {self._plural}: {error}") from error
            if parsed.type == "BOOKMARK":
                events.append(Event(parsed.type, cast(T, self._mark.decode(parsed.object))))
            else:
                events += [Event(parsed.type, item) for item in self._readable((parsed.object,))]
        return events

    def _readable(self, objects: Iterable[msgspec.Raw]) -> Iterator[T]:
        for raw in objects:
            try:
                yield self._object.decode(raw)
            except msgspec.MsgspecError as error:
                start = bytes(raw)[:200].decode(errors="replace")
                self._warn(f"cannot read one of {self._plural}: {error}: {start}")
