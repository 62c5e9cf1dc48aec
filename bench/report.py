"""Tables, plots and docs/benchmarks.md."""

import dataclasses
import datetime
import os
import platform
import subprocess

import programs
import targets

DOCS = programs.ROOT / "docs"
COLUMNS = "{:<24}" + "{:>11}" * len(programs.ALL) + "{:>12}  {}"


@dataclasses.dataclass
class Findings:
    peers: list
    arguments: object
    workloads: dict = dataclasses.field(default_factory=dict)
    curves: dict = dataclasses.field(default_factory=dict)
    one_thread: dict = dataclasses.field(default_factory=dict)
    builds: dict = dataclasses.field(default_factory=dict)


def duration(ms):
    if ms is None:
        return "-"
    if ms < 1:
        return f"{ms * 1000:.3g} us"
    return f"{ms:.3g} ms" if ms < 1000 else f"{ms / 1000:.3g} s"


def ms(results, peer):
    return results.get(peer, {}).get("ms")


def ratio(results, peer):
    """Our time in units of the peer's."""
    ours, theirs = ms(results, "ours"), ms(results, peer)
    return ours / theirs if ours and theirs else None


def heading(peers):
    return COLUMNS.format("workload", *(peer if peer in peers else "" for peer in programs.ALL), "to pytorch", "")


def line(name, results):
    """One workload, for the terminal."""
    to_pytorch = ratio(results, "pytorch")
    errors = "; ".join(f"{peer}: {r['error']}" for peer, r in results.items() if "error" in r)
    mark = targets.verdict(name, ms(results, "ours"), to_pytorch) if name in targets.TARGETS else ""
    times = (duration(ms(results, peer)) for peer in programs.ALL)
    return COLUMNS.format(name, *times, "-" if to_pytorch is None else f"{to_pytorch:.3f}", f"{mark}  {errors}").rstrip()


def missed(found):
    """Workloads whose requirement ours misses, or that were not measured."""
    names = []
    for name, results in found.workloads.items():
        required, ours = targets.TARGETS[name][0], ms(results, "ours")
        if ours is None or (required and targets.met(required, ours, ratio(results, "pytorch")) is not True):
            names.append(name)
    nodes = found.workloads.get("add_chain", {}).get("ours", {}).get("bytes_per_node", 0)
    return names + ["bytes a node"] * (nodes > targets.BYTES_PER_NODE[0])


def table(header, rows):
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(map(str, cells)) + " |" for cells in lines) + "\n"


def machine():
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), platform.processor())
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) / 2**20
    return f"{model}, {len(os.sched_getaffinity(0))} processors, {memory:.0f} GiB of memory, {platform.system()}"


def output(*command):
    return subprocess.run(command, cwd=programs.ROOT, capture_output=True, text=True).stdout.strip()


def versions(found):
    seen = {}
    for results in found.workloads.values():
        for peer, result in results.items():
            if "version" in result:
                seen[peer] = f"{programs.TITLES[peer]} {result['version']}"
    ours = f" (commit {output('git', 'rev-parse', '--short', 'HEAD')})"
    texts = [text + ours if peer == "ours" else text for peer, text in seen.items()]
    return ", ".join([*texts, output("rustc", "--version")])


