"""How much faster than the original, from Python: ``bench.py [REFERENCE_PYTHON [ROUNDS]]``.

The workloads run in two processes, one with the original and one with ours, taking turns, so that what else the machine
does disturbs both alike. A turn begins with steps that are not timed: the other side's threads (those of OpenBLAS) go on
spinning for some 30 ms after their last work. Printed are the medians over the turns of the time of one step, and their ratio.
"""

import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

GOALS = {
    "goldstein-price": 8,
    "rosenbrock": 8,
    "tanh, 6th derivative": 8,
    "spiral step": 6,
    "mlp step": 4,
    "mlp step, Adam": 4,
    "mlp step by hand": 4,
    "conv2d": 4,
    "lstm update": 5,
}


def workloads():
    import dezero.functions as F
    import dezero.layers as L
    import numpy as np
    from dezero.models import MLP

    import dezero
    from dezero import Variable, optimizers

    np.random.seed(0)

    def goldstein():
        x, y = Variable(np.array(1.0)), Variable(np.array(1.0))
        z = (1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2)) * (
            30 + (2 * x - 3 * y) ** 2 * (18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2)
        )
        z.backward()

    x0, x1 = Variable(np.array(0.0)), Variable(np.array(2.0))

    def rosenbrock():
        y = 100 * (x1 - x0**2) ** 2 + (x0 - 1) ** 2
        x0.cleargrad()
        x1.cleargrad()
        y.backward()
        x0.data -= 0.001 * x0.grad.data
        x1.data -= 0.001 * x1.grad.data

    line = np.linspace(-7, 7, 200)

    def tanh():
        x = Variable(line)
        y = F.tanh(x)
        for _ in range(6):
            x.cleargrad()
            y.backward(create_graph=True)
            y = x.grad

    def classifier(model, update, x, t):
        def step():
            loss = F.softmax_cross_entropy(model(x), t)
            model.cleargrads()
            loss.backward()
            update()

        return step

    spiral = MLP((10, 3))
    x, t = dezero.datasets.get_spiral()
    spiral_step = classifier(spiral, optimizers.SGD(1.0).setup(spiral).update, x[:30], t[:30])

    def mlp():
        return MLP((1000, 10), activation=F.relu)

    def by_hand(model):
        def update():
            for p in model.params():
                p.data -= 0.01 * p.grad.data

        return update

    digits, classes = np.random.rand(100, 784).astype(np.float32), np.random.randint(0, 10, 100)
    sgd, adam, hand = mlp(), mlp(), mlp()
    mlp_step = classifier(sgd, optimizers.SGD(0.01).setup(sgd).update, digits, classes)
    mlp_adam = classifier(adam, optimizers.Adam().setup(adam).update, digits, classes)
    mlp_by_hand = classifier(hand, by_hand(hand), digits, classes)

    images = Variable(np.random.randn(16, 64, 56, 56).astype(np.float32))
    filters = Variable(np.random.randn(64, 64, 3, 3).astype(np.float32) * 0.05)

    def conv():
        y = F.conv2d(images, filters, pad=1)
        images.cleargrad()
        filters.cleargrad()
        y.backward()

    class Recurrent(dezero.Model):
        def __init__(self):
            super().__init__()
            self.rnn = L.LSTM(100)
            self.fc = L.Linear(1)

        def forward(self, x):
            return self.fc(self.rnn(x))

    recurrent = Recurrent()
    optimizer = optimizers.Adam().setup(recurrent)
    series = np.random.randn(31, 30, 1).astype(np.float32)

    def lstm():
        recurrent.rnn.reset_state()
        loss = 0
        for i in range(30):
            loss += F.mean_squared_error(recurrent(series[i]), series[i + 1])
        recurrent.cleargrads()
        loss.backward()
        loss.unchain_backward()
        optimizer.update()

    return {
        "goldstein-price": goldstein,
        "rosenbrock": rosenbrock,
        "tanh, 6th derivative": tanh,
        "spiral step": spiral_step,
        "mlp step": mlp_step,
        "mlp step, Adam": mlp_adam,
        "mlp step by hand": mlp_by_hand,
        "conv2d": conv,
        "lstm update": lstm,
    }


def serve():
    """Times the workload named on each line of the input."""
    sys.path.pop(0)  # this folder has a dezero too
    known = workloads()
    for step in known.values():
        step()
    print("ready", flush=True)
    for line in sys.stdin:
        step = known[line.strip()]
        repeat(step, 0.2)
        print(json.dumps(repeat(step, 0.2)), flush=True)


def repeat(step, seconds):
    """Takes steps for at least so long; the time of one."""
    start, count = time.perf_counter(), 0
    while (passed := time.perf_counter() - start) < seconds:
        step()
        count += 1
    return passed / count


def import_time(python):
    code = "import numpy, time; t = time.perf_counter(); import dezero; print(time.perf_counter() - t)"
    return min(
        float(subprocess.run([python, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True, cwd=tempfile.gettempdir()).stdout)
        for _ in range(3)
    )


def main(reference, rounds):
    pythons = {"original": reference, "ours": sys.executable}
    servers = {
        side: subprocess.Popen(
            [python, "-W", "ignore", __file__, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for side, python in pythons.items()
    }
    for server in servers.values():
        assert server.stdout.readline() == "ready\n", "a server did not start"
    print(f"{'workload':24}{'original':>12}{'ours':>12}{'ratio':>8}{'goal':>6}")
    for name, goal in GOALS.items():
        times = {side: [] for side in servers}
        for _ in range(rounds):
            for side, server in servers.items():
                server.stdin.write(name + "\n")
                server.stdin.flush()
                times[side].append(json.loads(server.stdout.readline()))
        original, ours = (statistics.median(times[side]) for side in ("original", "ours"))
        print(f"{name:24}{original * 1e3:9.3f} ms{ours * 1e3:9.3f} ms{original / ours:8.1f}{goal:6}", flush=True)
    for server in servers.values():
        server.stdin.close()
        server.wait()
    print(
        "import beyond NumPy's: " + ", ".join(f"{side} {import_time(python):.3f} s" for side, python in pythons.items())
    )


if __name__ == "__main__":
    if sys.argv[1:] == ["--serve"]:
        serve()
    else:
        default = pathlib.Path(__file__).parent / ".venvs" / "reference" / "bin" / "python"
        main(str(pathlib.Path(sys.argv[1]).absolute()) if len(sys.argv) > 1 else str(default), int(sys.argv[2]) if len(sys.argv) > 2 else 7)
