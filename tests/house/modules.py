"""Reads the source files of the package and their imports, without importing them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "tsmem"
README = (ROOT / "README.md").read_text(encoding="utf-8")


class Import(NamedTuple):
    module: str
    line: int
    lazy: bool
    """True if the import is inside a function."""
    typing_only: bool
    """True if the import is under `if TYPE_CHECKING`."""


def sources(folder: Path = PACKAGE) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports(path: Path) -> list[Import]:
    return list(_imports(tree(path), lazy=False, typing_only=False))


def _imports(node: ast.AST, *, lazy: bool, typing_only: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, child.lineno, lazy, typing_only)
        elif isinstance(child, ast.ImportFrom):
            yield Import(child.module or "", child.lineno, lazy, typing_only)
            for alias in child.names:
                yield Import(f"{child.module}.{alias.name}", child.lineno, lazy, typing_only)
        else:
            inner_lazy = lazy or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            guard = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
            yield from _imports(child, lazy=inner_lazy, typing_only=typing_only or guard)
