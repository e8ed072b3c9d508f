"""Certificates are read elsewhere, and not for longer than they are worth."""

import asyncio

import pytest
from cryptography.hazmat.primitives.serialization import NoEncryption, pkcs12
from tests.unit.api.secrets_v1.test_bundles import CERT, CERTIFICATE, KEY, pem

from polpo.api.secrets_v1 import bundling
from polpo.api.secrets_v1.bundles import NoCertificate
from polpo.api.secrets_v1.bundling import Bundler

ITERATIONS = bytes.fromhex("02020800")


def endless() -> bytes:
    """PKCS#12 whose password is to be hashed 2^31 - 1 times (RFC 7292, appendix A, MacData)."""
    packed = pkcs12.serialize_key_and_certificates(b"x", KEY, CERTIFICATE, None, NoEncryption())
    assert packed.endswith(ITERATIONS)
    made = bytearray(packed[: -len(ITERATIONS)] + bytes.fromhex("02047fffffff"))
    outer = int.from_bytes(made[2:4], "big") + 2
    made[2:4] = outer.to_bytes(2, "big")
    inner = 4 + 3 + 4 + int.from_bytes(made[9:11], "big")  # after the version, and the contents
    assert made[inner] == 0x30
    made[inner + 1] += 2
    return bytes(made)


async def test_what_is_one_comes_back() -> None:
    bundler = Bundler()
    assert await bundler.bundle({"certificate": CERT, "private_key": pem(KEY)}) == CERT + pem(KEY)
    with pytest.raises(NoCertificate, match="the container has no certificate"):
        await bundler.bundle({"private_key": pem(KEY)})


async def test_what_two_ask_for_at_once_is_read_once_and_nobodys_leaving_ends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, times = asyncio.Event(), 0
    read = bundling._read

    async def counted(asked: bytes) -> bundling.Answer:
        nonlocal times
        times += 1
        begun.set()
        return await read(asked)

    monkeypatch.setattr(bundling, "_read", counted)
    bundler = Bundler()
    first, second = (asyncio.create_task(bundler.bundle({"certificate": CERT})) for _ in range(2))
    await begun.wait()
    first.cancel()
    assert await second == CERT
    assert times == 1


async def test_one_that_takes_for_ever_is_none_and_is_not_tried_again() -> None:
    bundler, found = Bundler(), {"": endless()}
    for _ in range(10):
        with pytest.raises(NoCertificate, match="takes too long"):
            await bundler.bundle(found)
    assert await bundler.bundle({"certificate": CERT}) == CERT
