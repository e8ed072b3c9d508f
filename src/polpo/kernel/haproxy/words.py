"""Words of HAProxy's configuration, of texts that anybody may have written (chap. 2.2).

Between single quotes everything stands for itself, but for the quote. What would end the line, or
is no text at all, is refused with ValueError.
"""

import re
from ipaddress import ip_address

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,255}")
_TOKEN = re.compile(r"[A-Za-z0-9!$%&*+.^_`|~-]{1,255}")
_CIPHERS = re.compile(r"[A-Za-z0-9_:+!@=.-]{1,2048}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def word(text: str) -> str:
    """One argument, whatever is in it."""
    if _CONTROL.search(text):
        raise ValueError(f"control characters in {text!r}")
    if "\N{LINE SEPARATOR}" in text or not text.isprintable():
        raise ValueError(f"{text!r} can't be written in one line")
    return "'" + text.replace("'", "'\\''") + "'"


def fmt(text: str) -> str:
    """An argument that HAProxy reads as a log-format (chap. 8.2.4), for the text as it is."""
    return word(text.replace("%", "%%"))


def name(text: str) -> str:
    """The name of a proxy, a server, a table."""
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} is no name")
    return text


def token(text: str) -> str:
    """The name of a header or of a cookie (RFC 9110, 5.6.2), without `#`: that begins a comment."""
    if not _TOKEN.fullmatch(text):
        raise ValueError(f"{text!r} is no name of a header or a cookie")
    return text


def ciphers(text: str) -> str:
    """OpenSSL's list."""
    if not _CIPHERS.fullmatch(text):
        raise ValueError(f"{text!r} is no list of ciphers")
    return text


def endpoint(address: str, port: int) -> str:
    """`address:port` of a server; HAProxy takes what is after the last colon as the port."""
    if not 0 < port < 65536:
        raise ValueError(f"{port} is no port")
    return f"{ip_address(address)}:{port}"
