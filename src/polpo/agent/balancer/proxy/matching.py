"""L7 rules as conditions: all of a policy's, joined by AND. HAProxy chap. 7.1 (named ACLs: a line
has 64 words at most).
"""

from collections.abc import Iterator, Sequence

from polpo.kernel.haproxy.words import token, word
from polpo.model.load_balancer import L7Rule

HOW = {
    "REGEX": "-m reg",
    "STARTS_WITH": "-m beg",
    "ENDS_WITH": "-m end",
    "CONTAINS": "-m sub",
    "EQUAL_TO": "-m str",
}
MOST_REGEX = 512
"""Characters of a regular expression."""
MOST_STEPS = "(*LIMIT_MATCH=100000)"
"""What begins each (pcre2pattern(3)): of itself PCRE gives up after a hundred times as many, which
takes 50 ms, and a thread of HAProxy that does not come back for a second has it end itself."""


def conditions(number: int, rules: Sequence[L7Rule]) -> Iterator[str]:
    """The lines that `condition` counts on; `number`: of the policy in its frontend."""
    yield from (f"acl {_name(number, n)} {_what(rule)}" for n, rule in enumerate(rules))


def condition(number: int, rules: Sequence[L7Rule]) -> str:
    return " ".join(f"{'!' * rule.invert}{_name(number, n)}" for n, rule in enumerate(rules))


def _name(number: int, n: int) -> str:
    return f"p{number}r{n}"


def _what(rule: L7Rule) -> str:
    if rule.compare_type not in HOW:
        raise ValueError(f"L7 rule {rule.id}: compare type {rule.compare_type!r}")
    if rule.compare_type == "REGEX" and len(rule.value) > MOST_REGEX:
        raise ValueError(f"L7 rule {rule.id}: longer than {MOST_REGEX} characters")
    match rule.type:
        case "SSL_CONN_HAS_CERT":
            return "ssl_c_used"
        case "SSL_VERIFY_RESULT":
            return f"ssl_c_verify eq {int(rule.value)}"
    value = MOST_STEPS + rule.value if rule.compare_type == "REGEX" else rule.value
    return f"{_sample(rule)} {HOW[rule.compare_type]} -- {word(value)}"


def _sample(rule: L7Rule) -> str:
    match rule.type:
        case "HOST_NAME":
            return "req.hdr(host),field(1,:) -i"
        case "PATH":
            return "path"
        case "FILE_TYPE":
            return "path,field(-1,.)"  # of a path without a dot: all of it, which has a slash
        case "HEADER":
            return f"req.hdr({token(rule.key)})"
        case "COOKIE":
            return f"req.cook({token(rule.key)})"
        case "SSL_DN_FIELD":
            return f"ssl_c_s_dn({token(rule.key)})"
    raise ValueError(f"L7 rule {rule.id}: type {rule.type!r}")
