"""cloud.conf as cloud-provider-openstack's users have it."""

import pytest

from polpo.cloud.settings import LoadBalancerClass, Settings, Unreadable, read

CLOUD_CONF = """
[Global]
auth-url="https://somewhere"

[LoadBalancer]
floating-network-id="net"
create-monitor=true
monitor-delay=1m
monitor-timeout=30s
max-shared-lb=4
manage-security-groups=true

[LoadBalancerClass "internetFacing"]
floating-network-id="other"
floating-subnet="public*"
"""


def test_its_sections_for_load_balancers_are_read_and_others_left_alone() -> None:
    other = LoadBalancerClass(floating_network_id="other", floating_subnet="public*")
    assert read(CLOUD_CONF) == Settings(
        floating_network_id="net",
        create_monitor=True,
        monitor_delay=60,
        monitor_timeout=30,
        max_shared_lb=4,
        classes={"internetFacing": other},
    )


def test_nothing_said_is_the_defaults() -> None:
    assert read("") == Settings()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("create-monitor=perhaps", "create-monitor"),
        ("monitor-delay=soon", "monitor-delay may be"),
        ("lb-method=RANDOM", "lb-method may be one of"),
        ("members=all", "members may be one of"),
        ("max-shared-lb=two", "max-shared-lb"),
    ],
)
def test_what_cannot_be_read_is_named(line: str, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        read(f"[LoadBalancer]\n{line}")


def test_a_file_that_is_none_is_refused() -> None:
    with pytest.raises(Unreadable):
        read("auth-url=x")
