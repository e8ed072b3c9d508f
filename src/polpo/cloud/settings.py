"""What holds for all Services of a cluster: cloud.conf, as cloud-provider-openstack has it.

Sections [LoadBalancer] and [LoadBalancerClass "name"]; its other sections are left alone.
"""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from typing import TypeVar

import msgspec

METHODS = ("ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP", "SOURCE_IP_PORT")
OURS = "polpo.dev/load-balancer"


class Unreadable(Exception):
    """The text says what is wrong in the file."""


class LoadBalancerClass(msgspec.Struct, frozen=True, rename="kebab"):
    """What a Service gets that names the class; empty: as everywhere."""

    floating_network_id: str = ""
    floating_subnet_id: str = ""
    floating_subnet: str = ""
    floating_subnet_tags: str = ""
    network_id: str = ""
    subnet_id: str = ""
    member_subnet_id: str = ""


class Settings(LoadBalancerClass, frozen=True, rename="kebab"):
    """Defaults are cloud-provider-openstack's. Durations are in seconds, as `5s`, `1m` or `5`.

    Ours: `members`, `pod_network_id` (of pods that are ports, where polpo does not say it itself)
    and `load_balancer_class`.
    """

    lb_provider: str = ""
    lb_method: str = "ROUND_ROBIN"
    flavor_id: str = ""
    availability_zone: str = ""
    default_tls_container_ref: str = ""
    node_selector: str = ""
    internal_lb: bool = False
    create_monitor: bool = False
    monitor_delay: int = 5
    monitor_timeout: int = 3
    monitor_max_retries: int = 1
    monitor_max_retries_down: int = 3
    enable_ingress_hostname: bool = False
    ingress_hostname_suffix: str = "nip.io"
    max_shared_lb: int = 2
    members: str = "auto"
    pod_network_id: str = ""
    load_balancer_class: str = OURS
    classes: Mapping[str, LoadBalancerClass] = {}


T = TypeVar("T", bound=LoadBalancerClass)

DURATIONS = ("monitor_delay", "monitor_timeout")
_UNITS_S = {"s": 1, "m": 60, "h": 3600}


def read(text: str) -> Settings:
    """Raises Unreadable. What is not known here is left alone, as the file is others' too."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise Unreadable(str(error)) from error
    plain: dict[str, object] = {}
    classes: dict[str, LoadBalancerClass] = {}
    for section in parser.sections():
        values = {key: value.strip().strip('"') for key, value in parser[section].items()}
        kind, _, name = section.partition(" ")
        if kind == "LoadBalancer":
            plain |= values
        elif kind == "LoadBalancerClass":
            classes[name.strip().strip('"')] = _converted(values, LoadBalancerClass, section)
    for key in (field.replace("_", "-") for field in DURATIONS):
        if key in plain:
            plain[key] = _seconds(key, str(plain[key]))
    settings = _converted(plain, Settings, "LoadBalancer")
    return msgspec.structs.replace(_checked(settings), classes=classes)


def _checked(settings: Settings) -> Settings:
    if settings.lb_method not in METHODS:
        raise Unreadable(f"[LoadBalancer] lb-method may be one of {', '.join(METHODS)}")
    if settings.members not in ("auto", "pods", "nodes"):
        raise Unreadable("[LoadBalancer] members may be one of auto, pods, nodes")
    return settings


def _converted(values: Mapping[str, object], kind: type[T], of: str) -> T:
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise Unreadable(f"[{of}]: {error}") from error


def _seconds(key: str, text: str) -> int:
    unit = _UNITS_S.get(text[-1:], 0)
    number = text[:-1] if unit else text
    if not number.isdigit():
        raise Unreadable(f"[LoadBalancer] {key} may be a number of seconds, as 5s or 1m")
    return int(number) * (unit or 1)
