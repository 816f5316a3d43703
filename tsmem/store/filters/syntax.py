"""The parser of the filter language: Python's expression syntax, limited to some nodes of `ast`. Nothing is evaluated.

Any other text raises InvalidInput: one sentence that says what to write, then the line with a caret below the mistake.
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
HINT = "see: tsmem help filters"
_OPERATORS: dict[type[ast.cmpop], Op] = {
    ast.Eq: Op.EQ,
    ast.NotEq: Op.NE,
    ast.Lt: Op.LT,
    ast.LtE: Op.LE,
    ast.Gt: Op.GT,
    ast.GtE: Op.GE,
}
_FLIPPED = {Op.LT: Op.GT, Op.LE: Op.GE, Op.GT: Op.LT, Op.GE: Op.LE, Op.EQ: Op.EQ, Op.NE: Op.NE}

_NOT_A_FILTER = "this is not in the filter language"
_NO_COLUMN = "compare a column with a value, as in role == 'tool'"
_ADVICE = {
    ast.Call: "the only function is exists(column), which stands alone",
    ast.Attribute: 'write a metadata column as name or metadata["name"]',
    ast.BinOp: 'a filter does not calculate; write a column with such a name as metadata["name"]',
    ast.Constant: _NO_COLUMN,
}
"""Advice for a part that cannot stand where it does."""
_SIGNS = {"&&": "and", "||": "or", "!": "not", "<>": "!=", "=": "==", "===": "==", "=<": "<=", "=>": ">="}
"""Signs of other languages, and what this one has for them."""
_EXCERPT = 72
"""Characters of a long filter that are shown around an error."""
_warnings_lock = threading.Lock()


def parse_filter(text: str) -> Tree:
    """Return the tree of a filter. Raises InvalidInput for a text that is not in the language."""
    if len(text) > MAX_CHARACTERS:
        raise InvalidInput(f"the filter has {len(text):,} characters, and at most {MAX_CHARACTERS:,} are read")
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not text:
        raise InvalidInput("the filter is empty", hint=HINT)
    parser = _Parser(text)
    tree = parser.test(parser.python_tree(), 1)
    parser.check_tokens()
    return tree


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._lines = text.split("\n")
        self._comparisons = 0

    def python_tree(self) -> ast.expr:
        try:
            # Python warns of odd escapes and of numbers that run into words, which is of no use to the user.
            with _warnings_lock, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(self._text, mode="eval").body
        except SyntaxError as error:
            if error.offset == 0 and error.msg == "invalid syntax":  # so Python reports that it wants more
                raise self._error("the filter ends too early", len(self._lines), len(self._lines[-1])) from error
            number = min(error.lineno or 1, len(self._lines))
            line = self._lines[number - 1]
            column = min(max((error.offset or 1) - 1, 0), len(line))
            raise self._error(_explain(line, column, str(error.msg)), number, column) from error
        except (ValueError, MemoryError, RecursionError, OverflowError) as error:
            raise self._error(f"{_NOT_A_FILTER}, or is nested too deeply", 1, 0) from error

    def check_tokens(self) -> None:
        """Refuse what the tree does not show: a comment, which could hide a part of the filter, and adjacent strings,
        which Python joins although a comma may be missing."""
        previous = None
        try:
            for token in tokenize.generate_tokens(io.StringIO(self._text).readline):
                if token.type == tokenize.COMMENT:
                    raise self._error("comments are not allowed", *token.start)
                if token.type == previous == tokenize.STRING:
                    raise self._error("write a comma between two texts", *token.start)
                if token.type != tokenize.NL:
                    previous = token.type
        except (tokenize.TokenError, SyntaxError) as error:
            raise self._error(_NOT_A_FILTER, 1, 0) from error

    def test(self, node: ast.expr, depth: int) -> Tree:
        """Return the tree of a node that is a condition."""
        if depth > MAX_DEPTH:
            raise self._wrong(f"the filter is nested deeper than {MAX_DEPTH}", node)
        match node:
            case ast.BoolOp(op, values):
                parts = tuple(self.test(value, depth + 1) for value in values)
                return Every(parts) if isinstance(op, ast.And) else Either(parts)
            case ast.UnaryOp(ast.Not(), operand):
                return Negation(self.test(operand, depth + 1))
            case ast.Compare(left, ops, comparators):
                sides = (left, *comparators)
                return _joined(Every, list(map(self._comparison, sides, ops, comparators)))
            case ast.Call(ast.Name("exists"), [column], []):
                self._count(node)
                return Exists(self._column(column))
            case ast.Name() | ast.Subscript():
                self._count(node)
                return Compared(self._column(node), Op.EQ, True)
        raise self._misplaced(node)

    def _count(self, node: ast.expr) -> None:
        self._comparisons += 1
        if self._comparisons > MAX_COMPARISONS:
            raise self._wrong(f"the filter has more than {MAX_COMPARISONS} comparisons", node)

    def _comparison(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Tree:
        if isinstance(op, ast.In | ast.NotIn):
            return self._member(left, right, negated=isinstance(op, ast.NotIn))
        if type(op) not in _OPERATORS:
            raise self._wrong("write == instead of is, or exists(column)", right)
        self._count(left)
        operator = _OPERATORS[type(op)]
        if _is_column(left):
            return Compared(self._column(left), operator, self._value(right))
        if _is_column(right):
            return Compared(self._column(right), _FLIPPED[operator], self._value(left))
        raise self._misplaced(right if isinstance(left, ast.Constant) else left)

    def _member(self, left: ast.expr, right: ast.expr, *, negated: bool) -> Tree:
        """`in` is `==` with one of the values. `not in` is `!=` with all values of the column's type, so it is false
        for a missing column."""
        column = self._column(left)
        if not isinstance(right, ast.List | ast.Tuple) or not right.elts:
            raise self._wrong('write values behind in, as in ["a", "b"]', right)
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

    def _column(self, node: ast.expr) -> str:
        match node:
            case ast.Name(name):
                line, at = self._place(node)
                if not self._lines[line - 1].startswith(name, at):  # Python folds letters that look alike
                    raise self._wrong('write a name with such letters as metadata["name"]', node)
            case ast.Subscript(ast.Name("metadata"), ast.Constant(str(name))):
                pass
            case ast.Subscript():
                raise self._wrong('write a column in brackets as metadata["name"]', node)
            case ast.Constant():
                raise self._wrong("write a column here, without quotes", node)
            case _:
                raise self._misplaced(node)
        if not is_column_name(name):
            raise self._wrong(f"a column's name is {COLUMN_NAME_RULE}", node)
        return name

    def _value(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(None):
                raise self._wrong("write exists(column) or not exists(column) instead of None", node)
            case ast.Constant(str() | int() | float() | bytes() as value):
                pass
            case ast.UnaryOp(ast.USub(), ast.Constant(int() | float() as number)) if type(number) is not bool:
                value = -number
            case ast.Name(word) if word.lower() in ("true", "false"):
                raise self._wrong(f"write {word.capitalize()} instead of {word}", node)
            case ast.Name(word):
                raise self._wrong(f'put quotes around a text: "{word}"', node)
            case ast.BinOp() | ast.Call() | ast.Attribute():
                raise self._misplaced(node)
            case _:
                raise self._wrong('write a value here: "text", a number, True, False or b"bytes"', node)
        if type(value) is int and not MIN_INTEGER <= value <= MAX_INTEGER:
            raise self._wrong("the integer does not fit in 64 bits", node)
        if type(value) is float and not math.isfinite(value):
            raise self._wrong("the number is too large", node)
        if type(value) is str and any("\ud800" <= character <= "\udfff" for character in value):
            raise self._wrong("the text holds a lone surrogate", node)
        return value

    def _place(self, node: ast.expr) -> tuple[int, int]:
        before = self._lines[node.lineno - 1].encode()[: node.col_offset]  # `ast` counts UTF-8 bytes
        return node.lineno, len(before.decode(errors="ignore"))

    def _misplaced(self, node: ast.expr) -> InvalidInput:
        return self._wrong(_ADVICE.get(type(node), _NOT_A_FILTER), node)

    def _wrong(self, what: str, node: ast.expr) -> InvalidInput:
        return self._error(what, *self._place(node))

    def _error(self, what: str, line: int, column: int) -> InvalidInput:
        """Return the error for a line, counted from 1, and a column, counted from 0."""
        shown = _line_with_caret(self._lines[line - 1], column)
        return InvalidInput(f"{what} (column {column + 1})\n{shown}", hint=HINT)


def _is_column(node: ast.expr) -> bool:
    return isinstance(node, ast.Name | ast.Subscript)


def _joined(join: type[Every] | type[Either], parts: list[Tree]) -> Tree:
    return parts[0] if len(parts) == 1 else join(tuple(parts))


def _explain(line: str, column: int, message: str) -> str:
    """Return what to write where Python's parser stopped. Its own message is kept only where it helps: it does not know
    this language."""
    for match in re.finditer(r"[&|!<>=]+", line):
        if match.start() <= column < match.end() and (ours := _SIGNS.get(match[0])) is not None:
            return f"write '{ours}' instead of '{match[0]}'"
    word_before = re.findall(r"(\w*)\s*\Z", line[:column])[0]
    word = re.findall(r"\w*", line[column:])[0]
    for each in (word_before, word):
        if each.lower() in ("and", "or", "not", "in") and not each.islower():
            return f"write '{each.lower()}' instead of '{each}'"
    if line[column : column + 1] in ("<", ">"):
        return _NO_COLUMN
    if keyword.iskeyword(word) and word not in ("and", "or", "not", "in"):
        return f'write a column of that name as metadata["{word}"]'
    return message.partition(" (")[0] if message.startswith(("unterminated", "unmatched", "'")) else _NOT_A_FILTER


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
