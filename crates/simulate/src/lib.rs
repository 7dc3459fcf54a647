//! Generated block rewards of known packers: demonstration, fixtures, benchmarks. Pure, seeded
