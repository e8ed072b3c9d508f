"""Zone files as they are found."""

from pathlib import Path

import pytest

from polpo.dns.wire.name import from_text
from polpo.dns.wire.record import Type
from polpo.dns.wire.text import read_zone

ORIGIN = from_text("example.org")
SOA = "@ 30 IN SOA ns admin 1 7200 1800 86400 30\n"


def test_a_zone_needs_no_ns_record(tmp_path: Path) -> None:
    file = tmp_path / "db"
    file.write_text(SOA + "www 60 IN A 192.0.2.1\n")
    assert [record.type for record in read_zone(file, ORIGIN)] == [Type.SOA, Type.A]


def test_a_zone_without_soa_is_refused_by_its_file_and_name(tmp_path: Path) -> None:
    file = tmp_path / "db"
    file.write_text("www 60 IN A 192.0.2.1\n")
    with pytest.raises(ValueError, match=r"/db: no SOA record for example\.org\."):
        read_zone(file, ORIGIN)
