"""The directive `kubernetes [ZONE...] { ... }` to options (README.md says what each does)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from polpo.dns.corefile import words
from polpo.dns.corefile.block import Directive, ServerBlock
from polpo.dns.plugins.kubernetes.metrics import METRICS
from polpo.dns.plugins.kubernetes.options import DISABLED, INSECURE, VERIFIED, Options
from polpo.dns.wire.name import to_text
from polpo.kube import selectors

__all__ = ["METRICS", "expand", "parse"]

RESOLV_CONF = Path("/etc/resolv.conf")
Values = dict[str, Any]


def parse(directives: tuple[Directive, ...], block: ServerBlock) -> Options:
    directive = words.once(directives)
    values: Values = {"zones": words.zones(directive, directive.arguments, block.zones)}
    for option in directive.block:
        reader = _READERS.get(option.name)
        if reader is None:
            words.unknown(directive, option, sorted(_READERS))
        words.no_block(option)
        reader(option, values)
    options = Options(**values)
    _check(directive, options)
    return options


def expand(directive: Directive) -> Directive:
    """With the search list of the machine, which `autopath @kubernetes` tries last, as CoreDNS."""
    options = {option.name for option in directive.block}
    if "pods" not in options or "search" in options:
        return directive
    try:
        lines = RESOLV_CONF.read_text(errors="replace").splitlines()
    except OSError:
        return directive
    search = [tuple(line.split()[1:]) for line in lines if line.startswith(("search", "domain"))]
    if not search:
        return directive
    option = Directive("search", search[-1], (), directive.file, directive.line)
    return directive._replace(block=(*directive.block, option))


def _check(directive: Directive, options: Options) -> None:
    if not options.local:
        raise directive.wrong("it needs a zone of names, not of addresses only")
    if options.namespaces and options.namespace_labels:
        raise directive.wrong("namespaces and namespace_labels cannot both be set")
    for zone in options.multicluster:
        if zone not in options.zones:
            raise directive.wrong(f"multicluster {to_text(zone)} is not among its zones")
    if options.zonal and not options.endpoints:
        raise directive.wrong("zonal answers from endpoints: it cannot be with noendpoints")
    if options.tls and not options.endpoint:
        raise directive.wrong("tls is for an endpoint, and none is given")


def _flag(key: str, value: bool) -> Callable[[Directive, Values], None]:
    def read(option: Directive, values: Values) -> None:
        words.arguments(option, 0)
        values[key] = value

    return read


def _number(key: str, most: int = 2**31 - 1) -> Callable[[Directive, Values], None]:
    def read(option: Directive, values: Values) -> None:
        (text,) = words.arguments(option, 1)
        values[key] = words.integer(option, text, 0, most)

    return read


def _selector(key: str) -> Callable[[Directive, Values], None]:
    """An expression may have blanks: all words of the line are it."""

    def read(option: Directive, values: Values) -> None:
        text = " ".join(words.arguments(option, 1, 1000))
        try:
            selectors.parse(text)
        except ValueError as wrong:
            raise option.wrong(str(wrong)) from wrong
        values[key] = text

    return read


def _zones(key: str) -> Callable[[Directive, Values], None]:
    def read(option: Directive, values: Values) -> None:
        values[key] = words.zones(option, option.arguments, values["zones"])

    return read


def _endpoint(option: Directive, values: Values) -> None:
    (values["endpoint"], *_) = words.arguments(option, 1, 1000)  # CoreDNS too takes the first


def _tls(option: Directive, values: Values) -> None:
    values["tls"] = words.arguments(option, 3)


def _kubeconfig(option: Directive, values: Values) -> None:
    file, *context = words.arguments(option, 1, 2)
    values["kubeconfig"] = (file, context[0] if context else "")


def _namespaces(option: Directive, values: Values) -> None:
    named = frozenset(words.arguments(option, 1, 1000))
    values["namespaces"] = values.get("namespaces", frozenset()) | named


def _pods(option: Directive, values: Values) -> None:
    (text,) = words.arguments(option, 1)
    modes = {mode: mode for mode in (DISABLED, INSECURE, VERIFIED)}
    values["pods"] = words.one_of(option, text, modes)


def _ignore(option: Directive, values: Values) -> None:
    (text,) = words.arguments(option, 1)
    values["ignore_empty"] = words.one_of(option, text, {"empty_service": True})


def _multicluster(option: Directive, values: Values) -> None:
    words.arguments(option, 1, 1000)
    values["multicluster"] = words.zones(option, option.arguments, ())


def _search(option: Directive, values: Values) -> None:
    values["search"] = words.zones(option, words.arguments(option, 0, 1000), ())


def _startup_timeout(option: Directive, values: Values) -> None:
    (text,) = words.arguments(option, 1)
    values["startup_timeout_s"] = words.duration_s(option, text)


def _qps(option: Directive, values: Values) -> None:
    (text,) = words.arguments(option, 1)
    try:
        values["qps"] = float(text)
    except ValueError:
        raise option.wrong(f"{text} is no number") from None
    if not 0 <= values["qps"] < 1e9:
        raise option.wrong(f"{text} is no number from 0")


_READERS: dict[str, Callable[[Directive, Values], None]] = {
    "apiserver_burst": _number("burst"),
    "apiserver_max_inflight": _number("inflight"),
    "apiserver_qps": _qps,
    "endpoint": _endpoint,
    "endpoint_pod_names": _flag("endpoint_pod_names", True),
    "fallthrough": _zones("fallthrough"),
    "ignore": _ignore,
    "kubeconfig": _kubeconfig,
    "labels": _selector("labels"),
    "multicluster": _multicluster,
    "namespace_labels": _selector("namespace_labels"),
    "namespaces": _namespaces,
    "noendpoints": _flag("endpoints", False),
    "pods": _pods,
    "search": _search,
    "startup_timeout": _startup_timeout,
    "tls": _tls,
    "ttl": _number("ttl_s", 3600),
    "zonal": _flag("zonal", True),
}
