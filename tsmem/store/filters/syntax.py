"""Parse the filter language, which is a subset of Python's expressions.

Python's `ast` module parses the text, nothing is evaluated, and `_Parser` turns the allowed nodes into our tree. Any
other text raises InvalidInput, with one sentence that says what to write and where.
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

from tsmem.errors import InvalidInput
from tsmem.limits import COLUMN_NAME_RULE, MAX_INTEGER, MIN_INTEGER, is_column_name
from tsmem.rows import Op, Value
from tsmem.store.filters.tree import Compared, ContainsText, Either, Every, Exists, Negation, StartsWith, Tree
from tsmem.words import did_you_mean

MAX_CHARACTERS = 10_000
MAX_DEPTH = 50
MAX_COMPARISONS = 200
"""Maximum number of comparisons in a filter. Each value in a list counts as one, and so does each function."""
HINT = "see: tsmem help filters"
_OPERATORS: dict[type[ast.cmpop], Op] = {
    ast.Eq: Op.EQ,
    ast.NotEq: Op.NE,
    ast.Lt: Op.LT,
    ast.LtE: Op.LE,
    ast.Gt: Op.GT,
    ast.GtE: Op.GE,
}
_BOOLEANS = {"true": True, "false": False}
"""Python's own `True` and `False` are values for `ast` already; these words are names."""
_TEXT_FUNCTIONS: dict[str, type[ContainsText] | type[StartsWith]] = {
    "contains": ContainsText,
    "startswith": StartsWith,
}
_FLIPPED = {Op.LT: Op.GT, Op.LE: Op.GE, Op.GT: Op.LT, Op.GE: Op.LE, Op.EQ: Op.EQ, Op.NE: Op.NE}

_NOT_A_FILTER = "this is not in the filter language"
_NO_COLUMN = "compare a column with a value, as in role == 'tool'"
_ADVICE = {
    ast.Call: 'write a function alone, as exists(column), contains(column, "text") or startswith(column, "text")',
    ast.Attribute: 'write a metadata column as metadata.name or metadata["name"]',
    ast.BinOp: 'a filter does not calculate; write a column with such a name as metadata["name"]',
    ast.Constant: _NO_COLUMN,
    ast.Name: _NO_COLUMN,
}
_FOREIGN_OPERATORS = {"&&": "and", "||": "or", "!": "not", "<>": "!=", "=": "==", "===": "==", "=<": "<=", "=>": ">="}
_SINGLE_EQUALS = re.compile("(?<![<>=!])=(?!=)")
_warnings_lock = threading.Lock()


