"""The real `openstack loadbalancer` command, from a subnet to L7 rules and back."""

from typing import Any

import pytest
from tests.contract import databases

pytestmark = [databases.ONE, pytest.mark.usefixtures("hosts")]


def test_a_user_builds_a_tree_waits_for_it_and_takes_it_away(command: Any) -> None:
    answers, errors = command(
        "network create tree -f json",
        "subnet create --network tree --subnet-range 10.1.0.0/24 --gateway none tree4 -f json",
        "loadbalancer create --name lb --vip-subnet-id tree4 --wait -f json",
        "loadbalancer listener create --name http --protocol HTTP --protocol-port 80 "
        "--insert-headers X-Forwarded-For=true --wait lb -f json",
        "loadbalancer pool create --name web --listener http --protocol HTTP "
        "--lb-algorithm ROUND_ROBIN --session-persistence type=APP_COOKIE,cookie_name=c "
        "--wait -f json",
        "loadbalancer member create --name m1 --address 10.1.0.11 --protocol-port 8080 "
        "--weight 5 --wait web -f json",
        "loadbalancer healthmonitor create --name hm --type HTTP --delay 5 --timeout 3 "
        "--max-retries 2 --url-path /ok --expected-codes 200-204 --wait web -f json",
        "loadbalancer l7policy create --name old --action REDIRECT_TO_URL "
        "--redirect-url http://www.example.com/ --wait http -f json",
        "loadbalancer l7rule create --type PATH --compare-type STARTS_WITH --value /old "
        "--wait old -f json",
        "loadbalancer status show lb",
        "loadbalancer stats show lb -f json",
        "loadbalancer listener stats show http -f json",
        "loadbalancer show lb -f json",
        "loadbalancer delete --cascade --wait lb",
        "loadbalancer list -f json",
        "port list --network tree -f json",
        "network delete tree",
    )
    assert errors == ""
    _, subnet, lb, listener, pool, member, monitor, policy, rule, tree, *rest = answers
    stats, of_listener, shown, left, ports = rest
    assert lb["provisioning_status"] == "ACTIVE"
    assert lb["vip_subnet_id"] == subnet["id"]
    assert listener["insert_headers"] == {"X-Forwarded-For": "true"}
    assert lb["id"] in str(listener["loadbalancers"])
    assert listener["id"] in str(pool["listeners"])
    assert "APP_COOKIE" in str(pool["session_persistence"])
    assert (member["weight"], member["operating_status"]) == (5, "NO_MONITOR")
    assert monitor["expected_codes"] == "200-204"
    assert pool["id"] in str(monitor["pools"])
    assert (policy["position"], policy["redirect_http_code"]) == (1, 302)
    assert rule["value"] == "/old"
    (said,) = tree["loadbalancer"]["listeners"]
    assert said["pools"][0]["members"][0]["name"] == "m1"
    assert stats["bytes_in"] == of_listener["total_connections"] == 0
    assert listener["id"] in str(shown["listeners"])
    assert pool["id"] in str(shown["pools"])
    assert left == ports == []


def test_a_user_changes_everything_and_unsets_it(command: Any) -> None:
    answers, errors = command(
        "network create changes -f json",
        "subnet create --network changes --subnet-range 10.2.0.0/24 changes4 -f json",
        "loadbalancer create --name chg --vip-subnet-id changes4 --tag red -f json",
        "loadbalancer set --description d --tag blue chg",
        "loadbalancer listener create --name l --protocol HTTP --protocol-port 81 "
        "--allowed-cidr 10.0.0.0/8 chg -f json",
        "loadbalancer listener set --connection-limit 7 --timeout-client-data 1000 l",
        "loadbalancer pool create --name p --loadbalancer chg --protocol HTTP "
        "--lb-algorithm LEAST_CONNECTIONS -f json",
        "loadbalancer listener set --default-pool p l",
        "loadbalancer listener show l -f json",
        "loadbalancer listener unset --connection-limit --default-pool --allowed-cidrs l",
        "loadbalancer listener show l -f json",
        "loadbalancer pool set --lb-algorithm SOURCE_IP --session-persistence type=SOURCE_IP p",
        "loadbalancer pool unset --session-persistence p",
        "loadbalancer member create --name a --address 10.2.0.5 --protocol-port 80 p -f json",
        "loadbalancer member set --weight 0 --enable-backup --monitor-port 81 p a",
        "loadbalancer member unset --weight --monitor-port p a",
        "loadbalancer member list p -f json",
        "loadbalancer healthmonitor create --name w --type TCP --delay 5 --timeout 3 "
        "--max-retries 2 p -f json",
        "loadbalancer healthmonitor set --delay 9 w",
        "loadbalancer l7policy create --name x --action REJECT l -f json",
        "loadbalancer l7policy create --name y --position 1 --action REDIRECT_TO_POOL "
        "--redirect-pool p l -f json",
        "loadbalancer l7policy list -f json",
        "loadbalancer l7policy set --position 1 x",
        "loadbalancer l7policy show y -f json",
        "loadbalancer l7policy delete x",
        "loadbalancer l7policy show y -f json",
        "loadbalancer set --disable chg",
        "loadbalancer show chg -f json",
        "loadbalancer list --tags blue -f json",
        "loadbalancer delete --cascade chg",
    )
    assert errors == ""
    given = iter(answers)
    for _ in range(5):
        next(given)
    changed, unset = next(given), next(given)
    assert changed["connection_limit"] == 7
    assert changed["timeout_client_data"] == 1000
    assert unset["connection_limit"] == -1
    assert unset["default_pool_id"] is None
    assert unset["allowed_cidrs"] in (None, "", [])
    _member, (listed,), _monitor, _x, y = (next(given) for _ in range(5))
    assert listed["weight"] == 1
    assert y["position"] == 1
    assert sorted((p["name"], p["position"]) for p in next(given)) == [("x", 2), ("y", 1)]
    assert next(given)["position"] == 2
    assert next(given)["position"] == 1
    shown = next(given)
    assert (shown["admin_state_up"], shown["operating_status"]) == (False, "OFFLINE")
    assert len(next(given)) == 1


