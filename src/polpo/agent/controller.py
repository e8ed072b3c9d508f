"""The controller as an agent sees it: a feed to read, a status to post, ports to bind."""

import ssl
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import urlencode

import httpx2
import msgspec

from polpo.agent.config import Config
from polpo.target.status import Status
from polpo.target.wire import FORMAT

SILENCE_S = 15.0  # three heartbeats
ANSWER_S = 1.0
PLAIN = httpx2.Timeout(5.0)


class Refused(Exception):
    """The controller answered, and the answer is no. `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Unreachable(Exception):
    """The controller did not answer, or fell silent."""


class Given(NamedTuple):
    """Ids of the ports that the host has for pods, and why which attachments can't have what they
    choose."""

    ports: set[str]
    refused: Mapping[str, str] = MappingProxyType({})


class Controller:
    def __init__(self, config: Config) -> None:
        secure = config.controller.startswith("https:")
        verify = ssl.create_default_context(cafile=config.ca_file) if secure else False
        self._client = httpx2.AsyncClient(base_url=config.controller, verify=verify, timeout=PLAIN)
        self._token_file = Path(config.token_file)
        self._host = f"/v1/hosts/{config.host}"

    async def bind(self, port: str) -> None:
        await self._ask("PUT", f"/ports/{port}")

    async def unbind(self, port: str) -> None:
        """Unbound already is as good."""
        try:
            await self._ask("DELETE", f"/ports/{port}")
        except Refused as e:
            if e.status != 404:
                raise

    async def pods(self, said: Mapping[str, object]) -> Given:
        """See docs/decisions/0180."""
        text = await self._ask("PUT", "/pods", msgspec.json.encode(said))
        answer = msgspec.json.decode(text)
        return Given({port["id"] for port in answer["ports"]}, answer.get("refused", {}))

    async def answers(self) -> bool:
        """Whether anybody is there, whatever they say."""
        try:
            await self._client.get("/healthz", timeout=ANSWER_S)
        except httpx2.HTTPError:
            return False
        return True

    async def report(self, status: Status) -> None:
        await self._ask("POST", "/status", msgspec.json.encode(status))

    async def certificate(self, ref: str, digest: str) -> bytes:
        """PEM."""
        return await self._ask("GET", f"/certificate?{urlencode({'ref': ref, 'digest': digest})}")

    async def feed(self, since: int) -> AsyncIterator[bytes]:
        """Pieces of the feed's text as they come; Unreachable when it falls silent or ends."""
        url, timeout = f"{self._host}/target", httpx2.Timeout(5.0, read=SILENCE_S)
        params = {"since": since, "format": FORMAT}
        try:
            async with self._client.stream(
                "GET", url, params=params, headers=self._headers(), timeout=timeout
            ) as response:
                await _raise_if_refused(response)
                async for piece in response.aiter_raw():
                    yield piece
        except (httpx2.HTTPError, httpx2.StreamError) as e:
            raise Unreachable(str(e) or type(e).__name__) from e

    async def close(self) -> None:
        await self._client.aclose()

    async def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        headers = self._headers() | {"content-type": "application/json"}
        try:
            response = await self._client.request(
                method, self._host + path, content=body, headers=headers
            )
        except httpx2.HTTPError as e:
            raise Unreachable(str(e) or type(e).__name__) from e
        await _raise_if_refused(response)
        return response.content

    def _headers(self) -> dict[str, str]:
        """The token is read each time: it may be exchanged while we run."""
        try:
            token = self._token_file.read_text().strip()
        except OSError as e:
            raise Refused(401, f"no token: {self._token_file}: {e.strerror}") from e
        return {"authorization": f"Bearer {token}"}


async def _raise_if_refused(response: httpx2.Response) -> None:
    if response.is_success:
        return
    text = await response.aread()
    try:
        message = str(msgspec.json.decode(text)["error"]["message"])
    except (msgspec.MsgspecError, KeyError, TypeError):
        message = text.decode(errors="replace")[:200]
    raise Refused(response.status_code, message or response.reason_phrase)
