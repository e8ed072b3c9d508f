"""How a restarted agent, with no memory, knows each kernel object as its own.

| object | known by |
|---|---|
| veth pair of a port | host end named `pp` + 11 hex of the port id, in link group 28783 |
| tap of a port | named in plugs.json; removed only if it says that we created it |
| namespace of a workload | named in plugs.json; made and removed only if we created it |
| VXLAN device | named `polpo0`, in link group 28783 |
| filter | cls_bpf on one of the devices above, at preference 28783, named `polpo-...` |
| filter of a way in | the same, at devices of the host's own (`guest_devices`, `lo`), both sides |
| clsact qdisc | shared; removed with the device, or when its last filter was ours |
| namespace of a gateway or load balancer | named `polpo-<host>-<number>`, in plugs.json |
| pair that leads to the metadata service | `polpo-md`, in link group 28783 |
| namespace of the metadata service | named `polpo-<name of runtime_dir>-metadata` |
| host's own namespace, by a name | `polpo-<name of runtime_dir>-host`: the name is ours, no more |
| all that is in these | within such a namespace: devices, rules, addresses, all is ours |
| VLAN device of an uplink | named `pv<vlan>-<uplink's index>`, in link group 28783 |
| keepalived, HAProxy | pid files in <runtime_dir>/gateways or balancers, and command lines |
| cgroup of a load balancer's instance | in `polpo/`, named as its namespace |
| address, route in a workload | protocol 112, on the device of a plug |
| BPF maps and programs | pinned in the agent's own bpffs |

The group is set in the request that makes a device, so that there is no moment between.
What is not in this table is never changed and never removed.
"""

import re
from pathlib import Path

from polpo.kernel.links import Link

GROUP = 28783  # "po"
TUNNEL = "polpo0"
PREFERENCE = GROUP
FILTER_HANDLE = 1
METADATA = "polpo-md"
TRANSIT, EXTERNAL = "transit0", "external0"
FRONT = "eth0"
_HOST_END = re.compile(r"pp[0-9a-f]{11}")
_VLAN = re.compile(r"pv[0-9]{1,4}-[0-9]+")


def host_end(port: str) -> str:
    """The name of a port's veth on the host: 13 characters, of 15 that Linux allows."""
    return "pp" + port.replace("-", "").lower()[:11]


def alias(port: str) -> str:
    """What `ip link` shows a reader of our device."""
    return f"polpo:{port}"


def function_netns(host: str, vni: int) -> str:
    """The namespace of a network function on a host; hosts may share one /run/netns (the lab)."""
    return f"polpo-{host}-{vni}"


def back(port: str) -> str:
    """The device of a load balancer's instance in a network where members are."""
    return "b" + port.replace("-", "").lower()[:12]


def metadata_netns(runtime: Path) -> str:
    """The namespace of an agent's metadata service: one for each runtime directory."""
    return f"polpo-{runtime.name}-metadata"


def own_netns(runtime: Path) -> str:
    """The name by which an agent plugs ports into its host's own namespace."""
    return f"polpo-{runtime.name}-host"


def vlan_device(uplink: int, vlan: int) -> str:
    """The name of our VLAN device on the uplink with this index."""
    return f"pv{vlan}-{uplink}"


def is_vlan_device(link: Link) -> bool:
    return link.kind == "vlan" and link.group == GROUP and bool(_VLAN.fullmatch(link.name))


def is_host_end(link: Link) -> bool:
    return link.kind == "veth" and link.group == GROUP and bool(_HOST_END.fullmatch(link.name))


def is_tunnel(link: Link) -> bool:
    return link.name == TUNNEL and link.group == GROUP


def is_metadata(link: Link) -> bool:
    return link.name == METADATA and link.kind == "veth" and link.group == GROUP


def is_the_switchs(link: Link) -> bool:
    """One at which the switch has a program; taps, which others have named, come to these."""
    return is_host_end(link) or is_tunnel(link) or is_metadata(link)


def is_filter(preference: int, name: str) -> bool:
    return preference == PREFERENCE and name.startswith("polpo-")
