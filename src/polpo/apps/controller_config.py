"""What a controller is told: a TOML file < the environment (POLPO_CONTROLLER_…) < flags."""

import os
import tomllib
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path

import msgspec

PREFIX = "POLPO_CONTROLLER_"


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One replica of the controller.

    database             sqlite:////path or postgresql://user:password@host/database
    listen               address:port of the API; [address]:port for IPv6
    public_url           what clients call it by; None: http(s):// and `listen`
    tls_certificate, tls_key   PEM files; without them the API speaks plain HTTP
    admin_password_file  password of user `admin`; made at random (0600) where there is none
    keystone_url         an existing Keystone to check tokens with; None: polpo's own identity
    keystone_username, keystone_project, keystone_password_file   who asks it, an admin there
    secrets_key_file     opens what users keep secret; made (0600) where there is none; None:
                         `secrets-keys` beside the admin's password. Replicas need the same one, and
                         a backup of the database has no secrets without it
    metrics_token_file   bearer token for /metrics; None: loopback and the cloud's admin only
    underlay_mtu         largest packet between hosts; networks get 50 less, for VXLAN
    dns_domain           what ports' names are shown in, where their network has no domain
    gateway_patience_s   how long a host may be silent before its gateways get another home
    quotas               a project's limits where they are not the usual ones, -1 for none
    """

    database: str = "sqlite:////var/lib/polpo-controller/polpo.db"
    listen: str = "127.0.0.1:9696"
    public_url: str | None = None
    tls_certificate: str | None = None
    tls_key: str | None = None
    admin_password_file: str = "/var/lib/polpo-controller/admin-password"
    keystone_url: str | None = None
    keystone_username: str = "polpo"
    keystone_project: str = "service"
    keystone_password_file: str = "/etc/polpo/keystone-password"
    secrets_key_file: str | None = None
    metrics_token_file: str | None = None
    underlay_mtu: int = 1500
    dns_domain: str = "openstacklocal."
    gateway_patience_s: float = 15.0
    quotas: dict[str, int] = {}

    @property
    def address(self) -> str:
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.listen.rpartition(":")[2])

    @property
    def url(self) -> str:
        """Without a slash at the end."""
        scheme = "https" if self.tls_certificate else "http"
        return (self.public_url or f"{scheme}://{self.listen}").rstrip("/")

    @property
    def secrets_keys(self) -> Path:
        beside = Path(self.admin_password_file).with_name("secrets-keys")
        return Path(self.secrets_key_file) if self.secrets_key_file else beside

    @property
    def is_exposed(self) -> bool:
        """Whether tokens pass in clear over more than this machine."""
        return not self.tls_certificate and not ip_address(self.address).is_loopback


def load(
    file: Path | None, environment: Mapping[str, str] | None = None, **flags: object
) -> Config:
    """The merged settings. ValueError says which one is missing, unknown or wrong."""
    settings: dict[str, object] = tomllib.loads(file.read_text()) if file else {}
    for name, value in (os.environ if environment is None else environment).items():
        if name.startswith(PREFIX):
            settings[name.removeprefix(PREFIX).lower()] = value
    settings |= {name: value for name, value in flags.items() if value is not None}
    config = msgspec.convert(settings, Config, strict=False)
    try:
        ip_address(config.address)
        assert 0 <= config.port < 65536
    except (ValueError, AssertionError):
        raise ValueError(f"listen is address:port, not {config.listen!r}") from None
    return config
