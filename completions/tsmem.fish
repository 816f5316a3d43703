# fish completion of tsmem: put this file into ~/.config/fish/completions.
function __tsmem_complete
    set --local option (string match --regex -- '^--[\w-]+=' (commandline -ct))
    # Typer would wrap descriptions at the terminal's width
    for line in (_TSMEM_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=get-args \
            _TYPER_COMPLETE_ARGS=(commandline -cp) COLUMNS=9999 tsmem 2>/dev/null)
        if string match --quiet -- '*<FILE>' $line
            set --local name (string replace -- "$option" '' (commandline -ct) | string trim --left --chars "'\"")
            __fish_complete_path (string unescape -- $name; or echo -- $name)
        else
            echo -- $line
        end
    end | string replace --regex -- '^' "$option"
end
complete --command tsmem --no-files --arguments "(__tsmem_complete)"
