"""The switch's ring buffers: what it hands to the agent."""

from polpo.dataplane.tables import Layout

RING, DENIED_RING = "asked", "denied"
"""The ring buffers: no tables, but loaded and pinned like them."""

ASKED = Layout("asked", ifindex="I", length="I", frame="1504s")
"""What is in the ring buffer `asked`: of longer frames only as much as fits, but their length."""

DENIED = Layout(
    "denied",
    ifindex="I",
    vni="I",
    source="16s",
    destination="16s",
    source_port="2s",
    port="2s",
    protocol="B",
    reason="B",
    reply="B",
    pad="x",
)
"""What is in the ring buffer `denied`: a packet that a port was not to send, or to receive."""
