"""Expressions over a query, in the language that CoreDNS's `view` takes (expr-lang.org), as far as
queries need it: literals, arrays, arithmetic, comparison, logic, `in`, `matches`, `contains`,
`startsWith`, `endsWith`, `? :` and calls.

An expression becomes functions of what is asked about, one in another, once.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Node = Callable[[Any], Any]
Function = Callable[..., Any]  # of what is asked about, and arguments
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<string>'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\")"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<sign>&&|\|\||[=!<>]=|[-+*/%<>!?:(),\[\]]))"
)
_CONSTANTS = {"true": True, "false": False, "nil": None}
_COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
    "in": lambda a, b: a in b,
    "matches": lambda a, b: re.search(b, a) is not None,
    "contains": lambda a, b: b in a,
    "startsWith": lambda a, b: a.startswith(b),
    "endsWith": lambda a, b: a.endswith(b),
}
_SUMS = {"+": operator.add, "-": operator.sub}
_PRODUCTS = {"*": operator.mul, "/": operator.truediv, "%": operator.mod}
MOST_DEPTH = 50


def compile_expression(text: str, functions: Mapping[str, tuple[int, Function]]) -> Node:
    """What says the expression's value. ValueError if it is none, or calls what there is not."""
    parser = _Parser(_tokens(text), functions)
    node = parser.whole()
    if parser.peek():
        raise ValueError(f"{parser.peek()} is not expected there")
    return node


def _tokens(text: str) -> list[str]:
    tokens, at, end = [], 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            raise ValueError(f"{text[at:].split()[0]} is not understood")
        tokens.append(found[0].strip())
        at = found.end()
    return tokens


class _Parser:
    """By precedence, from what binds least."""

    def __init__(
        self, tokens: Sequence[str], functions: Mapping[str, tuple[int, Function]]
    ) -> None:
        self._tokens = tokens
        self._functions = functions
        self._at = self._depth = 0

    def peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def take(self, *wanted: str) -> str:
        """The next one if it is one of these."""
        found = self.peek()
        if found and found in wanted:
            self._at += 1
            return found
        return ""

    def need(self, wanted: str) -> None:
        if not self.take(wanted):
            raise ValueError(f"{wanted} is missing before {self.peek() or 'the end'}")

    def whole(self) -> Node:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise ValueError("too many brackets in one another")
        condition = self._any()
        if self.take("?"):
            yes = self.whole()
            self.need(":")
            no = self.whole()
            node: Node = lambda facts: yes(facts) if condition(facts) else no(facts)  # noqa: E731
        else:
            node = condition
        self._depth -= 1
        return node

    def _any(self) -> Node:
        nodes = [self._all()]
        while self.take("||", "or"):
            nodes.append(self._all())
        return nodes[0] if len(nodes) == 1 else lambda facts: any(n(facts) for n in nodes)

    def _all(self) -> Node:
        nodes = [self._inverse()]
        while self.take("&&", "and"):
            nodes.append(self._inverse())
        return nodes[0] if len(nodes) == 1 else lambda facts: all(n(facts) for n in nodes)

    def _inverse(self) -> Node:
        if self.take("!", "not"):
            node = self._inverse()
            return lambda facts: not node(facts)
        return self._comparison()

    def _comparison(self) -> Node:
        left = self._row(_SUMS, lambda: self._row(_PRODUCTS, self._single))
        is_inverse = bool(self.take("not"))
        word = self.take(*_COMPARISONS)
        if not word:
            if is_inverse:
                raise ValueError("not what?")
            return left
        right = self._row(_SUMS, lambda: self._row(_PRODUCTS, self._single))
        compare = _COMPARISONS[word]
        if is_inverse:
            return lambda facts: not compare(left(facts), right(facts))
        return lambda facts: compare(left(facts), right(facts))

    def _row(self, signs: Mapping[str, Function], part: Callable[[], Node]) -> Node:
        node = part()
        while sign := self.take(*signs):
            node = _applied(signs[sign], node, part())
        return node

    def _single(self) -> Node:
        if self.take("-"):
            node = self._single()
            return lambda facts: -node(facts)
        if self.take("("):
            node = self.whole()
            self.need(")")
            return node
        if self.take("["):
            items = self._list("]")
            return lambda facts: [item(facts) for item in items]
        token = self.peek()
        self._at += 1
        if token[:1] in {"'", '"'}:
            return _constant(re.sub(r"\\(.)", r"\1", token[1:-1]))
        if token[:1].isdigit():
            return _constant(float(token) if "." in token else int(token))
        if token in _CONSTANTS:
            return _constant(_CONSTANTS[token])
        return self._call(token)

    def _call(self, name: str) -> Node:
        if name not in self._functions:
            raise ValueError(
                f"{name or 'nothing'}: there are {', '.join(f'{f}()' for f in self._functions)}"
            )
        self.need("(")
        arguments = self._list(")")
        count, function = self._functions[name]
        if len(arguments) != count:
            raise ValueError(f"{name}() takes {count} arguments, not {len(arguments)}")
        return lambda facts: function(facts, *(argument(facts) for argument in arguments))

    def _list(self, end: str) -> list[Node]:
        nodes: list[Node] = []
        while not self.take(end):
            if nodes:
                self.need(",")
            nodes.append(self.whole())
        return nodes


def _constant(value: object) -> Node:
    return lambda facts: value


def _applied(function: Function, left: Node, right: Node) -> Node:
    return lambda facts: function(left(facts), right(facts))
