"""Rules for imports and for public names."""

from __future__ import annotations

import ast
import sys
from functools import cache

from tests.house.modules import Import, dotted, imports, sources, tree

VOCABULARY = {
    "tsmem.errors",
    "tsmem.clock",
    "tsmem.rows",
    "tsmem.limits",
    "tsmem.queries",
    "tsmem.folding",
    "tsmem.waiting",
    "tsmem.interruption",
    "tsmem.disk",
    "tsmem.words",
}
PORT = VOCABULARY | {"tsmem.port"}

ALLOWED: dict[str, set[str]] = {
    "tsmem.errors": set(),
    "tsmem.clock": {"tsmem.errors"},
    "tsmem.rows": set(),
    "tsmem.folding": set(),
    "tsmem.waiting": {"tsmem.errors"},
    "tsmem.interruption": set(),
    "tsmem.disk": set(),
    "tsmem.words": set(),
    "tsmem.queries": {"tsmem.rows"},
    "tsmem.limits": {"tsmem.errors", "tsmem.rows"},
    "tsmem.port": VOCABULARY,
    "tsmem.retry": PORT | {"tsmem.retry"},
    "tsmem.profiles": {"tsmem.disk", "tsmem.errors", "tsmem.limits", "tsmem.rows", "tsmem.waiting", "tsmem.words",
                       "tsmem.profiles"},
    "tsmem.store": PORT | {"tsmem.store"},
    "tsmem.transfer": VOCABULARY | {"tsmem.store", "tsmem.transfer"},
    "tsmem.engine": PORT | {"tsmem.engine"},
    "tsmem.server": PORT | {"tsmem.engine", "tsmem.server"},
    "tsmem.adapters": PORT | {"tsmem.adapters", "tsmem.engine", "tsmem.profiles", "tsmem.retry"},
    "tsmem.render": {"tsmem.errors", "tsmem.folding", "tsmem.limits", "tsmem.rows", "tsmem.words", "tsmem.render",
                     "tsmem.store.model", "tsmem.store.metadata", "tsmem.store.documents",
                    "tsmem.store.tool_calls", "tsmem.store.differences"},
    "tsmem.cli": {"tsmem"},
    "tsmem.__main__": {"tsmem.cli"},
    "tsmem": {"tsmem"},
}  # fmt: skip
"""The modules of this package that each room (a folder or module) can import. A module belongs to the room with the
longest matching name."""

OWNERS: dict[str, tuple[str, ...]] = {
    "tablestore": ("tsmem.adapters.tablestore", "tsmem.server"),
    "urllib3": ("tsmem.adapters.tablestore",),
    "certifi": ("tsmem.adapters.tablestore",),
    "google": ("tsmem.adapters.tablestore", "tsmem.server"),
    "sqlite3": ("tsmem.engine",),
    "typer": ("tsmem.cli",),
    "rich": ("tsmem.render", "tsmem.cli"),
    "tomli_w": ("tsmem.profiles",),
}
"""The rooms that can import each third-party library. The server uses only the protobuf classes of the SDK."""

NEVER = ("click", "requests")


@cache
def room(module: str) -> str:
    return max((name for name in ALLOWED if module == name or module.startswith(f"{name}.")), key=len)


def within(module: str, names: set[str] | tuple[str, ...]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in names)


@cache
def all_imports() -> list[tuple[str, Import]]:
    """Return every import of the package with the module that contains it."""
    return [(dotted(path), each) for path in sources() for each in imports(path)]


def test_a_room_imports_only_allowed_modules() -> None:
    wrong = [
        (module, each.module)
        for module, each in all_imports()
        if within(each.module, ("tsmem",))
        and not each.typing_only
        and not within(each.module, ALLOWED[room(module)] | {module})
        and each.module != "tsmem"
    ]

    assert [] == wrong


def test_third_party_libraries_are_imported_only_by_their_owners() -> None:
    wrong = [
        (module, each.module, owners)
        for module, each in all_imports()
        for library, owners in OWNERS.items()
        if within(each.module, (library,)) and not within(module, owners)
    ]

    assert [] == wrong


def test_the_package_imports_only_the_standard_library_and_listed_libraries() -> None:
    allowed = {*sys.stdlib_module_names, *OWNERS, "tsmem", ""}
    top = [(module, each.module.split(".")[0]) for module, each in all_imports()]

    assert [] == [(module, name) for module, name in top if name not in allowed or name in NEVER]


def test_there_are_no_import_cycles() -> None:
    """Imports inside functions count. Imports for annotations only do not."""
    uses: dict[str, set[str]] = {dotted(path): set() for path in sources()}
    for module, each in all_imports():
        if each.module in uses and each.module != module and not each.typing_only and not _is_package_of(each, module):
            uses[module].add(each.module)
    while ends := {module for module, others in uses.items() if not others}:
        uses = {module: others - ends for module, others in uses.items() if module not in ends}

    assert {} == uses


def _is_package_of(used: Import, module: str) -> bool:
    """Return True for an import such as `from tsmem.store import cursor` in a module of `tsmem.store`, which needs
    only `cursor`."""
    return module.startswith(f"{used.module}.")


def test_no_public_name_is_used_twice() -> None:
    """Exceptions are the functions of commands, which have the names of their groups, and the functions that process
    an action of the service."""
    owners: dict[str, list[str]] = {}
    for path in sources():
        if path.name.endswith("_actions.py"):
            continue
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef) or (isinstance(node, ast.FunctionDef) and not _is_command(node)):
                owners.setdefault(node.name, []).append(dotted(path))

    assert {} == {name: where for name, where in owners.items() if len(where) > 1 and not name.startswith("_")}


def _is_command(node: ast.FunctionDef) -> bool:
    return any(
        isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) and each.func.attr == "command"
        for each in node.decorator_list
    )
