#!/bin/bash -eu
# Builds every fuzz target into $OUT, with its dictionary, options and seeds beside it, as
# ClusterFuzzLite wants them. It runs in the image of the
# Dockerfile, and wherever else nightly, cargo-fuzz and zip are: `SRC=<parent of clif-cabi> OUT=<a
# folder> .clusterfuzzlite/build.sh`.

# cargo-fuzz needs nightly; the image may name one itself.
export RUSTUP_TOOLCHAIN=${RUSTUP_TOOLCHAIN:-nightly}

cd "$SRC/clif-cabi/tests"
# Overflow and `debug_assert!` are findings too.
cargo fuzz build -O --debug-assertions

seeds=$(mktemp -d)
fuzz/seeds.sh "$seeds"
for source in fuzz/fuzz_targets/*.rs; do
  target=$(basename "${source%.rs}")
  cp "fuzz/target/x86_64-unknown-linux-gnu/release/$target" "$OUT/"
  for beside in "fuzz/dictionaries/$target.dict" "fuzz/options/$target.options"; do
    if [ -e "$beside" ]; then cp "$beside" "$OUT/"; fi
  done
  if [ -d "$seeds/$target" ]; then
    zip -qjr "$OUT/${target}_seed_corpus.zip" "$seeds/$target"
  fi
done
rm -r "$seeds"
