#!/bin/sh
# preStop of a worker's pod: voxtral-drain SECONDS
# Ray gives this node no more work, and what it has is finished, for SECONDS at most. The raylet ends by itself when the
# node is drained and idle. What is not finished by then is done again elsewhere: a shard, never a file.
set -u
seconds="${1:?usage: voxtral-drain SECONDS}"
ray drain-node --reason DRAIN_NODE_REASON_PREEMPTION --reason-message "its pod is going" \
    --deadline-remaining-seconds "$seconds" || exit 0
waited=0
while [ "$waited" -lt "$seconds" ] && grep -qsx raylet "${PROC:-/proc}"/[0-9]*/comm; do
    sleep 1
    waited=$((waited + 1))
done
