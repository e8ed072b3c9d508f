"""The network is told in an order in which no pod is ever in a group that is not there."""

import msgspec

from polpo.kube.reflection import Change
from polpo.model.told import Group, Membership
from polpo.policy import objects
from polpo.policy.index import Index
from polpo.policy.telling import Batch, Telling
from polpo.testing.kubernetes.objects import labelled_pod, policy


class Network:
    """What it has been told; it refuses what would leave a pod in no group that is there."""

    def __init__(self) -> None:
        self.groups: dict[str, Group] = {}
        self.pods: dict[str, Membership] = {}
        self.batches: list[Batch] = []

    def settle(self, telling: Telling) -> None:
        while not telling.is_done:
            batch = telling.next()
            self._take(batch)
            telling.told(batch)

    def _take(self, batch: Batch) -> None:
        if batch:
            self.batches.append(batch)
        self.groups |= {group.key: group for group in batch.groups}
        self.pods |= {pod.name: pod for pod in batch.pods}
        for name in batch.gone_pods:
            del self.pods[name]
        for key in batch.gone_groups:
            del self.groups[key]
        remotes = (rule.remote_group for group in self.groups.values() for rule in group.rules)
        named = {key for pod in self.pods.values() for key in pod.groups}
        assert named | {key for key in remotes if key} <= self.groups.keys()


def put(index: Index, count: int) -> None:
    for n in range(count):
        name = f"default/s{n}"
        rule = {"from": [{"podSelector": {"matchLabels": {"n": f"{n}"}}}]}
        given = policy(f"s{n}", podSelector={"matchLabels": {"n": f"{n}"}}, ingress=[rule])
        index.policies([Change(name, msgspec.convert(given, objects.NetworkPolicy))])
        index.pods([Change(name, msgspec.convert(labelled_pod(f"s{n}", n=f"{n}"), objects.Pod))])


def test_many_are_told_in_several_requests_and_taken_back_in_several() -> None:
    index, network = Index(), Network()
    telling = Telling(index, (), ())
    put(index, 600)
    network.settle(telling)
    assert (len(network.groups), len(network.pods)) == (1204, 600)
    assert len(network.batches) == 4
    for n in range(600):
        index.policies([Change(f"default/s{n}", None)])
        index.pods([Change(f"default/s{n}", None)])
    network.settle(telling)
    assert (len(network.groups), len(network.pods)) == (4, 0)


def test_who_begins_anew_tells_what_differs_and_takes_back_what_is_gone() -> None:
    index, network = Index(), Network()
    put(index, 3)
    network.settle(Telling(index, (), ()))
    index = Index()
    put(index, 2)
    network.settle(Telling(index, network.groups.values(), network.pods.values()))
    last = network.batches[-1]
    assert (last.groups, last.pods, last.gone_pods) == ((), (), ("default/s2",))
    assert set(last.gone_groups) == {"peer/default/n=2", "policy/default/s2/ingress"}


def test_what_somebody_has_changed_is_told_again() -> None:
    index, network = Index(), Network()
    put(index, 2)
    telling = Telling(index, (), ())
    network.settle(telling)
    before = dict(network.groups)
    network.groups["policy/default/s0/ingress"] = Group("policy/default/s0/ingress")
    network.groups["more"] = Group("more")
    assert telling.compare(network.groups.values()) == ["more", "policy/default/s0/ingress"]
    network.settle(telling)
    assert network.groups == before
    assert telling.compare(network.groups.values()) == []
