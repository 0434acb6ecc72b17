# What the scripts of this folder share; they are run from the root of the repository.

target=${CARGO_TARGET_DIR:-target}
generate=$target/release/examples/generate
walk=$target/release/examples/walk
tdscope=${TDSCOPE:-$target/release/tdscope}
all_shapes=(logins foreign tiny synflood halfopen halfopen-servers elephant disorder)

# Builds what is measured, and what it is measured with.
build() {
    local what=(--example generate --example walk)
    [[ -n ${TDSCOPE:-} ]] || what+=(--bin tdscope)
    cargo build --quiet --release "${what[@]}"
}
