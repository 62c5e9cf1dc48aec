"""Times PyTorch on the workloads of README.md; prints one JSON line for each.

    python bench/peers.py [--threads 2] [--seconds 2] [names...]
"""

import argparse
import json
import os
import statistics
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

WORKLOADS = {}


def workload(function):
    """Registers a function that prepares the data and returns the work to be timed."""
    WORKLOADS[function.__name__] = function
    return function


def trainer(module, optimizer, loss):
    """One training step: clear the gradients, forward, backward, update."""

    def step():
        optimizer.zero_grad()
        loss(module).backward()
        optimizer.step()

    return step


# Small graphs: allocation and dispatch.


@workload
def goldstein_price():
    x = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    y = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)

    def work():
        x.grad = y.grad = None
        z = (1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2)) * (
            30 + (2 * x - 3 * y) ** 2 * (18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2)
        )
        z.backward()

    work()
    assert (x.grad.item(), y.grad.item()) == (-5376.0, 8064.0)
    return work


@workload
def rosenbrock():
    x0 = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)
    x1 = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)

    def work():
        y = 100 * (x1 - x0**2) ** 2 + (x0 - 1) ** 2
        x0.grad = x1.grad = None
        y.backward()
        with torch.no_grad():
            x0.sub_(0.001 * x0.grad)
            x1.sub_(0.001 * x1.grad)

    return work


@workload
def tanh_sixth_derivative():
    x = torch.linspace(-7, 7, 200, dtype=torch.float64, requires_grad=True)

    def work():
        y = torch.tanh(x)
        for order in range(1, 7):
            (y,) = torch.autograd.grad(y.sum(), x, create_graph=order < 6)
        return y

    return work


@workload
def spiral_step():
    torch.manual_seed(0)
    x, t = torch.randn(30, 2), torch.arange(30) % 3
    model = nn.Sequential(nn.Linear(2, 10), nn.Sigmoid(), nn.Linear(10, 3))
    return trainer(model, torch.optim.SGD(model.parameters(), 1.0), lambda m: F.cross_entropy(m(x), t))


