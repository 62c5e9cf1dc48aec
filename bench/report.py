"""What is printed, and docs/benchmarks.md."""

import measure
import plots
import programs
import targets

DOCS = programs.ROOT / "docs"
COLUMNS = "{:<24}" + "{:>11}" * len(programs.ALL) + "{:>12}  {}"


def duration(ms):
    if ms is None:
        return "-"
    if ms < 1:
        return f"{ms * 1000:.3g} us"
    return f"{ms:.3g} ms" if ms < 1000 else f"{ms / 1000:.3g} s"


def number(x, form):
    return "-" if x is None else format(x, form)


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
    times = (duration(ms(results, peer)) for peer in programs.ALL)
    return COLUMNS.format(name, *times, number(to_pytorch, ".3f"), f"{mark(name, results)}  {errors}").rstrip()


def mark(name, results):
    return targets.verdict(name, ms(results, "ours"), ratio(results, "pytorch")) if name in targets.TARGETS else ""


def missed(found):
    """Workloads whose requirement ours misses, or that were not measured."""
    names = []
    for name, results in found.workloads.items():
        required, ours = targets.TARGETS[name][0], ms(results, "ours")
        if ours is None or (required and targets.met(required, ours, ratio(results, "pytorch")) is not True):
            names.append(name)
    nodes = found.workloads.get("add_chain", {}).get("ours", {}).get("bytes_per_node", 0)
    return names + ["bytes a node"] * (nodes > targets.BYTES_PER_NODE[0])


def write(found):
    """docs/benchmarks.md and its plots."""
    DOCS.mkdir(exist_ok=True)
    sections = [introduction, times, ratios, memory, building, growth, threads, missed_goals, missing]
    text = "# Benchmarks\n\n" + "\n".join(filter(None, (section(found) for section in sections)))
    path = DOCS / "benchmarks.md"
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").rename(path)
    print(f"wrote {path.relative_to(programs.ROOT)}")


def titles(found):
    return [programs.TITLES[peer] for peer in found.versions]


def table(header, rows):
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(map(str, cells)) + " |" for cells in lines) + "\n"


def introduction(found):
    versions = ", ".join(
        f"{programs.TITLES[peer]} {version}" + (f" (commit {found.commit})" if peer == "ours" else "")
        for peer, version in found.versions.items()
    )
    rounds = [r["rounds"] for results in found.workloads.values() for r in results.values() if "rounds" in r] or [0]
    rounds = f"{min(rounds)} to {max(rounds)} rounds" if min(rounds) < max(rounds) else f"{max(rounds)} rounds" if max(rounds) > 1 else "one round"
    made = ", then ".join(f"`{sitting['command']}` on {sitting['date']}" for sitting in found.sittings)
    busy = max(sitting["load"] for sitting in found.sittings)
    busy = f" The machine was not idle: {busy:.1f} processors were busy before the start." if busy > 0.5 else ""
    others = "".join(f"; `{name}`: {tolerance:g}" for name, tolerance in measure.TOLERANCES.items())
    disagree = found.disagreements()
    agree = "what they computed agrees" if not disagree else "what they computed agrees but for what stands at the end"
    left_out = found.left_out()
    left_out = f"\nThe time was over before these were measured: {', '.join(left_out)}.\n" if left_out else ""
    return f"""Made by {made}: {found.machine}.
{versions}, {found.compiler}.

{found.threads} threads; medians of {rounds}, in each of which every system was measured once, one after the other; curves, and
times with one thread, of one round.{busy} [bench/README.md](../bench/README.md) says what each workload is. Absolute times
drift from machine to machine: only ratios of one run count. All systems start from the same weights and data, and {agree}
(losses, norms of gradients, of logits, and of parameters after a step, to {measure.TOLERANCE:g} of themselves{others}). A dash: the
system cannot, for the reason given in [bench/README.md](../bench/README.md#what-a-system-cannot), or the end of this page says
why it did not.
{left_out}"""


