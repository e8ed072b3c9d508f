"""`hosts`: inline lines and a file."""

from pathlib import Path

from polpo.testing.resolver import Resolver, shown

INLINE = """
. {
    hosts %s {
        10.0.0.1 web.example.org Alias.example.org
        10.0.0.2 web.example.org
        2001:db8::1 web.example.org
        ttl 60
        %s
    }
    whoami
}
"""


async def test_lines_are_addresses_and_their_names(tmp_path: Path) -> None:
    resolver = Resolver(INLINE % (tmp_path / "none", ""))
    answer = await resolver.ask("Web.example.org")
    assert shown(answer.answer) == [
        "web.example.org. 60 A 10.0.0.1",
        "web.example.org. 60 A 10.0.0.2",
    ]
    assert len((await resolver.ask("web.example.org", "AAAA")).answer) == 1
    nodata = await resolver.ask("alias.example.org", "AAAA")
    assert (nodata.rcode, nodata.answer) == (0, ())
    pointer = await resolver.ask("1.0.0.10.in-addr.arpa", "PTR")
    assert [s.split()[-1] for s in shown(pointer.answer)] == [
        "web.example.org.",
        "alias.example.org.",
    ]


async def test_unknown_names_are_servfail_unless_they_fall_through(tmp_path: Path) -> None:
    resolver = Resolver(INLINE % (tmp_path / "none", ""))
    assert (await resolver.ask("other.example.org")).rcode == 2
    resolver = Resolver(INLINE % (tmp_path / "none", "fallthrough example.org"))
    assert (await resolver.ask("other.example.org")).additional
    assert (await resolver.ask("other.example.net")).rcode == 2


async def test_a_file_is_read_again_and_what_was_kept_is_dropped(tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_text("10.1.0.1 a.test *.wild.test # comment\nnonsense\n10.1.0.9\n")
    resolver = Resolver(f". {{\n hosts {file}\n}}")
    assert shown((await resolver.ask("a.test")).answer) == ["a.test. 3600 A 10.1.0.1"]
    assert shown((await resolver.ask("x.wild.test")).answer) == ["x.wild.test. 3600 A 10.1.0.1"]
    assert resolver.is_kept("a.test")
    file.write_text("10.1.0.22 a.test\n")
    feed = resolver.feeds[0]
    assert feed._look()  # type: ignore[attr-defined]
    for message in feed.everything():
        resolver.assembly.apply(0, "hosts", message)
    assert not resolver.is_kept("a.test")
    assert not resolver.is_kept("x.wild.test")
    assert shown((await resolver.ask("a.test")).answer) == ["a.test. 3600 A 10.1.0.22"]
    assert (await resolver.ask("x.wild.test")).rcode == 2
