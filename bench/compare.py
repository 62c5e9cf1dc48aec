"""Compares the workloads of README.md on all systems: times, ratios, memory, build time and how they grow.

    python3 bench/compare.py                         # everything, into docs/benchmarks.md
    python3 bench/compare.py --minutes 15            # as much of it as fits; the report names what did not
    python3 bench/compare.py --resume                # what a run that was cut off has not measured yet
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
import time

import build_cost
import measure
import programs
import report
import targets
from findings import CURVES, THREADS, USUAL, Findings

# The parts of a run, in this order, and the part of `--minutes` that is over when each should end. Clean builds take minutes, and
# are as long as they are.
ENDS = {"rows": 0.5, "curves": 0.65, "threads": 0.75, "builds": 1.0}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="the same as --only")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these workloads, printed and not written")
    parser.add_argument("--peers", nargs="*", choices=programs.ALL[1:], default=programs.ALL[1:], help="besides ours")
    parser.add_argument("--quick", action="store_true", help="one short round, small curves, no builds to be timed")
    parser.add_argument("--minutes", type=float, help="for all measurements, once the programs are built and installed")
    parser.add_argument("--rounds", type=int, default=3, help="at most; default 3")
    parser.add_argument("--seconds", type=float, help="at least this long for a measurement; default 0.5, or 0.3 with --minutes")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--patience", type=float, default=240, help="seconds after which a program that says nothing is ended")
    parser.add_argument("--resume", action="store_true", help="go on where the last run was cut off")
    parser.add_argument("--python-env", metavar="FOLDER", help="a virtual environment from which packages are taken that it has")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a requirement is missed")
    arguments = parser.parse_args()
    arguments.only += arguments.names
    for name in arguments.only:
        if name not in targets.TARGETS:
            parser.error(f"no workload {name}; there are {', '.join(targets.TARGETS)}")
    if arguments.seconds is None:
        arguments.seconds = 0.3 if arguments.minutes else 0.5
    if arguments.quick:
        arguments.rounds, arguments.seconds = 1, 0.01
    # For the report, which is not about this machine's folders.
    said = [word for word in sys.argv[1:] if word not in ("--python-env", arguments.python_env)]
    arguments.command_line = " ".join(["python3 bench/compare.py", *said])
    return arguments


class Budget:
    """The time that a run may take, and each of its parts."""

    def __init__(self, minutes):
        self.start, self.seconds = time.monotonic(), 60 * minutes if minutes else float("inf")

    def left(self):
        return self.start + self.seconds - time.monotonic()

    def shares(self, part, count):
        """A function that gives, time after time, what one of `count` items of a part may take."""
        left = list(range(count, 0, -1))
        end = self.start + ENDS[part] * self.seconds
        return lambda: max(0, end - time.monotonic()) / left.pop(0)


def prepare(wanted):
    """The programs, and for each peer that cannot take part the reason."""
    peers, absent = {}, {}
    for peer in wanted:
        try:
            peers[peer] = programs.prepare(peer)
        except programs.Unavailable as error:
            if peer == "ours":
                sys.exit(f"our own program: {error}")
            print(f"without {programs.TITLES[peer]}: {error}", file=sys.stderr)
            absent[peer] = str(error)
    return peers, absent


class Run:
    """A whole run: each part adds to what is found, and keeps it, until all is there or the time is over."""

    def __init__(self, peers, arguments, found):
        self.peers, self.found, self.quick = peers, found, arguments.quick
        self.effort = measure.Effort(arguments.rounds, arguments.seconds, arguments.threads, arguments.patience)
        self.budget = Budget(arguments.minutes)

    def compare(self, part, into, names, **changed):
        """Adds what is missing of `names` to `into`."""
        names = [name for name in names if name not in into]
        effort = measure.dataclasses.replace(self.effort, **changed)
        share = self.budget.shares(part, len(names))
        # A process of its own for each row: its peak of memory is the workload's.
        for group in [[name] for name in names] if part == "rows" else [names]:
            if self.budget.left() <= 0:
                return
            for name, results in measure.compare(group, self.peers, effort, share):
                into[name] = results
                self.found.keep()
                print(report.line(name + (", 1 thread" if part == "threads" else ""), results), flush=True)
                if self.budget.left() <= 0:
                    break

    def rows(self, names):
        self.compare("rows", self.found.workloads, names)

    def curves(self):
        for name, sizes in CURVES.items():
            curve = self.found.curves.setdefault(name, {})
            if not self.quick and name in self.found.workloads:
                curve[f"{name}@{USUAL[name]}"] = self.found.workloads[name]
            sizes = sizes[:2] if self.quick else sizes
            self.compare("curves", curve, [f"{name}@{size}" for size in sizes], rounds=1)

    def threads(self):
        self.compare("threads", self.found.one_thread, THREADS[:2] if self.quick else THREADS, threads=1, rounds=1)

    def builds(self):
        for peer in self.peers:
            left = self.budget.left()
            if peer in build_cost.DEPENDENCIES and peer not in self.found.builds and left > 0:
                print(f"building a small program with {programs.TITLES[peer]}", flush=True)
                built = build_cost.measure(peer, min(left, 3600))
                if built:
                    self.found.builds[peer] = built
                    self.found.keep()


def main():
    arguments = parse()
    if arguments.peers:
        # The plots and the Python peers live in an environment of our own.
        programs.prepare_environment(arguments.python_env)
        if os.path.realpath(sys.prefix) != os.path.realpath(programs.VENV):
            os.execv(programs.PYTHON, [str(programs.PYTHON), *sys.argv])
    peers, absent = prepare(["ours", *arguments.peers])

    load = os.getloadavg()[0]
    if load > 0.5 and not arguments.quick:
        print(f"warning: {load:.1f} processors were busy before the start; expect noise", file=sys.stderr)
    is_whole = not arguments.only and not arguments.quick
    found = Findings.start(arguments, peers, absent, load, kept=is_whole)
    run = Run(peers, arguments, found)
    print(report.heading(peers))
    run.rows(arguments.only or list(targets.TARGETS))
    if not arguments.only:
        run.curves()
        run.threads()
    if is_whole:
        run.builds()
        report.write(found)

    disagreements = found.disagreements()
    for text in disagreements:
        print(f"DISAGREE: {text}")
    missed = report.missed(found)
    if missed and "pytorch" in peers and not arguments.quick:
        print(f"missed: {', '.join(missed)}")
    sys.exit(1 if disagreements or (arguments.check and missed) else 0)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("cut off: --resume goes on")
