"""Who a program is to the cloud: chosen, by the environment, by clouds.yaml."""

import pytest

from polpo.client.clouds import Cloud, NoCloud, user_cloud

EXPORTED = {
    "OS_AUTH_URL": "https://cloud/identity/v3",
    "OS_USERNAME": "mia",
    "OS_PASSWORD": "secret",
    "OS_PROJECT_NAME": "shop",
}


def test_the_environment_says_it_as_openstacks_files_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in EXPORTED.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OS_USER_DOMAIN_NAME", "people")
    cloud = Cloud("https://cloud/identity/v3", "mia", "secret", "shop", user_domain_name="people")
    assert user_cloud(None) == cloud


def test_half_of_an_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in EXPORTED.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("OS_PASSWORD")
    with pytest.raises(NoCloud, match="OS_PASSWORD"):
        user_cloud(None)