def parse_filter(text: str) -> Tree:
    if len(text) > MAX_CHARACTERS:
        raise InvalidInput(f"the filter has {len(text):,} characters; the limit is {MAX_CHARACTERS:,}")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise InvalidInput("the filter is empty", hint=HINT)
    parser = _Parser(text)
    tree = parser.condition(parser.python_tree(), 1)
    parser.check_tokens()
    return tree


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text.strip()
        self._lines = self._text.split("\n")
        before = text[: text.index(self._text)].split("\n")
        self._lines_before, self._indent = len(before) - 1, len(before[-1])
        self._comparisons = 0

    def python_tree(self) -> ast.expr:
        try:
            # Python's warnings about odd escapes and about numbers that run into words do not help the user.
            with _warnings_lock, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(self._text, mode="eval").body
        except SyntaxError as error:
            if error.offset == 0 and error.msg == "invalid syntax":  # this is how Python reports an incomplete text
                raise self._error("the filter ends too early", len(self._lines), len(self._lines[-1])) from error
            number = min(error.lineno or 1, len(self._lines))
            line = self._lines[number - 1]
            column = min(max((error.offset or 1) - 1, 0), len(line))
            what, place = _explain(line, column, str(error.msg))
            if self._ends_outside_brackets(number - 1 + (column == len(line))):
                what, place = "put parentheses around a filter of several lines", column
            raise self._error(what, number, place) from error
        except (ValueError, MemoryError, RecursionError, OverflowError) as error:
            raise self._error(f"{_NOT_A_FILTER}, or is nested too deeply", 1, 0) from error

    def _ends_outside_brackets(self, count: int) -> bool:
        """True if more lines follow the first `count` lines, and Python does not join them because of open brackets."""
        if not 0 < count < len(self._lines):
            return False
        text = "\n".join(self._lines[:count])
        return sum(map(text.count, "([")) == sum(map(text.count, ")]"))

    def check_tokens(self) -> None:
        """Refuse what `ast` hides: comments, and adjacent strings without a comma, which Python joins."""
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

    def condition(self, node: ast.expr, depth: int) -> Tree:
        if depth > MAX_DEPTH:
            raise self._error_at(node, f"the filter is nested deeper than {MAX_DEPTH}")
        match node:
            case ast.BoolOp(op, values):
                parts = tuple(self.condition(value, depth + 1) for value in values)
                return Every(parts) if isinstance(op, ast.And) else Either(parts)
            case ast.UnaryOp(ast.Not(), operand):
                return Negation(self.condition(operand, depth + 1))
            case ast.Compare(left, ops, comparators):
                sides = (left, *comparators)
                return _join(Every, list(map(self._comparison, sides, ops, comparators)))
            case ast.Call(ast.Name("exists"), [column], []):
                self._count(node)
                return Exists(self._column(column))
            case ast.Call(ast.Name(name), [column, text], []) if name in _TEXT_FUNCTIONS:
                self._count(node)
                return _TEXT_FUNCTIONS[name](self._column(column), self._text_value(text))
            case ast.Name() | ast.Subscript() | ast.Attribute():
                self._count(node)
                return Compared(self._column(node), Op.EQ, True)
        raise self._misplaced(node)

    def _count(self, node: ast.expr) -> None:
        self._comparisons += 1
        if self._comparisons > MAX_COMPARISONS:
            raise self._error_at(node, f"the filter has more than {MAX_COMPARISONS} comparisons")

    def _comparison(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Tree:
        if isinstance(op, ast.In | ast.NotIn):
            return self._membership(left, right, negated=isinstance(op, ast.NotIn))
        if type(op) not in _OPERATORS:
            raise self._error_at(right, "write == instead of is, or exists(column)")
        self._count(left)
        operator = _OPERATORS[type(op)]
        if _is_column(left):
            return Compared(self._column(left), operator, self._value(right))
        if _is_column(right):
            return Compared(self._column(right), _FLIPPED[operator], self._value(left))
        raise self._misplaced(right if isinstance(left, ast.Constant | ast.Name) else left)

    def _membership(self, left: ast.expr, right: ast.expr, *, negated: bool) -> Tree:
        """A column is `not in` a list if the list has values of the column's type and the column differs from all of
        these. Values of one type are joined by `and`, and the types by `or`, because comparing different types is
        false."""
        if isinstance(left, ast.Constant) and _is_column(right):
            raise self._error_at(left, 'write contains(column, "text") to look for a text in a column')
        column = self._column(left)
        if not isinstance(right, ast.List | ast.Tuple) or not right.elts:
            raise self._error_at(right, 'write values behind in, as in ["a", "b"]')
        values = []
        for each in right.elts:
            self._count(each)
            values.append(self._value(each))
        if not negated:
            return _join(Either, [Compared(column, Op.EQ, value) for value in values])
        by_type: dict[str, list[Tree]] = {}
        for value in values:
            name = "number" if type(value) in (int, float) else type(value).__name__
            by_type.setdefault(name, []).append(Compared(column, Op.NE, value))
        return _join(Either, [_join(Every, parts) for parts in by_type.values()])

    def _column(self, node: ast.expr) -> str:
        match node:
            case ast.Name(name) if name in _BOOLEANS:
                raise self._error_at(node, f'write a column of that name as metadata["{name}"]')
            case ast.Name(name) | ast.Attribute(ast.Name("metadata"), name):
                if not self._ends_with(node, name):  # Python normalizes letters in names (NFKC)
                    raise self._error_at(node, 'write a name with such letters as metadata["name"]')
            case ast.Subscript(ast.Name("metadata"), ast.Constant(str(name))):
                pass
            case ast.Subscript():
                raise self._error_at(node, 'write a column in brackets as metadata["name"]')
            case ast.Constant():
                raise self._error_at(node, "write a column here, without quotes")
            case _:
                raise self._misplaced(node)
        if not is_column_name(name):
            raise self._error_at(node, f"a column's name {COLUMN_NAME_RULE}")
        return name

    def _value(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(None):
                raise self._error_at(node, "write exists(column) or not exists(column) instead of None")
            case ast.Constant(str() | int() | float() | bytes() as value):
                pass
            case ast.UnaryOp(ast.USub(), ast.Constant(int() | float() as number)) if type(number) is not bool:
                value = -number
            case ast.Name(word) if word in _BOOLEANS:
                value = _BOOLEANS[word]
            case ast.Name(word) if word.lower() in _BOOLEANS:
                raise self._error_at(node, f"write {word.capitalize()} instead of {word}")
            case ast.Name(word):
                raise self._error_at(node, f'put quotes around a text: "{word}"')
            case ast.BinOp() | ast.Call():
                raise self._misplaced(node)
            case _:
                raise self._error_at(node, 'write a value here: "text", a number, True, False or b"bytes"')
        if type(value) is int and not MIN_INTEGER <= value <= MAX_INTEGER:
            raise self._error_at(node, "the integer does not fit in a signed 64-bit integer")
        if type(value) is float and not math.isfinite(value):
            raise self._error_at(node, "the number is too large")
        if type(value) is str and any("\ud800" <= character <= "\udfff" for character in value):
            raise self._error_at(node, "the text holds a lone surrogate")
        return value

    def _text_value(self, node: ast.expr) -> str:
        value = self._value(node)
        if not isinstance(value, str):
            raise self._error_at(node, "write a text in quotes here")
        return value

    def _ends_with(self, node: ast.expr, name: str) -> bool:
        assert node.end_lineno is not None
        return self._lines[node.end_lineno - 1].encode()[: node.end_col_offset].endswith(name.encode())

    def _place(self, node: ast.expr) -> tuple[int, int]:
        """Return a node's line, counted from 1, and column, counted from 0."""
        before = self._lines[node.lineno - 1].encode()[: node.col_offset]  # `ast` counts UTF-8 bytes
        return node.lineno, len(before.decode(errors="ignore"))

    def _misplaced(self, node: ast.expr) -> InvalidInput:
        match node:
            case ast.Call(ast.Name(name)) if name not in (known := ["exists", *_TEXT_FUNCTIONS]):
                other = did_you_mean(name, known) or f"; the functions are {', '.join(known)}"
                return self._error_at(node, f"there is no function '{name}'{other}")
        return self._error_at(node, _ADVICE.get(type(node), _NOT_A_FILTER))

    def _error_at(self, node: ast.expr, what: str) -> InvalidInput:
        return self._error(what, *self._place(node))

    def _error(self, what: str, line: int, column: int) -> InvalidInput:
        """`line`, from 1, and `column`, from 0, count in the stripped text; the message counts in the text as given."""
        place = f"column {column + 1 + (self._indent if line == 1 else 0)}"
        if self._lines_before + len(self._lines) > 1:
            place = f"line {self._lines_before + line}, {place}"
        return InvalidInput(f"{what} ({place})", hint=HINT)


def _is_column(node: ast.expr) -> bool:
    if isinstance(node, ast.Name):
        return node.id not in _BOOLEANS
    return isinstance(node, ast.Subscript | ast.Attribute)


def _join(kind: type[Every] | type[Either], parts: list[Tree]) -> Tree:
    return parts[0] if len(parts) == 1 else kind(tuple(parts))


def _explain(line: str, column: int, message: str) -> tuple[str, int]:
    """Return what is wrong where Python's parser stopped, and the column at which it begins. Python's own message is
    kept only if it applies to filters."""
    if "instead of '='" in message and (equals := _SINGLE_EQUALS.search(line, column)) is not None:
        column = equals.start()  # Python's parser names the whole comparison
    for match in re.finditer(r"[&|!<>=]+", line):
        if match.start() <= column < match.end() and (ours := _FOREIGN_OPERATORS.get(match[0])) is not None:
            return f"write '{ours}' instead of '{match[0]}'", match.start()
    before = line[:column].rstrip()
    word_before, word = re.findall(r"\w*\Z", before)[0], re.findall(r"\w*", line[column:])[0]
    for each, start in ((word_before, len(before) - len(word_before)), (word, column)):
        if each.lower() in ("and", "or", "not", "in") and not each.islower():
            return f"write '{each.lower()}' instead of '{each}'", start
    if line[column : column + 1] in ("<", ">"):
        return _NO_COLUMN, column
    if keyword.iskeyword(word) and word not in ("and", "or", "not", "in"):
        return f'write a column of that name as metadata["{word}"]', column
    is_for_filters = message.startswith(("unterminated", "unmatched", "'"))
    return message.partition(" (")[0] if is_for_filters else _NOT_A_FILTER, column
