# bash completion for sockdiag. What it offers is read from `sockdiag --help` and `sockdiag COMMAND --help`: the
# tables that the program itself parses by, so that it is never behind them.

# Command names; or a command's options, one a line, those that take an argument with a "=" at their end.
_sockdiag_commands() {
    LC_ALL=C "$1" --help 2>/dev/null | sed -n '/^Commands/,$s/^  \([a-z][a-z]*\)  *[^ ].*/\1/p'
}

_sockdiag_options() {
    LC_ALL=C "$@" --help 2>/dev/null | sed -n '/^Options:/,$ {
        s/^  -\(.\), --\([a-z0-9-]*\) [[A-Z].*/-\1=\n--\2=/p; t
        s/^      --\([a-z0-9-]*\) [[A-Z].*/--\1=/p; t
        s/^  -\(.\), --\([a-z0-9-]*\) .*/-\1\n--\2/p; t
        s/^      --\([a-z0-9-]*\) .*/--\1/p
    }'
}

# Kinds of trouble, as the program lists them to who asks for one that there is not.
_sockdiag_problems() {
    LC_ALL=C "$1" streams --problem '?' - 2>&1 </dev/null | sed -n 's/^  \([a-z_][a-z_]*\)  .*/\1/p'
}

# One of the words, behind those of a list that stand already.
_sockdiag_list() {
    COMPREPLY=($(compgen -P "${2%"${2##*,}"}" -W "$1" -- "${2##*,}"))
}

# What may stand behind an option, by its name.
_sockdiag_argument() {
    case $1 in
    --interface) COMPREPLY=($(compgen -W "$(ls /sys/class/net 2>/dev/null)" -- "$2")) ;;
    --lang) COMPREPLY=($(compgen -W 'en zh_CN' -- "$2")) ;;
    --color) COMPREPLY=($(compgen -W 'auto always never' -- "$2")) ;;
    --framing) _sockdiag_list 'naive sleep lockstep size length' "$2" ;;
    --problem) _sockdiag_list "$(_sockdiag_problems "$3")" "$2" ;;
    --sort) COMPREPLY=($(compgen -W 'start duration bytes packets retransmissions gaps rtt' -- "$2")) ;;
    --format) COMPREPLY=($(compgen -W 'raw hex' -- "$2")) ;;
    --dir) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$2")) ;;
    --bug) COMPREPLY=($(compgen -W 'size-chars size-overrun short-send' -- "$2")) ;;
    --read | --write | --output | --file) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$2")) ;;
    --pmtudisc) COMPREPLY=($(compgen -W 'do want dont probe' -- "$2")) ;;
    *) COMPREPLY=() ;;
    esac
}

# The long name of the option that the word before the cursor is, if that takes an argument.
_sockdiag_awaits() {
    local line short=
    while read -r line; do
        case $line in
        -?=) short=$line ;;
        --*=)
            if [ "$1=" = "$line" ] || [ "$1=" = "$short" ]; then
                echo "${line%=}"
                return
            fi
            short=
            ;;
        *) short= ;;
        esac
    done
}

# The names of the lessons.
_sockdiag_lessons() {
    LC_ALL=C "$1" lesson --json 2>/dev/null | sed -n 's/.*"name":"\([^"]*\)".*/\1/p'
}

# What a command takes that is no option.
_sockdiag_operand() {
    case $1 in
    show | streams | extract) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$2")) ;;
    ping | route) COMPREPLY=($(compgen -A hostname -- "$2")) ;;
    ftp) COMPREPLY=($(compgen -W 'serve put get ls' -- "$2")) ;;
    lesson) COMPREPLY=($(compgen -W "$(_sockdiag_lessons "$3")" -- "$2")) ;;
    *) COMPREPLY=() ;;
    esac
}

_sockdiag() {
    local program=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local command=${COMP_WORDS[1]-} options awaited i
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "$(_sockdiag_commands "$program") --help --version" -- "$word"))
        return
    fi
    for ((i = 2; i < COMP_CWORD; i++)); do
        if [ "${COMP_WORDS[i]}" = -- ]; then # a program and its own arguments
            declare -F _command_offset >/dev/null && _command_offset $((i + 1)) || COMPREPLY=($(compgen -c -- "$word"))
            return
        fi
    done
    if [ "$command" = ftp ] && [ "$COMP_CWORD" -gt 2 ]; then
        options=$(_sockdiag_options "$program" ftp "${COMP_WORDS[2]}")
    else
        options=$(_sockdiag_options "$program" "$command")
    fi
    awaited=$(_sockdiag_awaits "$previous" <<<"$options")
    if [ -n "$awaited" ]; then
        _sockdiag_argument "$awaited" "$word" "$program"
    elif [[ $word == -* ]]; then
        COMPREPLY=($(compgen -W "${options//=/}" -- "$word"))
    else
        _sockdiag_operand "$command" "$word" "$program"
    fi
}

complete -F _sockdiag sockdiag
