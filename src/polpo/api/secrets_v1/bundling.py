"""Certificates are read in a process of its own, which may take so much and no more.

How often the password of a PKCS#12, or of an encrypted key, is hashed is for its maker to say. Two
thousand million times are four bytes of it and keep a processor busy for an hour; so do large keys.
"""

import asyncio
import os
import resource
import sys
from collections import OrderedDict
from collections.abc import Mapping
from hashlib import sha256

import msgspec

from polpo.api.secrets_v1.bundles import NoCertificate, bundle

MOST_CPU_S = 3
MOST_BYTES = 1 << 30
AT_ONCE = 2
REMEMBERED = 1000
NICE = 10

Payloads = Mapping[str, bytes]


class Answer(msgspec.Struct, frozen=True):
    """PEM, or why there is none."""

    pem: bytes = b""
    why: str = ""


class Bundler:
    """What two ask for at once is read once: a load balancer's two hosts do. What has failed is not
    read again: agents ask again and again for what they lack.
    """

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(AT_ONCE)
        self._reading: dict[bytes, asyncio.Task[Answer]] = {}
        self._failed: OrderedDict[bytes, str] = OrderedDict()

    async def bundle(self, found: Payloads) -> bytes:
        """Raises NoCertificate."""
        asked = msgspec.msgpack.encode(found)
        key = sha256(asked).digest()
        if key in self._failed:
            raise NoCertificate(self._failed[key])
        if key not in self._reading:
            self._reading[key] = asyncio.create_task(self._read(key, asked))
        answer = await asyncio.shield(self._reading[key])  # one who leaves takes it from nobody
        if answer.why:
            raise NoCertificate(answer.why)
        return answer.pem

    async def _read(self, key: bytes, asked: bytes) -> Answer:
        try:
            async with self._room:
                answer = await _read(asked)
        finally:
            del self._reading[key]
        if answer.why:
            self._failed[key] = answer.why
            if len(self._failed) > REMEMBERED:
                self._failed.popitem(last=False)
        return answer


async def _read(asked: bytes) -> Answer:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-Pm",
        __name__,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    said, _ = await process.communicate(asked)
    if process.returncode != 0:
        return Answer(why="it takes too long, or too much memory, to read")
    return msgspec.msgpack.decode(said, type=Answer)


def _answer(asked: bytes) -> Answer:
    try:
        return Answer(bundle(msgspec.msgpack.decode(asked, type=dict[str, bytes])))
    except NoCertificate as error:
        return Answer(why=str(error) or "it can't be read")


def main() -> None:
    """Payloads come by standard input; the answer goes to standard output."""
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_S, MOST_CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.stdout.buffer.write(msgspec.msgpack.encode(_answer(sys.stdin.buffer.read())))


if __name__ == "__main__":
    main()
