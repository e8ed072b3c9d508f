"""A Corefile's text to server blocks: snippets, imports and environment taken in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from polpo.dns.corefile.address import addresses
from polpo.dns.corefile.block import CorefileError, Directive, ServerBlock, Token
from polpo.dns.corefile.tokens import tokens

MOST_WORDS = 1_000_000
DEEPEST = 50
_ENVIRONMENT = re.compile(r"\{\$([^{}\s%$]+)\}|\{%([^{}\s%$]+)%\}")
_ARGUMENT = re.compile(r"\{args\[(\d+)\]\}")


class Sources(NamedTuple):
    """What a Corefile may refer to: `files(pattern, file)` are names and texts of the files that a
    pattern in that file means (a name without wildcards that is no file: OSError)."""

    files: Callable[[str, str], Sequence[tuple[str, str]]] = lambda pattern, file: ()
    environment: Mapping[str, str] = {}


def parse(text: str, file: str = "Corefile", sources: Sources | None = None) -> list[ServerBlock]:
    """The server blocks of a Corefile, in its order."""
    return _Parser(sources or Sources()).read(text, file)


class _Parser:
    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._snippets: dict[str, list[Token]] = {}
        self._words = 0
        self._blocks: list[ServerBlock] = []

    def read(self, text: str, file: str) -> list[ServerBlock]:
        words = list(tokens(text, file))
        self._count(words, words[0] if words else Token("", file, 1))
        at = 0
        while at < len(words):
            at = self._read_block(words, at)
        return self._blocks

    def _read_block(self, words: list[Token], at: int) -> int:
        """One snippet, import or server block; the place after it."""
        first = words[at]
        if first.text == "import" and not first.quoted:
            end = _end_of_line(words, at)
            for part in self._imported(words[at + 1 : end], first, ()):
                inner = 0
                while inner < len(part):
                    inner = self._read_block(part, inner)
            return end
        keys, at, braces = _keys(words, at)
        end = _closing(words, at, first) if braces else len(words)
        inside = words[at:end]
        after = end + 1 if braces else end
        if len(keys) == 1 and keys[0].text.startswith("(") and keys[0].text.endswith(")"):
            self._keep_snippet(keys[0], inside, braces)
            return after
        directives = _directives(self._expanded(inside, ()))
        names = [self._in_environment(key) for key in keys]
        self._blocks.append(ServerBlock(addresses(names), directives, first.file, first.line))
        return after

    def _keep_snippet(self, key: Token, inside: list[Token], braces: bool) -> None:
        name = key.text[1:-1]
        if not braces:
            raise CorefileError(key.file, key.line, f"snippet {name}: `{{` is missing")
        if name in self._snippets:
            raise CorefileError(key.file, key.line, f"snippet {name} is there already")
        self._snippets[name] = inside

    def _expanded(self, words: list[Token], inside: tuple[str, ...]) -> list[Token]:
        """The words with what they import instead of each import line."""
        out: list[Token] = []
        at = 0
        while at < len(words):
            word = words[at]
            if word.text == "import" and not word.quoted and _begins_line(words, at):
                end = _end_of_line(words, at)
                for part in self._imported(words[at + 1 : end], word, inside):
                    out += part
                at = end
            else:
                out.append(self._in_environment(word))
                at += 1
        return out

    def _imported(
        self, arguments: list[Token], place: Token, inside: tuple[str, ...]
    ) -> list[list[Token]]:
        """The words that an import stands for, one list a file."""
        if not arguments:
            raise CorefileError(
                place.file, place.line, "import: say a file, a pattern or a snippet"
            )
        what = self._in_environment(arguments[0]).text
        if what in inside or len(inside) > DEEPEST:
            raise CorefileError(place.file, place.line, f"import: {what} imports itself")
        values = [self._in_environment(word).text for word in arguments[1:]]
        if what in self._snippets:
            parts = [self._snippets[what]]
        else:
            parts = [list(tokens(text, name)) for name, text in self._files(what, place)]
        out = []
        for part in parts:
            self._count(part, place)
            filled = [_with_arguments(word, values) for word in part]
            whole = filled if not inside and _holds_blocks(filled) else None
            out.append(whole if whole is not None else self._expanded(filled, (*inside, what)))
        return out

    def _files(self, pattern: str, place: Token) -> Sequence[tuple[str, str]]:
        try:
            return self._sources.files(pattern, place.file)
        except (OSError, UnicodeDecodeError) as failed:
            known = ", ".join(sorted(self._snippets)) or "none"
            words = f"import: {pattern} cannot be read ({failed}), and the snippets are: {known}"
            raise CorefileError(place.file, place.line, words) from failed

    def _in_environment(self, word: Token) -> Token:
        if "{" not in word.text:
            return word
        known = self._sources.environment
        text = _ENVIRONMENT.sub(lambda found: known.get(found[1] or found[2], ""), word.text)
        return word._replace(text=text)

    def _count(self, words: list[Token], place: Token) -> None:
        self._words += len(words)
        if self._words > MOST_WORDS:
            raise CorefileError(place.file, place.line, f"more than {MOST_WORDS} words in all")


def _keys(words: list[Token], at: int) -> tuple[list[Token], int, bool]:
    """The words before `{`, or of the first line if there is none; where the inside begins."""
    keys: list[Token] = []
    first = words[at]
    while at < len(words):
        word = words[at]
        if _is(word, "{"):
            if not keys:
                raise CorefileError(word.file, word.line, "a server block needs a zone before `{`")
            return keys, at + 1, True
        if _is(word, "}"):
            raise CorefileError(word.file, word.line, "`}` closes nothing")
        goes_on = bool(keys) and keys[-1].text.endswith(",")
        if keys and word.line != keys[-1].line and not goes_on:
            break
        keys.append(word)
        at += 1
    if len(keys) == 1 and keys[0].text.startswith("("):
        raise CorefileError(first.file, first.line, f"snippet {keys[0].text}: `{{` is missing")
    return keys, at, False


def _closing(words: list[Token], at: int, opened: Token) -> int:
    depth = 1
    while at < len(words):
        if _is(words[at], "{"):
            depth += 1
        elif _is(words[at], "}"):
            depth -= 1
            if not depth:
                return at
        at += 1
    raise CorefileError(opened.file, opened.line, "the `{` of this block is not closed")


def _directives(words: list[Token]) -> tuple[Directive, ...]:
    out: list[Directive] = []
    at = 0
    while at < len(words):
        first = words[at]
        if _is(first, "{") or _is(first, "}"):
            words_ = f"`{first.text}` where a directive should begin"
            raise CorefileError(first.file, first.line, words_)
        end = _end_of_line(words, at)
        block: tuple[Directive, ...] = ()
        line = words[at + 1 : end]
        at = end
        if line and _is(line[-1], "{"):
            line.pop()
            end = _closing(words, at, first)
            block = _directives(words[at:end])
            at = end + 1
        arguments = tuple(word.text for word in line)
        out.append(Directive(first.text, arguments, block, first.file, first.line))
    return tuple(out)


def _end_of_line(words: list[Token], at: int) -> int:
    """After the last word of the line; a brace that ends a line within it ends the line too."""
    first = words[at]
    at += 1
    while at < len(words) and (words[at].line, words[at].file) == (first.line, first.file):
        if _is(words[at], "}"):
            return at
        at += 1
        if _is(words[at - 1], "{"):
            return at
    return at


def _begins_line(words: list[Token], at: int) -> bool:
    before = words[at - 1] if at else None
    here = words[at]
    return before is None or (before.line, before.file) != (here.line, here.file)


def _holds_blocks(words: list[Token]) -> bool:
    """Does an imported file hold server blocks (rather than directives)? Its first line opens a
    brace after words that are zones: they have a dot, a colon or a parenthesis."""
    if not words:
        return False
    end = _end_of_line(words, 0)
    opens = end - 1 > 0 and _is(words[end - 1], "{")
    return opens and any(mark in words[0].text for mark in ".:(")


def _with_arguments(word: Token, values: Sequence[str]) -> Token:
    if "{args[" not in word.text:
        return word

    def value(found: re.Match[str]) -> str:
        index = int(found[1])
        if index >= len(values):
            raise CorefileError(
                word.file, word.line, f"{found[0]}: the import has {len(values)} arguments"
            )
        return values[index]

    return word._replace(text=_ARGUMENT.sub(value, word.text))


def _is(word: Token, brace: str) -> bool:
    return word.text == brace and not word.quoted
