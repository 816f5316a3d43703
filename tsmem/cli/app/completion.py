"""`tsmem completion`: the scripts that make shells call tsmem for completions. `suggest.py` has what it replies."""

from __future__ import annotations

from typing import Annotated

import typer

from tsmem.cli.app.command_tree import root
from tsmem.cli.app.suggest import suggest_words
from tsmem.errors import InvalidInput
from tsmem.render.result import Document

SCRIPTS = {
    "bash": """\
# bash completion of tsmem: put this file where bash-completion looks, or source it.
_tsmem_completion() {
    local line word last=0 rest=$COMP_LINE words=()
    # bash has split words at : = and @ too; here they are whole again
    for word in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
        if [[ $rest == [[:space:]]* && ${#words[@]} -gt 0 ]]; then
            rest=${rest#"${rest%%[![:space:]]*}"}
            last=$((last + 1))
        fi
        words[last]+=$word
        rest=${rest#"$word"}
    done
    word=${words[last]}
    [[ $word == -*=* ]] && word=${word#*=}
    COMPREPLY=()
    [[ $word == ?*[\\'\\"]* ]] && return  # bash would put what is offered behind a quote within the word
    word=${word%"$2"}  # what bash keeps of the word; it replaces the rest
    while IFS= read -r line; do
        [ -n "$line" ] && COMPREPLY+=("${line#"$word"}")
    done < <(COMP_WORDS="${words[*]}" COMP_CWORD="$last" _TSMEM_COMPLETE=complete_bash "$1" 2>/dev/null)
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
"""Also in completions/, for packagers; a test compares them."""


@root.command(
    help="Print the completion script of a shell: bash, zsh or fish.",
    example="tsmem completion bash",
    formats=("table",),
)
def completion(
    ctx: typer.Context,
    shell: Annotated[
        str,
        typer.Argument(metavar="SHELL", help="bash, zsh or fish.", autocompletion=suggest_words("bash", "zsh", "fish")),
    ],
) -> Document:
    if shell not in SCRIPTS:
        raise InvalidInput(f"there is no completion for '{shell}'", hint=f"the shells are {', '.join(SCRIPTS)}")
    return Document([SCRIPTS[shell].encode()])
