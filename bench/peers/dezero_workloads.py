"""The workloads of README.md in the original DeZero.

The package on PyPI (0.0.13) needs a repair to make a ResNet: its models call Conv2d(in, out, ...), which its layers no longer take.
"""

import types

import peer  # before dezero, for NumPy's sake
from peer import EXTRA, fill, labels, resident, weight, workload

import dezero
import dezero.functions as F
import dezero.layers as L
import dezero.models
import numpy as np
from dezero import Variable, optimizers


class Conv2d(L.Conv2d):
    """With the arguments that dezero.models gives it."""

    def __init__(self, in_channels, out_channels, kernel_size, stride, pad, nobias=False):
        super().__init__(out_channels, kernel_size, stride, pad, nobias, in_channels=in_channels)


def draw(layers):
    """Gives layers, in this order, the weights that everybody starts from; `layers` has pairs of a layer and W's shape."""
    for k, (layer, shape) in enumerate(layers, start=1):
        layer.W.data = weight(k, shape)


def trainer(model, optimizer, forward):
    optimizer.setup(model)

    def step():
        loss = forward()
        model.cleargrads()
        loss.backward()
        optimizer.update()
        return [loss]

    return step


@workload()
def goldstein_price():
    x, y = Variable(np.array(1.0)), Variable(np.array(1.0))

    def work():
        x.cleargrad()
        y.cleargrad()
        z = (1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2)) * (
            30 + (2 * x - 3 * y) ** 2 * (18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2)
        )
        z.backward()
        return [x.grad, y.grad]

    return work


@workload()
def rosenbrock():
    x0, x1 = Variable(np.array(0.0)), Variable(np.array(2.0))

    def work():
        y = 100 * (x1 - x0**2) ** 2 + (x0 - 1) ** 2
        x0.cleargrad()
        x1.cleargrad()
        y.backward()
        x0.data = x0.data - 0.001 * x0.grad.data
        x1.data = x1.data - 0.001 * x1.grad.data
        return [x0.data, x1.data]

    return work


@workload()
def tanh_sixth_derivative():
    x = Variable(np.linspace(-7, 7, 200))

    def work():
        x.cleargrad()
        F.tanh(x).backward(create_graph=True)
        for order in range(2, 7):
            gx = x.grad
            x.cleargrad()
            gx.backward(create_graph=order < 6)
        return [x.grad]

    return work


def mlp(sizes, activation):
    model = dezero.models.MLP(sizes[1:], activation)
    draw(zip(model.layers, zip(sizes, sizes[1:])))
    return model


@workload()
def spiral_step():
    x, t = fill(100, (30, 2)), labels(30, 3)
    model = mlp((2, 10, 3), F.sigmoid)
    return trainer(model, optimizers.SGD(1.0), lambda: F.softmax_cross_entropy(model(x), t))


@workload()
def wgan_gp_penalty():
    x = Variable(fill(100, (64, 64)))
    critic = mlp((64, 256, 256, 1), F.tanh)

    def work():
        x.cleargrad()
        critic.cleargrads()
        critic(x).backward(create_graph=True)
        gx = x.grad
        x.cleargrad()
        critic.cleargrads()
        penalty = F.sum((F.sum(gx**2, axis=1) ** 0.5 - 1) ** 2) / 64
        penalty.backward()
        return [penalty, critic.l0.W.grad, critic.l1.W.grad]

    return work


@workload()
def lstm_update():
    """A step at a time: the original has nothing else."""
    xs, ts = fill(100, (30, 30, 1)), fill(101, (30, 30, 1))
    model = dezero.Model()
    model.lstm, model.out = L.LSTM(100, in_size=1), L.Linear(1)
    for name, k, rows in (("x2", 1, 1), ("h2", 2, 100)):
        for gate, w in zip("ifuo", np.split(weight(k, (rows, 400)), 4, axis=1)):
            getattr(model.lstm, name + gate).W.data = w
    model.out.W.data = weight(3, (100, 1))

    def forward():
        model.lstm.reset_state()
        loss = 0
        for x, t in zip(xs, ts):
            loss = loss + F.mean_squared_error(model.out(model.lstm(x)), t)
        return loss

    # Its Adam divides by the unscaled second moment, so that eps counts otherwise.
    return trainer(model, optimizers.Adam(), forward)


@workload(size=1_000_000)
def add_chain(size):
    x = Variable(np.array(1.0, np.float32))

    def work():
        x.cleargrad()
        before = resident()
        y = x
        for _ in range(size):
            y = y + np.float32(1.0)
        EXTRA.setdefault("bytes_per_node", round((resident() - before) / size))
        y.backward()
        return [y.data, x.grad.data]

    return work


@workload(size=100)
def mlp_step(batch):
    x, t = fill(100, (batch, 784)), labels(batch, 10)
    model = mlp((784, 1000, 10), F.relu)
    return trainer(model, optimizers.SGD(0.01), lambda: F.softmax_cross_entropy(model(x), t))


