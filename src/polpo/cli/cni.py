"""`polpo cni`: the plugin by which container runtimes get ports for pods."""

from pathlib import Path

from cyclopts import App

from polpo.cli.output import console

app = App(name="cni", help="The CNI plugin: install.")


@app.command
def install(
    *,
    cluster: str,
    socket: Path | None = None,
    bin_dir: Path = Path("/opt/cni/bin"),
    conf_dir: Path = Path("/etc/cni/net.d"),
    interpreter: str = "",
) -> None:
    """Write the plugin and its configuration where the container runtime looks for them.

    Parameters
    ----------
    cluster
        The cluster's name, as in `clusters` of the agent's configuration.
    socket
        The agent's cni.sock; without it that of the only agent of this machine.
    bin_dir
        Where the runtime looks for plugins.
    conf_dir
        Where it looks for configurations: the first by name counts.
    interpreter
        Absolute path of a python3; without it the system's.
    """
    from polpo.cni.install import CONFLIST, NAME
    from polpo.cni.install import install as write

    write(bin_dir, conf_dir, cluster, socket or _only_socket(), interpreter)
    console.print(f"plugin {bin_dir / NAME}, configuration {conf_dir / CONFLIST}", soft_wrap=True)


def _only_socket() -> Path:
    from polpo.client.agent import RUNTIME, AgentError

    found = sorted(RUNTIME.glob("*/cni.sock"))
    if len(found) != 1:
        raise AgentError(f"{len(found)} agents of this machine have pods: say which by --socket")
    return found[0]
