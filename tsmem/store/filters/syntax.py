"""The filter language: Python's expression syntax, read by `ast` from an allowed set of nodes. Nothing is evaluated.

Its one rule: what is not in the language is InvalidInput, in one sentence with the text and a caret below its place,
whatever the text was. `filters.py` says what a filter means; here it becomes a tree.
"""

from __future__ import annotations

import ast
import io
import math
import threading
import tokenize
import warnings

from tsmem.errors import InvalidInput
from tsmem.limits import COLUMN_NAME_RULE, MAX_INTEGER, MIN_INTEGER, is_column_name
from tsmem.rows import Op, Value
from tsmem.store.filters.slips import pointed, slip
from tsmem.store.filters.tree import Compared, Either, Every, Exists, Negation, Tree

__all__ = ["Compared", "Either", "Every", "Exists", "Negation", "Tree", "parse_filter"]

MAX_CHARACTERS = 10_000
MAX_DEPTH = 50
"""Of `and`, `or` and `not` in one another."""
MAX_COMPARISONS = 200
"""Of one filter; each value in a list counts, and each exists()."""
ALLOWED = (
    'column == "text", != < <= > >=, in [..], not in [..], 1 < column <= 5, column alone for a true boolean, '
    'exists(column), and, or, not; a column is a name, or metadata["any-key"]; a value is text, a number, '
    'True, False or b"bytes"'
)


_OPERATORS: dict[type[ast.cmpop], Op] = {
    ast.Eq: Op.EQ,
    ast.NotEq: Op.NE,
    ast.Lt: Op.LT,
    ast.LtE: Op.LE,
    ast.Gt: Op.GT,
    ast.GtE: Op.GE,
}
_FLIPPED = {Op.LT: Op.GT, Op.LE: Op.GE, Op.GT: Op.LT, Op.GE: Op.LE, Op.EQ: Op.EQ, Op.NE: Op.NE}
_ASIDES = {
    ast.Call: "exists(column) is the only call",
    ast.Attribute: 'a metadata column is its name alone, or metadata["name"]',
    ast.JoinedStr: "a text is written without f",
    ast.NamedExpr: "equality is ==",
    ast.Starred: "a value cannot be starred",
    ast.BinOp: "nothing is computed",
}
_silence = threading.Lock()


def parse_filter(text: str) -> Tree:
    """The tree of a filter. Raises InvalidInput for what is not in the language."""
    if len(text) > MAX_CHARACTERS:
        raise InvalidInput(f"the filter has {len(text):,} characters, and at most {MAX_CHARACTERS:,} are read")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    reader = _Reader(text)
    body = reader.parsed()
    tree = reader.test(body, 1)
    reader.check_words()
    return tree


