//! Step 35: derivatives of tanh, and how their graphs grow.
//!
//! `cargo run --release --example tanh_derivatives -- --pictures FOLDER` draws the graphs.

mod command_line;

use std::collections::HashSet;
use std::path::Path;
use std::process::ExitCode;

use command_line::{exit_code, option};
use dezero::{Creator, GraphOptions, Result, Variable, grad, plot_graph_with};

/// Number of functions that `y` was computed by: what the book's pictures show.
fn count_functions(y: &Variable) -> usize {
    let mut seen = HashSet::new();
    let mut stack: Vec<Creator> = y.creator().into_iter().collect();
    while let Some(creator) = stack.pop() {
        if seen.insert(creator.sequence()) {
            stack.extend(
                creator
                    .inputs()
                    .into_iter()
                    .filter_map(|input| input.creator),
            );
        }
    }
    seen.len()
}

fn run() -> Result<()> {
    let folder = option("--pictures");
    let x = Variable::named(1.0, "x");
    let mut y = x.tanh();
    y.set_name("y");
    println!("tanh(1) = {}", y.item());

    // Every derivative is a polynomial in y = tanh(x), because y' = 1 - y².
    let t = y.item();
    let exact = [
        1.0 - t.powi(2),
        -2.0 * t + 2.0 * t.powi(3),
        -2.0 + 8.0 * t.powi(2) - 6.0 * t.powi(4),
        16.0 * t - 40.0 * t.powi(3) + 24.0 * t.powi(5),
        16.0 - 136.0 * t.powi(2) + 240.0 * t.powi(4) - 120.0 * t.powi(6),
    ];
    for order in 1..=8 {
        y = grad(&[&y], &[&x], true).remove(0);
        y.set_name(&format!("gx{order}"));
        if let Some(folder) = &folder {
            let path = Path::new(folder).join(format!("tanh{order}.svg"));
            // Laid out here, with or without Graphviz, so that all eight look alike.
            plot_graph_with(&y, path, &GraphOptions::new().graphviz(false))?;
        }
        print!(
            "order {order}: {:20.14} by {:5} functions",
            y.item(),
            count_functions(&y)
        );
        match exact.get(order - 1) {
            Some(exact) => println!(", error {:.0e}", (y.item() - exact).abs()),
            None => println!(),
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    exit_code(run())
}
