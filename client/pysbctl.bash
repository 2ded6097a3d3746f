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

_pysbctl() {
        local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
        local verb=${COMP_WORDS[1]} words="--address --embedded"

        COMPREPLY=()
        if ((COMP_CWORD == 1)); then
                words="submit check eval wait attach cancel forget list show profile status help --version"
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
                --env | --grace | --collect | --address)
                return
                ;;
        esac
        case $verb in
        submit | check | eval)
                words+=" --code --expression --module --callable --inputs --file --modules --analysis"
                [[ $verb != submit ]] || words+=" --result --display-dir --collect --output-dir --detach --events --summary"
                [[ $verb != submit ]] || words+=" --tool"
                words+=" --profile --memory --timeout --cpu-time --cpus --processes --disk"
                words+=" --tool-calls --tool-wait --ticks --output-limit --source-limit --stdin --env"
                [[ $verb == eval ]] || words+=" --json"
                ;;
        wait) words+=" --json --summary --display-dir $(_pysbctl_jobs)" ;;
        attach) words+=" --events --summary --display-dir $(_pysbctl_jobs)" ;;
        cancel) words+=" --grace $(_pysbctl_jobs)" ;;
        forget) words+=" $(_pysbctl_jobs)" ;;
        show) words+=" --json $(_pysbctl_jobs)" ;;
        profile)
                words+=" --json --prompt list show check vet"
                [[ ${COMP_WORDS[2]} != vet ]] || words="--json --profile --native --into"
                [[ $previous == show ]] && words=$(_pysbctl_profiles)
                ;;
        list | status) words+=" --json" ;;
        *) return ;;
        esac
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
        # A program or a profile is a file
        if [[ $current != -* && ($verb =~ ^(submit|check|eval)$ || $previous == check ||
                ${COMP_WORDS[2]} == vet) ]]; then
                mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$current")
        fi
}

complete -o filenames -F _pysbctl pysbctl
