"""The tree of commands: how a command is declared, and how it is found, loaded and built when it is called.

The modules of `cli/commands/` declare their commands beside their functions:

    @root.command(help="Show a conversation. ...", example="tsmem show trip-7", shows="message")
    def show(context: Context, session: SessionId) -> Conversation: ...

`main.py` parses a command line with `root`. Only then is the module of the called command imported, and only that
command is built by Typer: building a command takes longer than most commands take to run. `tsmem --help` and completion
use the summaries in `contents.py`, which is generated from the declarations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from inspect import cleandoc, signature
from textwrap import wrap
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from typer.core import CompletionItem, TyperCommand, TyperGroup  # type: ignore[attr-defined]

from tsmem.cli.app.contents import CONTENTS
from tsmem.cli.app.exit_codes import EVERY_COMMAND, MEANINGS, OPENS_STORE
from tsmem.cli.app.global_options import HelpRequested, global_options, show_help
from tsmem.errors import InvalidInput

if TYPE_CHECKING:
    from tsmem.render.result import Noun

Function = TypeVar("Function", bound=Callable[..., object])


@dataclass(frozen=True)
class Declaration:
    name: str
    function: Callable[..., object]
    help: str
    """The text of --help. Its first line is the summary in lists of commands."""
    example: str
    exit_codes: tuple[int, ...]
    """All exit codes that the command can end with, in ascending order."""
    formats: tuple[str, ...] | None
    """The values that --output accepts; None for all."""
    shows: Noun | None
    """The noun whose fields --fields can choose; None if the command shows neither sessions nor messages."""

    @property
    def summary(self) -> str:
        return self.help.split("\n", 1)[0]

    def build(self) -> Any:
        """Return the DeclaredCommand that Typer makes from the parameters of the function.

        Typer passes its own context as the first argument. The function wants the `Context` of the run instead, which
        Typer's context has as `obj`."""
        declared = signature(self.function, eval_str=True)
        context, *others = declared.parameters.values()

        def call(ctx: typer.Context, **values: Any) -> object:
            return self.function(ctx.obj, **values)

        typer_context = context.replace(name="ctx", annotation=typer.Context)
        call.__signature__ = declared.replace(parameters=[typer_context, *others])  # type: ignore[attr-defined]
        call.__annotations__ = {}
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(self.name, cls=DeclaredCommand, help=self.help)(call)
        command: Any = typer.main.get_command(app)
        command.declaration = self
        return command


class _WithGlobalOptions:
    """A mixin for Typer's classes of commands and groups that adds the global options."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.global_params = global_options()
        self.params: list[Any] = [*self.params, *self.global_params]

    def get_help_option(self, ctx: Any) -> Any:
        option = super().get_help_option(ctx)  # type: ignore[misc]
        option.callback = show_help
        return option

    def format_options(self, ctx: Any, formatter: Any) -> None:
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": [], "Global options": []}
        for param in self.get_params(ctx):  # type: ignore[attr-defined]
            if (record := param.get_help_record(ctx)) is not None:
                heading = "Arguments" if param.param_type_name == "argument" else "Options"
                sections["Global options" if param in self.global_params else heading].append(record)
        for heading, records in sections.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)


class DeclaredCommand(_WithGlobalOptions, TyperCommand):
    declaration: Declaration

    def invoke(self, ctx: Any) -> Any:
        """Run the command. Raises InvalidInput first if the command does not support --fields or --output as given."""
        options, declaration = ctx.obj.options, self.declaration
        if options.fields is not None:
            from tsmem.render.documents import check_fields

            if declaration.shows is None:
                raise InvalidInput("--fields does not apply: this command shows neither sessions nor messages")
            check_fields(declaration.shows, options.fields)
        formats = declaration.formats
        if formats is not None and options.output is not None and options.output not in formats:
            raise InvalidInput(
                f"{ctx.command_path} does not support --output {options.output}",
                hint=f"its formats are {', '.join(formats)}" if len(formats) > 1 else "leave out --output",
            )
        ctx.obj.clock.now_us()  # raises if the clock cannot be read
        return super().invoke(ctx)

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """Write the help, the example and the exit codes. The example has a line of its own, so that it can be
        copied."""
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
    """A group of commands, each of which is built when it is called."""

    def __init__(self, name: str, help: str) -> None:  # noqa: A002 - Typer's word
        super().__init__(name=name, help=help, rich_markup_mode=None)
        self.summary = help
        self.commands: dict[str, Any] = {}  # None until it is built; Typer needs the names for suggestions
        self.declarations: dict[str, Declaration | CommandGroup] = {}

    def command(
        self,
        *,
        help: str,  # noqa: A002
        example: str,
        exit_codes: tuple[int, ...] = OPENS_STORE,
        formats: tuple[str, ...] | None = None,
        shows: Noun | None = None,
    ) -> Callable[[Function], Function]:
        """Return a decorator that declares a function as a command of this group, under the function's name.

        `help` is not taken from the docstring, because `python -OO` drops docstrings. `exit_codes` are added to those
        of every command."""

        def declare(function: Function) -> Function:
            name = function.__name__.rstrip("_").replace("_", "-")
            codes = tuple(sorted((*EVERY_COMMAND, *exit_codes)))
            self.declarations[name] = Declaration(name, function, cleandoc(help), example, codes, formats, shows)
            self.commands.setdefault(name)
            return function

        return declare

    def declaration(self, name: str) -> Declaration | CommandGroup:
        return self.declarations[name]

    def summaries(self) -> dict[str, str]:
        """Return the summary of each command by its name, in the order of the help."""
        return {name: declaration.summary for name, declaration in self.declarations.items()}

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
        names = [CompletionItem(n, help=text) for n, text in self.summaries().items() if n.startswith(incomplete)]
        return names + super(TyperGroup, self).shell_complete(ctx, incomplete)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self.summaries().items()))
        super().format_options(ctx, formatter)


class Root(CommandGroup):
    """The `tsmem` command. It is a lazy group: the module of a command is imported when the command is called."""

    def __init__(self) -> None:
        super().__init__(
            "tsmem",
            "Manage the memory of AI agents (sessions and messages) in Alibaba Cloud TableStore or in one local file.",
        )
        self.commands = dict.fromkeys(self.summaries())

    def group(self, name: str, help: str) -> CommandGroup:  # noqa: A002
        group = self.declarations[name] = CommandGroup(name, help)
        return group

    def declaration(self, name: str) -> Declaration | CommandGroup:
        import_module(next(module for module, commands in CONTENTS.items() if name in commands))
        return self.declarations[name]

    def summaries(self) -> dict[str, str]:
        return {name: summary for commands in CONTENTS.values() for name, summary in commands.items()}


root = Root()