def test_refusals_are_said_in_octavias_words(command: Any) -> None:
    answers, errors = command(
        "network create no -f json",
        "subnet create --network no --subnet-range 10.3.0.0/24 no4 -f json",
        "loadbalancer create --name no --vip-subnet-id no4 -f json",
        "loadbalancer listener create --name a --protocol TCP --protocol-port 80 no -f json",
        "loadbalancer listener create --name b --protocol HTTP --protocol-port 80 no -f json",
        "loadbalancer listener create --name h --protocol HTTP --protocol-port 81 no -f json",
        "loadbalancer pool create --name p --listener h --protocol TCP --lb-algorithm ROUND_ROBIN",
        "loadbalancer delete no",
        "loadbalancer delete --cascade no",
    )
    assert len(answers) == 5
    assert "Another Listener on this Load Balancer is already using" in errors
    assert "The pool protocol 'TCP' is invalid while the listener protocol is 'HTTP'" in errors
    assert "has children" in errors


def test_the_admin_offers_limits_and_looks(command: Any) -> None:
    answers, errors = command(
        "network create adm -f json",
        "subnet create --network adm --subnet-range 10.4.0.0/24 adm4 -f json",
        "loadbalancer provider list -f json",
        "loadbalancer provider capability list amphora -f json",
        "loadbalancer flavorprofile create --name one --provider amphora --flavor-data {} -f json",
        "loadbalancer flavor create --name small --flavorprofile one --enable -f json",
        "loadbalancer availabilityzoneprofile create --name z --provider amphora "
        "--availability-zone-data {} -f json",
        "loadbalancer availabilityzone create --name here --availabilityzoneprofile z -f json",
        "loadbalancer create --name adm --vip-subnet-id adm4 --flavor small "
        "--availability-zone here --wait -f json",
        "loadbalancer amphora list -f json",
        "loadbalancer failover --wait adm",
        "loadbalancer flavor set --description d small",
        "loadbalancer flavor show small -f json",
        "loadbalancer availabilityzone list -f json",
        "loadbalancer delete adm",
        "loadbalancer flavor delete small",
        "loadbalancer flavorprofile delete one",
        "loadbalancer availabilityzone delete here",
        "loadbalancer availabilityzoneprofile delete z",
        "loadbalancer quota set --loadbalancer 5 --member 7 admin -f json",
        "loadbalancer quota show admin -f json",
        "loadbalancer quota unset --member admin",
        "loadbalancer quota list -f json",
        "loadbalancer quota defaults show -f json",
        "loadbalancer quota reset admin",
        "loadbalancer quota list -f json",
    )
    assert errors == ""
    given = iter(answers[2:])
    assert {p["name"] for p in next(given)} == {"amphora", "octavia", "switch"}
    offered = {c["name"] for c in next(given)}
    assert offered == {"loadbalancer_topology", "memory_mib", "access_log", "compute_zone"}
    _profile, small, _zone_profile, here = (next(given) for _ in range(4))
    assert (small["enabled"], here["enabled"]) == (True, True)
    assert next(given)["flavor_id"] == small["id"]
    assert [amphora["status"] for amphora in next(given)] == ["ALLOCATED"] * 2
    assert next(given)["description"] == "d"
    assert [zone["name"] for zone in next(given)] == ["here"]
    *_, limited, listed, usual, left = answers
    assert "5" in str(limited)
    assert len(listed) == 1
    assert "-1" in str(usual)
    assert left == []
