# What a change must pass; CI calls the same.
check: fmt lint test doc deny

fmt:
    cargo fmt --all --check

lint:
    cargo clippy --workspace --all-targets -- -D warnings

test *args:
    cargo test --workspace {{args}}

doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

deny:
    cargo deny check licenses sources bans

demo:
    cargo run --release -- demo

# Minutes of fuzzing per target need nightly features: see docs/testing.md.
fuzz target seconds="120":
    RUSTC_BOOTSTRAP=1 cargo fuzz run {{target}} -- -max_total_time={{seconds}}
