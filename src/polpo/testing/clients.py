"""Machines that configure themselves: a namespace on a port, and the DHCP clients of the world.

To the agent the port is a tap that somebody else made, as a virtual machine's is; behind it is a
namespace, whose kernel and clients do what a guest's would. What clients learn goes to a file and
to the namespace, never to the machine's own /etc.
"""

import shlex
import subprocess
from pathlib import Path

from polpo.target import rows
from polpo.testing.hosts import PREFIX, HostUnderTest, inside, sh

SCRIPT = """#!/bin/sh
case "${{reason:-$1}}" in
*BOUND*|*REBOOT*|*RENEW*|*REBIND*|*INFORM*|bound|renew) env | sort > {said} ;;
esac
"""


class Machine:
    """Made with its port unplugged; its device is up, and asks nothing by itself."""

    def __init__(self, host: HostUnderTest, port: rows.Port, folder: Path) -> None:
        self.host, self.port, self.folder = host, port, folder
        number = int(port.id.partition("-")[0], 16)
        self.netns, self.tap = f"{PREFIX}m{number}", f"tap{number}"
        folder.mkdir(parents=True, exist_ok=True)
        self.said, self.script = folder / "said", folder / "script"
        self.script.write_text(SCRIPT.format(said=self.said))
        self.script.chmod(0o755)

    def make(self) -> None:
        sh(f"ip netns add {self.netns}")
        sh(f"ip -n {self.host.netns} link add {self.tap} type veth peer name eth0")
        sh(f"ip -n {self.host.netns} link set {self.tap} addrgenmode none")
        sh(f"ip -n {self.host.netns} link set eth0 netns {self.netns}")
        self.run("sysctl -qw net.ipv6.conf.eth0.accept_ra=0 net.ipv6.conf.eth0.accept_dad=0")
        sh(f"ip -n {self.netns} link set eth0 address {self.port.mac} up")
        sh(f"ip -n {self.netns} link set lo up")

    async def plug(self) -> None:
        answer = await self.host.ask(do="plug", port=self.port.id, tap=self.tap)
        assert answer["ok"], f"{answer}\n{self.host.log.read_text()[-3000:]}"

    async def remove(self) -> None:
        await self.host.ask(do="unplug", port=self.port.id)
        sh(f"ip netns delete {self.netns}")

    def run(self, command: str) -> str:
        return inside(self.netns, command)

    def listens_to_routers(self) -> None:
        """The kernel's own client: it solicits when its device comes up."""
        self.run("sysctl -qw net.ipv6.conf.eth0.accept_ra=1")
        sh(f"ip -n {self.netns} link set eth0 down")
        sh(f"ip -n {self.netns} link set eth0 up")

    def dhclient(self, *options: str) -> dict[str, str]:
        """ISC's client; what its script is told."""
        lease, pid = self.folder / "leases", self.folder / "pid"
        lease.touch()
        files = f"-sf {self.script} -lf {lease} -pf {pid} -cf {self._configuration()}"
        self._client(f"dhclient -1 -v {' '.join(options)} {files} eth0")
        self._client(f"dhclient -x {' '.join(options)} {files} eth0")
        return self._told()

    def udhcpc(self, *options: str) -> dict[str, str]:
        """busybox's client."""
        words = " ".join(options)
        self._client(f"udhcpc -i eth0 -f -n -q -t 30 -T 1 -s {self.script} {words}")
        return self._told()

    def dhcpcd(self, *options: str) -> dict[str, str]:
        """The client that configures addresses and routes by itself."""
        words = " ".join(options)
        self._client(f"dhcpcd -1 -B -t 20 -f /dev/null -c {self.script} {words} eth0")
        return self._told()

    def _configuration(self) -> Path:
        """All that Debian asks for."""
        path = self.folder / "dhclient.conf"
        path.write_text(
            "option rfc3442-classless-static-routes code 121 = array of unsigned integer 8;\n"
            "request subnet-mask, broadcast-address, routers, domain-name, domain-name-servers,\n"
            "  host-name, interface-mtu, rfc3442-classless-static-routes, ntp-servers,\n"
            "  dhcp6.name-servers, dhcp6.domain-search;\ntimeout 20;\n"
        )
        return path

    def _client(self, command: str) -> None:
        enter = ["nsenter", f"--net=/run/netns/{self.netns}"]
        done = subprocess.run(
            [*enter, *shlex.split(command)], capture_output=True, text=True, check=False, timeout=60
        )
        log = self.host.log.read_text()[-2000:]
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}\n{log}"

    def _told(self) -> dict[str, str]:
        """The environment of the script when the client was last bound."""
        lines = self.said.read_text().splitlines()
        return dict(line.partition("=")[::2] for line in lines if "=" in line)
