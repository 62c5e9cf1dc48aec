"""What the Python peers share: the numbers that everybody starts from, the timing and the command line.

    python WORKLOADS.py [--list] [--serve] [--threads 2] [--seconds 1] NAME[@SIZE]...

Prints JSON lines; README.md describes them.
"""

import argparse
import json
import os
import statistics
import sys
import time

import numpy as np

np.int = int  # dezero asks for it, and NumPy removed it

WORKLOADS = {}
# Figures that a workload adds to its first line.
EXTRA = {}


def workload(size=None):
    """Registers a function that prepares the data and returns the work, which returns the numbers that are compared."""

    def register(function):
        WORKLOADS[function.__name__] = (function, size)
        return function

    return register


def fill(k, shape, scale=12**0.5, dtype=np.float32):
    """Numbers between -scale / 2 and scale / 2, the same in every language; by default their variance is 1."""
    out = np.empty(int(np.prod(shape)), dtype)
    step = 1 << 20
    for start in range(0, out.size, step):
        h = np.arange(start, min(out.size, start + step), dtype=np.uint64)
        h = (h * 2654435761 + k * 97) & 0xFFFFFFFF
        h ^= h >> 16
        h = (h * 0x45D9F3B) & 0xFFFFFFFF
        h ^= h >> 16
        out[start : start + step] = (h / 2.0**32 - 0.5) * scale
    return out.reshape(shape)


def weight(k, shape):
    """The k-th weights of a network, after He: (in, out) of a linear layer, (out, in, KH, KW) of a convolution."""
    fan_in = shape[0] if len(shape) == 2 else int(np.prod(shape[1:]))
    return fill(k, shape, (24 / fan_in) ** 0.5)


def labels(n, classes):
    return np.arange(n) % classes


def norm(x):
    """One number for an array."""
    x = np.asarray(x, dtype=np.float64)
    return float(x.reshape(())) if x.size == 1 else float(np.sqrt((x * x).sum()))


def resident():
    """Resident bytes of this process."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def forget_peak():
    """The peak of memory counts from here on: what was needed to prepare is over."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        pass


def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))


def measure(work, seconds):
    """Milliseconds of one run of `work`, median and best, by the procedure in README.md."""
    warm = time.perf_counter()
    work()
    once = time.perf_counter() - warm
    if once > 2:  # there are several rounds, and it ran before
        return once * 1e3, once * 1e3
    while time.perf_counter() - warm < min(0.3, seconds) and once < 0.3:
        start = time.perf_counter()
        work()
        once = time.perf_counter() - start
    inner = max(1, int(0.01 / once))
    samples, begin = [], time.perf_counter()
    while len(samples) < 3 or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        for _ in range(inner):
            work()
        samples.append((time.perf_counter() - start) / inner * 1e3)
    return statistics.median(samples), min(samples)


def main(version, use_threads, to_numpy):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=" ".join(WORKLOADS))
    parser.add_argument("--list", action="store_true", help="names the version and the workloads")
    parser.add_argument("--serve", action="store_true", help="measure once for each line `go` of standard input; another line goes on to the next workload")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=1.0, help="at least this long for each measurement")
    arguments = parser.parse_args()
    if arguments.list:
        print(json.dumps({"version": version, "workloads": list(WORKLOADS)}))
        return
    use_threads(arguments.threads)
    base = resident()
    mb = lambda n: round(n / 2**20, 1)
    for name in arguments.names or WORKLOADS:
        name, _, size = name.partition("@")
        if name not in WORKLOADS:
            parser.error(f"no workload {name}; there are {', '.join(WORKLOADS)}")
        EXTRA.clear()
        prepare, usual = WORKLOADS[name]
        work = prepare() if usual is None else prepare(int(size or usual))
        forget_peak()
        # Twice: what a first step changes shows in the second.
        numbers = [norm(to_numpy(x)) for _ in range(2) for x in work()]
        line = {"name": name, "numbers": numbers, "base_mb": mb(base)}
        print(json.dumps(line | EXTRA), flush=True)
        while not arguments.serve or sys.stdin.readline() == "go\n":
            ms, best = measure(work, arguments.seconds)
            print(json.dumps({"ms": round(ms, 6), "best_ms": round(best, 6), "peak_mb": mb(peak() - base)}), flush=True)
            if not arguments.serve:
                break
