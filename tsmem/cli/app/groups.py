"""How commands are made: groups that load and build a command when it is called, and the options that all have.

One rule: naming a command's sentence loads nothing; calling a command loads that command alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from inspect import cleandoc
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar

import typer
from typer.core import CompletionItem, TyperCommand, TyperGroup, TyperOption  # type: ignore[attr-defined]
from typer.exceptions import TyperException

from tsmem.cli.app.context import Context
from tsmem.cli.app.suggest import complete_profile
from tsmem.errors import InvalidInput
from tsmem.nearest import nearest_names

if TYPE_CHECKING:
    from tsmem.render.result import Noun


Function = TypeVar("Function", bound=Callable[..., object])


class CommandEntry(NamedTuple):
    """One command of a group, before it is loaded."""

    sentence: str
    """The first line of its help."""
    module: str
    name: str
    """The function's, or the group class's."""
    shows: Noun | None = None
    """What `--fields` chooses among; None for a command that shows neither sessions nor messages."""
    formats: tuple[str, ...] | None = None
    """What `--output` may say, where the command has an output of its own; None for all."""


class HelpShown(Exception):
    """Help or the version was asked for. `cli/app/main.py` writes the text, as it writes every output."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text + "\n"


def _set(name: str, value: object, ctx: typer.Context) -> None:
    if value is None or value is False:
        return
    ctx.meta[f"tsmem.{name}"] = value
    if isinstance(ctx.obj, Context):
        setattr(ctx.obj.options, name, value)


def _store(name: str) -> Callable[[typer.Context, Any, Any], None]:
    return lambda ctx, param, value: _set(name, value, ctx)


def _store_output(ctx: typer.Context, param: object, value: str | None) -> None:
    if value is None:
        return
    from tsmem.render.result import FORMATS

    if value not in FORMATS:
        raise InvalidInput(f"there is no output format '{value}'", hint=f"the formats are {', '.join(FORMATS)}")
    _set("output", value, ctx)


def _store_fields(ctx: typer.Context, param: object, value: str | None) -> None:
    if value is not None:
        from tsmem.cli.io.values import parse_fields

        ctx.meta["tsmem.fields"] = fields = parse_fields(value)
        if isinstance(ctx.obj, Context):
            ctx.obj.options.fields = fields


