#!/bin/sh
# One night on one bench: is the rig fit, and if so, the pumps. The workflow files beside this one call it.
#
#   BENCH       the bench file
#   PLANS       what is run (default: test_plans, of which what cannot be on this bench is skipped)
#   QUARANTINE  known failures, a file; none if it is empty
#   RIG         folder of the commands rig and python (default: .venv/bin)
#
# Leaves all in the folder "night": runs/ (the evidence), junit.xml, summary.md, doctor.txt.
# Ends with 0 all PASS, 1 some verdict is not PASS, 2 aborted, 3 the rig failed, 4 bad input.
set -u
commands=${RIG:-.venv/bin}
rm -rf night
mkdir -p night

rig_failed() { # one notice, not one for every criterion
    printf '**%s; nothing is said about any pump.** See doctor.txt and the log.\n' "$1" >>night/summary.md
    printf '%s\n' "$1" >&2
}

"$commands/rig" doctor --bench "$BENCH" >night/doctor.txt 2>&1
status=$?
cat night/doctor.txt
if [ "$status" -ne 0 ]; then
    rig_failed "The rig is broken before the night began"
    cat >night/junit.xml <<'XML'
<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="rig" tests="1" failures="0" errors="1">
<testcase classname="rig" name="doctor"><error message="the rig is broken, no pump was tested: see doctor.txt"/></testcase>
</testsuite></testsuites>
XML
    exit "$status"
fi

# The signal of a stopped job goes on to the run, which puts the pumps in their safe state before it ends.
trap 'kill -TERM "$run" 2>/dev/null' TERM INT HUP
"$commands/python" -m pytest "${PLANS:-test_plans}" --bench "$BENCH" --runs night/runs \
    ${QUARANTINE:+"--quarantine=$QUARANTINE"} --junitxml=night/junit.xml &
run=$!
wait "$run"
status=$?
while kill -0 "$run" 2>/dev/null; do
    wait "$run"
    status=$?
done
trap - TERM INT HUP

for summary in night/runs/*/exports/summary.md; do
    if [ -f "$summary" ]; then cat "$summary" >>night/summary.md; fi
done
if [ "$status" -eq 3 ]; then rig_failed "The rig failed in the night"; fi
[ "$status" -eq 5 ] && status=4 # not one test was found
exit "$status"
