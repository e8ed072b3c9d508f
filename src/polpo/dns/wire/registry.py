"""Names of types and classes (IANA's registry; RFC 3597 for those without one)."""

from __future__ import annotations

_NAMES = {
    1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 13: "HINFO", 15: "MX", 16: "TXT", 17: "RP",
    18: "AFSDB", 24: "SIG", 25: "KEY", 28: "AAAA", 29: "LOC", 33: "SRV", 35: "NAPTR", 36: "KX",
    37: "CERT", 39: "DNAME", 41: "OPT", 42: "APL", 43: "DS", 44: "SSHFP", 45: "IPSECKEY",
    46: "RRSIG", 47: "NSEC", 48: "DNSKEY", 49: "DHCID", 50: "NSEC3", 51: "NSEC3PARAM", 52: "TLSA",
    53: "SMIMEA", 55: "HIP", 59: "CDS", 60: "CDNSKEY", 61: "OPENPGPKEY", 62: "CSYNC",
    63: "ZONEMD", 64: "SVCB", 65: "HTTPS", 99: "SPF", 108: "EUI48", 109: "EUI64", 249: "TKEY",
    250: "TSIG", 251: "IXFR", 252: "AXFR", 253: "MAILB", 254: "MAILA", 255: "ANY", 256: "URI",
    257: "CAA", 32768: "TA", 32769: "DLV",
}  # fmt: skip
_NUMBERS = {name: number for number, name in _NAMES.items()}
_CLASSES = {1: "IN", 3: "CH", 4: "HS", 254: "NONE", 255: "ANY"}


def type_name(type: int) -> str:
    return _NAMES.get(type) or f"TYPE{type}"


def type_number(name: str) -> int:
    """ValueError if there is no such type."""
    upper = name.upper()
    if upper in _NUMBERS:
        return _NUMBERS[upper]
    if upper.startswith("TYPE") and upper[4:].isdigit() and int(upper[4:]) < 65536:
        return int(upper[4:])
    raise ValueError(f"{name} is no type of records")


def class_name(class_: int) -> str:
    return _CLASSES.get(class_) or f"CLASS{class_}"


def class_number(name: str) -> int:
    """ValueError if there is no such class."""
    for number, known in _CLASSES.items():
        if known == name.upper():
            return number
    raise ValueError(f"{name} is no class")
