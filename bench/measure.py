"""Runs a workload on several programs in turn."""

import functools
import json
import statistics
import subprocess
import tempfile

import programs

# What two runs of the same computation in float32 may differ by: sums are taken in different orders.
TOLERANCE = 2e-3
# A second training step through fifty layers of batch norm.
TOLERANCES = {"resnet50_step": 2e-2}


class Program:
    """One program that serves one or several workloads, each in turn."""

    def __init__(self, command, names, seconds, threads):
        self.errors = tempfile.TemporaryFile("w+")
        options = ["--serve", "--seconds", str(seconds)]
        if command[-1].endswith(".py"):
            options += ["--threads", str(threads)]
        self.process = subprocess.Popen(
            [*command, *options, *names],
            env=programs.environment(threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            preexec_fn=functools.partial(programs.restrict, threads),
        )

    def read(self):
        """The next line; None, if the program has ended."""
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        return None

    def say(self, word):
        try:
            self.process.stdin.write(word + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass

    def close(self):
        """Ends it and says why it ended by itself, if it did."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        code = self.process.wait()
        if code == 0:
            return None
        self.errors.seek(0)
        lines = [line.strip() for line in self.errors if line.strip() and "RUST_BACKTRACE" not in line]
        return lines[-1] if lines else f"ended by signal {-code}" if code < 0 else f"exit code {code}"


@functools.cache
def sources_of(peer):
    if peer in programs.RUST:
        folder, package = programs.RUST[peer]
        folder = programs.BENCH / "src" if peer == "ours" else folder / package.removeprefix("bench-") / "src"
        return "".join(path.read_text() for path in folder.glob("*.rs"))
    return (programs.BENCH / "peers" / f"{peer}_workloads.py").read_text()


def can(peer, name):
    """Whether the peer's program has the workload: what a system cannot do is not in its program."""
    name = name.partition("@")[0]
    return f'"{name}"' in sources_of(peer) or f"def {name}(" in sources_of(peer)


def compare(names, commands, rounds, seconds, threads):
    """Results by workload and peer: medians over the rounds, the numbers that were computed, or an error."""
    running, results = {}, {name: {} for name in names}
    for peer, command in commands.items():
        theirs = [name for name in names if can(peer, name)]
        if theirs:
            running[peer] = (Program(command, theirs, seconds, threads), theirs)
    for name in names:
        lines = {}
        for peer, (program, theirs) in list(running.items()):
            if name in theirs:
                lines[peer] = [program.read()]
        for _ in range(rounds):
            for peer, got in lines.items():
                if got[-1] is not None:
                    running[peer][0].say("go")
                    got.append(running[peer][0].read())
        for peer, (first, *measured) in lines.items():
            if first is None or None in measured:
                results[name][peer] = {"error": running.pop(peer)[0].close() or "ended early"}
                continue
            median = lambda key: statistics.median(line[key] for line in measured)
            results[name][peer] = first | {
                "ms": median("ms"),
                "best_ms": min(line["best_ms"] for line in measured),
                "peak_mb": max(line["peak_mb"] for line in measured),
            }
            running[peer][0].say("next")
    for program, _ in running.values():
        program.close()
    return results


def disagreements(name, results):
    """Peers whose numbers are not those of the first."""
    (first, expected), *others = [(peer, r["numbers"]) for peer, r in results.items() if "numbers" in r] or [(None, [])]
    tolerance = TOLERANCES.get(name, TOLERANCE)
    # A loss that training has brought to nothing is the rounding of what it was before.
    floor = 1e-6 * max(map(abs, expected), default=0)
    close = lambda a, b: abs(a - b) <= tolerance * max(abs(a), abs(b)) + floor
    wrong = []
    for peer, numbers in others:
        if len(numbers) != len(expected) or not all(map(close, numbers, expected)):
            wrong.append(f"{name}: {peer} computed {numbers}, {first} {expected}")
    return wrong
