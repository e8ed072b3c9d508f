"""What is not run of upstream's tests, by regular expression, and why."""

SKIPPED = {
    r"\[Serial\]": "they change whole nodes, one at a time",
    r"HostPort": "wants the plugin portmap, whose Debian version needs iptables",
}
