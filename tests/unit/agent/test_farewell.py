"""What is said for a keepalived that was killed is what it would have said."""

from polpo.agent.pairs.farewell import farewell

# By keepalived 2.2.7 that was told to end, as tcpdump has shown it.
SAID = bytes.fromhex("31010001 0014d068 a9fe0002")


def test_it_is_an_advertisement_of_priority_zero() -> None:
    assert farewell("169.254.0.3", "169.254.0.4", 0.2) == SAID
