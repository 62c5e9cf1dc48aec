//! What the examples' command lines share: options, and how an error ends the program.

// Each example takes what it needs.
#![allow(dead_code)]

use std::env;
use std::process::ExitCode;

use dezero::Result;

/// What follows `name`, such as `--data-dir`.
pub fn option(name: &str) -> Option<String> {
    env::args().skip_while(|argument| argument != name).nth(1)
}

/// Prints an error as its message; `main` returning it would print its fields.
pub fn exit_code(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
