# bash completion of tsmem: put this file where bash-completion looks, or source it.
_tsmem_completion() {
    local line word is_within last=0 rest=$COMP_LINE words=()
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
    # bash would put what is offered behind a quote within the word, and drop a backslash
    [[ $word == ?*[\'\"]* || $word == *\\* ]] && is_within=1
    word=${word%"$2"}  # what bash keeps of the word; it replaces the rest
    while IFS= read -r line; do
        [[ $line == *'<FILE>' ]] && { compopt -o default 2>/dev/null; continue; }  # bash completes the names of files
        [[ -n $line && -z $is_within ]] && COMPREPLY+=("${line#"$word"}")
    done < <(COMP_WORDS="${words[*]}" COMP_CWORD="$last" _TSMEM_COMPLETE=complete_bash "$1" 2>/dev/null)
}
complete -F _tsmem_completion tsmem
