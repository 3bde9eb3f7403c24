#!/usr/bin/env bash
# Starts a Slurm cluster on this machine for tests: munged, slurmctld and NODES slurmd, all of whose files lie in FOLDER.
#
#   eval "$(scripts/slurm/start-local.sh FOLDER [NODES])"     scripts/slurm/stop-local.sh FOLDER
#
# Prints `export SLURM_CONF=...`, also into FOLDER/environment. A second call starts what does not run and leaves the rest alone. Each node has
# CPUS (2) processors, whatever this machine has, and two GPUs that are names only. As root each node has a host name of its own; with
# UNSHARED=PATH the last node sees an empty folder at PATH, as one does that lacks a shared disk.
set -euo pipefail

usage="usage: start-local.sh FOLDER [NODES]"
folder="$(realpath -m -- "${1:?$usage}")"
nodes="${2:-2}"
cpus="${CPUS:-2}"
unshared="${UNSHARED:-}"
PATH="$PATH:/usr/sbin:/sbin"

fail() {
  printf 'error: %s\n' "$1" >&2
  shift
  (($# == 0)) || printf '  %s\n' "$@" >&2
  exit 1
}

[[ "$nodes" =~ ^[1-9]$ ]] || fail "\"$nodes\" is no number of nodes" "expected  1 to 9"
[[ "$folder" =~ ^[A-Za-z0-9/._-]+$ ]] || fail "$folder cannot be in Slurm's configuration" "expected  letters, digits, / . _ -"
# A socket's path has at most 107 bytes.
((${#folder} <= 80)) || fail "the path $folder is too long for munge's socket" "expected  at most 80 characters"
missing=()
for program in munged slurmctld slurmd sinfo; do
  command -v "$program" >/dev/null || missing+=("$program")
done
((${#missing[@]} == 0)) || fail "Slurm is not installed: there is no ${missing[*]}" \
  "try       apt-get install -y --no-install-recommends slurm-wlm munge"

conf="$folder/slurm.conf"
export SLURM_CONF="$conf"
mkdir -p "$folder/state" "$folder/log"
chmod 700 "$folder/state"

# Whether the process whose id a file holds is still that program, and not one that ended and that nobody waited for.
runs() {
  local id
  id="$(cat "$1" 2>/dev/null)" && [[ -n "$id" && "$(cut -d ' ' -f 2,3 "/proc/$id/stat" 2>/dev/null)" == "($2) "[!Z] ]]
}

# Whether nothing listens at a port.
is_free() {
  ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# The first of ten neighbouring ports that are free, below those that the kernel gives out.
free_ports() {
  local first port tries
  for ((tries = 0; tries < 100; tries++)); do
    first=$((20000 + 10 * (RANDOM % 1000)))
    for ((port = first; port < first + 10; port++)); do
      is_free "$port" || continue 2
    done
    printf '%s\n' "$first"
    return
  done
  fail "no ten neighbouring ports are free" "expected  some between 20000 and 29999"
}

write_configuration() {
  local first host user node
  first="$(free_ports)"
  user="$(id -un)"
  {
    printf '%s\n' \
      "ClusterName=local" \
      "SlurmctldHost=$(hostname -s)(127.0.0.1)" \
      "SlurmctldPort=$first" \
      "CommunicationParameters=NoCtldInAddrAny" \
      "SlurmUser=$user" \
      "SlurmdUser=$user" \
      "AuthType=auth/munge" \
      "AuthInfo=socket=$folder/munge.socket,cred_expire=5" \
      "CredType=cred/munge" \
      "StateSaveLocation=$folder/state" \
      "SlurmdSpoolDir=$folder/spool-%n" \
      "SlurmctldPidFile=$folder/slurmctld.pid" \
      "SlurmdPidFile=$folder/slurmd-%n.pid" \
      "SlurmctldLogFile=$folder/log/slurmctld.log" \
      "SlurmdLogFile=$folder/log/slurmd-%n.log" \
      "ProctrackType=proctrack/linuxproc" \
      "TaskPlugin=task/none" \
      "JobAcctGatherType=jobacct_gather/none" \
      "MpiDefault=none" \
      "SelectType=select/cons_tres" \
      "SelectTypeParameters=CR_CPU" \
      "SlurmdParameters=config_overrides" \
      "SchedulerParameters=sched_interval=2,bf_interval=2" \
      "PreemptType=preempt/partition_prio" \
      "PreemptMode=REQUEUE" \
      "ReturnToService=2" \
      "SlurmdTimeout=10" \
      "KillWait=10" \
      "MinJobAge=${MIN_JOB_AGE:-3600}" \
      "GresTypes=gpu"
    for ((node = 1; node <= nodes; node++)); do
      host="$(hostname -s)"
      ! has_names || host="node$node"
      printf '%s\n' "NodeName=node$node NodeHostname=$host NodeAddr=127.0.0.1 Port=$((first + node)) CPUs=$cpus RealMemory=4096 Gres=gpu:2 State=UNKNOWN"
    done
    printf '%s\n' \
      "PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE PriorityTier=1 State=UP" \
      "PartitionName=urgent Nodes=ALL MaxTime=60 PriorityTier=2 State=UP"
  } >"$conf"
  # A GPU is a device whose name ends in what CUDA calls it. Only root can make one, like /dev/null; of a plain file Slurm complains and counts it.
  for node in 0 1; do
    mknod "$folder/gpu$node" c 1 3 2>/dev/null || touch "$folder/gpu$node"
  done
  printf '%s\n' "Name=gpu File=$folder/gpu[0-1] Flags=nvidia_gpu_env" >"$folder/gres.conf"
}

# Whether a process here may have a host name of its own.
has_names() {
  [[ "$(id -u)" == 0 ]] && unshare --uts true 2>/dev/null
}

start_node() {
  local name="$1" start=()
  mkdir -p "$folder/spool-$name"
  if [[ -n "$unshared" && "$name" == "node$nodes" ]]; then
    # shellcheck disable=SC2016
    start=(unshare --uts --mount sh -c 'hostname "$1" && mount -t tmpfs none "$2" && exec slurmd -N "$1"' - "$name" "$unshared")
  elif has_names; then
    # shellcheck disable=SC2016
    start=(unshare --uts sh -c 'hostname "$1" && exec slurmd -N "$1"' - "$name")
  else
    start=(slurmd -N "$name")
  fi
  # PMIx, which Debian does not install with it, is missed in several lines.
  "${start[@]}" </dev/null >"$folder/log/start-$name.log" 2>&1 ||
    fail "slurmd of $name did not start" "found     $(tail -n 1 "$folder/log/start-$name.log" "$folder/log/slurmd-$name.log" | tr '\n' ' ')"
}

if [[ ! -e "$folder/munge.key" ]]; then
  (umask 077 && head -c 128 /dev/urandom >"$folder/munge.key")
fi
runs "$folder/munged.pid" munged ||
  munged --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" --pid-file="$folder/munged.pid" \
    --log-file="$folder/log/munged.log" --seed-file="$folder/munge.seed" </dev/null >"$folder/log/start-munged.log" 2>&1 ||
  fail "munged did not start" "found     $(tail -n 1 "$folder/log/start-munged.log")"
[[ -e "$conf" ]] || write_configuration
if ! runs "$folder/slurmctld.pid" slurmctld; then
  slurmctld </dev/null >"$folder/log/start-slurmctld.log" 2>&1 ||
    fail "slurmctld did not start" "found     $(tail -n 1 "$folder/log/slurmctld.log")"
fi
for ((node = 1; node <= nodes; node++)); do
  runs "$folder/slurmd-node$node.pid" slurmd || start_node "node$node"
done

for ((tries = 0; tries < 150; tries++)); do
  ready="$(timeout 5 sinfo --noheader --Node --partition=main --format=%T 2>/dev/null | grep -cE '^(idle|mixed|allocated)$' || true)"
  if ((ready == nodes)); then
    printf 'export SLURM_CONF=%s\n' "$conf" | tee "$folder/environment"
    exit 0
  fi
  sleep 0.2
done
fail "of $nodes nodes $ready are ready after 30 s" "found     $(tail -n 1 "$folder/log/slurmctld.log")" "try       look into $folder/log"
