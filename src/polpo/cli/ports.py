"""`polpo plug` and `polpo unplug`: what gives a workload its port."""

from typing import Annotated

from cyclopts import Parameter

from polpo.cli.finding import find_port, is_id, session_of
from polpo.cli.output import console, print_json
from polpo.client.agent import AgentError, AgentSocket, local_agents


def plug(
    port: str,
    *,
    netns: str = "",
    tap: str = "",
    device: str = "eth0",
    host: str = "",
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """Plug a port into a namespace (made if it is not there) or a virtual machine's tap.

    Parameters
    ----------
    port
        Its id, or its name in the project of $OS_CLOUD.
    netns
        Namespace of /run/netns that gets a device with the port's MAC and addresses.
    tap
        Tap device that becomes the port; made if it is not there.
    device
        Name of the device in the namespace.
    host
        Which of this machine's agents, where there are several (the lab).
    """
    found = _find_port(port)
    agent = _choose_agent(found, host)
    plugged = agent.plug(found, netns=netns, tap=tap, device=device)
    if as_json:
        print_json(plugged | {"host": agent.host})
        return
    addresses = ", ".join(lease["address"] for lease in plugged["leases"]) or "no address"
    place = f"{plugged['device']} in namespace {netns}" if netns else f"tap {tap}"
    console.print(f"port {found} is {place} on {agent.host}: {addresses}", soft_wrap=True)


def unplug(port: str, *, host: str = "") -> None:
    """Take a port out of what it was plugged into.

    Parameters
    ----------
    port
        Its id, or its name in the project of $OS_CLOUD.
    host
        Which of this machine's agents, where there are several (the lab).
    """
    found = _find_port(port)
    _choose_agent(found, host).unplug(found)
    console.print(f"port {found} is unplugged")


def _find_port(port: str) -> str:
    """The id. An id is taken as it is: agents go on without a controller, and so can plugging."""
    if is_id(port):
        return port
    return find_port(session_of(), port)


def _choose_agent(port: str, host: str) -> AgentSocket:
    """The one asked for; else the one that has the port; else the first (often the only) one."""
    agents = local_agents()
    if not agents:
        raise AgentError("no agent runs on this machine: start it with `polpo agent --config FILE`")
    if not host:
        return next((a for a in agents if port in a.status().get("ports", ())), agents[0])
    for agent in agents:
        if host in (agent.host, agent.host.rpartition("-")[2]):
            return agent
    known = ", ".join(agent.host for agent in agents)
    raise AgentError(f"no agent of host {host} runs on this machine (there are: {known})")
