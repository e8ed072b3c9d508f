"""The API server's way to pods and kubelets: an HTTP proxy (CONNECT) in a node's namespace.

The API server is beside the lab's controller, where no agent is. Its own `EgressSelector` hands
such connections to this, by a socket in the file system, as managed clusters do (konnectivity).
"""

import asyncio
import os
import sys
from pathlib import Path

PART_BYTES = 1 << 16
HEAD_S, REACH_S = 5.0, 10.0


async def serve(path: Path) -> None:
    server = await asyncio.start_unix_server(connect, path)
    async with server:
        await server.serve_forever()


async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, until both sides have ended it."""
    try:
        there, sink = await _reach(reader)
    except (OSError, TimeoutError, ValueError, EOFError) as failed:
        writer.write(f"HTTP/1.1 502 {type(failed).__name__}\r\n\r\n".encode())
        writer.close()
        return
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    try:
        await asyncio.gather(_copy(reader, sink), _copy(there, writer))
    finally:
        sink.close()
        writer.close()


async def _reach(reader: asyncio.StreamReader) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with asyncio.timeout(HEAD_S):
        host, port = _asked(await reader.readuntil(b"\r\n\r\n"))
    async with asyncio.timeout(REACH_S):
        return await asyncio.open_connection(host, port)


def _asked(head: bytes) -> tuple[str, int]:
    """ValueError for anything but CONNECT host:port."""
    method, where, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
    host, _, port = where.rpartition(":")
    if method != "CONNECT":
        raise ValueError(method)
    return host.strip("[]"), int(port)


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Until one side has ended: the other hears it."""
    try:
        while part := await source.read(PART_BYTES):
            sink.write(part)
            await sink.drain()
        sink.write_eof()
    except OSError:
        sink.close()


if __name__ == "__main__":
    at = Path(sys.argv[1])
    at.unlink(missing_ok=True)  # of one that was killed
    os.umask(0o177)
    asyncio.run(serve(at))
