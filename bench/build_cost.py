"""What it costs to build a small program with each Rust library: time from nothing, and the size of what comes out.

    python3 bench/build_cost.py [ours] [candle] [burn]
"""

import functools
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import programs

DEPENDENCIES = {
    "ours": f'dezero = {{ path = "{programs.ROOT}" }}',
    "candle": 'candle-core = "=0.11.1"',
    "burn": 'burn = { version = "=0.22.1", default-features = false, features = ["std", "flex", "autodiff"] }',
}

# The gradient of the sum of x * x at 3.
SOURCES = {
    "ours": """
use dezero::Variable;
fn main() {
    let x = Variable::new(3.0);
    (&x * &x).sum().backward();
    println!("{}", x.grad().unwrap().item());
}
""",
    "candle": """
use candle_core::{Device, Var};
fn main() -> candle_core::Result<()> {
    let x = Var::new(3f64, &Device::Cpu)?;
    let y = (x.as_tensor() * x.as_tensor())?.sum_all()?;
    println!("{}", y.backward()?.get(&x).unwrap());
    Ok(())
}
""",
    "burn": """
use burn::tensor::{Device, Tensor};
fn main() {
    let x = Tensor::<1>::from_data([3.0], &Device::flex().autodiff()).require_grad();
    let grads = (x.clone() * x.clone()).sum().backward();
    println!("{}", x.grad(&grads).unwrap());
}
""",
}


PROCESSORS = 2


def measure(peer, patience=None):
    """Seconds of a clean release build with cargo's usual settings, its crates, and MB of the program, stripped or not; or an error.

    None where it takes more than `patience` seconds.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        folder = pathlib.Path(folder)
        (folder / "src").mkdir()
        (folder / "src" / "main.rs").write_text(SOURCES[peer])
        manifest = f'[package]\nname = "small"\nversion = "0.1.0"\nedition = "2024"\n\n[dependencies]\n{DEPENDENCIES[peer]}\n'
        (folder / "Cargo.toml").write_text(manifest)
        # The versions of crates that are in use here, so that another day gives the same build.
        shutil.copy(programs.RUST[peer][0] / "Cargo.lock", folder)
        options = {
            "cwd": folder,
            "env": {key: value for key, value in os.environ.items() if key not in ("CARGO_TARGET_DIR", "RUSTFLAGS")},
            "preexec_fn": functools.partial(programs.restrict, PROCESSORS),
            "timeout": patience,
        }
        try:
            programs.run(["cargo", "fetch"], **options)  # downloads are not counted
            start = time.perf_counter()
            built = programs.run(["cargo", "build", "--release"], **options)
            seconds = time.perf_counter() - start
            program = folder / "target" / "release" / "small"
            programs.run([str(program)], **options)
            size = program.stat().st_size
            programs.run(["strip", str(program)], **options)
        except programs.Unavailable as error:
            return {"error": str(error)}
        except subprocess.TimeoutExpired:
            return None
        crates = built.stderr.count("Compiling ")
        return {"seconds": seconds, "crates": crates, "mb": size / 1e6, "stripped_mb": program.stat().st_size / 1e6}


if __name__ == "__main__":
    for peer in sys.argv[1:] or DEPENDENCIES:
        print(peer, measure(peer), flush=True)
