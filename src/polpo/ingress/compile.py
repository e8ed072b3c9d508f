"""Ingresses -> what HAProxy is to do, and what is wrong with them. Pure.

The older Ingress has what two want: a path of a host, a certificate for it (by creation, then by
name). What is wrong with one path, one certificate, one annotation affects only that. What is about
a host as a whole (its TLS, or that it is passed on) is for the namespace that had the host first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from polpo.ingress import canary
from polpo.ingress.annotations import Annotations, host
from polpo.ingress.carrying import findings
from polpo.ingress.features.asking import Asking
from polpo.ingress.features.redirect import Host
from polpo.ingress.objects import ConfigMap, Ingress, IngressBackend, Rule
from polpo.ingress.paths import Path, path_of
from polpo.ingress.plan import EVERY_HOST, Backend, Certificate, Entry, Passed, Share, Site, Target
from polpo.ingress.policy import Read, read
from polpo.ingress.secrets import authority, pair, text_of
from polpo.ingress.state import State, port_of
from polpo.ingress.wrong import Complaint, Wrong
from polpo.kube.objects import Secret
from polpo.kube.resources import key

CONFLICT, INVALID, MISSING = "Conflict", "Invalid", "NotFound"
ROOT = "prefix", "/"


class Compiled(NamedTuple):
    sites: tuple[Site, ...]
    passed: tuple[Passed, ...]
    certificates: tuple[Certificate, ...]
    complaints: tuple[Complaint, ...]


def compiled(state: State, ours: Iterable[Ingress]) -> Compiled:
    """Of those that are ours; the older first counts."""
    return _Compiling(state, sorted(ours, key=_age)).all()


def _age(ingress: Ingress) -> tuple[str, str, str]:
    meta = ingress.metadata
    return meta.creation_timestamp, meta.namespace, meta.name


class _Compiling:
    def __init__(self, state: State, ingresses: list[Ingress]) -> None:
        self._state, self._ingresses = state, ingresses
        self._sites: dict[str, dict[tuple[str, str], Entry]] = {}
        self._certificates: dict[str, tuple[str, Certificate]] = {}  # by host: whose it is
        self._passed: dict[str, Backend] = {}
        self._complaints: dict[Complaint, None] = {}
        self._homes = _homes(ingresses)

    def all(self) -> Compiled:
        for ingress in self._ingresses:
            self._tls(ingress)
        canaries = []
        for ingress in self._ingresses:
            given = Annotations(ingress.metadata.annotations)
            self._say_what_does_not_carry_over(ingress, given)
            if canary.is_one(given):
                canaries.append(ingress)
                continue
            self._rules(ingress, given)
        for ingress in canaries:
            self._canary(ingress, Annotations(ingress.metadata.annotations))
        sites = tuple(
            Site(name, tuple(entry for _, entry in sorted(of.items())))
            for name, of in sorted(self._sites.items())
        )
        passed = tuple(Passed(name, of) for name, of in sorted(self._passed.items()))
        return Compiled(sites, passed, tuple(self._merged()), tuple(self._complaints))

    def _complain(self, ingress: Ingress, reason: str, note: str) -> None:
        self._complaints[Complaint("Ingress", key(ingress.metadata), reason, note)] = None

    def _tls(self, ingress: Ingress) -> None:
        for asked in ingress.spec.tls or ():
            if not asked.secret_name:
                continue
            try:
                certificate = self._certificate(ingress, asked.secret_name)
                hosts = [host(name) for name in asked.hosts or _hosts(ingress)]
            except Wrong as wrong:
                self._complain(ingress, INVALID, f"TLS: {wrong}")
                continue
            for name in hosts:
                if not self._is_at_home(ingress, name):
                    note = f"TLS: {name} is a host of namespace {self._homes[name]}"
                    self._complain(ingress, CONFLICT, note)
                    continue
                owner, before = self._certificates.setdefault(
                    name, (key(ingress.metadata), certificate)
                )
                if before != certificate:
                    note = f"TLS: {name} has the certificate of the older Ingress {owner}"
                    self._complain(ingress, CONFLICT, note)

    def _is_at_home(self, ingress: Ingress, name: str) -> bool:
        """Whether what is about the whole host is for this one to say."""
        return self._homes.get(name, ingress.metadata.namespace) == ingress.metadata.namespace

    def _certificate(self, ingress: Ingress, name: str) -> Certificate:
        namespace = ingress.metadata.namespace
        pem = pair(self._secret(namespace, name))
        given = Annotations(ingress.metadata.annotations)
        ca, verify = self._clients(namespace, given)
        plain = f"{namespace}_{name}"
        return Certificate(f"{plain}_{verify}" if ca else plain, pem, (), "", ca, verify)

    def _clients(self, namespace: str, given: Annotations) -> tuple[str, str]:
        """Who is to have a certificate: auth-tls-secret."""
        wanted = given.text("auth-tls-secret")
        verify = given.choice(
            "auth-tls-verify-client", "on", "off", "optional", "optional_no_ca", default="on"
        )
        if not wanted or verify == "off":
            return "", ""
        space, _, name = wanted.rpartition("/")
        if space not in ("", namespace):
            raise Wrong(f"auth-tls-secret: {wanted} is in another namespace")
        ca = authority(text_of(self._secret(namespace, name), "ca.crt"))
        return ca, "required" if verify == "on" else "optional"

    def _merged(self) -> Iterator[Certificate]:
        """One of each file, with all its hosts."""
        by_name: dict[str, tuple[Certificate, list[str]]] = {}
        for name, (_, certificate) in sorted(self._certificates.items()):
            by_name.setdefault(certificate.name, (certificate, []))[1].append(name)
        for _, (one, names) in sorted(by_name.items()):
            yield Certificate(one.name, one.pem, tuple(names), one.door, one.ca, one.verify)

    def _rules(self, ingress: Ingress, given: Annotations) -> None:
        aliases = self._aliases(ingress, given)
        if _flag(given, "ssl-passthrough"):
            self._pass(ingress, given)
            return
        for rule in ingress.spec.rules or ():
            for name in self._names(ingress, rule, aliases):
                for found in rule.http.paths or () if rule.http else ():
                    self._path(ingress, given, name, found.backend, found.path, found.path_type)
                if ingress.spec.default_backend and ROOT not in self._sites.get(name, {}):
                    self._path(ingress, given, name, ingress.spec.default_backend, "/", "Default")
        if ingress.spec.default_backend and not ingress.spec.rules:
            self._path(ingress, given, EVERY_HOST, ingress.spec.default_backend, "/", "Default")
        if _flag(given, "from-to-www-redirect"):
            self._www(ingress)

    def _pass(self, ingress: Ingress, given: Annotations) -> None:
        """Whole connections, by name: the backend of the first path."""
        for rule in ingress.spec.rules or ():
            paths = rule.http.paths or () if rule.http else ()
            for name in self._names(ingress, rule, []) if paths else ():
                if not self._is_at_home(ingress, name):
                    note = f"{name} is a host of namespace {self._homes[name]}: not passed on"
                    self._complain(ingress, CONFLICT, note)
                    continue
                try:
                    target = self._target(ingress, paths[0].backend, given)
                except Wrong as wrong:
                    self._complain(ingress, INVALID, f"{name}: {wrong}")
                    continue
                self._passed.setdefault(name, Backend(target, (), "tcp"))

    def _www(self, ingress: Ingress) -> None:
        """The name with www. or without, whichever it does not have itself."""
        taken = {name for one in self._ingresses for name in _hosts(one)}
        for name in {one.lower() for one in _hosts(ingress)}:
            other = name.removeprefix("www.") if name.startswith("www.") else f"www.{name}"
            if "*" in name or other in taken or name not in self._sites:
                continue
            backend = Backend(None, (Host(host(name)),))
            entry = Entry(*ROOT, (Share(backend),), (), (), key(ingress.metadata))
            self._sites.setdefault(other, {}).setdefault(ROOT, entry)

    def _aliases(self, ingress: Ingress, given: Annotations) -> list[str]:
        try:
            return [host(name) for name in given.listed("server-alias")]
        except Wrong as wrong:
            self._complain(ingress, INVALID, f"server-alias: {wrong}")
            return []

    def _names(self, ingress: Ingress, rule: Rule, aliases: list[str]) -> list[str]:
        try:
            return [host(rule.host) if rule.host else EVERY_HOST, *aliases]
        except Wrong as wrong:
            self._complain(ingress, INVALID, str(wrong))
            return []

    def _path(
        self,
        ingress: Ingress,
        given: Annotations,
        name: str,
        to: IngressBackend,
        text: str,
        kind: str,
    ) -> None:
        try:
            path = path_of(text, kind, given.flag("use-regex") or bool(_captures(given)))
            backend = self._backend(ingress, given, name, to, path)
        except Wrong as wrong:
            self._complain(ingress, INVALID, f"{name}{text}: {wrong}")
            return
        owner = key(ingress.metadata)
        entry = Entry(path.how, path.text, (Share(backend),), (), (), owner)
        before = self._sites.setdefault(name, {}).setdefault((path.how, path.key), entry)
        if before is not entry and kind != "Default":
            note = f"{name}{text} is of the older Ingress {before.owner}"
            if before.owner != owner:
                self._complain(ingress, CONFLICT, note)

    def _backend(
        self, ingress: Ingress, given: Annotations, name: str, to: IngressBackend, path: Path
    ) -> Backend:
        read_ = self._policy(ingress, given, name, path)
        if read_.answers:
            return Backend(None, read_.policy, "http", read_.problem)
        return Backend(
            self._target(ingress, to, given), read_.policy, read_.protocol, read_.problem
        )

    def _policy(self, ingress: Ingress, given: Annotations, name: str, path: Path) -> Read:
        namespace = ingress.metadata.namespace
        asking = Asking(
            namespace,
            name,
            self._has_tls(namespace, name),
            path.text,
            path.how,
            lambda secret: self._secret(namespace, secret),
            lambda name: self._config_map(namespace, name),
            lambda name: self._first_port(namespace, name),
        )
        found = read(given, asking)
        for note in found.notes:
            self._complain(ingress, INVALID, note)
        return found

    def _say_what_does_not_carry_over(self, ingress: Ingress, given: Annotations) -> None:
        for found in findings(given.all):
            if found.carries == "no":
                note = f"annotation {found.annotation}: {found.why}"
                self._complain(ingress, "NotCarried", note)

    def _target(self, ingress: Ingress, to: IngressBackend, given: Annotations) -> Target:
        if to.service is None:
            kind = to.resource.kind if to.resource else "nothing"
            raise Wrong(f"a backend that is a Service is needed, not {kind}")
        port = to.service.port.name or to.service.port.number
        target = Target(
            ingress.metadata.namespace, to.service.name, port, given.flag("service-upstream")
        )
        service = self._state.services.get(f"{target.namespace}/{target.service}")
        if service is None:
            self._complain(ingress, MISSING, f"there is no Service {target.service}")
        elif port_of(service, port) is None:
            self._complain(ingress, MISSING, f"Service {target.service} has no port {port}")
        return target

    def _has_tls(self, namespace: str, name: str) -> bool:
        """A wildcard's certificate says nothing of hosts of other namespaces."""
        if name in self._certificates:
            return True
        owner, _ = self._certificates.get(f"*.{name.partition('.')[2]}", ("", None))
        return owner.partition("/")[0] == namespace

    def _secret(self, namespace: str, name: str) -> Secret:
        self._state.used_secrets.add(f"{namespace}/{name}")
        found = self._state.secrets.get(f"{namespace}/{name}")
        if found is None:
            raise Wrong(f"there is no Secret {name} in namespace {namespace}")
        return found

    def _config_map(self, namespace: str, name: str) -> ConfigMap:
        found = self._state.config_maps.get(f"{namespace}/{name}")
        if found is None:
            raise Wrong(f"there is no ConfigMap {name} in namespace {namespace}")
        return found

    def _first_port(self, namespace: str, name: str) -> int:
        found = self._state.services.get(f"{namespace}/{name}")
        if found is None or not found.spec.ports:
            raise Wrong(f"there is no Service {name} with a port in namespace {namespace}")
        return found.spec.ports[0].port

    def _canary(self, ingress: Ingress, given: Annotations) -> None:
        """Where its paths are somebody's already, it gets some of the requests."""
        for rule in ingress.spec.rules or ():
            for name in self._names(ingress, rule, []):
                for found in rule.http.paths or () if rule.http else ():
                    try:
                        path = path_of(found.path, found.path_type, given.flag("use-regex"))
                        of = self._sites.get(name, {}).get((path.how, path.key))
                        if of is None:
                            raise Wrong("a canary has to have the path of another Ingress")
                        if of.owner.partition("/")[0] != ingress.metadata.namespace:
                            raise Wrong(f"a canary of {of.owner}, which is in another namespace")
                        main = of.shares[0].backend
                        target = self._target(ingress, found.backend, given)
                        other = Backend(target, main.policy, main.protocol, main.problem)
                        entries = [*canary.entries(given, of, other)]
                    except Wrong as wrong:
                        self._complain(ingress, INVALID, f"{name}{found.path}: {wrong}")
                        continue
                    self._add(name, path.key, entries)

    def _add(self, name: str, path: str, entries: Iterable[Entry]) -> None:
        for entry in entries:
            at = path if not entry.conditions else f"{path} {entry.rank}"
            self._sites[name][(entry.how, at)] = entry


def _homes(ingresses: list[Ingress]) -> dict[str, str]:
    """The namespace of the oldest Ingress with rules for a host, by host."""
    homes: dict[str, str] = {}
    for ingress in ingresses:
        for name in _hosts(ingress):
            homes.setdefault(name.lower(), ingress.metadata.namespace)
    return homes


def _flag(given: Annotations, key: str) -> bool:
    return given.all.get(key, "").strip().lower() == "true"


def _captures(given: Annotations) -> bool:
    """A rewrite that takes up parts of the path: then it is a regular expression."""
    return "$" in given.all.get("rewrite-target", "")


def _hosts(ingress: Ingress) -> list[str]:
    return [rule.host for rule in ingress.spec.rules or () if rule.host]
