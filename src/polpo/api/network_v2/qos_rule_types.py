"""QoS rule types (Neutron API reference, same name): which there are, and what they may say."""

from typing import Any
from urllib.parse import parse_qsl

from polpo.api.network_v2.collection import Answer, Call
from polpo.api.network_v2.errors import forbidden, not_found
from polpo.api.network_v2.listing import only
from polpo.api.network_v2.qos_rules import ATTRIBUTES
from polpo.api.network_v2.query import fields

DRIVER = "polpo"


async def list_all(call: Call) -> Answer:
    """`all_rules` and `all_supported` say the same: there is one switch, and it knows them all."""
    types = [{"type": name} for name in ATTRIBUTES]
    for key, value in parse_qsl(call.query):
        if key == "type":
            types = [shown for shown in types if shown["type"] == value]
    return 200, {"rule_types": only(types, fields(call.query))}


async def show(call: Call, name: str) -> Answer:
    if not call.context.is_admin:
        raise forbidden("get_rule_type")
    if name not in ATTRIBUTES:
        raise not_found("QosRuleTypeNotFound", f"QoS rule type {name} could not be found.")
    schemas = {key: a.kind.schema for key, a in ATTRIBUTES[name].items() if a.kind}
    parameters = [_parameter(key, schema) for key, schema in schemas.items()]
    drivers = [{"name": DRIVER, "supported_parameters": parameters}]
    shown = {"type": name, "drivers": drivers}
    return 200, {"rule_type": only([shown], fields(call.query))[0]}


def _parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    if "enum" in schema:
        return _typed(name, "choices", schema["enum"])
    return _typed(name, "range", {"start": schema["minimum"], "end": schema["maximum"]})


def _typed(name: str, type: str, values: Any) -> dict[str, Any]:
    return {"parameter_name": name, "parameter_type": type, "parameter_values": values}
