"""The socket of the CNI plugin (root only). Its protocol: see polpo.cni.plugin."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import structlog

from polpo.agent.pods import answer
from polpo.agent.pods.answer import Json
from polpo.agent.pods.call import Call, CniError, read

LONGEST_BYTES = 1 << 20
IO_FAILED = 5


class Door:
    """One request a connection."""

    def __init__(self, path: Path, do: Callable[[Call], Awaitable[Json | None]]) -> None:
        self._path, self._do = path, do
        self._log = structlog.get_logger("polpo.agent")

    async def open(self) -> asyncio.Server:
        self._path.unlink(missing_ok=True)  # of an agent that was killed
        before = os.umask(0o177)
        try:
            return await asyncio.start_unix_server(self._serve, path=self._path, backlog=1024)
        finally:
            os.umask(before)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(await self.respond(await _whole(reader)))
            await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()

    async def respond(self, raw: bytes) -> bytes:
        version = "1.0.0"
        try:
            call = read(raw)
            version = call.config.cni_version
            said = await self._do(call)
        except CniError as error:
            return self._refused(version, error)
        except OSError as error:
            return self._refused(version, CniError(IO_FAILED, str(error)))
        return b"0\n" + (msgspec.json.encode(said) + b"\n" if said is not None else b"")

    def _refused(self, version: str, error: CniError) -> bytes:
        self._log.warning("pod refused", code=error.code, reason=str(error))
        return b"1\n" + msgspec.json.encode(answer.error(version, error)) + b"\n"


async def _whole(reader: asyncio.StreamReader) -> bytes:
    """Until the plugin has said all."""
    raw = b""
    while part := await reader.read(1 << 16):
        raw += part
        if len(raw) > LONGEST_BYTES:
            break
    return raw
