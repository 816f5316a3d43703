"""Shell completion: the scripts, and ids from the local store. It never reaches a network, and fails silently: a shell
that completes must not be told of errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from tsmem.errors import InvalidInput, TsmemError
from tsmem.render.result import Document

if TYPE_CHECKING:
    from tsmem.store import MemoryStore

MAX_SUGGESTIONS = 50

SCRIPTS = {
    "bash": """\
# bash completion of tsmem: put this file where bash-completion looks, or source it.
_tsmem_completion() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        [ -n "$line" ] && COMPREPLY+=("$line")
    done < <(COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD="$COMP_CWORD" _TSMEM_COMPLETE=complete_bash "$1" 2>/dev/null)
}
complete -o default -F _tsmem_completion tsmem
""",
    "zsh": """\
#compdef tsmem
# zsh completion of tsmem: put this file as _tsmem into a folder of $fpath.
_tsmem() {
    eval "$(_TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" _TSMEM_COMPLETE=complete_zsh tsmem 2>/dev/null)"
}
if [ "$funcstack[1]" = "_tsmem" ]; then
    _tsmem "$@"
else
    compdef _tsmem tsmem
fi
""",
    "fish": """\
# fish completion of tsmem: put this file into ~/.config/fish/completions.
function __tsmem_complete
    _TSMEM_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=$argv[1] \\
        _TYPER_COMPLETE_ARGS=(commandline -cp) tsmem 2>/dev/null
end
complete --command tsmem --no-files --condition "__tsmem_complete is-args" --arguments "(__tsmem_complete get-args)"
complete --command tsmem --force-files --condition "not __tsmem_complete is-args"
""",
}
"""Kept in completions/ too, for packagers; a test compares them."""


def completion(
    ctx: typer.Context, shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")]
) -> Document:
    """Print the completion script of a shell: bash, zsh or fish.

    Example: tsmem completion bash
    """
    if shell not in SCRIPTS:
        raise InvalidInput(f"there is no completion for '{shell}'", hint=f"the shells are {', '.join(SCRIPTS)}")
    return Document([SCRIPTS[shell].encode()])


def complete_user(ctx: typer.Context, incomplete: str) -> list[str]:
    """Users of the local store whose id begins so."""
    return _suggest(ctx, lambda store: store.sessions.first_ids(incomplete))


def complete_session(ctx: typer.Context, incomplete: str) -> list[str]:
    """Sessions of the user on the line, or of anyone, whose id begins so."""
    user = ctx.params.get("user")
    if isinstance(user, str) and user:
        return _suggest(ctx, lambda store: store.sessions.ids_of(user, incomplete))
    return _suggest(ctx, lambda store: store.messages.first_ids(incomplete))


def _suggest(ctx: typer.Context, ids: Callable[[MemoryStore], Iterator[str]]) -> list[str]:
    import os

    from tsmem import open_profile
    from tsmem.profiles import load

    try:
        profile = load(os.environ, config=_given(ctx, "config"), profile=_given(ctx, "profile"))
        if profile.backend != "local" or profile.path is None or not profile.path.is_file():
            return []
        with open_profile(profile) as store:
            return [text for text in islice(ids(store), MAX_SUGGESTIONS) if text.isprintable()]
    except (TsmemError, OSError):
        return []


def _given(ctx: typer.Context, name: str) -> str | None:
    """A global option's value on the line that is being completed, wherever it stands."""
    value = ctx.meta.get(f"tsmem.{name}")
    return value if isinstance(value, str) else None
