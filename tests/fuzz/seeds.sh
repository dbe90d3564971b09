#!/usr/bin/env bash
# Copies the seeds of the target that reads text to a folder below $1: `tests/fuzz/seeds.sh
# tests/fuzz/corpus`. The bytes of `signatures`
# mean nothing to a reader; it starts from none.
set -euo pipefail
to=$(realpath -m "$1")
cd "$(dirname "$0")/../.."

# copy TARGET FILE...: file names may be the same in two folders.
copy() {
  local target=$1 file
  shift
  mkdir -p "$to/$target"
  for file in "$@"; do
    cp "$file" "$to/$target/$(basename "$(dirname "$file")")-$(basename "$file")"
  done
}

copy toy examples/toy/programs/*.toy examples/toy/tests/interop/*.toy
