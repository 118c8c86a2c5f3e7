#!/usr/bin/env bash
# npm run device-check, or bash scripts/device-check.sh: everything that needs a CUDA device, in stages with a time box each,
# within ten minutes on a machine with an NVIDIA driver, nvcc, cmake and a C++20 compiler. Node is not needed.
#   --out FOLDER      where results.txt and one log a stage go, default build/device-check/results
#   --build FOLDER    default build/device-check
#   --seconds N       for all stages together, default 570
# Where git does not tell it, AGL_COMMIT is the commit of the rows. PEERS_PYTHON: an interpreter with torch, default python3.
# results.txt gets a line a stage as soon as the stage ends: what was not reached is told by its absence. Time that a stage
# leaves over goes to those after it. A stage cut by its box has not passed. The exit status is 0 when all passed.
# Rows of benchmarks are the lines of benchmarks.log and peers.log that begin with {: append them to benchmarks/results.jsonl.
set -euo pipefail

readonly stages=("machine 20" "build 180" "agreement 20" "op-laws 80" "engine-laws 60" "sanitizer 80" "benchmarks 70" "peers 60")
readonly agreement="the instructions of a family agree"
readonly sanitized=("elementwise: keep" "linear on CUDA: pack" "$agreement" "attention: a row decoded alone" "whatever order its warps run in")
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root

main() {
  local seconds=570 only=""
  BUILD="$root/build/device-check" OUT=""
  while (($# > 0)); do
    case "$1" in
      --out) OUT=$2 ;;
      --build) BUILD=$2 ;;
      --seconds) seconds=$2 ;;
      --stage) only=$2 ;;
      *) give_up "unknown option $1; the head of scripts/device-check.sh lists them" ;;
    esac
    shift 2
  done
  OUT=${OUT:-$BUILD/results}
  export BUILD OUT
  find_cuda
  if [[ -n $only ]]; then
    "stage_${only//-/_}"
    return
  fi
  mkdir -p "$OUT"
  rm -f "$OUT"/*.log
  : >"$OUT/results.txt"
  run_stages "$seconds"
}

# --- internal ---

give_up() {
  echo "device-check: $1" >&2
  exit 2
}

say() { echo "$1" | tee -a "$OUT/results.txt"; }

# Programs of CUDA that lie where they usually do.
find_cuda() {
  local folder=${CUDA_HOME:-/usr/local/cuda}
  PATH="$PATH:$folder/bin:$folder/compute-sanitizer:/usr/local/nvidia/bin"
  export PATH
}

has() { command -v "$1" >/dev/null 2>&1; }

run_stages() {
  local total=$1 entry name whole=0 boxes=0 deadline passed=0 stopped="" engine=""
  for entry in "${stages[@]}"; do whole=$((whole + ${entry#* })); done
  SECONDS=0
  for entry in "${stages[@]}"; do
    name=${entry% *} boxes=$((boxes + ${entry#* }))
    deadline=$(((boxes * total + whole - 1) / whole))
    if [[ -n $stopped ]]; then
      say "$name: not run: $stopped"
    elif run_stage "$name" "$((deadline - SECONDS))"; then
      passed=$((passed + 1))
    elif [[ $name == machine || $name == build ]]; then
      stopped="the stage $name did not pass"
    fi
  done
  if [[ -z $stopped ]]; then engine_benchmarks "$((total - SECONDS))" || engine=failed; fi
  report
  say "device-check: $passed of ${#stages[@]} stages passed, $SECONDS s"
  ((passed == ${#stages[@]})) && [[ $engine != failed ]]
}

# Runs one stage in a process of its own and writes its line.
run_stage() {
  local name=$1 limit=$2 log="$OUT/$1.log" begin=$SECONDS status=0 good bad line
  if ((limit < 1)); then
    say "$name: not run: no time was left"
    return 1
  fi
  timeout --kill-after=5 "$limit" bash "$root/scripts/device-check.sh" --out "$OUT" --build "$BUILD" --stage "$name" \
    >"$log" 2>&1 || status=$?
  good=$(grep -c '^PASS' "$log" || true)
  bad=$(grep -c '^FAIL' "$log" || true)
  line="$name: passed $good, failed $bad, $((SECONDS - begin)) s"
  if ((status == 124 || status == 137)); then
    line+=", CUT by its box of $limit s: not passed"
  elif grep -q '^NOT RUN' "$log"; then
    line+=", NOT RUN: $(sed -n 's/^NOT RUN //p' "$log" | paste -sd ';')"
    status=1
  elif ((status != 0 && bad == 0)); then
    line+=", ended with status $status: $(tail -n 1 "$log")"
  elif ((good == 0 && bad == 0)); then
    line+=", nothing was checked"
    status=1
  fi
  say "$line"
  if [[ $name == machine ]]; then
    say "$(<"$log")"
    rm "$log"
  fi
  ((status == 0 && bad == 0))
}

# One result line of a stage, by whether a command succeeds; its output is indented below what it was.
check() {
  local what=$1
  shift
  echo "-- $what: $*"
  if "$@" 2>&1 | sed 's/^/  /'; then echo "PASS $what"; else echo "FAIL $what"; fi
}

# ---- machine

version_of() { sed -n "s/.*$2 \([0-9][0-9]*\.[0-9][0-9]*\).*/\1/p" <<<"$1" | head -n 1; }