class _Reader:
    """One text on its way to a tree."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._source = text.lstrip()
        self._skipped = len(text) - len(self._source)
        self._lines = self._source.split("\n")
        self._comparisons = 0

    def parsed(self) -> ast.expr:
        """Python's own tree of the text."""
        if not self._source:
            raise InvalidInput("the filter is empty", hint=f"allowed: {ALLOWED}")
        try:
            self._source.encode()
        except UnicodeEncodeError as error:
            raise self._wrong("a lone surrogate is no character", error.start) from error
        if (at := self._source.find("\0")) >= 0:
            raise self._wrong("a null character is no text", at)
        try:
            # Odd escapes and numbers that run into words are warned of; whoever types a filter cannot act on that.
            with _silence, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(self._source, mode="eval").body
        except SyntaxError as error:
            if "digits" in str(error.msg):
                raise self._wrong("the number has thousands of digits", 0) from error
            if not error.offset:  # so Python says that the text ended while it waited for more
                raise self._wrong("it ends too early", len(self._source.rstrip())) from error
            at = self._place(error.lineno or 1, (error.offset or 1) - 1)
            raise self._wrong(slip(self._source, at, str(error.msg)), at) from error
        except (ValueError, MemoryError, RecursionError, OverflowError) as error:
            raise self._wrong("it is nested too deep, or is no text", 0) from error

    def check_words(self) -> None:
        """Refuses what the tree does not show: a comment, which hides what would be thought a part of the filter, and
        texts side by side, which Python makes one of, where a comma was forgotten."""
        try:
            words = list(tokenize.generate_tokens(io.StringIO(self._source).readline))
        except (tokenize.TokenError, SyntaxError) as error:
            raise self._wrong("its lines cannot be read", 0) from error
        before = None
        for word in words:
            at = self._place(word.start[0], word.start[1])
            if word.type == tokenize.COMMENT:
                raise self._wrong("a filter has no comments", at)
            if word.type == before == tokenize.STRING:
                raise self._wrong("two texts stand side by side; a comma may be missing", at)
            if word.type != tokenize.NL:
                before = word.type

    # Nodes

    def test(self, node: ast.expr, depth: int) -> Tree:
        """What holds or does not."""
        if depth > MAX_DEPTH:
            raise self._wrong(f"it is nested deeper than {MAX_DEPTH}", node)
        match node:
            case ast.BoolOp(op, values):
                parts = tuple(self.test(value, depth + 1) for value in values)
                return Every(parts) if isinstance(op, ast.And) else Either(parts)
            case ast.UnaryOp(ast.Not(), operand):
                return Negation(self.test(operand, depth + 1))
            case ast.Compare(left, ops, comparators):
                return self._chain([left, *comparators], ops)
            case ast.Call():
                return self._exists(node)
            case ast.Name() | ast.Subscript():
                self._count(node)
                return Compared(self._column(node), Op.EQ, True)
            case ast.Constant():
                raise self._wrong("a value alone is no test", node)
            case _:
                raise self._wrong(_ASIDES.get(type(node), "this is not in the language"), node)

    def _count(self, node: ast.expr) -> None:
        self._comparisons += 1
        if self._comparisons > MAX_COMPARISONS:
            raise self._wrong(f"it has more than {MAX_COMPARISONS} comparisons", node)

    def _chain(self, sides: list[ast.expr], ops: list[ast.cmpop]) -> Tree:
        links = tuple(self._link(sides[place], op, sides[place + 1]) for place, op in enumerate(ops))
        return links[0] if len(links) == 1 else Every(links)

    def _link(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Tree:
        if isinstance(op, ast.In | ast.NotIn):
            return self._member(left, right, negated=isinstance(op, ast.NotIn))
        if type(op) not in _OPERATORS:
            raise self._wrong("equality is ==, and exists(column) says whether there is one", right)
        if _is_exists(left) or _is_exists(right):
            raise self._wrong("exists(column) is a test by itself, and is compared with nothing", left)
        self._count(left)
        operator = _OPERATORS[type(op)]
        if _is_column(left):
            if _is_column(right):
                raise self._wrong(f"a column is compared with a value{_meant(right)}", right)
            return Compared(self._column(left), operator, self._value(right))
        value = self._value(left)
        if not _is_column(right):
            self._value(right)
            raise self._wrong("a value is compared with a column", right)
        return Compared(self._column(right), _FLIPPED[operator], value)

    def _member(self, left: ast.expr, right: ast.expr, *, negated: bool) -> Tree:
        """`in` is equality with one of the values. `not in` is `!=` of all that are of the column's type: a comparison
        too, so it is false for a missing column."""
        if isinstance(left, ast.Constant) and _is_column(right):
            raise self._wrong('a part of a text is for search; in is as in column in ["a", "b"]', left)
        column = self._column(left)
        if not isinstance(right, ast.List | ast.Tuple) or not right.elts:
            raise self._wrong('in wants values, as in ["a", "b"]', right)
        values = []
        for each in right.elts:
            self._count(each)
            values.append(self._value(each))
        if not negated:
            return _joined(Either, [Compared(column, Op.EQ, value) for value in values])
        kinds: dict[str, list[Tree]] = {}
        for value in values:
            kind = "number" if type(value) in (int, float) else type(value).__name__
            kinds.setdefault(kind, []).append(Compared(column, Op.NE, value))
        return _joined(Either, [_joined(Every, parts) for parts in kinds.values()])

    def _exists(self, node: ast.Call) -> Tree:
        if not _is_exists(node):
            raise self._wrong(_ASIDES[ast.Call], node)
        if len(node.args) != 1 or node.keywords or not _is_column(node.args[0]):
            raise self._wrong("exists(column) takes the name of one column, without quotes", node)
        self._count(node)
        return Exists(self._column(node.args[0]))

    def _column(self, node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            if not self._source.startswith(node.id, self._begin(node)):  # Python folds letters that look alike
                raise self._wrong('a name with letters that look alike is written metadata["name"]', node)
            name = node.id
        elif isinstance(node, ast.Subscript):
            key = node.slice
            of_metadata = isinstance(node.value, ast.Name) and node.value.id == "metadata"
            if not (of_metadata and isinstance(key, ast.Constant) and type(key.value) is str):
                raise self._wrong('a column in brackets is metadata["name"]', node)
            name = key.value
        elif isinstance(node, ast.Constant):
            raise self._wrong("a column stands here, without quotes", node)
        else:
            raise self._wrong(_ASIDES.get(type(node), "a column stands here"), node)
        if not is_column_name(name):
            raise self._wrong(f"a column's name is {COLUMN_NAME_RULE}", node)
        return name

    def _value(self, node: ast.expr) -> Value:
        negative = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
        inner = node.operand if isinstance(node, ast.UnaryOp) and negative else node
        if not isinstance(inner, ast.Constant):
            raise self._wrong(_ASIDES.get(type(inner), "a value stands here: text, a number, True, False, bytes"), node)
        value = inner.value
        if value is None:
            raise self._wrong("None is no value: exists(column) says whether there is one", node)
        if type(value) not in (str, int, float, bool, bytes):
            raise self._wrong("a value is text, a number, True, False or bytes", node)
        if negative:
            if type(value) not in (int, float):
                raise self._wrong("- stands before a number", node)
            value = -value  # type: ignore[operator]
        self._check(value, node)
        return value  # type: ignore[return-value]

    def _check(self, value: object, node: ast.expr) -> None:
        if type(value) is int and not MIN_INTEGER <= value <= MAX_INTEGER:
            raise self._wrong("the integer does not fit in 64 bits", node)
        if type(value) is float and not math.isfinite(value):
            raise self._wrong("the number is too large", node)
        if type(value) is str and any("\ud800" <= character <= "\udfff" for character in value):
            raise self._wrong("the text holds a lone surrogate", node)

    # Places

    def _at(self, line: int, offset: int) -> int:
        """The character that a line and a number of UTF-8 bytes are at."""
        before = self._lines[line - 1].encode()[:offset].decode(errors="ignore")
        return self._place(line, len(before))

    def _place(self, line: int, column: int) -> int:
        line = max(1, min(line, len(self._lines)))
        column = max(0, min(column, len(self._lines[line - 1])))
        return sum(len(each) + 1 for each in self._lines[: line - 1]) + column

    def _begin(self, node: ast.expr) -> int:
        return self._at(node.lineno, node.col_offset)

    def _wrong(self, what: str, where: ast.expr | int) -> InvalidInput:
        """What to raise: a sentence, the line of the text, a caret under the place."""
        at = self._skipped + (where if isinstance(where, int) else self._begin(where))
        begin = self._text.rfind("\n", 0, at) + 1
        line, _, _ = self._text[begin:].partition("\n")
        return InvalidInput(
            f"the filter cannot be used: {what}, at column {at - begin + 1}\n{pointed(line, at - begin)}",
            hint=f"allowed: {ALLOWED}",
        )


def _meant(name: ast.expr) -> str:
    """What a name that stands for a value was meant to be."""
    word = getattr(name, "id", "")
    if word in ("true", "false"):
        return f"; {word} is written {word.capitalize()}"
    return f'; a text has quotes: "{word}"' if word else ""


def _is_column(node: ast.expr) -> bool:
    return isinstance(node, ast.Name | ast.Subscript)


def _is_exists(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "exists"


def _joined(join: type[Every] | type[Either], parts: list[Tree]) -> Tree:
    return parts[0] if len(parts) == 1 else join(tuple(parts))
