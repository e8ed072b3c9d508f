"""What `make up` proves, each with real packets and its figure."""

import time
from collections.abc import Callable

import msgspec

from polpo.lab import balancer, probes
from polpo.lab.balancer import Balancer
from polpo.lab.command import attempt, inside, run
from polpo.lab.layout import Lab
from polpo.lab.outside import SUBNETS
from polpo.lab.tenants import WORKLOADS

WORLD = SUBNETS["203.0.113.0/24"]
GOES_ON_S = 2.0  # the figure says how well; nobody who takes over would be more
FLOATING = next(workload.floating for workload in WORKLOADS if workload.floating)


class Check(msgspec.Struct, frozen=True):
    """`what` was to be so; `passed` says whether it was, `figure` what was measured."""

    what: str
    passed: bool
    figure: str


class Proof(msgspec.Struct, frozen=True):
    """What checks need: the lab, its drop counters, and how an agent is killed and begun again.

    drops(host)    packets dropped on the host so far, by reason
    kill(host)     kill -9 its agent
    revive(host)   start it again and wait until it has converged
    gateway()      host where the gateway of project polpo's router is active
    cut(host)      take it off the underlay and the outside
    mend(host)     put it back, and wait until it has converged
    make_balancer()   a new load balancer of project polpo, asked for
    await_balancer(b)  until the API says that it is ACTIVE
    find_balancer()   the one that was made
    kill_balancer(b)  kill -9 the HAProxy of its active instance; on which host
    """

    lab: Lab
    drops: Callable[[str], dict[str, int]]
    kill: Callable[[str], None]
    revive: Callable[[str], None]
    gateway: Callable[[], str]
    cut: Callable[[str], None]
    mend: Callable[[str], None]
    make_balancer: Callable[[], Balancer]
    await_balancer: Callable[[Balancer], None]
    find_balancer: Callable[[], Balancer]
    kill_balancer: Callable[[Balancer], str]

    def at(self, workload: str) -> str:
        return self.lab.netns(workload)

    def dropped(self, host: str, reason: str) -> int:
        return self.drops(host).get(reason, 0)


def same_host(proof: Proof) -> Check:
    return _served(proof, "HTTP between two ports of one host", "client", "10.0.0.11", "web1")


def across_hosts(proof: Proof) -> Check:
    return _served(proof, "HTTP across hosts, IPv4", "client", "10.0.0.12", "web2")


def across_hosts_v6(proof: Proof) -> Check:
    return _served(proof, "HTTP across hosts, IPv6", "client", "fd00:10::12", "web2")


def across_subnets(proof: Proof) -> Check:
    """`app` is in another network on another host; the way there is one router, the sender's."""
    what = "HTTP across subnets, routed on the sender's host"
    served = _served(proof, what, "client", "10.0.1.12", "app")
    pinged = [probes.ping(proof.at("client"), to, count=3) for to in ("10.0.1.12", "fd00:11::12")]
    passed = served.passed and [p.routers for p in pinged] == [1, 1]
    return Check(what, passed, f"{served.figure}, {pinged[0].routers} router on the way")


def snat(proof: Proof) -> Check:
    """Both projects have a 10.0.0.10; the world sees each as its own router."""
    seen = [_seen_outside(proof, who) for who in ("client", "other-client")]
    passed = all(seen) and len({*seen, FLOATING}) == 3
    what = "SNAT to the outside, from the same address in two projects"
    return Check(what, passed, f"seen as {seen[0]} and {seen[1]}")


def floating_ip(proof: Proof) -> Check:
    """From outside to web2, and from web2 to the outside."""
    probes.soon(proof.lab.outside, FLOATING)  # fills caches
    got = probes.get(proof.lab.outside, FLOATING)
    passed = got.text == f"web2 to {WORLD}" and _seen_outside(proof, "web2") == FLOATING
    return Check("a floating IP, both ways", passed, f"{got.took_ms:.1f} ms from outside")


def gateway_lost(proof: Proof) -> Check:
    """The host where the router's gateway is active loses all its cables."""
    host, every_ms = proof.gateway(), 10
    pinging = probes.start_ping(proof.at("client"), WORLD, count=300, interval_s=every_ms / 1000)
    time.sleep(0.5)
    proof.cut(host)
    result = probes.finish(pinging)
    proof.mend(host)
    outage_s = result.lost * every_ms / 1000
    passed = result.received > 0 and outage_s < GOES_ON_S
    what = "the gateway's host is lost, its peer goes on"
    return Check(what, passed, f"{outage_s:.2f} s without an answer ({host})")


