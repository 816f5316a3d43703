"""The tree of commands: how a command is declared, which exit codes there are, and how a command is found, loaded and
built when it is called. The global options can be given before or after its name; the last one counts.

For a fast start, only the module of the called command is imported, and only that command is built by Typer. `root`
lists all commands from `contents.py`, which is generated from the declarations.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from inspect import cleandoc, signature
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import typer
from typer.core import CompletionItem, TyperCommand, TyperGroup, TyperOption  # type: ignore[attr-defined]

from tsmem.cli.app.contents import CONTENTS
from tsmem.cli.app.options import Completion, complete_fields, complete_file, complete_profile
from tsmem.errors import Conflict, Denied, InvalidInput, NotFound, PartialFailure, TsmemError, Unavailable

if TYPE_CHECKING:
    from tsmem.cli.app.context import Context
    from tsmem.render.result import Noun, Result

COLOR_CHOICES = ("auto", "always", "never")
GLOBAL_OPTIONS_LINE = "Global options (-p PROFILE, -o FORMAT, --fields A,B, --cost, ...): tsmem --help"
HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}
Function = TypeVar("Function", bound=Callable[..., object])

# The exit codes, which scripts rely on
DONE, FAILED, USAGE, NOT_FOUND, CONFLICT, DENIED, UNAVAILABLE, PARTLY_DONE = range(8)
HUNG_UP, INTERRUPTED, PIPE_CLOSED, TERMINATED = 129, 130, 141, 143  # 128 + the signal's number, as in shells

EVERY_COMMAND = (DONE, FAILED, USAGE, HUNG_UP, INTERRUPTED, PIPE_CLOSED, TERMINATED)
OPENS_STORE = (NOT_FOUND, CONFLICT, DENIED, UNAVAILABLE)
"""Further codes of a command that opens a store, where tables can be missing or have another key."""

CODES: tuple[tuple[int, str, type[TsmemError] | None], ...] = (
    (DONE, "done", None),
    (USAGE, "wrong use", InvalidInput),
    (NOT_FOUND, "not found", NotFound),
    (CONFLICT, "conflict", Conflict),
    (DENIED, "denied", Denied),
    (UNAVAILABLE, "unavailable", Unavailable),
    (PARTLY_DONE, "partly done", PartialFailure),
    (FAILED, "failed", TsmemError),
    (HUNG_UP, "terminal closed", None),
    (INTERRUPTED, "interrupted", None),
    (PIPE_CLOSED, "output pipe closed", None),
    (TERMINATED, "terminated", None),
)
"""Each code with its meaning, as --help shows it, and its class of errors. An error has the first code that fits."""
MEANINGS = dict(sorted((code, meaning) for code, meaning, _ in CODES))


def exit_code(error: TsmemError) -> int:
    return next(code for code, _, kind in CODES if kind is not None and isinstance(error, kind))


@dataclass(frozen=True)
class Declaration:
    name: str
    function: Callable[..., object]
    help: str
    example: str
    exit_codes: tuple[int, ...]
    formats: tuple[str, ...] | None
    """The values that --output accepts; None for those of any data: table, json, jsonl and csv."""
    shows: Noun | Literal["either"] | None
    """The noun whose fields --fields can choose; `either` if the command runs another one, and None if it shows neither
    sessions nor messages."""

    def build(self) -> Any:
        """Have Typer build the command. It passes its own context; the function wants the run's, which is `ctx.obj`."""
        declared = signature(self.function, eval_str=True)
        context, *others = declared.parameters.values()

        def call(ctx: typer.Context, **values: Any) -> object:
            return self.function(ctx.obj, **values)

        typer_context = context.replace(name="ctx", annotation=typer.Context)
        call.__signature__ = declared.replace(parameters=[typer_context, *others])  # type: ignore[attr-defined]
        call.__annotations__ = {}
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(self.name, cls=DeclaredCommand, help=self.help, context_settings=HELP_OPTIONS)(call)
        command: Any = typer.main.get_command(app)
        command.declaration = self
        return command


class HelpRequested(Exception):
    """Raised with the text of the help or the version, for `main.py` to write."""


