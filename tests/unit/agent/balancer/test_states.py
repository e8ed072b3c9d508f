"""Which servers' states the next HAProxy is told."""

from polpo.agent.balancer.proxy.states import kept

CONFIGURATION = """global
  user haproxy

backend pool:web
  balance roundrobin
  server a 10.0.0.1:80 weight 1
  server b 10.0.0.2:80 weight 1

backend other:web
  balance leastconn
  server c 10.0.0.3:80 weight 1
"""
STATES = """1
# be_id be_name srv_id srv_name srv_addr
4 pool:web 1 a 10.0.0.1
4 pool:web 2 b 10.0.0.2
5 other:web 1 c 10.0.0.3
"""


def test_what_stays_the_same_is_as_it_was() -> None:
    assert kept(STATES, CONFIGURATION, CONFIGURATION) == STATES


def test_a_server_that_is_somewhere_else_now_begins_anew() -> None:
    after = CONFIGURATION.replace("10.0.0.2:80", "10.0.0.2:81")
    assert kept(STATES, CONFIGURATION, after) == STATES.replace("4 pool:web 2 b 10.0.0.2\n", "")


def test_so_do_all_that_are_checked_otherwise() -> None:
    after = CONFIGURATION.replace("  balance leastconn", "  balance leastconn\n  option httpchk")
    assert "other:web" not in kept(STATES, CONFIGURATION, after)


def test_of_nothing_known_nothing_is_told() -> None:
    assert kept(STATES, "", CONFIGURATION).count("\n") == 2
