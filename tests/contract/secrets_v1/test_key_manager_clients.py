"""`openstack secret …` and openstacksdk, on each kind of database."""

from typing import Any

KEY = "MIIE"


def test_a_certificate_and_its_key_are_kept_together(command: Any) -> None:
    found, errors = command(
        f"secret store --name key --secret-type private --payload {KEY} -t text/plain -f json",
        "secret store --name cert --secret-type certificate --payload PEM -f json",
    )
    assert not errors
    key, certificate = found
    answers, errors = command(
        "secret container create --name web --type certificate "
        f"--secret certificate={certificate['Secret href']} "
        f"--secret private_key={key['Secret href']} -f json",
        f"secret get {key['Secret href']} --payload -f json",
        "secret list --name key -f json",
    )
    assert not errors
    container, got, listed = answers
    assert got == {"Payload": KEY}
    assert [found["Name"] for found in listed] == ["key"]
    answers, errors = command("secret container list --name web -f json")
    assert not errors
    (shown,) = answers[0]
    assert shown["Type"] == "certificate"
    assert key["Secret href"] in str(shown["Secrets"])
    _, errors = command(
        f"secret container delete {container['Container href']}",
        f"secret delete {key['Secret href']}",
        f"secret delete {certificate['Secret href']}",
    )
    assert not errors


def test_openstacksdk_finds_what_it_has_stored(connection: Any) -> None:
    made = connection.key_manager.create_secret(
        name="s",
        payload="AAEC",
        payload_content_type="application/octet-stream",
        payload_content_encoding="base64",
    )
    found = connection.key_manager.get_secret(made.secret_id)
    assert found.payload == b"\0\1\2"
    assert made.secret_id in [s.secret_id for s in connection.key_manager.secrets(name="s")]
    connection.key_manager.delete_secret(made.secret_id, ignore_missing=False)
    assert connection.key_manager.get(f"/secrets/{made.secret_id}").status_code == 404
