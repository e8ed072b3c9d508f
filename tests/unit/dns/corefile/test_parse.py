"""A Corefile's syntax, as CoreDNS has it."""

import pytest

from polpo.dns.corefile.block import CorefileError, Directive, ServerBlock
from polpo.dns.corefile.parse import Sources, parse
from polpo.dns.wire.name import to_text


def files(**texts: str) -> Sources:
    def read(pattern: str, file: str) -> list[tuple[str, str]]:
        if "*" in pattern:
            return [(name, text) for name, text in texts.items() if name.startswith(pattern[:-1])]
        if pattern not in texts:
            raise FileNotFoundError(2, "No such file", pattern)
        return [(pattern, texts[pattern])]

    return Sources(read, {"PORT": "1053", "ZONE": "example.org"})


def plain(directives: tuple[Directive, ...]) -> list[object]:
    """Directives as nested lists of words."""
    return [
        [d.name, *d.arguments, plain(d.block)] if d.block else [d.name, *d.arguments]
        for d in directives
    ]


def keys(block: ServerBlock) -> list[str]:
    return [f"{a.scheme}://{to_text(a.zone)}:{a.port}" for a in block.addresses]


USUAL = """
# of a cluster
.:53 {
    errors
    health { lameduck 5s
    }
    kubernetes cluster.local 10.254.0.0/16 {  # the cluster
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
    }
    forward . /etc/resolv.conf
    cache 30
}
myhost.com, www.myhost.com:5353 tls://secure.org {
    hosts {
        8.8.8.8 myhost.com
        fallthrough
    }
}
"""


def test_the_usual_corefile_is_its_blocks() -> None:
    cluster, mine = parse(USUAL)
    assert keys(cluster) == ["dns://.:53"]
    assert plain(cluster.directives) == [
        ["errors"],
        ["health", [["lameduck", "5s"]]],
        [
            "kubernetes",
            "cluster.local",
            "10.254.0.0/16",
            [["pods", "insecure"], ["fallthrough", "in-addr.arpa", "ip6.arpa"]],
        ],
        ["forward", ".", "/etc/resolv.conf"],
        ["cache", "30"],
    ]
    assert keys(mine) == [
        "dns://myhost.com.:0",
        "dns://www.myhost.com.:5353",
        "tls://secure.org.:0",
    ]
    assert cluster.directives[2].line == 7


def test_networks_are_reverse_zones() -> None:
    (block,) = parse("10.0.0.0/22:54 2001:db8::/32 fd00::/16:99 { }")
    assert keys(block) == [
        *(f"dns://{n}.0.10.in-addr.arpa.:54" for n in range(4)),
        "dns://8.b.d.0.1.0.0.2.ip6.arpa.:0",
        "dns://0.0.d.f.ip6.arpa.:99",
    ]


def test_the_environment_is_taken_in() -> None:
    (block,) = parse("{$ZONE}:{%PORT%} {\n file a-{$ZONE} {$NONE}\n}", sources=files())
    assert keys(block) == ["dns://example.org.:1053"]
    assert plain(block.directives) == [["file", "a-example.org", ""]]


def test_snippets_have_arguments() -> None:
    text = '(up) {\n forward {args[0]} {args[1]}\n log\n}\n. {\n import up . "1.1.1.1"\n}'
    (block,) = parse(text)
    assert plain(block.directives) == [["forward", ".", "1.1.1.1"], ["log"]]


def test_files_are_imported_into_blocks_and_beside_them() -> None:
    sources = files(
        common="errors\nlog", a1="one.org {\n whoami\n}", a2="two.org {\n import common\n}"
    )
    blocks = parse("import a*\n. {\n import common\n cache\n}", sources=sources)
    assert [keys(block) for block in blocks] == [
        ["dns://one.org.:0"],
        ["dns://two.org.:0"],
        ["dns://.:0"],
    ]
    assert plain(blocks[2].directives) == [["errors"], ["log"], ["cache"]]
    assert blocks[2].directives[0].file == "common"


def test_a_file_of_snippets_is_imported() -> None:
    sources = files(snippets="(both) {\n errors\n log\n}")
    (block,) = parse("import snippets\n. {\n import both\n}", sources=sources)
    assert plain(block.directives) == [["errors"], ["log"]]


def test_quotes_hold_words_together_and_hide_braces_and_comments() -> None:
    (block,) = parse('. {\n template "a { # \\"b\\"" "}" \\d+\n}')
    assert plain(block.directives) == [["template", 'a { # "b"', "}", "\\d+"]]


def test_a_file_with_one_block_needs_no_braces() -> None:
    (block,) = parse(".:1053\nwhoami\nlog")
    assert keys(block) == ["dns://.:1053"]
    assert plain(block.directives) == [["whoami"], ["log"]]


def test_an_empty_file_has_no_blocks() -> None:
    assert parse("# nothing\n") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (". {\n log", "Corefile:1: the `{` of this block is not closed"),
        ("{\n}", "Corefile:1: a server block needs a zone"),
        ("}\n", "Corefile:1: `}` closes nothing"),
        (". {\n {\n }\n}", "Corefile:2: `{` where a directive should begin"),
        ('. {\n log "a\n}', "Corefile:2: a quote that is not closed"),
        ("http://a {\n}", "Corefile:1: http://a: the schemes are dns://, tls://"),
        ("a..b {\n}", "Corefile:1: a..b: a name has an empty label"),
        ("a:99999 {\n}", "a:99999: 99999 is no port"),
        (". {\n import nosuch\n}", "Corefile:2: import: nosuch cannot be read"),
        (". {\n import\n}", "Corefile:2: import: say a file"),
        ("(a) {\n import a\n}\n. {\n import a\n}", "a imports itself"),
        ("(a) {\n}\n(a) {\n}", "Corefile:3: snippet a is there already"),
        ("(a)\n", "Corefile:1: snippet (a): `{` is missing"),
        (
            "(a) {\n log {args[1]}\n}\n. {\n import a x\n}",
            "Corefile:2: {args[1]}: the import has 1",
        ),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(text: str, words: str) -> None:
    with pytest.raises(CorefileError) as wrong:
        parse(text, sources=files())
    assert words in str(wrong.value)