def balanced(proof: Proof) -> Check:
    """From the one request that makes it to the first answer through it; then each member's."""
    client, began = proof.at("client"), time.monotonic()
    made = proof.make_balancer()
    while probes.get(client, made.address, patience_s=0.5).text is None:
        if time.monotonic() - began > probes.SOON_S:
            return Check("a load balancer", False, f"no answer within {probes.SOON_S:.0f} s")
    took_s = time.monotonic() - began
    proof.await_balancer(made)
    texts = [probes.get(client, made.address).text or "" for _ in range(4)]
    members = sorted({text.split(" ")[0] for text in texts})
    what = "a load balancer, from the request to the first answer"
    return Check(what, members == ["web1", "web2"], f"{took_s:.2f} s; {' and '.join(members)}")


def balanced_by_proxy_protocol(proof: Proof) -> Check:
    """TCP through the load balancer that is there: its members read what it says of the client."""
    made, client = proof.find_balancer(), proof.at("client")
    texts = [probes.get(client, made.address, 8080).text for _ in range(4)]
    members = sorted({(text or "").split(" ")[0] for text in texts})
    passed = members == ["web1", "web2"] and all(t and t.endswith(" to 10.0.0.10") for t in texts)
    return Check("its TCP, with the PROXY protocol", passed, f"members say: {texts[0]}")


def balanced_tls(proof: Proof) -> Check:
    """TLS ends at the load balancer, which speaks HTTP/2 to the client."""
    got = probes.get_secure(proof.at("client"), proof.find_balancer().address)
    passed = got.text in {f"{name} to 10.0.0.10, HTTP/2" for name in ("web1", "web2")}
    return Check("its TLS, ended there, with HTTP/2", passed, f"{got.took_ms:.1f} ms; {got.text}")


def balanced_udp(proof: Proof) -> Check:
    """Of so many flows each member gets some, and sees the client itself: no proxy is between."""
    address = proof.find_balancer().address
    said = probes.ask_by_datagrams(proof.at("client"), address, balancer.UDP_PORT, 32)
    passed = {*said} == {"web1 to 10.0.0.10", "web2 to 10.0.0.10"} and len(said) == 32
    return Check("its UDP, the client's address kept", passed, f"members say: {said[0]}")


def balancer_killed(proof: Proof) -> Check:
    """Its active instance's HAProxy is killed: the standby goes on. UDP notices nothing."""
    made, where = proof.find_balancer(), ""

    def kill() -> None:
        nonlocal where
        where = proof.kill_balancer(made)

    asked = balancer.ask_while(proof.at("client"), made.address, kill)
    lost = f"{asked.datagrams_lost} of {asked.datagrams} datagrams lost"
    figure = f"{asked.outage_s * 1000:.0f} ms without an answer, {lost} ({where})"
    passed = asked.failed < asked.asked / 2 and asked.datagrams_lost == 0
    return Check("its active HAProxy is killed, the standby goes on", passed, figure)


def _seen_outside(proof: Proof, who: str) -> str:
    """The address that the world sees it as."""
    text = probes.soon(proof.at(who), WORLD).text or ""
    return text.removeprefix("outside to ") if text.startswith("outside to ") else ""


def round_trip(proof: Proof) -> Check:
    near = probes.ping(proof.at("client"), "10.0.0.11")
    far = probes.ping(proof.at("client"), "fd00:10::13")
    figure = f"{near.average_ms:.2f} ms on one host, {far.average_ms:.2f} ms across"
    return Check(
        "ping allowed by a rule for ICMP, IPv4 and IPv6", near.lost + far.lost == 0, figure
    )


def refused(proof: Proof) -> Check:
    """Port 81 is served, but no rule lets it in."""
    before = proof.dropped("h2", "ingress_policy")
    got = probes.get(proof.at("client"), "10.0.0.12", 81, patience_s=1)
    dropped = proof.dropped("h2", "ingress_policy") - before
    passed = got.text is None and dropped > 0 and probes.answers(proof.at("web2"), 81)
    return Check("TCP 81 refused: no rule allows it", passed, f"{dropped} packets dropped at h2")


