"""What a run has found, kept in a file as it goes."""

import dataclasses
import datetime
import json
import os
import platform
import subprocess

import measure
import programs
import targets

FILE = programs.BENCH / "findings.json"

# Workloads by size, and with one thread. The usual sizes are taken from the rows.
CURVES = {
    "add_chain": [1_000, 10_000, 100_000, 1_000_000],
    "matmul_f32": [16, 64, 256, 1024, 2048],
    "mlp_step": [1, 4, 16, 64, 100, 256],
}
USUAL = {"add_chain": 1_000_000, "matmul_f32": 1024, "mlp_step": 100}
THREADS = ["matmul_f32", "conv2d", "mlp_step", "tanh_chain"]


@dataclasses.dataclass
class Findings:
    # How it was made.
    commit: str
    machine: str
    compiler: str
    threads: int
    versions: dict  # by peer
    absent: dict  # reasons, by peer
    sittings: list = dataclasses.field(default_factory=list)  # of each: date, command line, load before
    # What was found: by workload, then by peer.
    workloads: dict = dataclasses.field(default_factory=dict)
    one_thread: dict = dataclasses.field(default_factory=dict)
    curves: dict = dataclasses.field(default_factory=dict)  # by name, before the workload
    builds: dict = dataclasses.field(default_factory=dict)  # by peer

    kept = False

    @staticmethod
    def start(arguments, peers, absent, load, kept):
        """Empty, or with `--resume` those that the last run has kept."""
        versions = {peer: program.version for peer, program in peers.items()}
        commit = output("git", "describe", "--always", "--dirty", "--exclude=*")
        found = Findings(commit, machine(), output("rustc", "--version"), arguments.threads, versions, absent)
        if arguments.resume and FILE.exists():
            last = Findings(**json.loads(FILE.read_text()))
            same = lambda found: (found.commit, found.machine, found.compiler, found.threads, found.versions)
            if same(last) == same(found):
                found = last
            else:
                print("the last run was of other programs or another machine: nothing to go on with")
        today = str(datetime.date.today())
        found.sittings.append({"date": today, "command": arguments.command_line, "load": load})
        found.kept = kept
        return found

    def keep(self):
        if self.kept:
            beside = FILE.with_suffix(".new")
            beside.write_text(json.dumps(dataclasses.asdict(self), indent=1))
            beside.rename(FILE)

    def everything(self):
        """All comparisons: a name and the results by peer."""
        yield from self.workloads.items()
        for name, curve in self.curves.items():
            yield from ((key, results) for key, results in curve.items() if key != f"{name}@{USUAL[name]}")
        yield from ((f"{name}, 1 thread", results) for name, results in self.one_thread.items())

    def disagreements(self):
        return [text for name, results in self.everything() for text in measure.disagreements(name, results)]

    def left_out(self):
        """What there was no time for."""
        sizes = {name: [size for size in CURVES[name] if f"{name}@{size}" not in self.curves.get(name, {})] for name in CURVES}
        return [
            *(f"`{name}`" for name in targets.TARGETS if name not in self.workloads),
            *(f"the build of {programs.TITLES[peer]}" for peer in self.versions if peer in programs.RUST and peer not in self.builds),
            *(f"`{name}` of {', '.join(map(str, missing))}" for name, missing in sizes.items() if missing),
            *(f"`{name}` with one thread" for name in THREADS if name not in self.one_thread),
        ]

    def errors(self):
        """What did not run, or not to its end: workload, peer and reason."""
        for name, results in self.everything():
            for peer, result in results.items():
                if "error" in result:
                    yield f"`{name}`", peer, result["error"]
        for peer, build in self.builds.items():
            if "error" in build:
                yield "the build", peer, build["error"]
        for peer, reason in self.absent.items():
            yield "everything", peer, reason


def machine():
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), platform.processor())
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) / 2**20
    return f"{model}, {len(os.sched_getaffinity(0))} processors, {memory:.0f} GiB of memory, {platform.system()}"


def output(*command):
    return subprocess.run(command, cwd=programs.ROOT, capture_output=True, text=True).stdout.strip()
