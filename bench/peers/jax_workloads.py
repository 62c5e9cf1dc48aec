"""The workloads of README.md in JAX, each compiled by jit. A chain of a million additions is no program for a compiler."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import peer
from peer import fill, labels, weight, workload

jax.config.update("jax_enable_x64", True)


def wait(results):
    return jax.block_until_ready(results)


def trainer(params, step):
    """`step` takes parameters and gives a loss and new ones."""
    step = jax.jit(step, donate_argnums=0)
    params = jax.device_put(params)

    def work():
        nonlocal params
        loss, params = wait(step(params))
        return [loss]

    return work


def sgd(loss, lr):
    def step(params):
        value, grads = jax.value_and_grad(loss)(params)
        return value, jax.tree.map(lambda p, g: p - lr * g, params, grads)

    return step


def adam(loss, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
    def step(state):
        params, m, v, t = state
        value, grads = jax.value_and_grad(loss)(params)
        t = t + 1
        m = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, m, grads)
        v = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, v, grads)
        update = lambda p, m, v: p - lr * (m / (1 - beta1**t)) / (jnp.sqrt(v / (1 - beta2**t)) + eps)
        return value, (jax.tree.map(update, params, m, v), m, v, t)

    return step


def adam_state(params):
    zeros = lambda: jax.tree.map(jnp.zeros_like, params)
    return params, zeros(), zeros(), jnp.float32(0)


def repeated(function, *arguments):
    """The same computation again and again."""
    function, arguments = jax.jit(function), jax.device_put(arguments)
    return lambda: wait(function(*arguments))


def zeros(n):
    return np.zeros(n, np.float32)


def dense(*sizes):
    return [(weight(k, shape), zeros(shape[1])) for k, shape in enumerate(zip(sizes, sizes[1:]), start=1)]


def mlp(params, x, activation):
    for W, b in params[:-1]:
        x = activation(x @ W + b)
    W, b = params[-1]
    return x @ W + b


def cross_entropy(y, t):
    return -jnp.take_along_axis(jax.nn.log_softmax(y), t[:, None], axis=1).mean()


@workload()
def goldstein_price():
    def z(x, y):
        return (1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2)) * (
            30 + (2 * x - 3 * y) ** 2 * (18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2)
        )

    return repeated(jax.grad(z, (0, 1)), np.float64(1), np.float64(1))


@workload()
def rosenbrock():
    gradient = jax.grad(lambda x: 100 * (x[1] - x[0] ** 2) ** 2 + (x[0] - 1) ** 2)
    step = jax.jit(lambda x: jax.tree.map(lambda x, g: x - 0.001 * g, x, gradient(x)))
    x = jax.device_put((np.float64(0), np.float64(2)))

    def work():
        nonlocal x
        x = wait(step(x))
        return list(x)

    return work


@workload()
def tanh_sixth_derivative():
    function = jnp.tanh
    for _ in range(6):
        function = jax.grad(lambda x, f=function: f(x).sum())
    return repeated(lambda x: [function(x)], np.linspace(-7, 7, 200))


@workload()
def spiral_step():
    x, t = fill(100, (30, 2)), labels(30, 3)
    return trainer(dense(2, 10, 3), sgd(lambda p: cross_entropy(mlp(p, x, jax.nn.sigmoid), t), 1.0))


@workload()
def wgan_gp_penalty():
    def penalty(params, x):
        gx = jax.grad(lambda x: mlp(params, x, jnp.tanh).sum())(x)
        return ((jnp.sqrt((gx * gx).sum(1)) - 1) ** 2).mean()

    def work(params, x):
        value, grads = jax.value_and_grad(penalty)(params, x)
        return [value, grads[0][0], grads[1][0]]

    return repeated(work, dense(64, 256, 256, 1), fill(100, (64, 64)))


def lstm_parts():
    """Inputs and targets (time, batch, feature), and the weights of the LSTM and of the layer behind it."""
    xs, ts = fill(100, (30, 30, 1)), fill(101, (30, 30, 1))
    return xs, ts, ((weight(1, (1, 400)), weight(2, (100, 400)), zeros(400)), (weight(3, (100, 1)), zeros(1)))


def lstm_step(weights, state, x):
    """The state after x, twice: as `scan` wants it."""
    (wx, wh, b), (h, c) = weights, state
    i, f, g, o = jnp.split(x @ wx + h @ wh + b, 4, axis=1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    h = jax.nn.sigmoid(o) * jnp.tanh(c)
    return (h, c), h


def lstm_start():
    return (jnp.zeros((30, 100), jnp.float32),) * 2


@workload()
def lstm_update():
    """The loop over the steps is Python's: jit makes one program of all of them."""
    xs, ts, params = lstm_parts()

    def loss(params):
        lstm, (W, out_b) = params
        state, total = lstm_start(), 0
        for x, t in zip(xs, ts):
            state, h = lstm_step(lstm, state, x)
            total = total + jnp.square(h @ W + out_b - t).mean()
        return total

    return trainer(adam_state(params), adam(loss))


