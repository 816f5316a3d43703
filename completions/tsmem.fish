# fish completion of tsmem: put this file into ~/.config/fish/completions.
function __tsmem_complete
    _TSMEM_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=$argv[1] \
        _TYPER_COMPLETE_ARGS=(commandline -cp) tsmem 2>/dev/null
end
complete --command tsmem --no-files
complete --command tsmem --condition "__tsmem_complete is-args" --arguments "(__tsmem_complete get-args)"
function __tsmem_takes_file
    string match --quiet --regex -- ' (export|import) | (--config|--content-file|--path) $' (commandline -cp | string replace --regex '\S*$' '')
end
complete --command tsmem --force-files --condition "__tsmem_takes_file; and not __tsmem_complete is-args"