def show_help(ctx: Any, param: object, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        raise HelpRequested(ctx.get_help())


def global_options() -> list[TyperOption]:
    return [
        _option("--profile", "-p", metavar="NAME", help="Profile to use.", autocompletion=complete_profile),
        _option(
            "--config",
            metavar="FILE",
            help="Profile file.",
            autocompletion=lambda ctx, args, incomplete: complete_file(incomplete),
        ),
        _option(
            "--output",
            "-o",
            metavar="FORMAT",
            help="table, json, jsonl or csv.",
            parse=_output_format,
            autocompletion=_complete_format,
        ),
        _option(
            "--fields",
            metavar="A,B,...",
            help="Fields to show, e.g. role,metadata.topic.",
            parse=field_names,
            autocompletion=complete_fields,
        ),
        _option("--cost", is_flag=True, help="Print requests, capacity units, rows scanned and time to stderr."),
        _option("--debug", is_flag=True, help="Log each request; show tracebacks."),
        _option("--version", is_flag=True, help="Show the version.", is_eager=True, callback=_show_version),
        _option(
            "--color",
            metavar="WHEN",
            help="auto (on a terminal), always or never.",
            parse=_color,
            autocompletion=_one_of(*COLOR_CHOICES),
        ),
        _option("--no-pager", is_flag=True, help="Write everything at once, also what is longer than the screen."),
    ]


def _option(*names: str, parse: Callable[[str], object] | None = None, **more: Any) -> TyperOption:
    name = names[0].removeprefix("--").replace("-", "_")

    def store(ctx: Any, param: object, value: Any) -> None:
        if value is not None and value is not False:
            setattr(ctx.obj.options, name, value if parse is None else parse(value))

    return TyperOption(
        **{"param_decls": list(names), "callback": store, "expose_value": False, "show_default": False, **more}
    )


def _one_of(*words: str) -> Completion:
    return lambda ctx, args, incomplete: [word for word in words if word.startswith(incomplete)]


def _complete_format(ctx: typer.Context, args: list[str], incomplete: str) -> list[str]:
    from tsmem.render.result import FORMATS

    declaration = getattr(ctx.command, "declaration", None)
    formats = FORMATS if declaration is None else declaration.formats or FORMATS
    return [name for name in formats if name.startswith(incomplete)]


def _output_format(text: str) -> str:
    from tsmem.render.result import CONVERSATION_FORMATS

    if text not in CONVERSATION_FORMATS:
        formats = ", ".join(CONVERSATION_FORMATS)
        raise InvalidInput(f"there is no output format '{text}'", hint=f"the formats are {formats}")
    return text


def _color(text: str) -> str:
    if text not in COLOR_CHOICES:
        raise InvalidInput(f"--color is {', '.join(COLOR_CHOICES[:-1])} or {COLOR_CHOICES[-1]}, not '{text}'")
    return text


def field_names(text: str) -> tuple[str, ...]:
    """Return the names in a value of --fields. In double quotes, a name can have commas, and blanks at its ends."""
    quoted = r'"(?:[^"]|"")*"'
    if not text.strip():
        return ()
    parts = [part.strip() for part in re.findall(rf"(?:^|,)(\s*{quoted}\s*(?=,|\Z)|[^,]*)", text)]
    return tuple(part[1:-1].replace('""', '"') if re.fullmatch(quoted, part) else part for part in parts)


def _show_version(ctx: Any, param: object, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from tsmem import __version__

        raise HelpRequested(f"tsmem {__version__}")


class _WithGlobalOptions:
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.global_params = global_options()
        self.params: list[Any] = [*self.params, *self.global_params]

    def get_help_option(self, ctx: Any) -> Any:
        option = super().get_help_option(ctx)  # type: ignore[misc]
        option.callback = show_help
        return option

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """List the global options only at the root; elsewhere a line says where they are."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": [], "Global options": []}
        is_root = ctx.parent is None
        for param in self.get_params(ctx):  # type: ignore[attr-defined]
            if param in self.global_params and not is_root:
                continue
            if (record := param.get_help_record(ctx)) is not None:
                heading = "Arguments" if param.param_type_name == "argument" else "Options"
                sections["Global options" if is_root else heading].append(record)
        for heading, records in sections.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)
        if not is_root:
            lines = wrap(GLOBAL_OPTIONS_LINE, formatter.width)
            formatter.write("\n" + "\n".join(lines) + "\n")


class DeclaredCommand(_WithGlobalOptions, TyperCommand):
    declaration: Declaration

    def invoke(self, ctx: Any) -> Any:
        options, declaration = ctx.obj.options, self.declaration
        if options.fields is not None:
            from tsmem.render.documents import check_fields

            if declaration.shows is None:
                raise InvalidInput("--fields does not apply: this command shows neither sessions nor messages")
            if declaration.shows != "either":  # otherwise the command that it runs checks them
                check_fields(declaration.shows, options.fields)
        formats = declaration.formats or ("table", "json", "jsonl", "csv")
        if options.output is not None and options.output not in formats:
            raise InvalidInput(
                f"{ctx.command_path} does not support --output {options.output}",
                hint=f"its formats are {', '.join(formats)}" if len(formats) > 1 else "leave out --output",
            )
        ctx.obj.clock.now_us()  # raises if the clock cannot be read
        return super().invoke(ctx)

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        super().format_help_text(ctx, formatter)
        formatter.write(f"\n  Example:\n    {self.declaration.example}\n")
        codes = [f"{code}\xa0{MEANINGS[code].replace(' ', chr(0xA0))}" for code in self.declaration.exit_codes]
        formatter.write("\n  Exit codes:\n")
        for line in wrap(", ".join(codes), formatter.width - 4):
            formatter.write(f"    {line}\n".replace("\xa0", " "))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the parts of the usage line, without the braces that Typer puts around required arguments."""
        pieces = super().collect_usage_pieces(ctx)
        return [piece[1:-1] if piece[0] == "{" and piece[-1] == "}" else piece for piece in pieces]


class CommandGroup(_WithGlobalOptions, TyperGroup):
    def __init__(self, name: str, help: str) -> None:  # noqa: A002 - Typer's word
        super().__init__(name=name, help=help, rich_markup_mode=None, context_settings=HELP_OPTIONS)
        self.summaries: dict[str, str] = {}
        self.commands: dict[str, Any] = {}  # None until it is built; Typer needs the names for suggestions
        self.declarations: dict[str, Declaration | CommandGroup] = {}

    def command(
        self,
        *,
        help: str,  # noqa: A002
        example: str,
        exit_codes: tuple[int, ...] = OPENS_STORE,
        formats: tuple[str, ...] | None = None,
        shows: Noun | Literal["either"] | None = None,
    ) -> Callable[[Function], Function]:
        """Return a decorator that declares a function as a command of this group, under the function's name. The help
        is not the function's docstring, because `python -OO` drops docstrings."""

        def declare(function: Function) -> Function:
            name = function.__name__.rstrip("_").replace("_", "-")
            codes = tuple(sorted((*EVERY_COMMAND, *exit_codes)))
            text = cleandoc(help)
            self.declarations[name] = Declaration(name, function, text, example, codes, formats, shows)
            self.summaries[name] = text.split("\n", 1)[0]
            self.commands.setdefault(name)
            return function

        return declare

    def declaration(self, name: str) -> Declaration | CommandGroup:
        return self.declarations[name]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            raise HelpRequested(ctx.get_help())
        return super().parse_args(ctx, args)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in self.commands and self.commands[cmd_name] is None:
            declared = self.declaration(cmd_name)
            self.commands[cmd_name] = declared if isinstance(declared, CommandGroup) else declared.build()
        return self.commands.get(cmd_name)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        # Typer's method builds each command for its help.
        names = [CompletionItem(n, help=text) for n, text in self.summaries.items() if n.startswith(incomplete)]
        return names + super(TyperGroup, self).shell_complete(ctx, incomplete)

    def headings(self) -> dict[str, tuple[str, ...]]:
        return {"Commands": tuple(self.summaries)}

    def format_options(self, ctx: Any, formatter: Any) -> None:
        longest = max(map(len, self.summaries))
        for heading, names in self.headings().items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(longest), self.summaries[name]) for name in names])
        super().format_options(ctx, formatter)


