"""How servers were, for the process that takes over (`server-state-file`; chap. 3.1). Pure.

Without it a member that is down would get requests until that is found out again. But HAProxy
restores addresses and ports, too, over what the new configuration says; so only what is about
servers whose lines, and their backend's, are the same as before is handed on.
"""

from collections.abc import Iterator


def kept(states: str, before: str, after: str) -> str:
    """Lines of `show servers state` for the change from one configuration to the other."""
    old, new = dict(_servers(before)), dict(_servers(after))
    same = {server for server, lines in new.items() if old.get(server) == lines}
    lines = states.strip().splitlines()
    return "\n".join([*lines[:2], *(x for x in lines[2:] if _server(x) in same)]) + "\n"


def _server(line: str) -> tuple[str, str]:
    """Backend and server: the second and the fourth word."""
    words = line.split()
    return (words[1], words[3]) if len(words) > 3 else ("", "")


def _servers(configuration: str) -> Iterator[tuple[tuple[str, str], str]]:
    """(backend, server) -> its line, with the lines that are about all servers of the backend."""
    for section in configuration.split("\n\n"):
        head, *lines = section.splitlines() or [""]
        if not head.startswith("backend "):
            continue
        common = [line for line in lines if not line.startswith("  server ")]
        for line in lines:
            if line.startswith("  server "):
                yield (head.split()[1], line.split()[1]), "\n".join([*common, line])
