"""The programs that are compared: how each is built and started."""

import dataclasses
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
PACKAGES = {"pytorch": ["torch", "numpy"], "jax": ["jax"], "dezero": ["numpy", "dezero"]}
PEERS_RUST = BENCH / "peers-rust"
RUST = {"ours": (ROOT, "dezero-bench"), "candle": (PEERS_RUST, "bench-candle"), "burn": (PEERS_RUST, "bench-burn")}
ALL = ["ours", "pytorch", "jax", "dezero", "candle", "burn"]
TITLES = {"ours": "DeZero for Rust", "pytorch": "PyTorch", "jax": "JAX (jit)", "dezero": "DeZero", "candle": "candle", "burn": "burn (flex)"}


class Unavailable(Exception):
    """A peer that cannot take part, and why."""


@dataclasses.dataclass
class Program:
    command: list  # before options and workloads
    version: str
    workloads: list  # what a system cannot do is missing

    def can(self, name):
        return name.partition("@")[0] in self.workloads


def prepare(peer):
    """Builds or installs a program and asks it what it can do."""
    if peer in RUST:
        command = [build(peer)]
    else:
        install(peer, PACKAGES[peer])
        command = [str(PYTHON), str(BENCH / "peers" / f"{peer}_workloads.py")]
    listed = run([*command, "--list"], cwd=BENCH).stdout
    return Program(command, **json.loads(listed.splitlines()[-1]))


def prepare_environment(lender):
    """Makes the virtual environment with what the plots take. What the environment `lender` has is taken from there."""
    if not PYTHON.exists():
        print(f"making {VENV.relative_to(ROOT)}", file=sys.stderr)
        venv.create(VENV, with_pip=True)
    (site,) = VENV.glob("lib/python3*/site-packages")
    if lender:
        (theirs,) = pathlib.Path(lender).resolve().glob(f"lib/{site.parent.name}/site-packages")
        (site / "lender.pth").write_text(f"{theirs}\n")
    install("the plots", ["matplotlib"])


def install(what, packages):
    missing = [package for package in packages if not installed(package)]
    for package in missing:
        print(f"installing {package} for {what}", file=sys.stderr)
        # Of what dezero declares, only NumPy is needed.
        options = ["--no-deps"] if package == "dezero" else []
        run([str(PYTHON), "-m", "pip", "install", "-q", "--disable-pip-version-check", *options, package])


def installed(package):
    find = f"import importlib.util, sys; sys.exit(importlib.util.find_spec('{package}') is None)"
    return subprocess.run([str(PYTHON), "-c", find], stderr=subprocess.DEVNULL).returncode == 0


def build(peer):
    """Builds a Rust program and returns its path."""
    folder, package = RUST[peer]
    print(f"building {package}", file=sys.stderr)
    # Of the peers' workspace all at once: built one by one their crates would have other features, and be built twice.
    which = ["-p", package] if folder == ROOT else ["--workspace"]
    command = ["cargo", "build", "--release", *which, "--message-format=json-render-diagnostics"]
    built = run(command, cwd=folder, stderr=None)  # cargo shows how far it is
    for line in built.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == package:
            return message["executable"]
    raise Unavailable(f"cargo built no program named {package}")


def run(command, **options):
    """Runs it to its end; where that is no good one, the last line of what it said is the reason."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    try:
        return subprocess.run(command, check=True, text=True, **options)
    except subprocess.CalledProcessError as error:
        said = [line.strip() for line in (error.stderr or "").splitlines() if line.strip() and "RUST_BACKTRACE" not in line]
        raise Unavailable(said[-1] if said else f"{' '.join(command[:2])} exits with {error.returncode}") from error
    except OSError as error:
        raise Unavailable(str(error)) from error


def environment(threads):
    """Every system's way to be told how many threads it may use."""
    names = ("RAYON", "OMP", "MKL", "OPENBLAS")
    return os.environ | {f"{name}_NUM_THREADS": str(threads) for name in names}


def restrict(threads):
    """Keeps this process, and what it starts, on as many processors: XLA asks for nothing else."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
