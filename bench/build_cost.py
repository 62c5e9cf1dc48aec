"""What it costs to build a small program with each Rust library: time from nothing, and the size of what comes out."""

import os
import pathlib
import subprocess
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


def measure(peer):
    """Seconds of a clean release build with cargo's usual settings, its crates, and MB of the program, stripped or not."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "src").mkdir()
        (folder / "src" / "main.rs").write_text(SOURCES[peer])
        manifest = f'[package]\nname = "small"\nversion = "0.1.0"\nedition = "2024"\n\n[dependencies]\n{DEPENDENCIES[peer]}\n'
        (folder / "Cargo.toml").write_text(manifest)
        environment = {key: value for key, value in os.environ.items() if key not in ("CARGO_TARGET_DIR", "RUSTFLAGS")}
        run = lambda *command: subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True)
        try:
            run("cargo", "fetch")  # downloads are not counted
            start = time.perf_counter()
            built = run("cargo", "build", "--release")
            seconds = time.perf_counter() - start
            program = folder / "target" / "release" / "small"
            run(str(program))
        except subprocess.CalledProcessError as error:
            print(f"small program with {peer}: {error.stderr.strip().splitlines()[-1]}")
            return None
        size = program.stat().st_size
        run("strip", str(program))
        crates = built.stderr.count("Compiling ")
        return {"seconds": seconds, "crates": crates, "mb": size / 1e6, "stripped_mb": program.stat().st_size / 1e6}
