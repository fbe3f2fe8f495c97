# fish completion for sockdiag, read from the program's own --help.

function __sockdiag_list --description 'word and meaning of the lines of a --help that match'
    set -l pattern $argv[1]
    set -e argv[1]
    LC_ALL=C sockdiag $argv --help 2>/dev/null | string replace -rf $pattern '$1\t$2'
end

function __sockdiag_command --description 'the command, of ftp with its own'
    set -l words (commandline -opc)
    echo $words[2]
    if test "$words[2]" = ftp; and test (count $words) -gt 2
        echo $words[3]
    end
end

function __sockdiag_options
    __sockdiag_list '^  (?:-., |    )(--[a-z0-9-]+)(?: [[A-Z]\S*)? +(\S.*)$' (__sockdiag_command)
end

function __sockdiag_awaits --description 'is the word before the cursor an option that takes an argument? One of those?'
    set -l words (commandline -opc)
    if test (count $words) -lt 3; or not string match -q -- '-*' $words[-1]
        return 1
    end
    set -l long (LC_ALL=C sockdiag (__sockdiag_command) --help 2>/dev/null |
        string replace -rf '^  (?:(-.), |    )(--[a-z0-9-]+) [[A-Z].*' '$1 $2' |
        string match -r -- '^'(string escape --style=regex -- $words[-1])' (--.*)|^.* ('(string escape --style=regex -- $words[-1])')$')
    test (count $long) -gt 0; and begin
        test (count $argv) -eq 0; or contains -- $long[-1] $argv
    end
end

function __sockdiag_problems --description 'kinds of trouble, as the program lists them to who asks for one that there is not'
    LC_ALL=C sockdiag streams --problem '?' - 2>&1 </dev/null | string replace -rf '^  ([a-z_]+)  .*' '$1'
end

function __sockdiag_more --description 'each word, behind those of a list that stand already'
    set -l before (string replace -rf '^(.*,)[^,]*$' '$1' -- (commandline -ct))
    for word in $argv
        echo "$before$word"
    end
end

function __sockdiag_interfaces
    for path in /sys/class/net/*
        string replace -r '.*/' '' $path
    end
end

complete -c sockdiag -n 'test (count (commandline -opc)) -eq 1' -f -a "(__sockdiag_list '^  (?!sockdiag )([a-z]+) +(\S.*)\$')"
complete -c sockdiag -n 'test (count (commandline -opc)) -gt 1; and string match -q -- "-*" (commandline -ct)' \
    -f -a '(__sockdiag_options)'
complete -c sockdiag -n 'not __sockdiag_awaits; and __fish_seen_subcommand_from ping route' -f -a '(__fish_print_hostnames)'

complete -c sockdiag -n '__sockdiag_awaits' -n 'not __sockdiag_awaits --read --write --output --file --dir' -f
complete -c sockdiag -n '__sockdiag_awaits --interface' -f -a '(__sockdiag_interfaces)'
complete -c sockdiag -n '__sockdiag_awaits --lang' -f -a 'en zh_CN'
complete -c sockdiag -n '__sockdiag_awaits --color' -f -a 'auto always never'
complete -c sockdiag -n '__sockdiag_awaits --framing' -f -a '(__sockdiag_more naive sleep lockstep size length)'
complete -c sockdiag -n '__sockdiag_awaits --problem' -f -a '(__sockdiag_more (__sockdiag_problems))'
complete -c sockdiag -n '__sockdiag_awaits --sort' -f -a 'start duration bytes packets retransmissions gaps rtt'
complete -c sockdiag -n '__sockdiag_awaits --format' -f -a 'raw hex'
complete -c sockdiag -n '__sockdiag_awaits --bug' -f -a 'size-chars size-overrun short-send'
complete -c sockdiag -n '__sockdiag_awaits --pmtudisc' -f -a 'do want dont probe'
complete -c sockdiag -n '__sockdiag_awaits --dir' -f -a '(__fish_complete_directories)'
