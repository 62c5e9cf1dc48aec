"""Runs workloads on several programs in turn."""

import dataclasses
import functools
import json
import statistics
import subprocess
import tempfile
import threading
import time

import programs

# What two runs of the same computation in float32 may differ by: sums are taken in different orders.
TOLERANCE = 2e-3
# Here the second loss is behind an update through 50 layers of batch norm over 8 images, which makes the first one's rounding
# ten thousand times as large. In float64 (`resnet50_step_f64` of our program and PyTorch's) both sides agree to 13 digits on 7.957722113532
# and 7.196807449393; in float32 all first losses are within 4e-6 of that, and the second ones were found at 7.2027 (ours: 0.08 %
# off), 7.2055 (PyTorch: 0.12 %) and 7.1932 (burn: 0.05 %).
TOLERANCES = {"resnet50_step": 5e-3}


@dataclasses.dataclass
class Effort:
    """How much is measured."""

    rounds: int  # at most
    seconds: float  # at least, for each measurement
    threads: int
    patience: float  # seconds that a program may take to answer


class Running:
    """A program that serves one or several workloads, each in turn."""

    def __init__(self, program, names, effort):
        self.names, self.patience, self.lost_patience = names, effort.patience, False
        self.errors = tempfile.TemporaryFile("w+")
        options = ["--serve", "--seconds", str(effort.seconds)]
        if program.command[-1].endswith(".py"):
            options += ["--threads", str(effort.threads)]
        self.process = subprocess.Popen(
            [*program.command, *options, *names],
            env=programs.environment(effort.threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            preexec_fn=functools.partial(programs.restrict, effort.threads),
        )

    def give_up(self):
        self.lost_patience = True
        self.process.kill()

    def read(self):
        """What it says next; None, if it has ended, or was ended because it said nothing for too long."""
        timer = threading.Timer(self.patience, self.give_up)
        timer.start()
        try:
            for line in self.process.stdout:
                if line.startswith("{"):
                    return json.loads(line)
            return None
        except ValueError:  # it died in the middle of a line
            return None
        finally:
            timer.cancel()

    def say(self, word):
        try:
            self.process.stdin.write(word + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass

    def ask(self):
        """One measurement."""
        self.say("go")
        return self.read()

    def close(self):
        """Ends it."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def why_it_ended(self):
        self.close()
        if self.lost_patience:
            return f"no answer in {self.patience:.0f} s"
        self.errors.seek(0)
        lines = [line.strip() for line in self.errors if line.strip() and "RUST_BACKTRACE" not in line]
        code = self.process.returncode
        return lines[-1] if lines else f"ended by signal {-code}" if code < 0 else f"ended early, exit code {code}"


def compare(names, peers, effort, share=lambda: float("inf")):
    """Yields each name with results by peer: medians over the rounds and the numbers that were computed, or an error.

    A round after the first begins only where it would end within `share()` seconds of the start of its workload.
    """
    running = {}
    try:
        for i, name in enumerate(names):
            for peer, program in peers.items():  # all at the start, and after a loss the one that was lost
                if peer not in running and (theirs := [name for name in names[i:] if program.can(name)]):
                    running[peer] = Running(program, theirs, effort)
            yield name, compare_one(name, running, effort.rounds, share())
    finally:
        for program in running.values():
            program.close()


def compare_one(name, running, rounds, share):
    """A program that ends is taken out of `running`."""
    start, results, samples = time.monotonic(), {}, {}

    def lost(peer):
        results.setdefault(peer, {})["error"] = running.pop(peer).why_it_ended()

    for peer, program in list(running.items()):
        if name in program.names:
            first = program.read()
            if first is None:
                lost(peer)
            else:
                results[peer], samples[peer] = first, []
    for done in range(rounds):
        now = time.monotonic()
        if done and now + (now - round_start) > start + share:
            break
        round_start = now
        for peer, taken in samples.items():
            if peer in running:
                sample = running[peer].ask()
                if sample is None:
                    lost(peer)
                else:
                    taken.append(sample)
    for peer, taken in samples.items():
        if taken:  # if only before it was lost
            results[peer] |= {
                "ms": statistics.median(sample["ms"] for sample in taken),
                "best_ms": min(sample["best_ms"] for sample in taken),
                "peak_mb": max(sample["peak_mb"] for sample in taken),
                "rounds": len(taken),
            }
        if peer in running:
            running[peer].say("next")
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
            wrong.append(f"`{name}`: {peer} computed {numbers}, {first} {expected}")
    return wrong
