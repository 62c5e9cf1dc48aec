"""Compares the workloads of README.md on all systems: times, ratios, memory, build time and how they grow.

    python3 bench/compare.py                         # everything, into docs/benchmarks.md: some 20 minutes
    python3 bench/compare.py --only conv2d mlp_step  # these workloads, printed
    python3 bench/compare.py --peers pytorch burn    # ours and these
    python3 bench/compare.py --quick                 # everything once, and small: do all run and agree?
    python3 bench/compare.py --quick --peers         # ours alone: nothing is installed

Only ratios of one run count: all sides see the same machine in the same minutes. It exits with 1 where numbers disagree,
and with `--check` where a requirement is missed.
"""

import argparse
import os
import sys

import build_cost
import measure
import programs
import report
import targets

# Workloads by size, and with one thread.
CURVES = {
    "add_chain": [1_000, 10_000, 100_000, 1_000_000],
    "matmul_f32": [16, 64, 256, 1024, 2048],
    "mlp_step": [1, 4, 16, 64, 256],
}
THREADS = ["matmul_f32", "conv2d", "mlp_step", "tanh_chain"]


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="the same as --only")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these workloads, printed and not written")
    parser.add_argument("--peers", nargs="*", choices=programs.ALL[1:], default=programs.ALL[1:], help="besides ours")
    parser.add_argument("--quick", action="store_true", help="one short round, small curves, no builds to be timed")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.5, help="at least this long for a measurement")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--check", action="store_true", help="exit with 1 where a requirement is missed")
    arguments = parser.parse_args()
    arguments.only += arguments.names
    for name in arguments.only:
        if name not in targets.TARGETS:
            parser.error(f"no workload {name}; there are {', '.join(targets.TARGETS)}")
    if arguments.quick:
        arguments.rounds, arguments.seconds = 1, 0.01
    return arguments


def main():
    arguments = parse()
    peers = ["ours", *arguments.peers]
    # The plots and the Python peers live in an environment of our own.
    if arguments.peers:
        programs.prepare_environment(peers)
        if os.path.realpath(sys.prefix) != os.path.realpath(programs.VENV):
            os.execv(programs.PYTHON, [str(programs.PYTHON), *sys.argv])
    commands = {peer: programs.command(peer) for peer in peers}

    load = os.getloadavg()[0]
    if load > 0.5 and not arguments.quick:
        print(f"warning: {load:.1f} processors were busy before the start; expect noise", file=sys.stderr)
    disagreements = []

    def compare(names, rounds=arguments.rounds, threads=arguments.threads):
        results = measure.compare(names, commands, rounds, arguments.seconds, threads)
        for name, by_peer in results.items():
            disagreements.extend(measure.disagreements(name, by_peer))
            print(report.line(name, by_peer), flush=True)
        return results

    print(report.heading(peers))
    found = report.Findings(peers=peers, arguments=arguments)
    for name in arguments.only or targets.TARGETS:
        # A process of its own for each: its peak of memory is the workload's.
        found.workloads |= compare([name])
    if not arguments.only:
        small = slice(0, 2) if arguments.quick else slice(None)
        for name, sizes in CURVES.items():
            found.curves[name] = compare([f"{name}@{size}" for size in sizes[small]], rounds=1)
        found.one_thread = compare(THREADS[small], threads=1)
        if not arguments.quick:
            found.builds = {peer: build_cost.measure(peer) for peer in peers if peer in build_cost.DEPENDENCIES}
            report.write(found)

    for text in disagreements:
        print(f"DISAGREE: {text}")
    missed = report.missed(found)
    if missed and "pytorch" in peers and not arguments.quick:
        print(f"missed: {', '.join(missed)}")
    sys.exit(1 if disagreements or (arguments.check and missed) else 0)


if __name__ == "__main__":
    main()
