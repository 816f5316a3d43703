# bash completion of tsmem: put this file where bash-completion looks, or source it.
_tsmem_completion() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        [ -n "$line" ] && COMPREPLY+=("$line")
    done < <(COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD="$COMP_CWORD" _TSMEM_COMPLETE=complete_bash "$1" 2>/dev/null)
}
complete -o default -F _tsmem_completion tsmem
