"""The parser of the filter language: Python's expression syntax, limited to some nodes of `ast`. Nothing is evaluated.

Any other text raises InvalidInput: one sentence, then the line with a caret below the mistake.
"""

from __future__ import annotations

import ast
import io
import keyword
import math
import re
import threading
import tokenize
import warnings
from unicodedata import category, east_asian_width

from tsmem.errors import InvalidInput
from tsmem.limits import COLUMN_NAME_RULE, MAX_INTEGER, MIN_INTEGER, is_column_name
from tsmem.rows import Op, Value
from tsmem.store.filters.tree import Compared, Either, Every, Exists, Negation, Tree

MAX_CHARACTERS = 10_000
MAX_DEPTH = 50
"""Nesting of `and`, `or` and `not`."""
MAX_COMPARISONS = 200
"""Comparisons of one filter; each value in a list counts, and each exists()."""
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
_HINTS = {
    ast.Call: "exists(column) is the only call",
    ast.Attribute: 'a metadata column is its name alone, or metadata["name"]',
    ast.JoinedStr: "a text is written without f",
    ast.NamedExpr: "equality is ==",
    ast.Starred: "a value cannot be starred",
    ast.BinOp: "nothing is computed",
}
_warnings_lock = threading.Lock()


def parse_filter(text: str) -> Tree:
    """Return the tree of a filter. Raises InvalidInput for a text that is not in the language."""
    if len(text) > MAX_CHARACTERS:
        raise InvalidInput(f"the filter has {len(text):,} characters, and at most {MAX_CHARACTERS:,} are read")
    parser = _Parser(text.replace("\r\n", "\n").replace("\r", "\n"))
    tree = parser.test(parser.python_tree(), 1)
    parser.check_tokens()
    return tree


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._source = text.lstrip()
        self._skipped = len(text) - len(self._source)
        self._lines = self._source.split("\n")
        self._comparisons = 0

    def python_tree(self) -> ast.expr:
        if not self._source:
            raise InvalidInput("the filter is empty", hint=f"allowed: {ALLOWED}")
        try:
            self._source.encode()
        except UnicodeEncodeError as error:
            raise self._wrong("a lone surrogate is no character", error.start) from error
        if (at := self._source.find("\0")) >= 0:
            raise self._wrong("a null character is no text", at)
        try:
            # Python warns of odd escapes and of numbers that run into words, which is of no use to the user.
            with _warnings_lock, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(self._source, mode="eval").body
        except SyntaxError as error:
            if "digits" in str(error.msg):
                raise self._wrong("the number has thousands of digits", 0) from error
            if not error.offset:  # Python reports so that the text ends too early
                raise self._wrong("it ends too early", len(self._source.rstrip())) from error
            at = self._place(error.lineno or 1, (error.offset or 1) - 1)
            raise self._wrong(_explain_error(self._source, at, str(error.msg)), at) from error
        except (ValueError, MemoryError, RecursionError, OverflowError) as error:
            raise self._wrong("it is nested too deep, or is no text", 0) from error

    def check_tokens(self) -> None:
        """Refuse what the tree does not show: a comment, which could hide a part of the filter, and adjacent strings,
        which Python joins although a comma may be missing."""
        previous = None
        try:
            for token in tokenize.generate_tokens(io.StringIO(self._source).readline):
                if token.type == tokenize.COMMENT:
                    raise self._wrong("a filter has no comments", self._place(*token.start))
                if token.type == previous == tokenize.STRING:
                    what = "two texts stand side by side; a comma may be missing"
                    raise self._wrong(what, self._place(*token.start))
                if token.type != tokenize.NL:
                    previous = token.type
        except (tokenize.TokenError, SyntaxError) as error:
            raise self._wrong("its lines cannot be read", 0) from error

    def test(self, node: ast.expr, depth: int) -> Tree:
        """Return the tree of a node that is a condition."""
        if depth > MAX_DEPTH:
            raise self._wrong(f"it is nested deeper than {MAX_DEPTH}", node)
        match node:
            case ast.BoolOp(op, values):
                parts = tuple(self.test(value, depth + 1) for value in values)
                return Every(parts) if isinstance(op, ast.And) else Either(parts)
            case ast.UnaryOp(ast.Not(), operand):
                return Negation(self.test(operand, depth + 1))
            case ast.Compare(left, ops, comparators):
                sides = (left, *comparators)
                links = tuple(map(self._link, sides, ops, comparators))
                return links[0] if len(links) == 1 else Every(links)
            case ast.Call():
                return self._exists(node)
            case ast.Name() | ast.Subscript():
                self._count(node)
                return Compared(self._column(node), Op.EQ, True)
            case ast.Constant():
                raise self._wrong("a value alone is no test", node)
            case _:
                raise self._wrong(_HINTS.get(type(node), "this is not in the language"), node)

    def _count(self, node: ast.expr) -> None:
        self._comparisons += 1
        if self._comparisons > MAX_COMPARISONS:
            raise self._wrong(f"it has more than {MAX_COMPARISONS} comparisons", node)

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
        """`in` is `==` with one of the values. `not in` is `!=` with all values of the column's type, so it is false
        for a missing column."""
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
            raise self._wrong(_HINTS[ast.Call], node)
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
            raise self._wrong(_HINTS.get(type(node), "a column stands here"), node)
        if not is_column_name(name):
            raise self._wrong(f"a column's name is {COLUMN_NAME_RULE}", node)
        return name

    def _value(self, node: ast.expr) -> Value:
        negative = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
        inner = node.operand if isinstance(node, ast.UnaryOp) and negative else node
        if not isinstance(inner, ast.Constant):
            raise self._wrong(_HINTS.get(type(inner), "a value stands here: text, a number, True, False, bytes"), node)
        value = inner.value
        if value is None:
            raise self._wrong("None is no value: exists(column) says whether there is one", node)
        if type(value) not in (str, int, float, bool, bytes):
            raise self._wrong("a value is text, a number, True, False or bytes", node)
        if negative:
            if type(value) not in (int, float):
                raise self._wrong("- stands before a number", node)
            value = -value  # type: ignore[operator]
        if type(value) is int and not MIN_INTEGER <= value <= MAX_INTEGER:
            raise self._wrong("the integer does not fit in 64 bits", node)
        if type(value) is float and not math.isfinite(value):
            raise self._wrong("the number is too large", node)
        if type(value) is str and any("\ud800" <= character <= "\udfff" for character in value):
            raise self._wrong("the text holds a lone surrogate", node)
        return value  # type: ignore[return-value]

    def _place(self, line: int, column: int) -> int:
        """Return the place in the text of a line and column."""
        line = max(1, min(line, len(self._lines)))
        column = max(0, min(column, len(self._lines[line - 1])))
        return sum(len(each) + 1 for each in self._lines[: line - 1]) + column

    def _begin(self, node: ast.expr) -> int:
        before = self._lines[node.lineno - 1].encode()[: node.col_offset]  # `ast` counts UTF-8 bytes
        return self._place(node.lineno, len(before.decode(errors="ignore")))

    def _wrong(self, what: str, where: ast.expr | int) -> InvalidInput:
        at = self._skipped + (where if isinstance(where, int) else self._begin(where))
        begin = self._text.rfind("\n", 0, at) + 1
        line, _, _ = self._text[begin:].partition("\n")
        return InvalidInput(
            f"the filter cannot be used: {what}, at column {at - begin + 1}\n{_line_with_caret(line, at - begin)}",
            hint=f"allowed: {ALLOWED}",
        )


