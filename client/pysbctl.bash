# SPDX-License-Identifier: LGPL-2.1-or-later
# bash completion for pysbctl(1)

_pysbctl_jobs() {
        pysbctl list 2>/dev/null | while read -r job _; do
                [[ $job == JOB ]] || echo "$job"
        done
}

_pysbctl_profiles() {
        pysbctl profile list 2>/dev/null | while read -r name _; do
                [[ $name == NAME ]] || echo "$name"
        done
}

_pysbctl_sessions() {
        pysbctl session list 2>/dev/null | while read -r session _; do
                [[ $session == SESSION ]] || echo "$session"
        done
}

# What stands behind `pysbctl session`
_pysbctl_session_words() {
        case $1 in
        open)
                echo "--json --idle --lifetime --profile --file --modules --env --label --memory --timeout --cpu-time" \
                        "--cpus --processes --disk --output-limit --source-limit --ticks"
                ;;
        exec)
                echo "--queue --code --inputs --analysis --timeout --cpu-time --output-limit --source-limit" \
                        "--ticks --json --events --result --summary --display-dir $(_pysbctl_sessions)"
                ;;
        list) echo "--json --tenant" ;;
        extend) echo "--idle --lifetime $(_pysbctl_sessions)" ;;
        put | get | rm) echo "--recursive $(_pysbctl_sessions)" ;;
        files) echo "--json $(_pysbctl_sessions)" ;;
        interrupt | restart | branch | close) _pysbctl_sessions ;;
        *) echo "open exec list interrupt restart branch extend close put get files rm" ;;
        esac
}

_pysbctl() {
        local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
        local verb=${COMP_WORDS[1]} words="--address --embedded --help"

        COMPREPLY=()
        if ((COMP_CWORD == 1)); then
                words="submit check eval wait attach cancel forget list show session repl blob profile status doctor top tenant reload drain resume help --version"
                mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
                return
        fi
        case $previous in
        -p | --profile)
                mapfile -t COMPREPLY < <(compgen -W "$(_pysbctl_profiles)" -- "$current")
                return
                ;;
        --analysis)
                mapfile -t COMPREPLY < <(compgen -W "imports strict" -- "$current")
                return
                ;;
        --display-dir | --into | --output-dir)
                mapfile -t COMPREPLY < <(compgen -d -- "$current")
                return
                ;;
        --stdin | --file)
                mapfile -t COMPREPLY < <(compgen -f -- "$current")
                return
                ;;
        -c | --code | -e | --expression | --module | --callable | --inputs | --modules | \
                --memory | --timeout | --cpu-time | --cpus | --processes | --disk | \
                --output-limit | --source-limit | --tool | --tool-calls | --tool-wait | --ticks | \
                --env | --label | --queue-timeout | --grace | --reason | --idle | --lifetime | --priority | --tenant | --request-id | --collect | --collect-limit | \
                --address)
                return
                ;;
        esac
        case $verb in
        submit | check | eval)
                words+=" --code --expression --module --callable --inputs --file --modules --analysis"
                [[ $verb != submit ]] || words+=" --result --display-dir --collect --output-dir --detach --queue-timeout --priority --tenant --request-id --events --summary"
                [[ $verb != submit ]] || words+=" --tool"
                words+=" --profile --memory --timeout --cpu-time --cpus --processes --disk"
                words+=" --tool-calls --tool-wait --ticks --output-limit --source-limit --collect-limit --stdin --env --label"
                [[ $verb == eval ]] || words+=" --json"
                ;;
        repl)
                words+=" --profile --tool --idle --lifetime --file --modules --env --memory --timeout --cpu-time --cpus"
                words+=" --processes --disk --output-limit --source-limit --tool-calls --tool-wait --ticks --display-dir"
                ;;
        wait) words+=" --json --summary --display-dir --output-dir $(_pysbctl_jobs)" ;;
        attach) words+=" --events --summary --display-dir --output-dir $(_pysbctl_jobs)" ;;
        cancel) words+=" --grace --reason $(_pysbctl_jobs)" ;;
        forget) words+=" $(_pysbctl_jobs)" ;;
        blob)
                if [[ ${COMP_WORDS[2]} == put && COMP_CWORD -gt 2 ]]; then
                        mapfile -t COMPREPLY < <(compgen -f -- "$current")
                        return
                fi
                words+=" put get remove --tenant"
                ;;
        show) words+=" --json $(_pysbctl_jobs)" ;;
        session)
                if ((COMP_CWORD == 2)); then
                        words=$(_pysbctl_session_words)
                else
                        words+=" $(_pysbctl_session_words "${COMP_WORDS[2]}")"
                fi
                ;;
        profile)
                words+=" --json --prompt list show check vet"
                [[ ${COMP_WORDS[2]} != vet ]] || words="--json --profile --native --into"
                [[ $previous == show ]] && words=$(_pysbctl_profiles)
                ;;
        doctor) words="--json" ;;
        list | status) words+=" --json --tenant" ;;
        tenant) words+=" set cancel --all --json" ;;
        reload) words+=" --json" ;;
        top) words+=" --once --json" ;;
        drain) words+=" --wait --json" ;;
        *) return ;;
        esac
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
        # A program or a profile is a file
        if [[ $current != -* && ($verb =~ ^(submit|check|eval)$ || $previous == check ||
                ${COMP_WORDS[2]} =~ ^(vet|exec)$) ]]; then
                mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$current")
        fi
}

complete -o filenames -F _pysbctl pysbctl