HEADINGS = {
    "Find, read and write": ("session", "message", "show", "search", "next", "diff", "stats", "fields"),
    "Move": ("export", "import", "copy"),
    "Set up and look after": ("init-tables", "doctor", "profile", "serve", "demo", "completion", "help"),
    "Delete": ("drop-tables",),
}
"""The commands in the order of the root's help: what people come for first, what destroys last."""


class Root(CommandGroup):
    def __init__(self) -> None:
        super().__init__(
            "tsmem",
            "Manage the memory of AI agents (sessions and messages) in Alibaba Cloud TableStore or in one local file.",
        )
        summaries = {name: text for commands in CONTENTS.values() for name, text in commands.items()}
        self.summaries = {name: summaries[name] for names in HEADINGS.values() for name in names}
        self.commands = dict.fromkeys(self.summaries)

    def headings(self) -> dict[str, tuple[str, ...]]:
        return HEADINGS

    def group(self, name: str, help: str) -> CommandGroup:  # noqa: A002
        group = self.declarations[name] = CommandGroup(name, help)
        self.summaries[name] = help
        return group

    def declaration(self, name: str) -> Declaration | CommandGroup:
        import_module(next(module for module, commands in CONTENTS.items() if name in commands))
        return self.declarations[name]


root = Root()


def run_command(context: Context, argv: Sequence[str]) -> Result | None:
    """Run a command line, without `tsmem`, and return its result. Raises TsmemError, TyperException and
    HelpRequested."""
    context.argv = argv
    with root.make_context("tsmem", list(argv), obj=context) as ctx:
        result: Result | None = ctx.command.invoke(ctx)
    return result
