"""What the API server writes is read; what cannot be read is said, and hides nothing else."""

import msgspec
import pytest

from polpo.kube.decoding import Decoding
from polpo.kube.errors import ApiError
from polpo.kube.reflection import Reflection
from polpo.policy.objects import CLUSTER_POLICIES, PODS, ClusterNetworkPolicy, Pod


def line(type: str, object: object) -> bytes:
    return msgspec.json.encode({"type": type, "object": object})


def test_a_bookmark_has_a_revision_and_nothing_else() -> None:
    said: list[str] = []
    pods, policies = Decoding(PODS, said.append), Decoding(CLUSTER_POLICIES[0], said.append)
    mark = {"kind": "Pod", "metadata": {"resourceVersion": "988"}, "spec": {"containers": None}}
    (event,) = pods.events([line("BOOKMARK", mark)])
    watching: Reflection[Pod] = Reflection()
    assert watching.events([event]) == []
    assert watching.ask()[0] == "988"
    found = policies.events([line("BOOKMARK", {"metadata": {"resourceVersion": "7"}})])
    followed: Reflection[ClusterNetworkPolicy] = Reflection()
    assert followed.events(found) == []
    assert said == []


def test_an_odd_object_is_said_and_left_out() -> None:
    said: list[str] = []
    odd, good = {"metadata": {"name": 7}}, {"metadata": {"name": "a"}}
    events = Decoding(PODS, said.append).events([line("ADDED", odd), line("ADDED", good)])
    assert [event.object.metadata.name for event in events] == ["a"]
    assert said[0].startswith("cannot read one of pods: ")


def test_an_error_is_raised_with_its_status() -> None:
    with pytest.raises(ApiError) as error:
        Decoding(PODS).events([line("ERROR", {"code": 410, "message": "too old"})])
    assert error.value.status == 410
