//! Step 24: functions that optimizers are tested with, differentiated.
//!
//! `cargo run --release --example optimization_functions -- --picture goldstein_price.svg` draws the graph of the last.

mod command_line;

use std::process::ExitCode;

use command_line::{exit_code, option};
use dezero::{GraphOptions, Result, Variable, plot_graph_with};

fn sphere(x: &Variable, y: &Variable) -> Variable {
    x.pow(2) + y.pow(2)
}

fn matyas(x: &Variable, y: &Variable) -> Variable {
    0.26 * (x.pow(2) + y.pow(2)) - 0.48 * x * y
}

#[rustfmt::skip]
fn goldstein_price(x: &Variable, y: &Variable) -> Variable {
    (1.0 + (x + y + 1.0).pow(2)
        * (19.0 - 14.0 * x + 3.0 * x.pow(2) - 14.0 * y + 6.0 * x * y + 3.0 * y.pow(2)))
        * (30.0 + (2.0 * x - 3.0 * y).pow(2)
            * (18.0 - 32.0 * x + 12.0 * x.pow(2) + 48.0 * y - 36.0 * x * y + 27.0 * y.pow(2)))
}

fn run() -> Result<()> {
    type Function = fn(&Variable, &Variable) -> Variable;
    let functions: [(&str, Function); 3] = [
        ("Sphere", sphere),
        ("Matyas", matyas),
        ("Goldstein-Price", goldstein_price),
    ];
    for (name, f) in functions {
        let x = Variable::new(1.0);
        let y = Variable::new(1.0);
        f(&x, &y).backward();
        println!(
            "{name} at (1, 1): {} {}",
            x.grad().unwrap(),
            y.grad().unwrap()
        );
    }
    if let Some(path) = option("--picture") {
        let (x, y) = (Variable::named(1.0, "x"), Variable::named(1.0, "y"));
        let z = goldstein_price(&x, &y);
        z.set_name("z");
        // With or without Graphviz the same picture.
        plot_graph_with(&z, path, &GraphOptions::new().graphviz(false))?;
    }
    Ok(())
}

fn main() -> ExitCode {
    exit_code(run())
}
