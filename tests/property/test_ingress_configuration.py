"""Whatever somebody writes into an Ingress, HAProxy takes the configuration, and nothing of it is
more than a word."""

import subprocess
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polpo.ingress.carrying import KNOWN
from polpo.ingress.composing import Ours, composed
from polpo.ingress.plan import Door
from polpo.ingress.proxy.haproxy import Haproxy
from polpo.ingress.proxy.settings import Settings
from polpo.ingress.table import table
from polpo.testing.kubernetes.ingresses import ingress, ingress_class, secret
from polpo.testing.kubernetes.objects import service
from polpo.testing.routes import state

HOSTILE = ("\n  http-request deny", "'", '"', "%[env(HOME)]", "%%", "\\", "#", "{ }", " if TRUE",
           "\r\nX: y", "$1", "/../", "é", "\u2028", "\x00", "a" * 3000)  # fmt: skip
GOOD = ("true", "false", "5", "1m", "10.0.0.0/8", "cookie", "/x", "/$1", "https://x.example/",
        "basic", "users", "GRPC", "HTTPS", "on", "optional", "*", "X-A, X-B", "x.example",
        "$request_uri", "error timeout", "default/users", "ewma")  # fmt: skip
texts = st.one_of(
    st.sampled_from(GOOD),
    st.sampled_from(HOSTILE),
    st.lists(st.sampled_from(HOSTILE + GOOD), min_size=1, max_size=3).map("".join),
    st.text(max_size=30),
)
annotations = st.dictionaries(st.sampled_from(sorted(KNOWN)), texts, max_size=6)
paths = st.one_of(st.just("/"), texts.map(lambda text: f"/{text}"))
hosts = st.one_of(st.just("x.example"), st.just("*.x.example"), texts)
Written = tuple[str, str, str, dict[str, str]]
SERVICES = (service("tea", ports="http:tcp:80"), secret("users", auth="a:$5$salt$hash"))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(hosts, paths, st.sampled_from("=~-"), annotations), max_size=4))
def test_haproxy_takes_what_it_comes_to(
    written: list[tuple[str, str, str, dict[str, str]]],
) -> None:
    ingresses = []
    for number, (host, path, kind, nginx) in enumerate(written):
        made = ingress(f"i{number}", "h/ -> tea:80", nginx=nginx)
        made["spec"]["rules"][0]["host"] = host
        found = made["spec"]["rules"][0]["http"]["paths"][0]
        found["path"] = path
        found["pathType"] = {"=": "Exact", "~": "ImplementationSpecific"}.get(kind, "Prefix")
        ingresses.append(made)
    cluster = state(ingress_class(), *SERVICES, *ingresses)
    plan = composed(cluster, Ours(doors=(Door("http", 1080), Door("https", 1443, True)))).plan
    made_table = table(plan)
    placed = {
        name: cluster.servers(backend.target, None)
        for name, backend in made_table.backends.items()
        if backend.target
    }
    with tempfile.TemporaryDirectory() as folder:
        haproxy = Haproxy(Settings(place=Path(folder), threads=1))
        haproxy.write(plan, made_table, placed)  # checks it
        text = Path(folder, "haproxy.cfg").read_text()
    heads = {line.split()[0] for line in text.splitlines() if line[:1].strip()}
    assert heads <= {"global", "defaults", "frontend", "backend", "userlist"}


def test_haproxy_is_here() -> None:
    assert subprocess.run(["haproxy", "-v"], capture_output=True, check=False).returncode == 0