def write(found):
    """docs/benchmarks.md, with a plot for each curve."""
    DOCS.mkdir(exist_ok=True)
    peers = [peer for peer in programs.ALL if peer in found.peers]
    others = peers[1:]
    titles = [programs.TITLES[peer] for peer in peers]
    number = lambda x, form: "-" if x is None else format(x, form)

    times, ratios, memory = [], [], []
    for name, results in found.workloads.items():
        times.append([f"`{name}`", *(duration(ms(results, peer)) for peer in peers)])
        mark = targets.verdict(name, ms(results, "ours"), ratio(results, "pytorch"))
        ratios.append([f"`{name}`", *(number(ratio(results, peer), ".3g") for peer in others), mark])
        memory.append([f"`{name}`", *(number(results.get(peer, {}).get("peak_mb"), ".0f") for peer in peers)])
    errors = [
        f"- {programs.TITLES[peer]}, `{name}`: {result['error']}"
        for name, results in (found.workloads | {n: r for c in found.curves.values() for n, r in c.items()}).items()
        for peer, result in results.items()
        if "error" in result
    ]
    nodes = {peer: r["bytes_per_node"] for peer, r in found.workloads.get("add_chain", {}).items() if "bytes_per_node" in r}
    builds = [
        [programs.TITLES[peer], f"{b['seconds']:.0f} s", b["crates"], f"{b['mb']:.1f} MB", f"{b['stripped_mb']:.1f} MB"]
        for peer, b in found.builds.items()
        if b
    ]
    threads = [
        [f"`{name}`", *(speedup(results, found.workloads[name], peer) for peer in peers)]
        for name, results in found.one_thread.items()
    ]
    curves = "".join(plot(name, results, peers) for name, results in found.curves.items())

    text = f"""# Benchmarks

Made by `python3 bench/compare.py` on {datetime.date.today()}: {machine()}.
{versions(found)}.

{found.arguments.threads} threads; medians of {found.arguments.rounds} rounds, in each of which every system was measured once, one after the
other. [bench/README.md](../bench/README.md) says what each workload is. Absolute times drift from machine to machine: only
ratios of one run count. All systems start from the same weights and data, and what they computed agrees (losses, norms of
gradients, of logits, and of parameters after a step, to {tolerances()}). A dash: the system cannot, or is not given the workload.

## Times

{table(["workload", *titles], times)}
## Ratios

Our time in units of theirs: below 1 ours is faster. The last column is about what `bench/targets.py` requires of ours.

{table(["workload", *titles[1:], ""], ratios)}
## Memory

The peak of resident memory in MiB while the workload ran, less what the process held before any work.

{table(["workload", *titles], memory)}
A node of the graph of `add_chain` takes {", ".join(f"{n:.0f} bytes in {programs.TITLES[peer]}" for peer, n in nodes.items())}.

## Building

A clean release build of a program that differentiates x², with cargo's usual settings; downloads are not counted.

{table(["", "time", "crates", "program", "stripped"], builds)}
## Growth

{curves}
## Threads

How many times faster {found.arguments.threads} threads are than one.

{table(["workload", *titles], threads)}"""
    if errors:
        text += "\n## What did not run\n\n" + "\n".join(errors) + "\n"
    path = DOCS / "benchmarks.md"
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").rename(path)
    print(f"wrote {path.relative_to(programs.ROOT)}")


def tolerances():
    from measure import TOLERANCE, TOLERANCES

    others = "".join(f"; `{name}`: {tolerance:g}" for name, tolerance in TOLERANCES.items())
    return f"{TOLERANCE:g} of themselves{others}"


def speedup(one, several, peer):
    slow, fast = ms(one, peer), ms(several, peer)
    return f"{slow / fast:.2f}" if slow and fast else "-"


AXES = {
    "add_chain": "additions in the graph, forward and backward",
    "matmul_f32": "rows and columns of both matrices",
    "mlp_step": "images in a batch, one training step",
}


def plot(name, results, peers):
    """Writes the plot of a curve and returns what stands about it in the report."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.6))
    for peer in peers:
        points = [(int(key.split("@")[1]), ms(by_peer, peer)) for key, by_peer in results.items() if ms(by_peer, peer)]
        if points:
            axes.plot(*zip(*points), marker="o", markersize=3, linewidth=2.2 if peer == "ours" else 1.2, label=programs.TITLES[peer])
    axes.set(xscale="log", yscale="log", xlabel=AXES[name], ylabel="milliseconds")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.tight_layout()
    file = f"benchmark_{name}.svg"
    figure.savefig(DOCS / file, metadata={"Date": None})
    plt.close(figure)
    rows = [[key.split("@")[1], *(duration(ms(by_peer, peer)) for peer in peers)] for key, by_peer in results.items()]
    titles = [programs.TITLES[peer] for peer in peers]
    return f"![{name}]({file})\n\n{table([f'`{name}`', *titles], rows)}\n"
