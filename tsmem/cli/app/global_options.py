"""The options that every command and group has. They can be given before or after the name of a command; the last one
given counts.

Each option's callback stores a given value twice: in the options of tsmem's own `Context` (`ctx.obj`), and in Click's
`ctx.meta`, with a key such as `tsmem.profile`. `suggest.py` reads `ctx.meta`, because while a shell completes a command
line `ctx.obj` is not set. --version and --help only raise HelpRequested.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from typer.core import TyperOption

from tsmem.cli.app.context import Context
from tsmem.cli.app.suggest import complete_profile
from tsmem.errors import InvalidInput


class HelpRequested(Exception):
    """Raised with the text of the help or the version, for `main.py` to write."""


def show_help(ctx: Any, param: object, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        raise HelpRequested(ctx.get_help())


def global_options() -> list[TyperOption]:
    return [
        _option("--profile", "-p", metavar="NAME", help="Profile to use.", autocompletion=complete_profile),
        _option("--config", metavar="FILE", help="Profile file."),
        _option(
            "--output",
            "-o",
            metavar="FORMAT",
            help="table, json, jsonl or csv.",
            parse=_output_format,
            autocompletion=lambda ctx, args, incomplete: ["table", "json", "jsonl", "csv"],
        ),
        _option("--fields", metavar="A,B,...", help="Fields to show, e.g. role,metadata.topic.", parse=_field_names),
        _option("--stats", is_flag=True, help="Print requests, capacity units and time to stderr."),
        _option("--debug", is_flag=True, help="Log each request; show tracebacks."),
        _option("--version", is_flag=True, help="Show the version.", is_eager=True, callback=_show_version),
        _option("--no-color", is_flag=True, help="No colors (like NO_COLOR)."),
    ]


def _option(*names: str, parse: Callable[[str], object] | None = None, **more: Any) -> TyperOption:
    """Return an option whose value, if it is given, is parsed and stored as the module's docstring says."""
    name = names[0].removeprefix("--").replace("-", "_")

    def store(ctx: Any, param: object, value: Any) -> None:
        if value is None or value is False:
            return
        ctx.meta[f"tsmem.{name}"] = value if parse is None else parse(value)
        if isinstance(ctx.obj, Context):
            setattr(ctx.obj.options, name, ctx.meta[f"tsmem.{name}"])

    return TyperOption(
        **{"param_decls": list(names), "callback": store, "expose_value": False, "show_default": False, **more}
    )


def _output_format(text: str) -> str:
    from tsmem.render.result import FORMATS

    if text not in FORMATS:
        raise InvalidInput(f"there is no output format '{text}'", hint=f"the formats are {', '.join(FORMATS)}")
    return text


def _field_names(text: str) -> tuple[str, ...]:
    """Return the names in a value of --fields. A name in double quotes can contain commas and begin or end with
    blanks."""
    quoted = r'"(?:[^"]|"")*"'
    if not text.strip():
        return ()
    parts = [part.strip() for part in re.findall(rf"(?:^|,)(\s*{quoted}\s*(?=,|\Z)|[^,]*)", text)]
    return tuple(part[1:-1].replace('""', '"') if re.fullmatch(quoted, part) else part for part in parts)


def _show_version(ctx: Any, param: object, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from tsmem import __version__

        raise HelpRequested(f"tsmem {__version__}")
