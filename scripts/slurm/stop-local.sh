#!/usr/bin/env bash
# Ends the cluster that start-local.sh started in FOLDER, with its jobs. What lies in the folder stays.
set -euo pipefail

folder="$(realpath -m -- "${1:?usage: stop-local.sh FOLDER}")"
export SLURM_CONF="$folder/slurm.conf"
[[ -e "$SLURM_CONF" ]] || exit 0

# The ids of the processes that belong to this cluster: it is in their environment.
members() {
  local environment
  for environment in /proc/[0-9]*/environ; do
    if { tr '\0' '\n' <"$environment" | grep -qxF "SLURM_CONF=$SLURM_CONF"; } 2>/dev/null; then
      environment="${environment%/environ}"
      printf '%s %s\n' "${environment#/proc/}" "$(cat "$environment/comm" 2>/dev/null)"
    fi
  done
}

# Jobs, and what holds them, before the controller: they end at once, and nothing is requeued.
jobs="$(timeout 5 squeue --noheader --format=%A 2>/dev/null | sort -u || true)"
# shellcheck disable=SC2086
[[ -z "$jobs" ]] || timeout 5 scancel --signal=KILL --full $jobs 2>/dev/null || true
# shellcheck disable=SC2086
[[ -z "$jobs" ]] || timeout 5 scancel $jobs 2>/dev/null || true

# A process of a cluster that is not started by a job has one of these names.
daemons='^[0-9]+ (munged|slurmctld|slurmscriptd|slurmd|slurmstepd)$'
for signal in TERM TERM KILL; do
  ids="$(members | grep -E "$daemons" | cut -d ' ' -f 1 || true)"
  [[ -n "$ids" ]] || break
  # shellcheck disable=SC2086
  kill "-$signal" $ids 2>/dev/null || true
  for ((tries = 0; tries < 15; tries++)); do
    members | grep -qE "$daemons" || break
    sleep 0.2
  done
done
# What is left was started by a job, which knows its own id.
for id in $(members | cut -d ' ' -f 1); do
  if { tr '\0' '\n' <"/proc/$id/environ" | grep -q '^SLURM_JOB_ID='; } 2>/dev/null; then
    kill -KILL "$id" 2>/dev/null || true
  fi
done
rm -f "$folder"/*.pid "$folder/environment"