def _meant(name: ast.expr) -> str:
    """Return a suggestion for a name in the place of a value, or nothing."""
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


# Explanations for a filter that Python's parser refuses. Python's own message is kept only where it helps, as for an
# unterminated string: Python does not know this language.

_EXCERPT = 72
"""Characters of a long filter that are shown around an error."""
_CHARACTERS = {
    "=": "equality is ==",
    "&": "both is and",
    "|": "one of two is or",
    "!": "negation is not",
    "<": "inequality is !=",
}
"""Explanations for the character at which the parser stops."""
_JOINERS = ("and", "or", "not", "in")
_OPERATOR_WORDS = (*_JOINERS, "True", "False")
_PART = "a part of a text is for search; a filter compares whole values"
_FOREIGN_WORDS = {
    "between": "a range is 1 <= column <= 5",
    **dict.fromkeys(("contains", "has", "like", "ilike", "matches", "startswith", "endswith"), _PART),
}
"""Explanations for words of other languages."""


def _explain_error(source: str, at: int, message: str) -> str:
    """Return what is wrong where the parser stopped with this message."""
    for place in (at, at - 1):
        if 0 <= place < len(source) and (sign := _CHARACTERS.get(source[place])) is not None:
            return sign
    if source[at - 1 : at] == "\n":
        return "a filter of several lines stands in parentheses"
    word = re.match(r"\w*", source[at:])
    if (known := _explain_word("" if word is None else word.group(), source[:at])) is not None:
        return known
    message = message.partition(" (")[0].partition(".")[0]
    is_helpful = message.isascii() and message.isprintable() and not message.startswith(("invalid syntax", "Missing"))
    return message if is_helpful else "and, or, or a comparison such as == is missing here"


def _explain_word(word: str, before: str) -> str | None:
    if word.lower() in _FOREIGN_WORDS:
        return _FOREIGN_WORDS[word.lower()]
    last = "".join(re.findall(r"\w+\s*\Z", before)).strip()
    for each in (last, word):
        if each.lower() in _JOINERS and each not in _JOINERS:
            return f"{each} is written {each.lower()}"
    if word in ("and", "or"):
        return f"{word} stands between two tests"
    if keyword.iskeyword(word) and word not in _OPERATOR_WORDS:
        return f'"{word}" is a word of the language; a column of that name is metadata["{word}"]'
    return "exists(column) has parentheses" if last == "exists" else None


def _line_with_caret(line: str, at: int) -> str:
    """Return a line, shortened around a place if it is long, with a caret below the place."""
    first = max(0, min(at - _EXCERPT // 2, len(line) - _EXCERPT))
    shown = "".join(each if each.isprintable() else "?" for each in line[first : first + _EXCERPT])
    before, after = "..." if first else "", "..." if first + _EXCERPT < len(line) else ""
    indent = len(before)
    for character in shown[: at - first]:
        if category(character) not in ("Mn", "Me"):  # combining marks have no width of their own
            indent += 1 + (east_asian_width(character) in "WF")
    return f"  {before}{shown}{after}\n  {' ' * indent}^"
