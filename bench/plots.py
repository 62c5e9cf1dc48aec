"""The plots of docs/benchmarks.md."""

import programs

AXES = {
    "add_chain": "additions in the graph, forward and backward",
    "matmul_f32": "rows and columns of both matrices",
    "mlp_step": "images in a batch, one training step",
}


def start(width=6):
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "benchmarks"  # the same picture gives the same file
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(width, 3.6))


def finish(figure, axes, path):
    import matplotlib.pyplot as plt

    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def curve(path, name, by_peer):
    """`by_peer` has pairs of size and milliseconds."""
    figure, axes = start()
    for peer, points in by_peer.items():
        if points:
            width = 2.2 if peer == "ours" else 1.2
            axes.plot(*zip(*points), marker="o", markersize=3, linewidth=width, label=programs.TITLES[peer])
    axes.set(xscale="log", yscale="log", xlabel=AXES[name], ylabel="milliseconds")
    finish(figure, axes, path)


def bars(path, names, by_peer, label):
    """A group of bars for each name; `by_peer` has a height or None for each."""
    figure, axes = start(width=7)
    width = 0.8 / len(by_peer)
    for i, (peer, heights) in enumerate(by_peer.items()):
        places = [place + (i + 0.5) * width - 0.4 for place, height in enumerate(heights) if height]
        axes.bar(places, [height for height in heights if height], width * 0.9, label=programs.TITLES[peer])
    axes.set_xticks(range(len(names)), names)
    highest = max((height for heights in by_peer.values() for height in heights if height), default=1)
    axes.set(ylabel=label, ylim=(0, 1.4 * highest))  # room for the legend
    axes.axhline(1, color="black", linewidth=0.8)
    finish(figure, axes, path)
