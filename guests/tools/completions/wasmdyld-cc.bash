# bash completion for wasmdyld-cc and wasmdyld-c++                -*- shell-script -*-

_wasmdyld_cc()
{
    local word=${COMP_WORDS[COMP_CWORD]} before=
    ((COMP_CWORD > 0)) && before=${COMP_WORDS[COMP_CWORD - 1]}
    local options="-shared -no-pie -static -rdynamic --import-undefined --setjmp -Wl,-soname, --setup --print-lib-dir --print-sysroot
        --print-toolchain --print-ar --print-ld --print-cmake-toolchain --print-config-site --print-meson-cross-file --help --version
        -c -o -g -O0 -O1 -O2 -O3 -Os -Wall -Wextra -Werror -I -L -l -D -U -std= -fvisibility=hidden -Wl,-rpath,"
    COMPREPLY=()
    case $before in
    -L | -I | -isystem)
        mapfile -t COMPREPLY < <(compgen -d -- "$word")
        return
        ;;
    esac
    case $word in
    -L* | -I*)
        mapfile -t COMPREPLY < <(compgen -P "${word:0:2}" -d -- "${word:2}")
        ;;
    -*)
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
        ;;
    *)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        ;;
    esac
    [[ ${COMPREPLY[0]-} == *[,=] ]] && compopt -o nospace 2> /dev/null
    return 0
}

complete -o filenames -F _wasmdyld_cc wasmdyld-cc wasmdyld-c++
