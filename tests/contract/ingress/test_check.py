"""`polpo ingress check`, as somebody who comes from ingress-nginx runs it."""

import asyncio
import sys
from pathlib import Path

from polpo.testing.ingress import App
from polpo.testing.kubernetes.api_server import ApiServer
from polpo.testing.kubernetes.ingresses import ingress


async def test_it_says_which_annotations_do_not_carry_over_and_why(
    api: ApiServer, applications: dict[str, App], tmp_path: Path
) -> None:
    of = {"server_snippet": "x", "rewrite_target": "/a", "proxy_buffering": "on", "afinity": "y"}
    api.put(ingress("a", "a.example.com/ -> tea:80", nginx=of, of="nginx"))
    api.put(ingress("b", "b.example.com/ -> tea:80", nginx={"auth_snippet": "x"}))
    status, said = await check(api, tmp_path, "--class", "nginx", "--all")
    assert status == 1
    assert "default/a  server-snippet  no: raw configuration" in said
    assert "default/a  afinity  no: nobody knows it; affinity?" in said
    assert "default/a  proxy-buffering  harmless" in said
    assert "default/b" not in said
    assert "1 annotations carry over, 1 need nothing, 2 things do not carry over" in said


async def test_nothing_wrong_is_success_and_no_cluster_is_said(
    api: ApiServer, applications: dict[str, App], tmp_path: Path
) -> None:
    api.put(ingress("a", "a.example.com/ -> tea:80", nginx={"app_root": "/x"}))
    assert (await check(api, tmp_path))[0] == 0
    await api.stop()
    assert (await check(api, tmp_path))[0] == 2


async def check(api: ApiServer, folder: Path, *words: str) -> tuple[int, str]:
    file = folder / "kubeconfig"
    file.write_text(
        "{current-context: x, contexts: [{name: x, context: {cluster: x}}],"
        f" clusters: [{{name: x, cluster: {{server: '{api.address}'}}}}]}}"
    )
    command = [str(Path(sys.executable).parent / "polpo"), "ingress", "check"]
    process = await asyncio.create_subprocess_exec(
        *command, "--kubeconfig", str(file), *words, stdout=-1, stderr=-2
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()
