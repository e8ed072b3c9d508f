"""Where the API is, from a pod's surroundings and from a kubeconfig."""

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from polpo.kube.configuration import ConfigurationError, from_kubeconfig, in_cluster


def kubeconfig(folder: Path, user: dict[str, Any], **cluster: Any) -> Path:
    path = folder / "config"
    content = {
        "current-context": "here",
        "contexts": [
            {"name": "here", "context": {"cluster": "c", "user": "u"}},
            {"name": "there", "context": {"cluster": "c", "user": "u", "namespace": "far"}},
            {"name": "lost", "context": {"cluster": "nowhere", "user": "u"}},
        ],
        "clusters": [{"name": "c", "cluster": {"server": "https://1.2.3.4:6443"} | cluster}],
        "users": [{"name": "u", "user": user}],
    }
    path.write_text(yaml.safe_dump(content))
    return path


def test_a_pod_finds_its_api_by_two_variables_and_its_account(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n")
    (tmp_path / "namespace").write_text("kube-system")
    environment = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    cluster = in_cluster(environment, tmp_path)
    assert cluster.server == "https://[fd00::1]:443"
    assert cluster.token_file == str(tmp_path / "token")
    assert cluster.ca_file == str(tmp_path / "ca.crt")
    assert cluster.namespace == "kube-system"


def test_out_of_a_cluster_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="endpoint or a kubeconfig"):
        in_cluster({}, tmp_path)
    with pytest.raises(ConfigurationError, match="no service account token"):
        in_cluster({"KUBERNETES_SERVICE_HOST": "h", "KUBERNETES_SERVICE_PORT": "1"}, tmp_path)


def test_a_kubeconfig_has_files_beside_it_and_contents_in_it(tmp_path: Path) -> None:
    data = base64.b64encode(b"PEM").decode()
    path = kubeconfig(
        tmp_path,
        {"client-certificate": "sub/cert.pem", "client-key-data": data},
        **{"certificate-authority-data": data, "tls-server-name": "api"},
    )
    cluster = from_kubeconfig(path)
    assert cluster.server == "https://1.2.3.4:6443"
    assert cluster.certificate_file == str(tmp_path / "sub/cert.pem")
    assert (cluster.key, cluster.ca, cluster.server_name) == (b"PEM", b"PEM", "api")


def test_a_context_may_be_named(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, {"token": "t"})
    assert from_kubeconfig(path).namespace == "default"
    assert from_kubeconfig(path, "there").namespace == "far"


@pytest.mark.parametrize(
    ("user", "context", "words"),
    [
        ({"exec": {"command": "aws"}}, "", "'exec' is not supported"),
        ({"token": "t"}, "other", "no context is named 'other'"),
        ({"token": "t"}, "lost", "no cluster is named 'nowhere'"),
        ({"client-key-data": "%"}, "", "client-key-data is not base64"),
    ],
)
def test_what_is_wrong_with_a_kubeconfig_is_said(
    user: dict[str, Any], context: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        from_kubeconfig(kubeconfig(tmp_path, user), context)


@pytest.mark.parametrize("content", ["[]", "{", "current-context: x", "a: b"])
def test_what_is_no_kubeconfig_is_said(content: str, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=str(path)):
        from_kubeconfig(path)


def test_a_kubeconfig_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        from_kubeconfig(tmp_path / "none")
