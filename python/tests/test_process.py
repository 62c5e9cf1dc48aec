"""What a process with the package does: memory stays flat, Ctrl-C works, threads run beside heavy work."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import dezero.functions as F
import numpy as np
import pytest
from dezero.models import MLP

import dezero
from dezero import Variable


def run(code, timeout=120):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=timeout
    )


MEMORY = """
    import gc, resource, sys
    import numpy as np
    import dezero
    import dezero.functions as F
    import dezero.layers as L
    from dezero import Function, Variable
    from dezero.models import MLP

    gc.disable()  # what only the collector could free would pile up

    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize()

    class Square(Function):
        def forward(self, x):
            return x ** 2
        def backward(self, gy):
            return 2 * self.inputs[0] * gy

    {setup}

    def step():
{step}

    for _ in range({steps} // 10):
        step()
    before = resident()
    for _ in range({steps}):
        step()
    grown = resident() - before
    print(grown)
    assert grown < 4_000_000, grown
"""

STEPS = {
    "training": (
        "model = MLP((32, 10)); optimizer = dezero.optimizers.Adam().setup(model); x = np.random.rand(20, 64).astype('f4'); t = np.arange(20) % 10",
        "loss = F.softmax_cross_entropy(model(x), t); model.cleargrads(); loss.backward(); optimizer.update()",
        10000,
    ),
    "higher derivatives": (
        "x = Variable(np.random.rand(200))",
        "y = F.sum(F.tanh(x) * x); y.backward(create_graph=True); g = x.grad; x.cleargrad(); g.backward(); x.cleargrad()",
        5000,
    ),
    "own functions": (
        "x = Variable(np.random.rand(200))",
        "y = F.sum(Square()(F.sin(Square()(x)))); x.cleargrad(); y.backward()",
        10000,
    ),
    "own functions to second order": (
        "x = Variable(np.random.rand(200))",
        "y = F.sum(Square()(Square()(x))); y.backward(create_graph=True); g = x.grad; x.cleargrad(); g.backward(); x.cleargrad()",
        3000,
    ),
    "arrays in and out": (
        "",
        "x = Variable(np.ones(5000)); x.data += 1; y = x * 2; y.data[0] = 3; a = y.data + x.data",
        10000,
    ),
    "errors": (
        "x = Variable(np.ones((2, 3)))",
        "\n        ".join(["try: F.matmul(x, x)", "except ValueError: pass"]),
        20000,
    ),
    "recurrent": (
        "model = L.LSTM(16); x = np.random.rand(8, 4).astype('f4')",
        "h = model(x); loss = F.sum(h); model.cleargrads(); loss.backward(); loss.unchain_backward(); model.reset_state()",
        3000,
    ),
    "graphs that are not followed": (
        "x = Variable(np.random.rand(1000))",
        "y = F.exp(F.sin(x)) * x; y.creator.inputs; y.creator.outputs",
        10000,
    ),
}


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="no /proc")
@pytest.mark.parametrize("name", STEPS)
def test_memory_stays_flat(name):
    setup, step, steps = STEPS[name]
    code = textwrap.dedent(MEMORY).format(setup=setup, step="        " + step, steps=steps)
    done = run(code)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_long_chain():
    done = run(
        """
        import numpy as np
        from dezero import Variable
        x = Variable(np.array(1.0))
        y = x
        for _ in range(100000):
            y = y + 1
        y.backward()
        assert float(x.grad.data) == 1.0
        y.unchain_backward()
        del y
        """
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_long_chain_of_own_functions():
    done = run(
        """
        import numpy as np
        from dezero import Function, Variable

        class Next(Function):
            def forward(self, x):
                return x + 1
            def backward(self, gy):
                return gy

        x = Variable(np.array(1.0))
        y = x
        for _ in range(20000):
            y = Next()(y)
        y.backward()
        assert float(x.grad.data) == 1.0
        del y
        """
    )
    assert done.returncode == 0, done.stderr[-2000:]


INTERRUPTED = {
    "steps": "while True: y = F.sum(F.sin(x) * 2); x.cleargrad(); y.backward()",
    "a long backward pass": """
y = x
for _ in range(400):
    y = F.matmul(F.tanh(y), w)
loss = F.sum(y)
print("again", flush=True)
while True:
    loss.backward()
""",
    "own functions": """
class Slow(dezero.Function):
    def forward(self, x):
        return x + 1
    def backward(self, gy):
        return gy * 1
while True:
    Slow()(x).backward()
""",
}


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("name", INTERRUPTED)
def test_ctrl_c(name):
    code = (
        "import numpy as np, dezero\nimport dezero.functions as F\n"
        "x = dezero.Variable(np.random.rand(100, 100)); w = dezero.Variable(np.random.rand(100, 100) / 100)\n"
        "print('ready', flush=True)\n" + INTERRUPTED[name]
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    if "again" in code:
        assert process.stdout.readline() == "again\n"
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    try:
        _, stderr = process.communicate(timeout=20)
    finally:
        process.kill()
    assert "KeyboardInterrupt" in stderr
    assert process.returncode != 0
    assert "panicked" not in stderr


def test_other_threads_run_beside_heavy_work():
    """A thread that only counts goes on while another multiplies matrices."""
    big = Variable(np.random.rand(1500, 1500))
    stop, counts = threading.Event(), []

    def count():
        while not stop.is_set():
            counts.append(time.perf_counter())
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    try:
        time.sleep(0.05)
        start = time.perf_counter()
        F.matmul(big, big)
        end = time.perf_counter()
    finally:
        stop.set()
        thread.join()
    during = [c for c in counts if start < c < end]
    assert end - start < 0.01 or len(during) >= 3, f"{len(during)} counts in {end - start:.3f} s"


def test_threads_train_their_own_models():
    def train(results, i):
        random = np.random.RandomState(i)
        x, t = random.rand(30, 8).astype("f4"), random.randint(0, 3, 30)
        model = MLP((16, 3))
        for p, shape in ((model.l0.W, (8, 16)), (model.l1.W, (16, 3))):
            p.data = random.randn(*shape).astype("f4") * np.float32(0.3)
        optimizer = dezero.optimizers.SGD(0.5).setup(model)
        for _ in range(100):
            loss = F.softmax_cross_entropy(model(x), t)
            model.cleargrads()
            loss.backward()
            optimizer.update()
        results[i] = float(loss.data)

    alone, together = {}, {}
    for i in range(4):
        train(alone, i)
    threads = [threading.Thread(target=train, args=(together, i)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert alone == together


def test_fork_after_use():
    done = run(
        """
        import os
        import numpy as np
        import dezero.functions as F
        from dezero import Variable
        x = Variable(np.random.rand(400, 400))
        for _ in range(100):  # the engine's threads are elsewhere each time
            F.matmul(x, x)
            child = os.fork()
            if child == 0:
                y = F.sum(F.matmul(x, x)); y.backward()
                os._exit(0 if x.grad is not None else 1)
            assert os.waitpid(child, 0)[1] == 0
        """,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_multiprocessing_spawn():
    done = run(
        """
        import multiprocessing
        import numpy as np
        import dezero.functions as F
        from dezero import Variable
        if __name__ == "__main__":
            with multiprocessing.get_context("spawn").Pool(2) as pool:
                y, = pool.map(F.exp, [Variable(np.zeros(2))])
            assert y.data.tolist() == [1, 1]
        """
    )
    assert done.returncode == 0, done.stderr