def reply(proof: Proof) -> Check:
    """`client` has no ingress rule: what reaches it are replies; new connections do not."""
    out = probes.get(proof.at("client"), "10.0.0.13")
    back = probes.ping(proof.at("web3"), "10.0.0.10", count=3, interval_s=0.1)
    passed = out.text is not None and back.received == 0
    figure = f"reply in {out.took_ms:.1f} ms; {back.lost} of {back.sent} unasked pings dropped"
    return Check("a reply to an allowed flow passes, the unasked does not", passed, figure)


def spoofed(proof: Proof) -> Check:
    """web1 says it is 10.0.0.77, which is no port's: in what it sends, and when it asks by ARP."""
    netns, stolen = proof.at("web1"), "10.0.0.77"
    before = _spoofed(proof)
    run("ip", "-netns", netns, "address", "replace", f"{stolen}/32", "dev", "eth0")
    try:
        words = ("ping", "-q", "-n", "-W", "1", "-c", "5", "-i", "0.05", "-I", stolen, "10.0.0.12")
        _, said = attempt(*inside(netns, *words))
    finally:
        run("ip", "-netns", netns, "address", "delete", f"{stolen}/32", "dev", "eth0")
    dropped = _spoofed(proof) - before
    passed = "0 received" in said and dropped > 0
    return Check("a spoofed source is dropped", passed, f"{dropped} packets dropped at h1")


def separated(proof: Proof) -> Check:
    """Both projects have a 10.0.0.12; each reaches its own, and nothing else of the other's."""
    mine = probes.soon(proof.at("client"), "10.0.0.12").text or ""
    theirs = probes.soon(proof.at("other-client"), "10.0.0.12").text or ""
    stray = probes.get(proof.at("client"), "10.0.0.99", patience_s=1).text
    passed = mine.startswith("web2 ") and theirs.startswith("other-web ") and stray is None
    figure = f"10.0.0.12 is {mine.split(' ')[0]} here, {theirs.split(' ')[0]} there"
    return Check("the other project is unreachable, with the same addresses", passed, figure)


def told(proof: Proof) -> Check:
    """web2 and other-web have the same address; the metadata service tells each who it is."""
    path, asked = "/latest/meta-data/hostname", ("web2", "other-web")
    got = [probes.soon(proof.at(name), "169.254.169.254", path=path) for name in asked]
    passed = [answer.text for answer in got] == list(asked)
    figure = f"{got[0].took_ms:.1f} ms" if passed else f"got {[answer.text for answer in got]}"
    return Check("metadata: ports with the same address are told apart", passed, figure)


def agent_killed(proof: Proof) -> Check:
    """kill -9 of both hosts' agents under traffic, and their return: no packet may be lost."""
    pinging = probes.start_ping(proof.at("client"), "10.0.0.12", count=300, interval_s=0.01)
    time.sleep(0.5)
    for act in (proof.kill, proof.revive):
        for host in ("h1", "h2"):
            act(host)
    result = probes.finish(pinging)
    served = probes.get(proof.at("client"), "10.0.0.12").text is not None
    figure = f"{result.lost} of {result.sent} packets lost"
    return Check(
        "agents killed with -9, traffic does not notice", result.lost == 0 and served, figure
    )


CHECKS: tuple[Callable[[Proof], Check], ...] = (
    same_host,
    across_hosts,
    across_hosts_v6,
    across_subnets,
    snat,
    floating_ip,
    round_trip,
    refused,
    reply,
    spoofed,
    separated,
    told,
    balanced,
    balanced_by_proxy_protocol,
    balanced_tls,
    balanced_udp,
    balancer_killed,
    gateway_lost,
    agent_killed,
)


def _spoofed(proof: Proof) -> int:
    return proof.dropped("h1", "spoofed_address") + proof.dropped("h1", "spoofed_neighbour")


def _served(proof: Proof, what: str, source: str, address: str, name: str) -> Check:
    """An HTTP answer from the right server, which saw the right client."""
    probes.soon(proof.at(source), address)  # the first one fills caches: measured is the second
    got = probes.get(proof.at(source), address)
    seen = "fd00:10::10" if ":" in address else "10.0.0.10"
    passed = got.text == f"{name} to {seen}"
    return Check(what, passed, f"{got.took_ms:.1f} ms" if passed else f"got {got.text!r}")
