"""`polpo ingress` as a program, with Kubernetes' own API server and clients that people have."""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest
import websockets
import yaml

from polpo.ingress.objects import INGRESS_CLASSES, INGRESSES
from polpo.kube.api import Api
from polpo.kube.client import Client
from polpo.kube.events import EVENTS, Event
from polpo.kube.resources import ENDPOINT_SLICES, SECRETS, SERVICES, Resource
from polpo.manifests import Values, render
from polpo.testing import free
from polpo.testing.ingress import App, certificate
from polpo.testing.kubernetes.ingresses import ingress, ingress_class, tls_secret
from polpo.testing.kubernetes.objects import Object, endpoints, service
from polpo.testing.kubernetes.real import RealApiServer, running

HERE = "10.88.7.1"  # the API server takes no loopback addresses for endpoints
CAFE = "cafe.example.com"
KINDS: dict[str, Resource] = {  # type: ignore[type-arg]
    "Ingress": INGRESSES,
    "IngressClass": INGRESS_CLASSES,
    "Secret": SECRETS,
    "Service": SERVICES,
    "EndpointSlice": ENDPOINT_SLICES,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealApiServer]:
    subprocess.run(["ip", "address", "replace", f"{HERE}/32", "dev", "lo"], check=True)
    with running(tmp_path_factory.mktemp("kubernetes")) as found:
        if found is None:
            pytest.skip("kube-apiserver is not here: tools/kubernetes/programs kube-apiserver")
        yield found
    subprocess.run(["ip", "address", "delete", f"{HERE}/32", "dev", "lo"], check=True)


@pytest.fixture
async def client(server: RealApiServer) -> AsyncIterator[Client]:
    made = Client(server.cluster)
    yield made
    await made.close()


class Program:
    """`polpo ingress`; `http` and `https` are its ports."""

    def __init__(self, server: RealApiServer, folder: Path) -> None:
        self.http, self.https, metrics = free.port(), free.port(), free.port()
        self._folder = folder
        config = folder / "kubeconfig"
        config.write_text(yaml.safe_dump(_kubeconfig(server)))
        self._words = [
            str(Path(sys.executable).parent / "polpo"),
            "ingress",
            f"--kubeconfig={config}",
            f"--http-port={self.http}",
            f"--https-port={self.https}",
            f"--metrics-port={metrics}",
            "--publish-status-address=192.0.2.7",
            "--proxy-protocol-from=10.88.7.1/32",
            "--trust-forwarded-from=127.0.0.2",
            f"--place={folder / 'haproxy'}",
            "--threads=1",
            "--grace=0",
            "--lease-namespace=polpo-ingress",
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._words, stdout=log, stderr=log)

    def kill(self) -> None:
        """It alone: HAProxy goes on."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait()


RIGHTS = {"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "Namespace"}


async def _allow(server: RealApiServer) -> None:
    """What users apply, but for who it is that may."""
    client = Client(server.cluster)
    text = render("ingress", Values(cluster="x", image="x", api_host="x", dns_address="x"))
    for one in yaml.safe_load_all(text):
        if one["kind"] not in RIGHTS:
            continue
        if "subjects" in one:
            user = {"kind": "User", "name": "polpo-ingress"}
            one["subjects"] = [user | {"apiGroup": "rbac.authorization.k8s.io"}]
        group, version = one["apiVersion"].rpartition("/")[::2]
        plural = f"{one['kind'].lower()}s"
        kind: Resource[Any] = Resource(group, version, plural, one["kind"], Event)
        await Api(client, "test").apply(kind, one, force=True)
    await client.close()


@pytest.fixture(scope="module")
def program(server: RealApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    asyncio.run(_allow(server))
    made = Program(server, tmp_path_factory.mktemp("ingress"))
    made.start()
    yield made
    made.stop()


def _kubeconfig(server: RealApiServer) -> dict[str, object]:
    certificate, key = server.issue("polpo-ingress")
    authority = server.cluster.ca_file
    of = {"server": server.cluster.server, "certificate-authority": authority}
    user = {"client-certificate": str(certificate), "client-key": str(key)}
    return {
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "clusters": [{"name": "x", "cluster": of}],
        "users": [{"name": "x", "user": user}],
    }


async def put(client: Client, *objects: Object) -> None:
    api = Api(client, "test")
    for one in objects:
        given = json.loads(json.dumps(one))
        given["metadata"].pop("creationTimestamp", None)
        await api.apply(KINDS[one["kind"]], given, force=True)


def app(name: str, port: int, **of: object) -> list[Object]:
    made = service(name, ports="http:tcp:80")
    slices = endpoints(f"{name}-1", name, ports=f"http:tcp:{port}", addresses=[HERE])
    return [made | of, slices]


@pytest.fixture
async def cafe(client: Client, program: Program) -> AsyncIterator[App]:
    """The application, behind https://cafe.example.com and http://plain.example.com."""
    made = App("tea", HERE)
    await put(client, ingress_class(), tls_secret("cafe", CAFE), *app("tea", made.port))
    await put(client, ingress("cafe", f"{CAFE}/ -> tea:80", tls={"cafe": [CAFE]}))
    await put(client, ingress("plain", "plain.example.com/ -> tea:80"))
    await curl_until(program, "https://cafe.example.com/", '"app": "tea"')
    await curl_until(program, "http://plain.example.com/", '"app": "tea"')
    yield made
    made.close()