def _show_version(ctx: typer.Context, param: object, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from tsmem import __version__

        raise HelpShown(f"tsmem {__version__}")


def global_options() -> list[TyperOption]:
    """The options of every command, which may stand before or after its name; the last one said counts."""

    def option(*names: str, callback: Callable[..., None], help: str, **more: Any) -> TyperOption:  # noqa: A002
        return TyperOption(
            param_decls=list(names), callback=callback, help=help, expose_value=False, show_default=False, **more
        )

    return [
        option(
            "--profile",
            "-p",
            callback=_store("profile"),
            metavar="NAME",
            help="Which profile to use.",
            autocompletion=lambda ctx, args, incomplete: complete_profile(ctx, incomplete),
        ),
        option("--config", callback=_store("config"), metavar="FILE", help="The profile file."),
        option(
            "--output",
            "-o",
            callback=_store_output,
            metavar="FORMAT",
            help="table, json, jsonl or csv.",
            autocompletion=lambda ctx, args, incomplete: ["table", "json", "jsonl", "csv"],
        ),
        option("--fields", callback=_store_fields, metavar="A,B,...", help="Only these, e.g. role,metadata.topic."),
        option("--stats", callback=_store("stats"), is_flag=True, help="Say what it cost, on stderr."),
        option(
            "--debug",
            callback=_store("debug"),
            is_flag=True,
            help="Log requests, and show a traceback.",
        ),
        option("--version", callback=_show_version, is_flag=True, is_eager=True, help="Say which version this is."),
        option("--no-color", callback=_store("no_color"), is_flag=True, help="No colours (so does NO_COLOR)."),
    ]


def _write_options(command: TyperCommand | TyperGroup, ctx: Any, formatter: Any) -> None:
    """The command's own options and arguments, then the global ones, under their own headings."""
    sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": [], "Global options": []}
    for param in command.get_params(ctx):
        record = param.get_help_record(ctx)
        if record is None:
            continue
        kind = "Arguments" if param.param_type_name == "argument" else "Options"
        sections["Global options" if param in command.shared else kind].append(record)  # type: ignore[union-attr]
    for heading, records in sections.items():
        if records:
            with formatter.section(heading):
                formatter.write_dl(records)


def _show_help(ctx: Any, param: object, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        raise HelpShown(ctx.get_help())


def _help_option(option: Any) -> Any:
    """The option --help, writing where all output goes."""
    if option is not None:
        option.callback = _show_help
    return option


@contextmanager
def _known(ctx: Any) -> Iterator[None]:
    """Around the parsing of a command: the parser itself does not know whose options it reads."""
    try:
        yield
    except TyperException as error:
        error.ctx = getattr(error, "ctx", None) or ctx  # type: ignore[attr-defined]
        raise


class HouseCommand(TyperCommand):
    """A command with the global options."""

    entry = CommandEntry("", "", "")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.shared = global_options()
        self.params = [*self.params, *self.shared]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As Click does; a mistake knows of which command it is."""
        with _known(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run it, unless its output cannot be as it is asked for: that is said before anything is done."""
        options = ctx.obj.options
        if options.fields is not None:
            self._check_fields(options.fields)
        formats = self.entry.formats
        if formats is not None and options.output is not None and options.output not in formats:
            raise InvalidInput(
                f"{ctx.command_path} has an output of its own, which is not {options.output}",
                hint=f"its formats are {', '.join(formats)}" if len(formats) > 1 else "leave out --output",
            )
        ctx.obj.clock.now_us()  # a clock that cannot be read is told before anything is done
        return super().invoke(ctx)

    def _check_fields(self, fields: tuple[str, ...]) -> None:
        from tsmem.render.fields import check_fields

        if self.entry.shows is None:
            raise InvalidInput(
                "--fields chooses among the fields of sessions and messages, and this command shows neither"
            )
        check_fields(self.entry.shows, fields)

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """As Click writes it, but the example stands by itself and on one line, to be copied; then the exit codes."""
        from tsmem.cli.app.endings import sentence

        text, self.help = self.help or "", None
        self.help, _, example = text.partition("Example: ")
        super().format_help_text(ctx, formatter)
        self.help = text
        if example:
            formatter.write(f"\n  Example:\n    {example.strip()}\n")
        codes = sentence(ctx.command_path.partition(" ")[2], formatter.width - 4)
        formatter.write("".join(("\n  Exit codes:\n", *(f"    {line}\n" for line in codes))))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """As Click writes them: a required argument stands without braces."""
        pieces = super().collect_usage_pieces(ctx)
        return [piece[1:-1] if piece[0] == "{" and piece[-1] == "}" else piece for piece in pieces]

    def get_help_option(self, ctx: Any) -> Any:
        """--help."""
        return _help_option(super().get_help_option(ctx))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """As Click does, with headings."""
        _write_options(self, ctx, formatter)


class HouseGroup(TyperGroup):
    """A group of commands that are built when they are called."""

    entries: ClassVar[Mapping[str, CommandEntry]] = {}
    sentence = ""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help", self.sentence)
        super().__init__(**kwargs)
        self.rich_markup_mode = None
        self.no_args_is_help = False
        self.suggest_commands = False
        self.shared = global_options()
        self.params = [*self.params, *self.shared]
        self.commands: Any = dict.fromkeys(self.entries)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """A group without a command shows its help."""
        if not args and not ctx.resilient_parsing:
            raise HelpShown(ctx.get_help())
        with _known(ctx):
            return super().parse_args(ctx, args)

    def get_help_option(self, ctx: Any) -> Any:
        """--help."""
        return _help_option(super().get_help_option(ctx))

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Names and sentences from the table; no command is loaded for it."""
        names = [
            CompletionItem(name, help=entry.sentence)
            for name, entry in self.entries.items()
            if name.startswith(incomplete)
        ]
        return names + super(TyperGroup, self).shell_complete(ctx, incomplete)

    def list_commands(self, ctx: Any) -> list[str]:
        """Names, in the order in which they are worth knowing."""
        return list(self.entries)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As Typer does; a mistake knows the nearest commands, and where there are none here, those elsewhere."""
        try:
            return super().resolve_command(ctx, args)
        except TyperException as error:
            near = [f"'{name}'" for name in nearest_names(args[0], self.entries, 3)]
            near = near or _elsewhere(ctx, args[0])
            if near:
                error.message = f"{error.message.rstrip('.')}. Did you mean {' or '.join(near)}?"
            raise

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, loaded and built now."""
        entry = self.entries.get(cmd_name)
        return None if entry is None else build_command(cmd_name, entry)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Each command with its sentence; none is loaded for it."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.sentence) for name, entry in self.entries.items()])

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """As Click does, with headings; the commands first."""
        self.format_commands(ctx, formatter)
        _write_options(self, ctx, formatter)


def _elsewhere(ctx: Any, name: str) -> list[str]:
    """Commands of the root and of its groups that are like the word, or those that are it."""
    root: Mapping[str, CommandEntry] = ctx.find_root().command.entries
    if name in root:
        return [f"'tsmem {name}'"]
    places = {"": {at: entry for at, entry in root.items() if not entry.name.endswith("Group")}}
    for at, entry in root.items():
        if entry.name.endswith("Group"):
            places[f"{at} "] = getattr(import_module(entry.module), entry.name).entries
    near = [(at, like) for at, commands in places.items() for like in nearest_names(name, commands)]
    exact = [(at, like) for at, like in near if like == name]
    return [f"'{at}{like}'" for at, like in exact or near]


def help_text(text: str) -> Callable[[Function], Function]:
    """Give a command its help; the first line is its sentence. Python drops docstrings under -OO, so it is not one."""

    def give(function: Function) -> Function:
        function.help_text = cleandoc(text)  # type: ignore[attr-defined]
        return function

    return give


def help_of(function: object) -> str:
    """The help that a command was given."""
    text: str = getattr(function, "help_text", "")
    return text


def entries(
    *functions: Callable[..., object], noun: Noun | None = None, showing: Collection[Callable[..., object]] = ()
) -> dict[str, CommandEntry]:
    """The commands of a module that is loaded: named as their functions, their sentence the first line of their help.
    Those that are `showing` give items of the noun."""
    return {
        function.__name__.rstrip("_").replace("_", "-"): CommandEntry(
            help_of(function).split("\n", 1)[0],
            function.__module__,
            function.__name__,
            noun if function in showing else None,
        )
        for function in functions
    }


def build_command(name: str, entry: CommandEntry) -> Any:
    """The command or group behind an entry."""
    made = getattr(import_module(entry.module), entry.name)
    if isinstance(made, type):
        return made(name=name)
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name, cls=HouseCommand, help=help_of(made))(made)
    command: Any = typer.main.get_command(app)
    command.entry = entry
    return command
