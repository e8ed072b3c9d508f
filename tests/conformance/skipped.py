"""What is not run of upstream's tests, by regular expression, and why."""

SKIPPED = {
    r"\[Serial\]": "they change whole nodes, one at a time",
    r"\[Disruptive\]": "they restart kube-proxy and the API server as GCE's scripts would",
    r"\[Provider:GCE\]": "Google's name server",
    r"Feature:Ingress\]|PerformanceDNS": "serial, see above",
    r"KubeProxy|check kube-proxy urls": "kube-proxy's own metrics, paths and conntrack settings",
    r"invalid conntrack state bug": "wants the image of a server written for a bug of conntrack",
    r"evicted pods": "wants limits of local storage, which kubelet has not in the lab",
    r"configurable pod resolv.conf": "wants CoreDNS in agnhost's image",
    r"Networking-(IPv4|IPv6|DNS)": "want the Internet",
    r"Networking-Performance": "wants iperf2",
    r"SCTPConnectivity": "not carried by Services",
    r"HealthCheckNodePort correctly when ExternalTrafficPolicy changes": "wants a node that asks "
    "its own node port to be seen, on another node, by its InternalIP: pods see its address "
    "among the pods",
}
