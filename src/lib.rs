//! DeZero for Rust.
