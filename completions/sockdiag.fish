# fish completion for sockdiag, read from the program's own --help.

function __sockdiag_list --description 'word and meaning of the lines of a --help that match'
    set -l pattern $argv[1]
    set -e argv[1]
    LC_ALL=C sockdiag $argv --help 2>/dev/null | string replace -rf $pattern '$1\t$2'
end

function __sockdiag_options
    set -l words (commandline -opc)
    set -l command $words[2]
    if test "$command" = ftp; and test (count $words) -gt 2
        set -a command $words[3]
    end
    __sockdiag_list '^  (?:-., |    )(--[a-z0-9-]+)(?: [[A-Z]\S*)? +(\S.*)$' $command
end

complete -c sockdiag -n 'test (count (commandline -opc)) -eq 1' -f -a "(__sockdiag_list '^  (?!sockdiag )([a-z]+) +(\S.*)\$')"
complete -c sockdiag -n 'test (count (commandline -opc)) -gt 1; and string match -q -- "-*" (commandline -ct)' \
    -f -a '(__sockdiag_options)'
complete -c sockdiag -n '__fish_seen_subcommand_from ping route' -f -a '(__fish_print_hostnames)'