@workload
def wgan_gp_penalty():
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(64, 256), nn.Tanh(), nn.Linear(256, 256), nn.Tanh(), nn.Linear(256, 1))
    x = torch.randn(64, 64, requires_grad=True)

    def work():
        critic.zero_grad()
        (gx,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
        penalty = ((gx.pow(2).sum(1).sqrt() - 1) ** 2).mean()
        # Only the weights' gradients: x is data here.
        penalty.backward(inputs=[w for w in critic.parameters() if w is not critic[4].bias])

    return work


@workload
def lstm_update():
    """A step at a time, as the book does and as a program must that reacts to its own outputs."""
    torch.manual_seed(0)
    xs, ts = torch.randn(30, 30, 1), torch.randn(30, 30, 1)  # (time, batch, feature)
    lstm, out = nn.LSTMCell(1, 100), nn.Linear(100, 1)
    optimizer = torch.optim.Adam([*lstm.parameters(), *out.parameters()])

    def work():
        state, loss = None, 0
        for x, t in zip(xs, ts):
            state = lstm(x, state)
            loss = loss + F.mse_loss(out(state[0]), t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return work


@workload
def lstm_sequence():
    torch.manual_seed(0)
    xs, ts = torch.randn(30, 30, 1), torch.randn(30, 30, 1)  # (time, batch, feature)
    lstm, out = nn.LSTM(1, 100), nn.Linear(100, 1)
    optimizer = torch.optim.Adam([*lstm.parameters(), *out.parameters()])

    def work():
        optimizer.zero_grad()
        # mean_squared_error at each step, summed over the 30 steps.
        loss = (out(lstm(xs)[0]) - ts).pow(2).mean((1, 2)).sum()
        loss.backward()
        optimizer.step()

    return work


@workload
def add_chain():
    """Times the whole of building 1,000,000 additions and going back through them, dropping the graph included."""
    x = torch.tensor(1.0, requires_grad=True)

    def work():
        x.grad = None
        y = x
        before = resident()
        for _ in range(1_000_000):
            y = y + 1.0
        # Only the first run takes fresh memory; later ones reuse what it freed.
        work.extra = work.extra or {"bytes_per_node": round((resident() - before) / 1e6)}
        y.backward()

    work.extra = None

    return work


# Products.


@workload
def mlp_step():
    torch.manual_seed(0)
    x, t = torch.randn(100, 784), torch.arange(100) % 10
    model = nn.Sequential(nn.Linear(784, 1000), nn.ReLU(), nn.Linear(1000, 10))
    return trainer(model, torch.optim.SGD(model.parameters(), 0.01), lambda m: F.cross_entropy(m(x), t))


def matmul(dtype):
    a, b = torch.randn(1024, 1024, dtype=dtype), torch.randn(1024, 1024, dtype=dtype)
    return lambda: a @ b


@workload
def matmul_f32():
    return matmul(torch.float32)


@workload
def matmul_f64():
    return matmul(torch.float64)


# Element-wise work and reductions: memory.


@workload
def tanh_chain():
    x = torch.randn(4_000_000, requires_grad=True)

    def work():
        x.grad = None
        (torch.tanh(x) * 2 + 1).sum().backward()

    return work


@workload
def softmax_cross_entropy():
    x, t = torch.randn(1024, 1000, requires_grad=True), torch.arange(1024) % 1000

    def work():
        x.grad = None
        F.cross_entropy(x, t).backward()

    return work


# Images.


@workload
def conv2d():
    x = torch.randn(16, 64, 56, 56, requires_grad=True)
    W = (torch.randn(64, 64, 3, 3) / 24).requires_grad_()
    b = torch.zeros(64, requires_grad=True)
    gy = torch.randn(16, 64, 56, 56)

    def work():
        return torch.autograd.grad(F.conv2d(x, W, b, padding=1), (x, W, b), gy)

    return work


def vgg16():
    layers, channels = [], 3
    for width, convs in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(convs):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
    layers += [nn.Flatten(), nn.Linear(512 * 49, 4096), nn.ReLU(), nn.Dropout()]
    return nn.Sequential(*layers, nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 1000))


@workload
def vgg16_forward():
    model, x = vgg16().eval(), torch.randn(1, 3, 224, 224)

    def work():
        with torch.no_grad():
            return model(x)

    return work


class Bottleneck(nn.Module):
    """DeZero's, after MSRA: the stride is in the first 1x1 convolution."""

    def __init__(self, channels, middle, stride, project):
        super().__init__()
        out = 4 * middle
        self.conv1, self.bn1 = nn.Conv2d(channels, middle, 1, stride, bias=False), nn.BatchNorm2d(middle)
        self.conv2, self.bn2 = nn.Conv2d(middle, middle, 3, 1, 1, bias=False), nn.BatchNorm2d(middle)
        self.conv3, self.bn3 = nn.Conv2d(middle, out, 1, bias=False), nn.BatchNorm2d(out)
        self.shortcut = None
        if project:
            self.shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        h = F.relu(self.bn1(self.conv1(x)))
        h = F.relu(self.bn2(self.conv2(h)))
        h = self.bn3(self.conv3(h))
        return F.relu(h + (self.shortcut(x) if self.shortcut else x))


def resnet50():
    layers = [nn.Conv2d(3, 64, 7, 2, 3), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2)]
    channels = 64
    for blocks, middle, stride in ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2)):
        for i in range(blocks):
            layers.append(Bottleneck(channels, middle, stride if i == 0 else 1, i == 0))
            channels = 4 * middle
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))


@workload
def resnet50_forward():
    model, x = resnet50().eval(), torch.randn(1, 3, 224, 224)

    def work():
        with torch.no_grad():
            return model(x)

    return work


@workload
def resnet50_step():
    torch.manual_seed(0)
    model, x, t = resnet50(), torch.randn(8, 3, 224, 224), torch.arange(8)
    return trainer(model, torch.optim.SGD(model.parameters(), 0.001), lambda m: F.cross_entropy(m(x), t))


@workload
def mnist_cnn_step():
    torch.manual_seed(0)
    x, t = torch.rand(100, 1, 28, 28), torch.arange(100) % 10
    model = nn.Sequential(
        *(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(3136, 128), nn.ReLU(), nn.Linear(128, 10)),
    )
    return trainer(model, torch.optim.Adam(model.parameters()), lambda m: F.cross_entropy(m(x), t))


def resident():
    """Resident bytes of this process."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(work, seconds):
    """Milliseconds of one run of `work`, median and best, by the procedure in README.md."""
    warm = time.perf_counter()
    work()
    once = time.perf_counter() - warm
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", help="workloads; all of them by default")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=2.0, help="at least this long for each workload")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in WORKLOADS]
    if unknown:
        parser.error(f"no workload {', '.join(unknown)}; there are {', '.join(WORKLOADS)}")
    torch.set_num_threads(arguments.threads)
    base = round(resident() / 2**20)
    for name in arguments.names or WORKLOADS:
        work = WORKLOADS[name]()
        ms, best = measure(work, arguments.seconds)
        line = {"name": name, "ms": round(ms, 5), "best_ms": round(best, 5)}
        line |= {"peer": "pytorch", "version": torch.__version__, "base_mb": base}
        print(json.dumps(line | (getattr(work, "extra", None) or {})), flush=True)


if __name__ == "__main__":
    main()