async def curl(program: Program, url: str, *words: str, of: str = "127.0.0.1") -> str:
    to = [f"::{of}:{program.http if url.startswith('http:') else program.https}"]
    command = ["curl", "-sk", "-m", "20", "--connect-to", *to, *words, url]
    process = await asyncio.create_subprocess_exec(*command, stdout=-1)
    said, _ = await process.communicate()
    return said.decode()


async def curl_until(program: Program, url: str, wanted: str, *words: str) -> str:
    async with asyncio.timeout(90):
        while True:
            said = await curl(program, url, *words)
            if wanted in said:
                return said
            await asyncio.sleep(0.1)


async def test_curl_gets_http_2_and_the_status_has_the_address(
    client: Client, program: Program, cafe: App
) -> None:
    said = await curl(program, f"https://{CAFE}/tea", "-o", "/dev/null", "-w", "%{http_version}")
    assert said == "2"
    async with asyncio.timeout(60):
        while True:
            found = await Api(client).get(INGRESSES, "cafe", "default")
            if found is not None and found.status.load_balancer.ingress:
                break
            await asyncio.sleep(0.1)
    assert found.status.load_balancer.ingress[0].ip == "192.0.2.7"


async def test_the_client_is_known_behind_both_sorts_of_load_balancers(
    program: Program, cafe: App
) -> None:
    by_tcp = ("--haproxy-protocol", "--interface", HERE)
    seen = json.loads(await curl(program, "http://plain.example.com/", *by_tcp, of=HERE))
    assert seen["headers"]["x-forwarded-for"] == HERE  # what curl has written into the header
    given = ("-H", "X-Forwarded-For: 6.6.6.6, 203.0.113.9", "-H", "X-Forwarded-Proto: https")
    by_http = (*given, "--interface", "127.0.0.2")
    seen = json.loads(await curl(program, "http://plain.example.com/", *by_http))
    assert seen["headers"]["x-real-ip"] == "203.0.113.9"
    assert seen["headers"]["x-forwarded-proto"] == "https"
    seen = json.loads(await curl(program, "http://plain.example.com/", *given))
    assert seen["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert seen["headers"]["x-forwarded-proto"] == "http"


async def test_openssl_is_shown_the_certificate_of_the_name(program: Program, cafe: App) -> None:
    for name, wanted in ((CAFE, f"CN = {CAFE}"), ("other.example.com", "no certificate")):
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{program.https}"]
        process = await asyncio.create_subprocess_exec(
            *command, "-servername", name, stdin=-3, stdout=-1, stderr=-2
        )
        said, _ = await process.communicate()
        assert wanted in said.decode()


async def test_h2load_asks_many_at_once_and_none_fails(program: Program, cafe: App) -> None:
    to = f"--connect-to=127.0.0.1:{program.https}"
    command = ["h2load", "-n", "400", "-c", "4", "-m", "10", to, f"https://{CAFE}/"]
    process = await asyncio.create_subprocess_exec(*command, stdout=-1)
    said, _ = await process.communicate()
    assert "400 succeeded, 0 failed, 0 errored" in said.decode()


async def test_a_websocket_outlives_a_reload(client: Client, program: Program, cafe: App) -> None:
    async def echo(link: websockets.ServerConnection) -> None:
        async for message in link:
            await link.send(message)

    async with websockets.serve(echo, HERE, 0) as talking:
        port = next(iter(talking.sockets)).getsockname()[1]
        await put(client, *app("talk", port))
        await put(client, ingress("talk", "talk.example.com/ -> talk:80"))
        await curl_until(program, "http://talk.example.com/", "WebSocket")
        url = "ws://talk.example.com/"
        async with websockets.connect(url, host="127.0.0.1", port=program.http) as link:
            await link.send("one")
            assert await link.recv() == "one"
            root = ingress("root", "root.example.com/ -> talk:80", nginx={"app_root": "/x"})
            await put(client, root)
            await curl_until(program, "http://root.example.com/", "302", "-w", "%{http_code}")
            await link.send("two")
            assert await link.recv() == "two"


async def test_grpc_is_spoken_end_to_end(client: Client, program: Program, cafe: App) -> None:
    class Echo(grpc.GenericRpcHandler):
        def service(self, call: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes]":
            def answer(asked: bytes, context: grpc.ServicerContext) -> bytes:
                return asked[::-1]

            return grpc.unary_unary_rpc_method_handler(answer)

    talking = grpc.server(futures.ThreadPoolExecutor(2))
    talking.add_generic_rpc_handlers((Echo(),))
    port = talking.add_insecure_port(f"{HERE}:0")
    talking.start()
    try:
        await put(client, *app("echo", port))
        of = {"backend_protocol": "GRPC"}
        await put(client, ingress("echo", f"{CAFE}/test.Echo -> echo:80", nginx=of))
        shown = await asyncio.to_thread(certificate, program.https, CAFE)
        trusted = grpc.ssl_channel_credentials(shown.encode())
        options = (("grpc.ssl_target_name_override", CAFE), ("grpc.default_authority", CAFE))
        async with grpc.aio.secure_channel(
            f"127.0.0.1:{program.https}", trusted, options
        ) as channel:
            ask: Any = channel.unary_unary("/test.Echo/Reverse")
            async with asyncio.timeout(60):
                while True:
                    with contextlib.suppress(grpc.aio.AioRpcError):
                        assert await ask(b"abc") == b"cba"
                        return
                    await asyncio.sleep(0.1)
    finally:
        talking.stop(None)


async def test_haproxy_goes_on_without_us_and_the_next_of_us_takes_it_over(
    client: Client, program: Program, cafe: App
) -> None:
    program.kill()
    assert '"app": "tea"' in await curl(program, "http://plain.example.com/")
    await put(client, ingress("later", "later.example.com/ -> tea:80"))
    program.start()
    await curl_until(program, "http://later.example.com/", '"app": "tea"')


async def test_a_wrong_ingress_has_an_event(client: Client, program: Program, cafe: App) -> None:
    await put(client, ingress("wrong", "w.example.com/ -> tea:80", nginx={"app_root": "no path"}))
    async with asyncio.timeout(60):
        while True:
            body = json.loads(await client.call("GET", EVENTS.path()))
            notes = [x["note"] for x in body["items"] if x["regarding"]["name"] == "wrong"]
            if any("app-root" in note for note in notes):
                return
            await asyncio.sleep(0.1)
