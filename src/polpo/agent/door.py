"""The agent's local socket (root only): one JSON object a line in, one out.

{"do": "plug", "port": "<id>", "netns": "web", "device": "eth0"}
{"do": "plug", "port": "<id>", "tap": "tap0"}
{"do": "unplug", "port": "<id>"}
{"do": "status"}
{"do": "metrics"}

{"ok": true, ...}      the answer's fields
{"ok": false, "error": "<words for the user>"}
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Literal

import msgspec
import structlog

from polpo.agent.plugging import NotPlugged


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    do: Literal["plug", "unplug", "status", "metrics"]
    port: str = ""
    netns: str = ""
    tap: str = ""
    device: str = "eth0"


Answer = dict[str, object]
Handler = Callable[[Request], Awaitable[Answer]]


class Door:
    """Serves requests, each by the handler for its `do`."""

    def __init__(self, path: Path, handlers: Mapping[str, Handler]) -> None:
        self._path, self._handlers = path, handlers
        self._log = structlog.get_logger("polpo.agent")

    async def open(self) -> asyncio.Server:
        self._path.unlink(missing_ok=True)  # of an agent that was killed
        before = os.umask(0o177)
        try:
            return await asyncio.start_unix_server(self._serve, path=self._path)
        finally:
            os.umask(before)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while text := await reader.readline():
                writer.write(msgspec.json.encode(await self._answer(text)) + b"\n")
                await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()

    async def _answer(self, text: bytes) -> Answer:
        try:
            request = msgspec.json.decode(text, type=Request)
            return {"ok": True} | await self._handlers[request.do](request)
        except (msgspec.MsgspecError, NotPlugged) as e:
            return {"ok": False, "error": str(e)}
        except OSError as e:
            self._log.error("request failed", request=text.decode(errors="replace"), reason=str(e))
            return {"ok": False, "error": str(e)}
