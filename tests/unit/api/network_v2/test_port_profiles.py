"""What of a port's binding:profile the API looks at."""

from typing import Any

import pytest

from polpo.testing.network import NetworkCloud, Refused

GOOD = {
    "user_data": "I2Nsb3VkLWNvbmZpZwo=",
    "public_keys": {"mia@home": "ssh-ed25519 AAAA mia"},
    "meta": {"role": "web", "empty": ""},
}
BAD: dict[str, Any] = {
    "no dictionary": 7,
    "unknown": {"vendor": {}},
    "user data is no text": {"user_data": 7},
    "user data is not base64": {"user_data": "s3cret words!"},
    "too much user data": {"user_data": "A" * 65536},
    "keys are no dictionary": {"public_keys": ["ssh-ed25519 AAAA"]},
    "a key of two lines": {"public_keys": {"mia": "ssh-ed25519 AAAA\nssh-rsa BBBB"}},
    "a name that is a path": {"public_keys": {"a/b": "ssh-ed25519 AAAA"}},
    "a number as a value": {"meta": {"a": 1}},
    "a long value": {"meta": {"a": "b" * 256}},
}


async def test_metadata_is_kept_for_admins_to_see(cloud: NetworkCloud) -> None:
    network = await cloud.network(who="admin")
    profile = {"metadata": GOOD, "anything": [1, 2]}
    port = await cloud.make(
        "port", "admin", network_id=network["id"], **{"binding:profile": profile}
    )
    assert port["binding:profile"] == profile
    changed = await cloud.change("port", port["id"], "admin", **{"binding:profile": None})
    assert changed["binding:profile"] == {}


@pytest.mark.parametrize("bad", BAD)
async def test_bad_metadata_is_refused_and_not_repeated(cloud: NetworkCloud, bad: str) -> None:
    network = await cloud.network(who="admin")
    with pytest.raises(Refused) as refused:
        await cloud.make(
            "port",
            "admin",
            network_id=network["id"],
            **{"binding:profile": {"metadata": BAD[bad]}},
        )
    assert refused.value.status == 400
    assert "s3cret" not in refused.value.message
    assert "AAAA" not in refused.value.message
