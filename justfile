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

# The first inputs of the fuzz targets.
fuzz-seed:
    cp Cargo.lock fuzz/Cargo.lock
    RUSTC_BOOTSTRAP=1 cargo fuzz run seed

# One fuzz target on one core: see docs/contributing.md.
fuzz target seconds="120":
    cp Cargo.lock fuzz/Cargo.lock
    RUSTC_BOOTSTRAP=1 RAYON_NUM_THREADS=1 cargo fuzz run {{target}} -- -max_total_time={{seconds}} -rss_limit_mb=2048 -timeout=10