def times(found):
    rows = [[f"`{name}`", *(duration(ms(results, peer)) for peer in found.versions)] for name, results in found.workloads.items()]
    return f"## Times\n\n{table(['workload', *titles(found)], rows)}"


def ratios(found):
    peers = list(found.versions)[1:]
    rows = [
        [f"`{name}`", *(number(ratio(results, peer), ".3g") for peer in peers), mark(name, results)]
        for name, results in found.workloads.items()
    ]
    return f"""## Ratios

Our time in units of theirs: below 1 ours is faster. The last column is about what `bench/targets.py` requires of ours.

{table(["workload", *titles(found)[1:], ""], rows)}"""


def memory(found):
    rows = [
        [f"`{name}`", *(number(results.get(peer, {}).get("peak_mb"), ".0f") for peer in found.versions)]
        for name, results in found.workloads.items()
    ]
    chain = found.workloads.get("add_chain", {})
    nodes = [f"{r['bytes_per_node']:.0f} bytes in {programs.TITLES[peer]}" for peer, r in chain.items() if "bytes_per_node" in r]
    nodes = f"\nA node of the graph of `add_chain` takes {', '.join(nodes)}.\n" if nodes else ""
    return f"""## Memory

The peak of resident memory in MiB while the workload ran, less what the process held before any work.

{table(["workload", *titles(found)], rows)}{nodes}"""


def building(found):
    rows = [
        [programs.TITLES[peer], f"{b['seconds']:.0f} s", b["crates"], f"{b['mb']:.1f} MB", f"{b['stripped_mb']:.1f} MB"]
        for peer, b in found.builds.items()
        if "error" not in b
    ]
    return rows and f"""## Building

A clean release build of a program that differentiates x², with cargo's usual settings, on two processors; downloads are not
counted.

{table(["", "time", "crates", "program", "stripped"], rows)}"""


def growth(found):
    parts = []
    for name, curve in found.curves.items():
        sizes = sorted((int(key.partition("@")[2]), results) for key, results in curve.items())
        if not sizes:
            continue
        points = {peer: [(size, ms(results, peer)) for size, results in sizes if ms(results, peer)] for peer in found.versions}
        file = f"benchmark_{name}.svg"
        plots.curve(DOCS / file, name, points)
        rows = [[size, *(duration(ms(results, peer)) for peer in found.versions)] for size, results in sizes]
        parts.append(f"![{name}]({file})\n\n{table([f'`{name}`', *titles(found)], rows)}")
    return parts and "## Growth\n\n" + "\n".join(parts)


def threads(found):
    def speedup(name, peer):
        slow, fast = ms(found.one_thread[name], peer), ms(found.workloads.get(name, {}), peer)
        return slow / fast if slow and fast else None

    names = list(found.one_thread)
    if not names:
        return None
    label, file = f"times faster with {found.threads} threads", "benchmark_threads.svg"
    plots.bars(DOCS / file, names, {peer: [speedup(name, peer) for name in names] for peer in found.versions}, label)
    rows = [[f"`{name}`", *(number(speedup(name, peer), ".2f") for peer in found.versions)] for name in names]
    return f"""## Threads

How many times faster {found.threads} threads are than one.

![threads]({file})

{table(["workload", *titles(found)], rows)}"""


def missed_goals(found):
    results = {name: (ms(results, "ours"), ratio(results, "pytorch")) for name, results in found.workloads.items()}
    lines = [f"- `{name}` (goal: {goal}): {profile}" for name, goal, profile in targets.missed_goals(results)]
    return lines and "## Goals that are missed, by profile\n\n" + "\n".join(lines) + "\n"


def missing(found):
    """What did not run, and what differs."""
    lines = [f"- {name}, {programs.TITLES[peer]}: {reason}" for name, peer, reason in found.errors()]
    lines += [f"- {text}" for text in found.disagreements()]
    return lines and "## What did not run, or differs\n\n" + "\n".join(lines) + "\n"
