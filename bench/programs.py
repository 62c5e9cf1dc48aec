"""The programs that are compared: how each is built and started."""

import json
import os
import pathlib
import subprocess
import sys
import venv

BENCH = pathlib.Path(__file__).resolve().parent
ROOT = BENCH.parent
VENV = BENCH / ".venv"
PYTHON = VENV / "bin" / "python"

# Name, and the packages of the Python ones. A CPU build of torch that is in the environment already is kept.
PACKAGES = {"pytorch": ["torch"], "jax": ["jax"], "dezero": ["numpy"]}
PEERS_RUST = BENCH / "peers-rust"
RUST = {"ours": (ROOT, "dezero-bench"), "candle": (PEERS_RUST, "bench-candle"), "burn": (PEERS_RUST, "bench-burn")}
ALL = ["ours", "pytorch", "jax", "dezero", "candle", "burn"]
TITLES = {"ours": "DeZero for Rust", "pytorch": "PyTorch", "jax": "JAX (jit)", "dezero": "DeZero", "candle": "candle", "burn": "burn (flex)"}


def prepare_environment(peers):
    """Makes the virtual environment with what the peers and the plots take."""
    wanted = ["matplotlib", *(package for peer in peers for package in PACKAGES.get(peer, []))]
    if not PYTHON.exists():
        print(f"making {VENV.relative_to(ROOT)}", file=sys.stderr)
        venv.create(VENV, with_pip=True)
    pip = [str(PYTHON), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    missing = [package for package in wanted if not installed(package)]
    if missing:
        print(f"installing {', '.join(missing)}", file=sys.stderr)
        subprocess.run([*pip, *missing], check=True)
    if "dezero" in peers and not installed("dezero"):
        subprocess.run([*pip, "--no-deps", "dezero"], check=True)  # of what it declares, only NumPy is needed


def installed(package):
    return any(VENV.glob(f"lib/python3*/site-packages/{package}"))


def build(peer):
    """Builds a Rust program and returns its path."""
    folder, package = RUST[peer]
    print(f"building {package}", file=sys.stderr)
    # Of the peers' workspace all at once: built one by one their crates would have other features, and be built twice.
    which = ["-p", package] if folder == ROOT else ["--workspace"]
    command = ["cargo", "build", "--release", *which, "--message-format=json-render-diagnostics"]
    output = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout
    for line in output.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == package:
            return message["executable"]
    sys.exit(f"cargo built no program named {package}")


def command(peer):
    """The start of the command line, before options and workloads."""
    if peer in RUST:
        return [build(peer)]
    return [str(PYTHON), str(BENCH / "peers" / f"{peer}_workloads.py")]


def environment(threads):
    """Every system's way to be told how many threads it may use."""
    names = ("RAYON", "OMP", "MKL", "OPENBLAS")
    return os.environ | {f"{name}_NUM_THREADS": str(threads) for name in names}


def restrict(threads):
    """Keeps this process, and what it starts, on as many processors: XLA asks for nothing else."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
