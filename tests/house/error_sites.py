"""Where the package makes errors: every call of a class of the tree, and of a function that returns or raises one.

A site is known by its module, its function, and the words of its first text, so that it stays the same when lines move.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tsmem import errors

PACKAGE = Path(errors.__file__).parent
WORDS = 60
"""Characters of a site's first text that its name shows."""


@dataclass(frozen=True)
class Site:
    """A place that makes an error."""

    module: str
    """Its path in the package."""
    function: str
    """The qualified name; "" at the module's top."""
    text: str
    """The beginning of the first text in the call, `{}` for what is filled in."""
    first_line: int
    last_line: int

    @property
    def name(self) -> str:
        """As a list of sites says it."""
        return f"{self.module}:{self.function}: {self.text}"


@cache
def _classes() -> frozenset[tuple[str, str]]:
    """The classes of the error tree, by module and name, with those that live beside their only user."""
    tree = {name for name, of in vars(errors).items() if isinstance(of, type) and issubclass(of, errors.TsmemError)}
    beside = {
        (module, node.name)
        for module, code in _trees().items()
        for node in ast.walk(code)
        if isinstance(node, ast.ClassDef) and any(isinstance(base, ast.Name) and base.id in tree for base in node.bases)
    }
    return frozenset({("errors.py", name) for name in tree} | beside)


@cache
def error_classes(module: str) -> frozenset[str]:
    """What a module may call them by: private ones are their module's own."""
    return frozenset(name for at, name in _classes() if at == module or not name.startswith("_"))


@cache
def sites() -> tuple[Site, ...]:
    """Every site, in the order of modules and lines."""
    private = {module: _factories(module) for module in _trees()}
    public = {name for names in private.values() for name in names if not name.startswith("_")}
    return tuple(
        site
        for module, tree in _trees().items()
        for site in _within(tree, module, "", error_classes(module) | public | private[module])
    )


@cache
def _trees() -> dict[str, ast.Module]:
    paths = sorted(PACKAGE.rglob("*.py"))
    return {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text()) for path in paths}


def _factories(module: str) -> set[str]:
    """The functions of a module that are declared to return an error, or never to return. A private one is its
    module's own; two classes may have a method of one name."""
    wanted = error_classes(module) | {"NoReturn"}
    return {
        node.name
        for node in ast.walk(_trees()[module])
        if isinstance(node, ast.FunctionDef) and node.returns is not None
        if ast.unparse(node.returns) in wanted
    }


def _within(node: ast.AST, module: str, function: str, makers: AbstractSet[str]) -> Iterator[Site]:
    for child in ast.iter_child_nodes(node):
        inner = function
        if isinstance(child, (ast.FunctionDef, ast.ClassDef)):
            inner = f"{function}.{child.name}".lstrip(".")
        elif isinstance(child, ast.Call) and _called(child) in makers:
            yield Site(module, function, _text(child), child.lineno, child.end_lineno or child.lineno)
        yield from _within(child, module, inner, makers)


def _called(call: ast.Call) -> str | None:
    of = call.func
    return of.id if isinstance(of, ast.Name) else of.attr if isinstance(of, ast.Attribute) else None


def _text(call: ast.Call) -> str:
    for node in (call, *call.args):
        for part in ast.walk(node):
            if isinstance(part, ast.JoinedStr):
                pieces = (str(each.value) if isinstance(each, ast.Constant) else "{}" for each in part.values)
                return "".join(pieces)[:WORDS]
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                return part.value[:WORDS]
    return ast.unparse(call)[:WORDS]
