"""The node controller of a cloud provider: nodes are told what machine they are, and go with it.

Only nodes that wait for a cloud provider (their kubelet runs with --cloud-provider=external) or
that were told by us are touched: others' kubelets say their addresses themselves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import structlog

from polpo.client.session import ApiError
from polpo.cloud import machines
from polpo.cloud.due import Due
from polpo.cloud.machines import Machine
from polpo.cloud.members import UNINITIALIZED
from polpo.cloud.objects import NODES, Node
from polpo.cloud.surroundings import Session
from polpo.kube import errors
from polpo.kube.api import Api, Body
from polpo.kube.reflection import Change

AGAIN_S = 30.0
"""A node that is not Ready: so often it is asked for whether its machine is still there."""

log = structlog.get_logger()


def concerns(node: Node) -> bool:
    waits = any(taint.key == UNINITIALIZED for taint in node.spec.taints or ())
    return waits or node.spec.provider_id.startswith(machines.OURS)


def is_ready(node: Node) -> bool:
    conditions = node.status.conditions or ()
    return any(one.type == "Ready" and one.status == "True" for one in conditions)


def status_of(node: Node, machine: Machine) -> Body | None:
    """The patch of its status; None where nothing differs."""
    there = tuple((one.type, one.address) for one in node.status.addresses or ())
    if there == machine.addresses:
        return None
    addresses = [{"type": kind, "address": address} for kind, address in machine.addresses]
    return {"status": {"addresses": addresses}}


def spec_of(node: Node, machine: Machine) -> Body | None:
    """The patch of its spec: which machine it is, and that it waits no more."""
    spec: dict[str, Any] = {}
    if not node.spec.provider_id:  # it can be set once
        spec["providerID"] = machine.provider_id
    left = [taint for taint in node.spec.taints or () if taint.key != UNINITIALIZED]
    if len(left) < len(node.spec.taints or ()):
        spec["taints"] = [_taint(taint) for taint in left] or None
    if not spec:
        return None
    return {"metadata": {"resourceVersion": node.metadata.resource_version}, "spec": spec}


def _taint(taint: Any) -> dict[str, str]:
    shown = {"key": taint.key, "effect": taint.effect, "value": taint.value}
    return {key: value for key, value in shown.items() if value}


class Nodes:
    """`run` works off what `changed` has brought."""

    def __init__(self, api: Api, session: Session) -> None:
        self._api, self._session = api, session
        self._nodes: dict[str, Node] = {}
        self._due = Due()

    def changed(self, changes: Iterable[Change[Node]]) -> None:
        for change in changes:
            self._nodes.pop(change.key, None)
            if change.object is not None and concerns(change.object):
                self._nodes[change.key] = change.object
                self._due.add(change.key)

    async def run(self) -> None:
        while True:
            name = await self._due.take()
            try:
                await self._look(name)
                self._due.well(name)
            except (errors.ApiError, ApiError) as error:
                log.warning("a node is not looked after", node=name, error=str(error))
                self._due.add_after_failure(name)
            finally:
                self._due.done(name)

    async def _look(self, name: str) -> None:
        node = self._nodes.get(name)
        if node is None:
            return
        machine = await asyncio.to_thread(machines.find, self._session, name)
        if machine is not None:
            await self._tell(node, machine)
        elif node.spec.provider_id and not is_ready(node):
            log.warning("a node goes with its machine", node=name, was=node.spec.provider_id)
            await self._api.delete(NODES, name)
            return
        if machine is None or not is_ready(node):
            self._due.add_later(name, AGAIN_S)

    async def _tell(self, node: Node, machine: Machine) -> None:
        """Addresses first: pods come as soon as the taint is gone."""
        name = node.metadata.name
        if status := status_of(node, machine):
            node = await self._api.patch(NODES, name, "", status, "status")
        if spec := spec_of(node, machine):
            await self._api.patch(NODES, name, "", spec)