is_at_least() { [[ -n $1 && $(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1) == "$2" ]]; }

# need WHAT FOUND REMEDY: a line of what was found, or of what to do.
need() {
  if [[ -n $2 ]]; then echo "PASS $1: $2"; else echo "FAIL expected $1, found none; $3"; fi
}

# need_version PROGRAM OLDEST WORD REMEDY: its --version says WORD and a number, which is OLDEST or newer.
need_version() {
  local found
  found=$(version_of "$("$1" --version 2>&1 || true)" "$3")
  if is_at_least "$found" "$2"; then echo "PASS $1 >= $2: $found"; else echo "FAIL expected $1 >= $2, found ${found:-none}; $4"; fi
}

stage_machine() {
  local gpus="" compiler="" generator="" name
  if has nvidia-smi; then
    gpus=$(nvidia-smi --query-gpu=name,compute_cap,driver_version,memory.total --format=csv,noheader 2>&1) || gpus=""
  fi
  for name in "${CXX:-c++}" g++ clang++; do if [[ -z $compiler ]] && has "$name"; then compiler=$name; fi; done
  for name in ninja make; do if [[ -z $generator ]] && has "$name"; then generator=$name; fi; done
  need "an NVIDIA GPU" "${gpus//$'\n'/ | }" "nvidia-smi must list one: install the driver, or use a machine with a GPU"
  need_version nvcc 12.8 release "install CUDA's toolkit, and name its folder by CUDA_HOME"
  need_version cmake 3.22 version "install cmake"
  need "a C++20 compiler" "$compiler" "install g++"
  need "ninja or make" "$generator" "install ninja-build"
}

# ---- build: for this machine's devices alone

architectures() {
  nvidia-smi --query-gpu=compute_cap --format=csv,noheader | tr -d '. ' | sort -u |
    sed 's/^90$/90a/; s/$/-real/' | paste -sd ';'
}

stage_build() {
  local generator="Unix Makefiles" archs program
  if has ninja; then generator=Ninja; fi
  archs=$(architectures)
  [[ $archs =~ ^[0-9]+a?-real(;[0-9]+a?-real)*$ ]] || give_up "expected nvidia-smi to give compute capabilities, got $archs"
  cmake -S "$root" -B "$BUILD" -G "$generator" -DAGL_DEVICE_TESTS=ON -DAGL_BENCH=ON -DAGL_WERROR=OFF "-DAGL_CUDA_ARCHS=$archs" \
    "-DCMAKE_CUDA_COMPILER=$(command -v nvcc)"
  for program in native_tests bench_cuda_products bench_cuda_attention bench_cuda_head bench_cuda_engine; do
    check "$program" cmake --build "$BUILD" --target "$program" --parallel "$(nproc)"
  done
}

# ---- laws

