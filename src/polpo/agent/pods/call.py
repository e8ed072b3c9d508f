"""What a container runtime asks of the CNI plugin (CNI specification 1.1), taken apart. Pure."""

import re
from typing import Any

import msgspec

from polpo.agent.plugs import Limits
from polpo.agent.pods import bandwidth
from polpo.agent.pods.choice import choice
from polpo.model.choice import Choice
from polpo.model.exposed import Exposed, check

VERSIONS = ("0.3.1", "0.4.0", "1.0.0", "1.1.0")
COMMANDS = ("ADD", "DEL", "CHECK", "GC", "STATUS")
OF_CONTAINER = ("ADD", "DEL", "CHECK")
NETNS = ("/run/netns/", "/var/run/netns/")

BAD_VERSION, UNKNOWN_CONTAINER, BAD_ENVIRONMENT = 1, 3, 4
NO_JSON, BAD_CONFIG, TRY_AGAIN, NOT_AVAILABLE = 6, 7, 11, 50
DIFFERENT = 100  # from here on codes are a plugin's own

_CONTAINER = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.\-]{0,127}")
_DEVICE = re.compile(r"[^\s/:]{1,15}")
_NAME = re.compile(r"[^\s/]{1,200}")


class CniError(Exception):
    """`code` is CNI's."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Mapping(msgspec.Struct, frozen=True):
    """A port of the host that leads to one of the container's (capability `portMappings`).

    Go takes names in any case, and containerd before 2.0 writes HostPort, not hostPort.
    """

    hostport: int
    containerport: int
    protocol: str = "tcp"
    hostip: str = ""


class Runtime(msgspec.Struct, frozen=True, rename="camel"):
    """What the runtime adds for this container; `annotations` are the pod's."""

    port_mappings: tuple[dict[str, Any], ...] | None = None
    bandwidth: dict[str, Any] | None = None
    annotations: dict[str, str] | None = msgspec.field(
        default=None, name="io.kubernetes.cri.pod-annotations"
    )


class Config(msgspec.Struct, frozen=True):
    """What is ours of the configuration."""

    cni_version: str = msgspec.field(default="0.1.0", name="cniVersion")
    name: str = ""
    cluster: str = ""
    prev_result: dict[str, Any] | None = msgspec.field(default=None, name="prevResult")
    runtime: Runtime = msgspec.field(default=Runtime(), name="runtimeConfig")
    attachments: tuple[dict[str, str], ...] | None = msgspec.field(
        default=None, name="cni.dev/valid-attachments"
    )

    def exposed(self) -> tuple[Exposed, ...]:
        """Host port 0 is none; what can't be is the configuration's fault. Raises CniError."""
        given = map(_mapping, self.runtime.port_mappings or ())
        found = sorted(
            Exposed(one.protocol.lower() or "tcp", one.hostport, one.containerport, one.hostip)
            for one in given
            if one.hostport
        )
        for one in found:
            _check(one)
        return tuple(found)

    def limits(self) -> Limits:
        """Raises CniError."""
        try:
            return bandwidth.limits(self.runtime.bandwidth)
        except ValueError as error:
            raise CniError(BAD_CONFIG, f"bandwidth: {error}") from error


def _mapping(given: dict[str, Any]) -> Mapping:
    try:
        return msgspec.convert({name.lower(): value for name, value in given.items()}, Mapping)
    except msgspec.ValidationError as error:
        raise CniError(BAD_CONFIG, f"portMappings: {error}") from error


def _check(one: Exposed) -> None:
    try:
        check(one)
    except ValueError as error:
        raise CniError(BAD_CONFIG, f"portMappings: {error}") from error


class Call(msgspec.Struct, frozen=True):
    """`netns` is a name in /run/netns, "" if none was given; `pod` <namespace>/<name>
    and `uid` what is known of it."""

    command: str
    config: Config
    container: str = ""
    device: str = ""
    netns: str = ""
    path: str = ""
    pod: str = ""
    uid: str = ""

    @property
    def attachment(self) -> str:
        """What a port can be made for: one device of one sandbox."""
        return f"{self.container}/{self.device}"

    def choice(self) -> Choice | None:
        """Raises CniError."""
        annotations = self.config.runtime.annotations or {}
        try:
            return choice(annotations, self.container, self.pod, self.uid)
        except ValueError as error:
            raise CniError(BAD_CONFIG, str(error)) from error


def read(raw: bytes) -> Call:
    """What the plugin sent. Raises CniError."""
    given, _, text = raw.partition(b"\0\0")
    pairs = (item.decode(errors="replace").partition("=") for item in given.split(b"\0"))
    environment = {name: value for name, _, value in pairs}
    command = environment.get("CNI_COMMAND", "")
    if command not in COMMANDS:
        raise CniError(BAD_ENVIRONMENT, f"CNI_COMMAND {command!r} is none of ours")
    call = Call(command=command, config=_config(text))
    return _of_container(call, environment) if command in OF_CONTAINER else call


def _config(text: bytes) -> Config:
    try:
        config = msgspec.json.decode(text, type=Config)
    except msgspec.ValidationError as error:
        raise CniError(BAD_CONFIG, f"the configuration: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CniError(NO_JSON, f"the configuration is not JSON: {error}") from error
    if config.cni_version not in VERSIONS:
        known = ", ".join(VERSIONS)
        raise CniError(BAD_VERSION, f"cniVersion {config.cni_version}: this plugin speaks {known}")
    return config


def _of_container(call: Call, environment: dict[str, str]) -> Call:
    path, arguments = environment.get("CNI_NETNS", ""), environment.get("CNI_ARGS", "")
    if not path and call.command != "DEL":
        raise CniError(BAD_ENVIRONMENT, "CNI_NETNS is missing")
    return msgspec.structs.replace(
        call,
        container=_fit(_CONTAINER, environment, "CNI_CONTAINERID"),
        device=_fit(_DEVICE, environment, "CNI_IFNAME"),
        netns=_netns(path) if path and call.command != "DEL" else "",
        path=path,
        pod=_pod(arguments),
        uid=_named(arguments).get("K8S_POD_UID", ""),
    )


def _fit(pattern: re.Pattern[str], environment: dict[str, str], name: str) -> str:
    value = environment.get(name, "")
    if value in (".", "..") or not pattern.fullmatch(value):
        raise CniError(BAD_ENVIRONMENT, f"{name} is {value!r}")
    return value


def _netns(path: str) -> str:
    folder = next((f for f in NETNS if path.startswith(f)), "")
    name = path.removeprefix(folder)
    if not folder or name in (".", "..") or not _NAME.fullmatch(name):
        raise CniError(BAD_ENVIRONMENT, f"CNI_NETNS {path!r} is no namespace in /run/netns")
    return name


def _pod(arguments: str) -> str:
    """K8S_POD_NAMESPACE/K8S_POD_NAME of CNI_ARGS."""
    named = _named(arguments)
    parts = [named.get(f"K8S_POD_{part}", "") for part in ("NAMESPACE", "NAME")]
    return "/".join(parts) if all(parts) else ""


def _named(arguments: str) -> dict[str, str]:
    """`A=1;B=2`."""
    pairs = (item.partition("=") for item in arguments.split(";"))
    return {name: value for name, _, value in pairs}
