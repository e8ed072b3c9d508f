"""What each request at the door means."""

import re
from collections.abc import Callable

import msgspec

from polpo.agent.door import Answer, Handler, Request
from polpo.agent.plugging import NotPlugged, Plugging
from polpo.agent.plugs import Plug
from polpo.kernel import netns
from polpo.target.status import Status

_PORT = re.compile(r"[0-9a-fA-F-]{11,64}")
_DEVICE = re.compile(r"[^\s/:]{1,15}")
_NETNS = re.compile(r"[^\s/]{1,200}")


def handlers(
    plugging: Plugging,
    status: Callable[[], Status],
    metrics: Callable[[], str],
    device_exists: Callable[[str], bool],
) -> dict[str, Handler]:
    async def plug(request: Request) -> Answer:
        plugged = await plugging.plug(read_plug(request, device_exists))
        return dict(msgspec.to_builtins(plugged))

    async def unplug(request: Request) -> Answer:
        await plugging.unplug(_port(request))
        return {"port": request.port}

    async def show_status(request: Request) -> Answer:
        return {"status": msgspec.to_builtins(status())}

    async def show_metrics(request: Request) -> Answer:
        return {"text": metrics()}

    return {"plug": plug, "unplug": unplug, "status": show_status, "metrics": show_metrics}


def read_plug(request: Request, device_exists: Callable[[str], bool]) -> Plug:
    """Names go into paths and to the kernel, so they are looked at. NotPlugged if unfit."""
    port = _port(request)
    if bool(request.netns) == bool(request.tap):
        raise NotPlugged("say either netns or tap")
    if request.tap:
        tap = _fit(_DEVICE, request.tap, "tap")
        return Plug(port=port, kind="tap", device=tap, created=not device_exists(tap))
    name = _fit(_NETNS, request.netns, "netns")
    device = _fit(_DEVICE, request.device, "device")
    return Plug(
        port=port, kind="netns", netns=name, device=device, created=netns.identity(name) is None
    )


def _port(request: Request) -> str:
    return _fit(_PORT, request.port, "port")


def _fit(pattern: re.Pattern[str], value: str, what: str) -> str:
    if value in (".", "..") or not pattern.fullmatch(value):
        raise NotPlugged(f"not a name for {what}: {value!r}")
    return value