def matmul(size, dtype):
    a, b = (Variable(fill(k, (size, size), dtype=dtype)) for k in (1, 2))
    return lambda: [F.matmul(a, b).data]


@workload(size=1024)
def matmul_f32(size):
    return matmul(size, "float32")


@workload(size=1024)
def matmul_f64(size):
    return matmul(size, "float64")


@workload()
def tanh_chain():
    x = Variable(fill(100, (4_000_000,)))

    def work():
        x.cleargrad()
        y = F.sum(F.tanh(x) * 2 + 1)
        y.backward()
        return [y.data, x.grad.data]

    return work


@workload(size=1_000_000)
def elementwise_chain(size):
    """GELU as a user writes it."""
    x = Variable(fill(100, (size,)))

    def work():
        x.cleargrad()
        u = (x + x * x * x * 0.044715) * 0.7978845608
        y = F.sum(x * 0.5 * (F.tanh(u) + 1))
        y.backward()
        return [y.data, x.grad.data]

    return work


@workload()
def softmax_cross_entropy():
    x, t = Variable(fill(100, (1024, 1000))), labels(1024, 1000)

    def work():
        x.cleargrad()
        loss = F.softmax_cross_entropy(x, t)
        loss.backward()
        return [loss.data, x.grad.data]

    return work


@workload()
def conv2d():
    x, W = Variable(fill(100, (16, 64, 56, 56))), Variable(weight(1, (64, 64, 3, 3)))
    b, gy = Variable(np.zeros(64, np.float32)), Variable(fill(101, (16, 64, 56, 56)))

    def work():
        for v in (x, W, b):
            v.cleargrad()
        y = F.conv2d(x, W, b, pad=1)
        y.grad = gy
        y.backward()
        return [y.data, x.grad.data, W.grad.data, b.grad.data]

    return work


@workload()
def vgg16_forward():
    model, x = dezero.models.VGG16(), fill(100, (1, 3, 224, 224))
    layers, channels = [], 3
    for block, (width, convs) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), start=1):
        for i in range(1, convs + 1):
            layers.append((getattr(model, f"conv{block}_{i}"), (width, channels, 3, 3)))
            channels = width
    draw([*layers, (model.fc6, (25088, 4096)), (model.fc7, (4096, 4096)), (model.fc8, (4096, 1000))])

    def work():
        with dezero.no_grad(), dezero.test_mode():
            return [model(x)]

    return work


def resnet50():
    dezero.models.L = types.SimpleNamespace(Conv2d=Conv2d, BatchNorm=L.BatchNorm, Linear=L.Linear)
    model = dezero.models.ResNet50()
    layers = [model.conv1]
    for stage in (model.res2, model.res3, model.res4, model.res5):
        for block in (getattr(stage, name) for name in stage._forward):
            layers += [getattr(block, f"conv{i}") for i in range(1, 5) if hasattr(block, f"conv{i}")]
    draw([*((layer, layer.W.data.shape) for layer in layers), (model.fc6, (2048, 1000))])
    return model


@workload()
def resnet50_forward():
    model, x = resnet50(), fill(100, (1, 3, 224, 224))

    def work():
        with dezero.no_grad(), dezero.test_mode():
            return [model(x)]

    return work


@workload()
def resnet50_step():
    model, x, t = resnet50(), fill(100, (8, 3, 224, 224)), labels(8, 1000)
    model(x)  # batch norm gets its parameters at the first call
    return trainer(model, optimizers.SGD(0.001), lambda: F.softmax_cross_entropy(model(x), t))


@workload()
def mnist_cnn_step():
    x, t = fill(100, (100, 1, 28, 28)), labels(100, 10)
    model = dezero.Model()
    model.conv1, model.conv2 = L.Conv2d(32, 3, pad=1), L.Conv2d(64, 3, pad=1)
    model.l1, model.l2 = L.Linear(128), L.Linear(10)
    shapes = (32, 1, 3, 3), (64, 32, 3, 3), (3136, 128), (128, 10)
    draw(zip((model.conv1, model.conv2, model.l1, model.l2), shapes))

    def forward():
        h = F.pooling(F.relu(model.conv1(x)), 2, 2)
        h = F.pooling(F.relu(model.conv2(h)), 2, 2)
        return F.softmax_cross_entropy(model.l2(F.relu(model.l1(F.reshape(h, (100, 3136))))), t)

    return trainer(model, optimizers.Adam(), forward)


def to_numpy(x):
    return x.data if isinstance(x, Variable) else x


if __name__ == "__main__":
    # NumPy's products take the threads of OPENBLAS_NUM_THREADS.
    peer.main("0.0.13, NumPy " + np.__version__, lambda threads: None, to_numpy)
