"""How much faster than the original, from Python: ``bench.py [REFERENCE_PYTHON [ROUNDS]]``.

Each workload runs in two processes of its own, as a script of a reader does: one with the original and one with ours. (What
ran before in a process matters: once a large array has been freed, the C library keeps memory for the next, and steps with
arrays of some megabytes get a third faster in the original.) The two take turns, so that what else the machine does disturbs
both alike. A turn begins with steps that are not timed: the other side's threads (those of OpenBLAS) go on spinning for some
30 ms after their last work. Printed are the medians over the turns of the time of one step, and their ratio.
"""

import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

WORKLOADS = {}


def workload(name, goal):
    """Notes a function that prepares a workload and returns its step."""

    def note(prepare):
        WORKLOADS[name] = (goal, prepare)
        return prepare

    return note


@workload("goldstein-price", 8)
def goldstein_price():
    def step():
        x, y = Variable(np.array(1.0)), Variable(np.array(1.0))
        z = (1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2)) * (
            30 + (2 * x - 3 * y) ** 2 * (18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2)
        )
        z.backward()

    return step


@workload("rosenbrock", 8)
def rosenbrock():
    x0, x1 = Variable(np.array(0.0)), Variable(np.array(2.0))

    def step():
        y = 100 * (x1 - x0**2) ** 2 + (x0 - 1) ** 2
        x0.cleargrad()
        x1.cleargrad()
        y.backward()
        x0.data -= 0.001 * x0.grad.data
        x1.data -= 0.001 * x1.grad.data

    return step


@workload("tanh, 6th derivative", 8)
def tanh_sixth_derivative():
    line = np.linspace(-7, 7, 200)

    def step():
        x = Variable(line)
        y = F.tanh(x)
        for _ in range(6):
            x.cleargrad()
            y.backward(create_graph=True)
            y = x.grad

    return step


def classifier(model, update, x, t):
    def step():
        loss = F.softmax_cross_entropy(model(x), t)
        model.cleargrads()
        loss.backward()
        update()

    return step


@workload("spiral step", 6)
def spiral():
    model = MLP((10, 3))
    x, t = dezero.datasets.get_spiral()
    return classifier(model, optimizers.SGD(1.0).setup(model).update, x[:30], t[:30])


def mlp(updating):
    """MLP 784-1000-10 on 100 samples, updated by ``updating(model)``."""
    model = MLP((1000, 10), activation=F.relu)
    x, t = np.random.rand(100, 784).astype(np.float32), np.random.randint(0, 10, 100)
    return classifier(model, updating(model), x, t)


@workload("mlp step", 4)
def mlp_sgd():
    return mlp(lambda model: optimizers.SGD(0.01).setup(model).update)


@workload("mlp step, Adam", 4)
def mlp_adam():
    return mlp(lambda model: optimizers.Adam().setup(model).update)


@workload("mlp step by hand", 4)
def mlp_by_hand():
    def by_hand(model):
        def update():
            for p in model.params():
                p.data -= 0.01 * p.grad.data

        return update

    return mlp(by_hand)


@workload("conv2d", 4)
def conv2d():
    images = Variable(np.random.randn(16, 64, 56, 56).astype(np.float32))
    filters = Variable(np.random.randn(64, 64, 3, 3).astype(np.float32) * 0.05)

    def step():
        y = F.conv2d(images, filters, pad=1)
        images.cleargrad()
        filters.cleargrad()
        y.backward()

    return step


@workload("lstm update", 5)
def lstm_update():
    class Recurrent(dezero.Model):
        def __init__(self):
            super().__init__()
            self.rnn = L.LSTM(100)
            self.fc = L.Linear(1)

        def forward(self, x):
            return self.fc(self.rnn(x))

    model = Recurrent()
    optimizer = optimizers.Adam().setup(model)
    series = np.random.randn(31, 30, 1).astype(np.float32)

    def step():
        model.rnn.reset_state()
        loss = 0
        for i in range(30):
            loss += F.mean_squared_error(model(series[i]), series[i + 1])
        model.cleargrads()
        loss.backward()
        loss.unchain_backward()
        optimizer.update()

    return step


def serve(name):
    """Times a workload once for each line of the input."""
    global F, L, MLP, Variable, dezero, np, optimizers
    sys.path.pop(0)  # this folder has a dezero too
    import dezero.functions as F
    import dezero.layers as L
    import numpy as np
    from dezero.models import MLP

    import dezero
    from dezero import Variable, optimizers

    np.random.seed(0)
    _, prepare = WORKLOADS[name]
    step = prepare()
    step()
    print("ready", flush=True)
    for _ in sys.stdin:
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


def compare(name, pythons, rounds):
    """The median time of a step on each side."""
    servers = {
        side: subprocess.Popen(
            [python, "-W", "ignore", __file__, "--serve", name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for side, python in pythons.items()
    }
    for side, server in servers.items():
        assert server.stdout.readline() == "ready\n", f"{name}: {side} did not start"
    times = {side: [] for side in servers}
    for _ in range(rounds):
        for side, server in servers.items():
            server.stdin.write("go\n")
            server.stdin.flush()
            times[side].append(json.loads(server.stdout.readline()))
    for server in servers.values():
        server.stdin.close()
        server.wait()
    return {side: statistics.median(turns) for side, turns in times.items()}


def main(reference, rounds):
    pythons = {"original": reference, "ours": sys.executable}
    print(f"{'workload':24}{'original':>12}{'ours':>12}{'ratio':>8}{'goal':>6}")
    for name, (goal, _) in WORKLOADS.items():
        times = compare(name, pythons, rounds)
        original, ours = times["original"], times["ours"]
        print(f"{name:24}{original * 1e3:9.3f} ms{ours * 1e3:9.3f} ms{original / ours:8.1f}{goal:6}", flush=True)
    imports = (f"{side} {import_time(python):.3f} s" for side, python in pythons.items())
    print("import beyond NumPy's: " + ", ".join(imports))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2])
    else:
        default = pathlib.Path(__file__).parent / ".venvs" / "reference" / "bin" / "python"
        reference = pathlib.Path(sys.argv[1]).absolute() if len(sys.argv) > 1 else default
        main(str(reference), int(sys.argv[2]) if len(sys.argv) > 2 else 7)
