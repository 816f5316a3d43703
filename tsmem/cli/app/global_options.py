"""The options of every command and group. They may stand before or after a command's name; the last one given counts.

Their callbacks store the values in the run's `Context`. While a shell completes a line there is no run: then the values
are found in `ctx.meta` under `tsmem.NAME`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperOption

from tsmem.cli.app.context import Context
from tsmem.cli.app.suggest import complete_profile
from tsmem.errors import InvalidInput


class HelpShown(Exception):
    """Help or the version was asked for. `cli/app/main.py` writes the text, as it writes every output."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text + "\n"


def show_help(ctx: Any, param: object, value: bool) -> None:
    """The callback of --help."""
    if value and not ctx.resilient_parsing:
        raise HelpShown(ctx.get_help())


def global_options() -> list[TyperOption]:
    """Return new option objects, for one command."""

    def option(*names: str, callback: Callable[..., None], help: str, **more: Any) -> TyperOption:  # noqa: A002
        return TyperOption(
            param_decls=list(names), callback=callback, help=help, expose_value=False, show_default=False, **more
        )

    return [
        option(
            "--profile",
            "-p",
            callback=_store_as("profile"),
            metavar="NAME",
            help="Which profile to use.",
            autocompletion=lambda ctx, args, incomplete: complete_profile(ctx, incomplete),
        ),
        option("--config", callback=_store_as("config"), metavar="FILE", help="The profile file."),
        option(
            "--output",
            "-o",
            callback=_store_output,
            metavar="FORMAT",
            help="table, json, jsonl or csv.",
            autocompletion=lambda ctx, args, incomplete: ["table", "json", "jsonl", "csv"],
        ),
        option("--fields", callback=_store_fields, metavar="A,B,...", help="Only these, e.g. role,metadata.topic."),
        option("--stats", callback=_store_as("stats"), is_flag=True, help="Say what it cost, on stderr."),
        option("--debug", callback=_store_as("debug"), is_flag=True, help="Log requests, and show a traceback."),
        option("--version", callback=_show_version, is_flag=True, is_eager=True, help="Say which version this is."),
        option("--no-color", callback=_store_as("no_color"), is_flag=True, help="No colours (so does NO_COLOR)."),
    ]


def _store(ctx: typer.Context, name: str, value: object) -> None:
    ctx.meta[f"tsmem.{name}"] = value
    if isinstance(ctx.obj, Context):
        setattr(ctx.obj.options, name, value)


def _store_as(name: str) -> Callable[[typer.Context, object, object], None]:
    def callback(ctx: typer.Context, param: object, value: object) -> None:
        if value is not None and value is not False:
            _store(ctx, name, value)

    return callback


def _store_output(ctx: typer.Context, param: object, value: str | None) -> None:
    if value is None:
        return
    from tsmem.render.result import FORMATS

    if value not in FORMATS:
        raise InvalidInput(f"there is no output format '{value}'", hint=f"the formats are {', '.join(FORMATS)}")
    _store(ctx, "output", value)


def _store_fields(ctx: typer.Context, param: object, value: str | None) -> None:
    if value is not None:
        from tsmem.cli.io.values import parse_fields

        _store(ctx, "fields", parse_fields(value))


def _show_version(ctx: typer.Context, param: object, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from tsmem import __version__

        raise HelpShown(f"tsmem {__version__}")