@workload()
def lstm_sequence():
    xs, ts, params = lstm_parts()

    def loss(params):
        lstm, (W, out_b) = params
        _, hs = lax.scan(lambda state, x: lstm_step(lstm, state, x), lstm_start(), xs)
        return jnp.square(hs @ W + out_b - ts).mean((1, 2)).sum()

    return trainer(adam_state(params), adam(loss))


@workload(size=100)
def mlp_step(batch):
    x, t = fill(100, (batch, 784)), labels(batch, 10)
    return trainer(dense(784, 1000, 10), sgd(lambda p: cross_entropy(mlp(p, x, jax.nn.relu), t), 0.01))


def matmul(size, dtype):
    return repeated(lambda a, b: [a @ b], *(fill(k, (size, size), dtype=dtype) for k in (1, 2)))


@workload(size=1024)
def matmul_f32(size):
    return matmul(size, "float32")


@workload(size=1024)
def matmul_f64(size):
    return matmul(size, "float64")


@workload()
def tanh_chain():
    return repeated(jax.value_and_grad(lambda x: (jnp.tanh(x) * 2 + 1).sum()), fill(100, (4_000_000,)))


@workload(size=1_000_000)
def elementwise_chain(size):
    """GELU as a user writes it."""

    def chain(x):
        u = (x + x * x * x * 0.044715) * 0.7978845608
        return (x * 0.5 * (jnp.tanh(u) + 1)).sum()

    return repeated(jax.value_and_grad(chain), fill(100, (size,)))


@workload()
def softmax_cross_entropy():
    t = labels(1024, 1000)
    return repeated(jax.value_and_grad(lambda x: cross_entropy(x, t)), fill(100, (1024, 1000)))


def conv(x, W, stride=1, padding=0):
    return lax.conv_general_dilated(x, W, (stride, stride), [(padding, padding)] * 2)


def max_pool(x, size, stride):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, size, size), (1, 1, stride, stride), "VALID")


def plane(b):
    return b[None, :, None, None]


@workload()
def conv2d():
    def work(x, W, b, gy):
        y, gradients = jax.vjp(lambda x, W, b: conv(x, W, padding=1) + plane(b), x, W, b)
        return [y, *gradients(gy)]

    shape = (16, 64, 56, 56)
    return repeated(work, fill(100, shape), weight(1, (64, 64, 3, 3)), zeros(64), fill(101, shape))


