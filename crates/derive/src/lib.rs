//! `#[derive(Layer)]`.