# In several processes, every law in one of its own: what crashes or hangs takes no other along.
laws() {
  local parts=$(($(nproc) / 2)) part status=0 pids=()
  parts=$((parts < 1 ? 1 : parts > 8 ? 8 : parts))
  for ((part = 1; part <= parts; part++)); do
    "$BUILD/native_tests" --each --apart 30 --part "$part/$parts" "$@" &
    pids+=("$!")
  done
  for part in "${pids[@]}"; do wait "$part" || status=1; done
  return "$status"
}

stage_agreement() { "$BUILD/native_tests" --each --apart 20 --filter "$agreement"; }
stage_op_laws() { laws --in /native/ops/ --without "$agreement"; }
stage_engine_laws() { laws --filter "^on CUDA: "; }

# ---- compute-sanitizer

stage_sanitizer() {
  local tool law
  if ! has compute-sanitizer; then
    echo "NOT RUN compute-sanitizer was not found"
    return
  fi
  for law in "${sanitized[@]}"; do
    for tool in memcheck racecheck initcheck; do
      sanitize "$tool" "$law" >"$BUILD/sanitizer-$tool-${law//[^a-zA-Z]/-}.part" 2>&1 &
    done
    wait
    cat "$BUILD"/sanitizer-*.part
    rm -f "$BUILD"/sanitizer-*.part
  done
}

sanitize() {
  check "$1: $2" timeout --kill-after=5 40 compute-sanitizer --tool "$1" --error-exitcode 9 --print-limit 20 \
    "$BUILD/native_tests" --filter "$2"
}

# ---- benchmarks

commit() {
  if [[ -n ${AGL_COMMIT:-} ]]; then echo "$AGL_COMMIT"; return; fi
  git -C "$root" describe --always --dirty=+ --abbrev=12 --exclude '*' 2>/dev/null || echo unknown
}

# Whether another process computes on a device.
is_loaded() { if nvidia-smi --query-compute-apps=pid --format=csv,noheader 2>/dev/null | grep -q '^[0-9]'; then echo true; else echo false; fi; }

stage_benchmarks() {
  local name status loaded
  loaded=$(is_loaded)
  for name in products attention head engine; do
    status=0
    "$BUILD/bench_cuda_$name" --commit "$(commit)" --loaded "$loaded" || status=$?
    if ((status == 0)); then echo "PASS bench_cuda_$name"; else echo "FAIL bench_cuda_$name"; fi
  done
}

stage_peers() {
  local python=${PEERS_PYTHON:-python3} name
  if ! has "$python"; then
    echo "NOT RUN $python was not found"
    return
  fi
  for name in products attention head; do "$BUILD/bench_cuda_$name" --list; done >"$BUILD/cases.jsonl"
  PYTHONUNBUFFERED=1 "$python" "$root/benchmarks/peers/cuda_peers.py" "$BUILD/cases.jsonl" --commit "$(commit)" --loaded "$(is_loaded)"
}

# What the addon does on the device, where node and a build of it are here. Its rows go to benchmarks/results.jsonl.
engine_benchmarks() {
  local limit=$1
  if ! has node || [[ ! -e $root/build/Release/agentlightning.node || ! -e $root/dist/index.js ]]; then
    say "npm run bench -- --device cuda: left out, for want of node or of a built addon"
  elif ((limit < 10)); then
    say "npm run bench -- --device cuda: left out, no time was left"
  elif (cd "$root" && timeout --kill-after=5 "$limit" npm run bench -- --device cuda --force --rounds 1) >"$OUT/engine.log" 2>&1; then
    say "npm run bench -- --device cuda: passed"
  else
    say "npm run bench -- --device cuda: FAILED or cut after $limit s, as engine.log tells: $(tail -n 1 "$OUT/engine.log")"
    return 1
  fi
}

# ---- the end

report() {
  local python=${PEERS_PYTHON:-python3}
  compgen -G "$OUT/*.log" >/dev/null || return 0
  sed -n 's/^RECORD //p' "$OUT"/*.log | tee -a "$OUT/results.txt"
  { grep -h '^FAIL' "$OUT"/*.log || true; } | tee -a "$OUT/results.txt"
  if [[ -e $OUT/benchmarks.log ]] && has "$python"; then
    "$python" "$root/benchmarks/peers/ratios.py" "$OUT/benchmarks.log" "$OUT/peers.log" 2>&1 | tee -a "$OUT/results.txt" || true
  fi
}

main "$@"
