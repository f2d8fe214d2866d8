# shellcheck shell=bash
# What `host` and `nic` share: one write of one file of /proc or /sys, remembered so that it can be taken back.
#
# Owns the record of former values: lines of "path<TAB>value as it was", written before the change. A path is
# recorded once; a second apply finds it there and keeps the first value. Decides nothing about what is wanted.

# Set by the caller: where the record is, and whether to change anything at all.
record=${record:-}
is_dry=${is_dry:-false}

# The record's folder and file can be written, or nothing may be changed.
record_can_be_kept() {
    if "$is_dry"; then return 0; fi
    local error
    if error=$({ mkdir -p "$(dirname "$record")" && : >>"$record"; } 2>&1); then return 0; fi
    echo "error: cannot remember former values in $record (${error##*: }); nothing was changed" >&2
    return 1
}

recorded_value() { # path
    [ -f "$record" ] && awk -F '\t' -v path="$1" \
        '$1 == path { sub(/^[^\t]*\t/, ""); print; found = 1; exit } END { exit !found }' "$record"
}

remember() { # path value
    recorded_value "$1" >/dev/null || printf '%s\t%s\n' "$1" "$2" >>"$record"
}

forget() { # path
    awk -F '\t' -v path="$1" '$1 != path' "$record" >"$record.new" && mv "$record.new" "$record"
}

# Writes a value; on failure leaves the reason in $refusal.
refusal=
write_value() { # path value
    refusal=
    local error
    if error=$({ printf '%s\n' "$2" >"$1"; } 2>&1); then return 0; fi
    refusal=${error##*: }
    return 1
}

# First line of a file, as it stands.
read_value() { # path
    local value=''
    IFS= read -r value 2>/dev/null <"$1" || [ -n "$value" ] || return 1
    printf '%s' "$value"
}

# Tabs and runs of blanks as one blank: how the kernel prints several numbers is not how people write them.
blanks_as_one() { # value
    local words
    read -ra words <<<"$1"
    printf '%s' "${words[*]}"
}

# Puts every recorded value back, last changed first. 1 if one was refused: that one stays in the record. What is not
# a path is the caller's own.
put_back() {
    local path value before failed=0
    while IFS=$'\t' read -r path value; do
        if [[ $path != /* ]]; then continue; fi
        if [ ! -e "$path" ]; then
            printf '  gone     %s is no longer there; nothing to put back\n' "$path"
            "$is_dry" || forget "$path"
            continue
        fi
        before=$(read_value "$path") || before=
        if "$is_dry"; then
            printf '  would    %s: %s -> %s\n' "$path" "$(blanks_as_one "$before")" "$(blanks_as_one "$value")"
        elif write_value "$path" "$value"; then
            printf '  restored %s: %s -> %s\n' "$path" "$(blanks_as_one "$before")" "$(blanks_as_one "$value")"
            forget "$path"
        else
            printf '  refused  %s: %s stays, was %s before: %s\n' \
                "$path" "$(blanks_as_one "$before")" "$(blanks_as_one "$value")" "$refusal"
            failed=1
        fi
    done < <(tac "$record")
    if [ ! -s "$record" ]; then rm -f "$record"; fi
    return "$failed"
}
