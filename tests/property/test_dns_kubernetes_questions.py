"""Whatever is asked of the kubernetes plugin has one answer that can be sent."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from polpo.dns.query import Query
from polpo.dns.wire.name import from_text, is_within, join
from polpo.dns.wire.record import Rcode, Reply
from polpo.testing.kubernetes.asked import Asked
from polpo.testing.kubernetes.objects import endpoints, external, namespace, service

HOST = [{"addresses": ["10.1.0.1"], "hostname": "h", "zone": "a"}]
ASKED = Asked(
    ". { kubernetes cluster.local 10.0.0.0/8 fd00::/16 {\n pods insecure\n zonal\n} }",
    [
        namespace("a"),
        service("web", "a", "10.0.0.1", ports="http:tcp:80"),
        service("db", "a", "None", ports="sql:tcp:1"),
        endpoints("db-1", "db", "a", ports="sql:tcp:1", endpoints=HOST),
        external("ext", "example.org", "a"),
    ],
)
WORDS = [
    b"web",
    b"db",
    b"ext",
    b"a",
    b"svc",
    b"pod",
    b"_tcp",
    b"_http",
    b"_zone",
    b"pin",
    b"prefer",
]
WORDS += [b"10-0-0-1", b"--", b"fd00--1", b"1-2-3-4-5", b"0", b"10", b"cluster", b"local"]
labels = st.one_of(st.sampled_from(WORDS), st.binary(min_size=1, max_size=12).map(bytes.lower))
zones = st.sampled_from([b"", *(from_text(z) for z in ("cluster.local", "10.in-addr.arpa", "org"))])


@settings(max_examples=500)
@given(st.lists(labels, max_size=7), zones, st.integers(0, 65535))
@example([b"x\x03pin\x05_zone", b"db", b"a", b"svc"], from_text("cluster.local"), 1)
@example([b"\x07cluster\x05local"], b"", 1)
def test_each_question_has_one_answer(parts: list[bytes], zone: bytes, type: int) -> None:
    name = join(parts)[:-1] + (zone or b"\0")
    if len(name) > 255:
        return
    replies: list[Reply] = []
    ASKED.handle(Query(name, type), replies.append)
    (reply,) = replies
    assert reply.rcode in {Rcode.NOERROR, Rcode.NXDOMAIN, Rcode.REFUSED}
    if reply.rcode == Rcode.NXDOMAIN:
        assert name not in ASKED.store.names
    assert all(record.owner == name or is_within(record.owner, zone) for record in reply.answer)