@workload()
def vgg16_forward():
    blocks = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
    convs, channels, k = [], 3, 0
    for width, count in blocks:
        for _ in range(count):
            k += 1
            convs.append((weight(k, (width, channels, 3, 3)), zeros(width)))
            channels = width
    sizes = (25088, 4096, 4096, 1000)
    fc = [(weight(k + i, shape), zeros(shape[1])) for i, shape in enumerate(zip(sizes, sizes[1:]), start=1)]

    def forward(convs, fc, x):
        convs = iter(convs)
        for _, count in blocks:
            for W, b in (next(convs) for _ in range(count)):
                x = jax.nn.relu(conv(x, W, padding=1) + plane(b))
            x = max_pool(x, 2, 2)
        return [mlp(fc, x.reshape(1, -1), jax.nn.relu)]

    return repeated(forward, convs, fc, fill(100, (1, 3, 224, 224)))


def resnet50_params():
    """Convolutions with gamma and beta of their batch norm, and the last layer."""
    k = 0

    def unit(out, channels, kernel):
        nonlocal k
        k += 1
        return weight(k, (out, channels, kernel, kernel)), np.ones(out, np.float32), zeros(out)

    stem, channels, blocks = unit(64, 3, 7), 64, []
    for count, middle in ((3, 64), (4, 128), (6, 256), (3, 512)):
        for i in range(count):
            path = [unit(middle, channels, 1), unit(middle, middle, 3), unit(4 * middle, middle, 1)]
            blocks.append((path, unit(4 * middle, channels, 1) if i == 0 else None))
            channels = 4 * middle
    return stem, zeros(64), blocks, (weight(k + 1, (2048, 1000)), zeros(1000))


def resnet50(params, x, train):
    def norm(x, gamma, beta):
        if train:
            mean = x.mean((0, 2, 3), keepdims=True)
            x = (x - mean) * lax.rsqrt(x.var((0, 2, 3), keepdims=True) + 2e-5)
        else:  # the running mean is 0 and the variance 1
            x = x * np.float32((1 + 2e-5) ** -0.5)
        return x * plane(gamma) + plane(beta)

    def unit(x, params, stride=1, padding=0, bias=0):
        W, gamma, beta = params
        return norm(conv(x, W, stride, padding) + bias, gamma, beta)

    stem, stem_b, blocks, (W, b) = params
    x = max_pool(jax.nn.relu(unit(x, stem, 2, 3, plane(stem_b))), 3, 2)
    for i, ((first, second, third), shortcut) in enumerate(blocks):
        stride = 2 if i in (3, 7, 13) else 1
        y = jax.nn.relu(unit(x, first, stride))
        y = unit(jax.nn.relu(unit(y, second, padding=1)), third)
        x = jax.nn.relu(y + (unit(x, shortcut, stride) if shortcut else x))
    return x.mean((2, 3)) @ W + b


@workload()
def resnet50_forward():
    return repeated(lambda p, x: [resnet50(p, x, False)], resnet50_params(), fill(100, (1, 3, 224, 224)))


@workload()
def resnet50_step():
    x, t = fill(100, (8, 3, 224, 224)), labels(8, 1000)
    return trainer(resnet50_params(), sgd(lambda p: cross_entropy(resnet50(p, x, True), t), 0.001))


@workload()
def mnist_cnn_step():
    x, t = fill(100, (100, 1, 28, 28)), labels(100, 10)
    convs = [(weight(1, (32, 1, 3, 3)), zeros(32)), (weight(2, (64, 32, 3, 3)), zeros(64))]
    fc = [(weight(3, (3136, 128)), zeros(128)), (weight(4, (128, 10)), zeros(10))]

    def loss(params):
        convs, fc = params
        y = x
        for W, b in convs:
            y = max_pool(jax.nn.relu(conv(y, W, padding=1) + plane(b)), 2, 2)
        return cross_entropy(mlp(fc, y.reshape(100, 3136), jax.nn.relu), t)

    return trainer(adam_state((convs, fc)), adam(loss))


if __name__ == "__main__":
    # XLA takes as many threads as the process may use processors: the caller restricts these.
    peer.main(jax.__version__, lambda threads: None, np.asarray)
