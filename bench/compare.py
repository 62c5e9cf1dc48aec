"""Runs our benchmarks and the peer's in turn, each workload in a process of its own, and prints the ratios.

    python bench/compare.py [--rounds 3] [--threads 2] [--seconds 1] [--check] [names...]

Only ratios of one run count: both sides see the same machine in the same minute. `--check` exits with 1 where a
requirement is missed. `--peer-only` and `--ours-only` run one side.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# What is required and what is aimed at: times the peer's median ("x"), or milliseconds ("ms").
TARGETS = {
    "goldstein_price": ((0.012, "ms"), (0.008, "ms")),
    "rosenbrock": (None, (0.002, "ms")),
    "tanh_sixth_derivative": (None, (0.1, "ms")),
    "spiral_step": ((0.020, "ms"), (0.010, "ms")),
    "wgan_gp_penalty": (None, (0.55, "x")),
    "lstm_update": ((0.40, "x"), (0.25, "x")),
    "lstm_sequence": (None, None),
    "add_chain": ((600, "ms"), (300, "ms")),
    "mlp_step": ((1.00, "x"), (0.69, "x")),
    "matmul_f32": (None, (0.96, "x")),
    "matmul_f64": (None, (0.83, "x")),
    "tanh_chain": ((0.80, "x"), (0.41, "x")),
    "softmax_cross_entropy": (None, (0.75, "x")),
    "conv2d": ((1.00, "x"), (0.62, "x")),
    "vgg16_forward": ((1.00, "x"), (0.64, "x")),
    "resnet50_forward": (None, (0.77, "x")),
    "resnet50_step": ((1.10, "x"), (0.80, "x")),
    "mnist_cnn_step": ((0.80, "x"), (0.55, "x")),
}
BYTES_PER_NODE = (300, 250)


def build():
    """Builds the benchmark program and returns its path."""
    command = ["cargo", "build", "--release", "-p", "dezero-bench", "--message-format=json-render-diagnostics"]
    output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    for line in output.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == "dezero-bench":
            return message["executable"]
    sys.exit("cargo built no program named dezero-bench")


def run(command, environment):
    """The JSON line of one workload; None if it failed.

    `peak_mb` is added: the peak of resident memory less `base_mb`, what the process held before any work (PyTorch's
    libraries alone are hundreds of MiB).
    """
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    output, errors = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    if process.returncode != 0 or len(lines) != 1:
        last = (errors or output).strip().splitlines()[-1:] or ["no message"]
        print(f"{' '.join(map(str, command))}: exit {process.returncode}: {last[0]}", file=sys.stderr)
        return None
    return lines[0] | {"peak_mb": usage.ru_maxrss / 1024 - lines[0].get("base_mb", 0)}


def met(target, ours, ratio):
    """Whether a target is met: None where the side that it is measured against is missing."""
    if target is None or ours is None:
        return None
    value = ours if target[1] == "ms" else ratio
    return None if value is None else value <= target[0]


def show(milliseconds):
    if milliseconds is None:
        return "-"
    return f"{milliseconds * 1000:.1f} us" if milliseconds < 1 else f"{milliseconds:.1f} ms"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="workloads; all of them by default")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=1.0, help="at least this long for each measurement")
    parser.add_argument("--check", action="store_true")
    sides = parser.add_mutually_exclusive_group()
    sides.add_argument("--peer-only", action="store_true")
    sides.add_argument("--ours-only", action="store_true")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in TARGETS]
    if unknown:
        parser.error(f"no workload {', '.join(unknown)}; there are {', '.join(TARGETS)}")

    environment = os.environ | {"RAYON_NUM_THREADS": str(arguments.threads), "OMP_NUM_THREADS": str(arguments.threads)}
    commands = {}
    if not arguments.ours_only:
        options = ["--threads", str(arguments.threads), "--seconds", str(arguments.seconds)]
        commands["peer"] = [sys.executable, "bench/peers.py", *options]
    if not arguments.peer_only:
        commands["ours"] = [build(), "--json", "--seconds", str(arguments.seconds)]

    load, cores = os.getloadavg()[0], os.cpu_count()
    if load > 0.5:
        print(f"warning: {load:.1f} of {cores} cores were busy before the start; expect noise", file=sys.stderr)

    layout = "{:<22} {:>10} {:>10} {:>6} {:>6} {:>9} {:>9}  {:<6} {:>8} {:>8}"
    print(layout.format("workload", "ours", "peer", "ratio", "best", "required", "goal", "", "ours MiB", "peer MiB"))
    missed = []
    for name in arguments.names or TARGETS:
        runs = {side: [] for side in commands}
        for _ in range(arguments.rounds):
            for side, command in commands.items():
                line = run([*command, name], environment)
                if line is None:
                    del runs[side][:]
                    break
                runs[side].append(line)

        def summary(side, key, choose):
            values = [line[key] for line in runs.get(side, []) if key in line]
            return choose(values) if values else None

        ours, peer = (summary(side, "ms", statistics.median) for side in ("ours", "peer"))
        best = [summary(side, "best_ms", min) for side in ("ours", "peer")]
        ratio = ours / peer if ours and peer else None
        required, goal = TARGETS[name]
        verdict = "goal" if met(goal, ours, ratio) else {True: "met", False: "MISSED", None: ""}[met(required, ours, ratio)]
        if verdict == "MISSED" or (required and verdict == "" and not arguments.peer_only):
            missed.append(name)
        target = lambda t: "-" if t is None else show(t[0]) if t[1] == "ms" else f"{t[0]:.2f} x"
        memory = [summary(side, "peak_mb", max) for side in ("ours", "peer")]
        print(
            layout.format(
                name,
                show(ours),
                show(peer),
                "-" if ratio is None else f"{ratio:.3f}" if ratio < 0.1 else f"{ratio:.2f}",
                "-" if None in best else f"{best[0] / best[1]:.2f}",
                target(required),
                target(goal),
                verdict,
                *("-" if m is None else f"{m:.0f}" for m in memory),
            ),
            flush=True,
        )
        if name == "add_chain":
            sizes = {side: summary(side, "bytes_per_node", statistics.median) for side in commands}
            print(f"  bytes a node: {sizes} (required {BYTES_PER_NODE[0]}, goal {BYTES_PER_NODE[1]})")
            if sizes.get("ours") is not None and sizes["ours"] > BYTES_PER_NODE[0]:
                missed.append("add_chain: bytes a node")
    print(f"load average {os.getloadavg()[0]:.1f} on {cores} cores at the end")
    if missed:
        print(f"missed or not measured: {', '.join(missed)}")
    sys.exit(1 if missed and arguments.check else 0)


if __name__ == "__main__":
    main()
