"""Records that are kept up change by change are those of all objects at once."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from polpo.testing.kubernetes import objects
from polpo.testing.kubernetes.asked import Asked, put
from polpo.testing.kubernetes.objects import Object

COREFILES = (
    "cluster.local 10.0.0.0/8 { kubernetes {\n pods verified\n zonal\n} }",
    "cluster.local k8s.example 10.0.0.0/8 fd00::/16 { kubernetes {\n ignore empty_service\n} }",
    "10.0.0.0/8 cluster.local set.local { kubernetes {\n multicluster set.local\n"
    " namespaces a b\n endpoint_pod_names\n} }",
)
OWN = ("10.0.0.1", "fd00::1")
ADDRESSES = ("10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::1", "fd00::2", "192.168.0.1")

namespaces = st.sampled_from(["a", "b", "c"])
names = st.sampled_from(["x", "y"])
addresses = st.sampled_from(ADDRESSES)
ports = st.sampled_from(["", "http:tcp:80", ":tcp:1 dns:udp:53"])


@st.composite
def services(draw: st.DrawFn) -> Object:
    own = draw(st.sampled_from([(), ("None",), ("10.9.0.1",), ("10.9.0.2", "fd00:9::1")]))
    return objects.service(draw(names), draw(namespaces), *own, ports=draw(ports))


@st.composite
def endpoints(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "addresses": [draw(addresses)],
        "conditions": {"ready": draw(st.sampled_from([True, False, None]))},
        "hostname": draw(st.sampled_from([None, "h"])),
        "zone": draw(st.sampled_from([None, "z1", "Z.2"])),
        "targetRef": draw(st.sampled_from([None, {"kind": "Pod", "name": "p"}])),
    }


@st.composite
def slices(draw: st.DrawFn) -> Object:
    """Some belong to a Service of this cluster, some to an imported one."""
    service, imported = draw(names), draw(st.booleans())
    labels = {"multicluster.kubernetes.io/service-name": service} if imported else {}
    return objects.endpoints(
        draw(st.sampled_from(["s1", "s2", "s3"])),
        service,
        draw(namespaces),
        ports=draw(ports),
        endpoints=draw(st.lists(endpoints(), max_size=3)),
        labels=labels | {"multicluster.kubernetes.io/source-cluster": "far"},
    )


@st.composite
def imports(draw: st.DrawFn) -> Object:
    made = objects.service(draw(names), draw(namespaces), ports=draw(ports))
    type, ips = draw(st.sampled_from([("Headless", None), ("ClusterSetIP", ["10.8.0.1"])]))
    spec = {"type": type, "ips": ips, "ports": made["spec"]["ports"]}
    return made | {"kind": "ServiceImport", "spec": spec}


items = st.one_of(
    st.builds(objects.namespace, namespaces),
    services(),
    slices(),
    imports(),
    st.builds(objects.external, names, st.just("example.org"), namespaces),
    st.builds(objects.pod, names, addresses, namespaces),
)
events = st.lists(st.tuples(items, st.booleans(), st.booleans()), max_size=30)


@settings(max_examples=150)
@given(st.sampled_from(COREFILES), events)
def test_each_change_leads_to_the_records_of_all_objects(
    corefile: str, events: list[tuple[Object, bool, bool]]
) -> None:
    asked = Asked(corefile, addresses=OWN)
    there: dict[tuple[str, str, str], Object] = {}
    for item, stays, settles in events:
        meta = item["metadata"]
        where = (item["kind"], meta.get("namespace", ""), meta["name"])
        if stays:
            there[where] = item
            put(asked.index, [item])
        else:
            there.pop(where, None)
            asked.gone(item)
        if settles:
            asked.tell()
    asked.tell()
    whole = Asked(corefile, there.values(), addresses=OWN)
    assert dict(asked.index.everything()) == dict(whole.index.everything())
    assert asked.table == dict(whole.index.everything()) == whole.table


@settings(max_examples=100)
@given(events)
def test_what_is_said_to_change_is_what_changes(events: list[tuple[Object, bool, bool]]) -> None:
    asked = Asked(COREFILES[0], addresses=OWN)
    for item, stays, _ in events:
        before = dict(asked.store.names)
        if stays:
            put(asked.index, [item])
        else:
            asked.gone(item)
        changed = asked.tell()
        after = asked.store.names
        different = {n for n in before.keys() | after.keys() if before.get(n) != after.get(n)}
        assert different <= changed
        extra = {name for name in changed - different if not name.endswith(b"arpa\0")}
        assert not extra, "PTR records may be told again, others not"
