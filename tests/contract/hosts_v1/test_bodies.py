"""What is too large, or nested without end, is refused by all of /v1."""

from collections.abc import AsyncIterator

import httpx2
import pytest
from tests.contract.hosts_v1.test_clusters import ADMIN, MEMBER, Made

from polpo.api.hosts_v1 import bodies

CLUSTER = "/v1/clusters/k8s"
TELLING = [
    ("POST", "/v1/clusters"),
    ("PATCH", CLUSTER),
    ("POST", f"{CLUSTER}/services"),
    ("PUT", f"{CLUSTER}/nodes"),
    ("POST", f"{CLUSTER}/policy"),
    ("POST", "/v1/trace"),
]


@pytest.mark.parametrize(("method", "path"), TELLING)
async def test_a_body_without_end_is_not_kept(
    client: httpx2.AsyncClient, method: str, path: str
) -> None:
    made = Made(client)
    await made.build()
    await made.create()
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 2 * bodies.LARGEST_BYTES:
            sent += 1 << 20
            yield b" " * (1 << 20)

    answer = await client.request(method, path, content=endless(), headers=MEMBER)
    assert answer.status_code == 413
    assert sent <= bodies.LARGEST_BYTES + (1 << 20)


async def test_what_is_nested_without_end_is_refused(client: httpx2.AsyncClient) -> None:
    nested = b'{"x":' + b"[" * 50_000
    for path, headers in (("/v1/trace", MEMBER), ("/v1/hosts", ADMIN)):
        answer = await client.post(path, content=nested, headers=headers)
        assert answer.status_code == 400
