"""How many threads one HAProxy has. Pure."""

from polpo.agent.balancer.proxy.tree import HTTP
from polpo.target.balancer import Balancer

MOST_THREADS = 4


def threads(row: Balancer, processors: int) -> int:
    """Reading requests and TLS take HAProxy's own time. TCP that is handed on takes the kernel's:
    there every other thread mostly waits, at a price (decision 226).
    """
    reads = any(listener.protocol in HTTP for listener in row.listeners)
    reads = reads or any(pool.tls_enabled for pool in row.pools)
    return max(1, min(processors if reads else processors // 2, MOST_THREADS))
