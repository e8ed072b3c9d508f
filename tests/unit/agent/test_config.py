"""Settings: file < environment < flags."""

from pathlib import Path

import pytest

from polpo.agent.config import load

TEXT = """host = "h1"\ncontroller = "http://c"\ntoken_file = "/t"\nunderlay = "192.0.2.1"\n"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "agent.toml"
    path.write_text(TEXT)
    return path


def test_flags_win_over_the_environment_and_that_over_the_file(file: Path) -> None:
    environment = {"POLPO_AGENT_HOST": "h2", "POLPO_AGENT_VXLAN_PORT": "4790", "OTHER": "x"}
    config = load(file, environment, host="h3", state_dir=None)
    assert (config.host, config.vxlan_port, config.state_dir) == ("h3", 4790, "/var/lib/polpo")
    assert str(config.socket) == "/run/polpo/h3/agent.sock"


def test_a_missing_and_an_unknown_setting_are_named(file: Path) -> None:
    with pytest.raises(ValueError, match="host"):
        load(None, {})
    with pytest.raises(ValueError, match="colour"):
        load(file, {"POLPO_AGENT_COLOUR": "blue"})


def test_uplinks_are_a_table_or_text(file: Path) -> None:
    file.write_text(TEXT + '[uplinks]\nphysnet1 = "eth1"\n')
    assert load(file, {}).uplinks == {"physnet1": "eth1"}
    environment = {"POLPO_AGENT_UPLINKS": "physnet1=eth2, physnet2=bond0"}
    assert load(file, environment).uplinks == {"physnet1": "eth2", "physnet2": "bond0"}
    with pytest.raises(ValueError, match="uplinks: 'physnet1' is not of the form"):
        load(file, {"POLPO_AGENT_UPLINKS": "physnet1"})
