//! Tells who built each Ethereum block
fn main() {}
