"""The options of `polpo cluster create`, with their words for --help."""

from typing import Annotated

from cyclopts import Parameter

Cidrs = tuple[str, ...]


def _option(words: str) -> Parameter:
    return Parameter(help=words, negative=())


Masters = Annotated[int, _option("1, 3 or 5.")]
Workers = Annotated[int, _option("Ports of this many more nodes.")]
NodeCidr = Annotated[str, _option("Of the nodes' network.")]
PodCidrs = Annotated[Cidrs, _option("Of the pods' network; once a family.")]
ServiceCidrs = Annotated[
    Cidrs,
    _option(
        "Prefix of ClusterIPs, as kube-apiserver's --service-cluster-ip-range; once a family. "
        "With --masters 10.254.0.0/16."
    ),
]
SshCidr = Annotated[
    str,
    _option("Who may log in to the masters; without it only who is in the nodes' network."),
]
Outside = Annotated[str, _option("The external network, id or name, where there are several.")]
Internal = Annotated[bool, _option("The API has no address outside.")]
Network = Annotated[str, _option("Of its pods: id or name.")]
Router = Annotated[str, _option("By which they reach Services and the outside: id or name.")]
Groups = Annotated[
    tuple[str, ...],
    _option(
        "Of pods that no policy selects: id or name; more than once for several. Without it a "
        "group NAME-pods is made that lets everything pass, as Kubernetes has it."
    ),
]
Policies = Annotated[
    bool,
    _option(
        "Pods are in the groups that NetworkPolicies come to, and in no others: nothing passes to "
        "or from a pod until `polpo policy --cluster NAME` runs."
    ),
]
