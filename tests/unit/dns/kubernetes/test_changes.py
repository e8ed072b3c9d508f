"""What changes with an object, and what a kept answer is about."""

import pytest

from polpo.dns.plugins.kubernetes.batch import LARGEST, Client, batches, decode
from polpo.dns.wire.name import from_text, to_text
from polpo.dns.wire.record import Record, Type
from polpo.testing.kubernetes.asked import Asked, put
from polpo.testing.kubernetes.objects import Object, endpoints, external, namespace, pod, service

COREFILE = ". { kubernetes cluster.local {\n pods insecure\n zonal\n} }"
ZONE = "svc.cluster.local"
IN_B = [{"addresses": ["10.1.0.8"], "zone": "b"}]


def asked(*items: Object) -> Asked:
    return Asked(COREFILE, [namespace("default"), *items])


@pytest.mark.parametrize(
    ("question", "change"),
    [
        (f"web.default.{ZONE} A", service("web", "default", "10.0.0.9")),
        (f"none.default.{ZONE} A", service("none", "default", "10.0.0.9")),
        (f"web.default.{ZONE} AAAA", service("web", "default", "10.0.0.1", "fd00::1")),
        (f"_p._tcp.web.default.{ZONE} SRV", service("web", "default", "10.0.0.1", ports="p:tcp:7")),
        (f"_http._tcp.web.default.{ZONE} SRV", service("web", "default", "10.0.0.9")),
        (
            f"_sql._tcp.db.default.{ZONE} SRV",
            endpoints(
                "db-1",
                "db",
                ports="sql:tcp:1",
                endpoints=[{"addresses": ["10.1.0.7"], "hostname": "h", "zone": "a"}],
            ),
        ),
        (f"inside.default.{ZONE} A", service("web", "default", "10.0.0.9")),
        (f"b.pin._zone.db.default.{ZONE} A", endpoints("db-2", "db", endpoints=IN_B)),
        (f"b.prefer._zone.db.default.{ZONE} A", endpoints("db-2", "db", addresses=["10.1.0.8"])),
        (f"web.late.{ZONE} A", namespace("late")),
        (f"late.{ZONE} A", namespace("late")),
        ("10-1-0-1.late.pod.cluster.local A", namespace("late")),
        ("cluster.local SOA", service("more", "default", "10.0.0.8")),
    ],
)
def test_an_answer_is_about_the_names_that_a_change_of_it_names(
    question: str, change: Object
) -> None:
    plugin = asked(
        service("web", "default", "10.0.0.1", ports="http:tcp:80"),
        service("web", "late", "10.0.0.2"),
        service("db", "default", "None"),
        external("inside", f"web.default.{ZONE}"),
        endpoints(
            "db-1",
            "db",
            ports="sql:tcp:1",
            endpoints=[{"addresses": ["10.1.0.1"], "hostname": "h", "zone": "a"}],
        ),
    )
    before = plugin.reply(question)
    put(plugin.index, [change])
    named = plugin.tell(serial=2)
    assert plugin.reply(question) != before
    assert named & set(before.about)


def test_what_has_not_changed_is_not_named() -> None:
    plugin = asked(service("web", "default", "10.0.0.1"), service("other", "default", "10.0.0.2"))
    put(plugin.index, [service("web", "default", "10.0.0.1", labels={"new": "label"})])
    assert plugin.tell() == set()
    put(plugin.index, [service("web", "default", "10.0.0.3")])
    changed = {to_text(name) for name in plugin.tell(serial=2)}
    assert changed == {f"web.default.{ZONE}.", "cluster.local."}


def test_answers_that_say_nothing_certain_are_not_kept() -> None:
    plugin = Asked(COREFILE, [], synced=False)
    query, _ = plugin.replied(f"web.default.{ZONE} A")
    assert not query.keep
    plugin.tell(synced=True)
    query, _ = plugin.replied(f"web.default.{ZONE} A")
    assert query.keep


def test_what_comes_from_elsewhere_lasts_as_long_as_its_shortest_record() -> None:
    elsewhere = {"e.org. A": ["NOERROR", "e.org. 300 CNAME f.org.", "f.org. 3 A 192.0.2.1"]}
    plugin = Asked(COREFILE, [namespace("default"), external("e", "e.org")], elsewhere=elsewhere)
    query, reply = plugin.replied(f"e.default.{ZONE} A")
    assert reply.ttl_s == 3
    assert query.keep
    assert from_text(f"e.default.{ZONE}") in reply.about


def test_a_failure_from_elsewhere_is_not_kept() -> None:
    elsewhere = {"e.org. A": ["SERVFAIL"]}
    plugin = Asked(COREFILE, [namespace("default"), external("e", "e.org")], elsewhere=elsewhere)
    query, _ = plugin.replied(f"e.default.{ZONE} A")
    assert not query.keep


def test_a_long_chain_of_aliases_ends() -> None:
    links = [external(f"e{n}", f"e{n + 1}.default.{ZONE}") for n in range(20)]
    plugin = asked(*links, service("e20", "default", "10.0.0.1"))
    assert not plugin.reply(f"e0.default.{ZONE} A").answer
    assert len(plugin.reply(f"e10.default.{ZONE} A").answer) == 11


def test_messages_are_small_and_the_last_says_that_it_is() -> None:
    names = {
        from_text(f"n{n}.x"): (Record(from_text(f"n{n}.x"), Type.A, 5, bytes(4)),)
        for n in range(1000)
    }
    clients = {"10.0.0.1": Client("a", "p")}
    told = [decode(message) for message in batches(names.items(), clients, synced=True)]
    assert max(len(batch.names) for batch in told) <= LARGEST
    assert [batch.synced for batch in told] == [False] * (len(told) - 1) + [True]
    assert [decode(message).synced for message in batches((), synced=True)] == [True]
    assert list(batches(())) == []


def test_a_pods_search_list_is_known_by_its_address() -> None:
    plugin = Asked(
        "cluster.local { kubernetes {\n pods verified\n search corp.example\n} }",
        [
            namespace("a"),
            pod("p", "10.1.0.1", "a"),
            pod("host", "192.168.0.1", "a") | {"spec": {"hostNetwork": True}},
        ],
    )
    assert [to_text(name) for name in plugin.store.search_path("10.1.0.1")] == [
        "a.svc.cluster.local.",
        "svc.cluster.local.",
        "cluster.local.",
        "corp.example.",
        ".",
    ]
    assert plugin.store.search_path("192.168.0.1") == ()
    plugin.gone(pod("p", "10.1.0.1", "a"))
    plugin.tell()
    assert plugin.store.search_path("10.1.0.1") == ()


def test_a_zone_is_transferred_whole_its_soa_first() -> None:
    plugin = asked(
        service("web", "default", "10.0.0.1", ports="http:tcp:80"),
        service("db", "default", "None"),
        endpoints("db-1", "db", endpoints=[{"addresses": ["10.1.0.1"], "zone": "a"}]),
    )
    zone = from_text("cluster.local")
    records = plugin.store.zone_records(zone) or ()
    assert records[0].type == Type.SOA
    assert [r.type for r in records].count(Type.SOA) == 1
    owners = {to_text(record.owner) for record in records}
    for name in ("web", "_http._tcp.web", "10-1-0-1.db"):
        assert f"{name}.default.{ZONE}." in owners
    assert not any("_zone" in owner for owner in owners)
    assert plugin.store.zone_records(from_text("other.local")) is None


def test_a_zone_that_is_not_known_yet_is_not_transferred() -> None:
    plugin = Asked(COREFILE, [], synced=False)
    assert plugin.store.zone_records(from_text("cluster.local")) is None
