"""Random programs: ``random_programs.py FOLDER COUNT`` writes what each computes to ``FOLDER/results.npz``.

A program draws a few variables and applies functions to what it has so far; then come the gradients of a weighted
sum, and the gradients of a weighted sum of those. All choices come from generators seeded with the program's number, so
the original and ours run the same programs.
"""

import json
import os
import random
import sys

import dezero.functions as F
import dezero.layers as L
import numpy as np
from dezero.models import MLP

import dezero
from dezero import Function, Variable


class Cube(Function):
    """Of the user: one input, one output."""

    def forward(self, x):
        return x * x * x

    def backward(self, gy):
        (x,) = self.inputs
        return 3 * x**2 * gy


class MulAdd(Function):
    """Of the user: two inputs, two outputs, which a program may use or not."""

    def forward(self, x0, x1):
        return x0 * x1, x0 + x1

    def backward(self, g0, g1):
        x0, x1 = self.inputs
        zero = np.zeros_like(x0.data)
        g0 = Variable(zero) if g0 is None else g0
        g1 = Variable(zero) if g1 is None else g1
        return g0 * x1 + g1, g0 * x0 + g1


class Program:
    def __init__(self, number, dtype):
        self.random = random.Random(number)
        self.numbers = np.random.RandomState(number)
        self.dtype = np.dtype(dtype)
        self.trace = []
        self.leaves = []
        self.pool = []
        self.kept = []
        self.extra = []  # arrays that are not variables: running statistics
        for _ in range(self.random.randint(1, 3)):
            self.leaf(self.shape())

    def shape(self):
        return tuple(self.random.choice((1, 2, 3, 4)) for _ in range(self.random.choice((0, 1, 1, 2, 2, 2, 3, 4))))

    def array(self, shape):
        if self.dtype.kind == "i":
            return np.array(self.numbers.randint(-4, 5, shape), dtype=self.dtype)
        return np.array(self.numbers.uniform(-2, 2, shape), dtype=self.dtype)

    def leaf(self, shape, kind=Variable):
        v = kind(self.array(shape))
        self.trace.append(f"v{len(self.pool)} = leaf{shape}")
        self.leaves.append(v)
        self.pool.append(v)
        return v

    def add(self, text, y):
        self.trace.append(f"v{len(self.pool)} = {text}")
        self.pool.append(y)

    def pick(self, condition=lambda v: True):
        fitting = [i for i, v in enumerate(self.pool) if condition(v) and v.size <= 5000]
        return self.random.choice(fitting) if fitting else None

    def stretched(self, shape):
        """A shape that broadcasts with ``shape``."""
        parts = [self.random.choice((size, size, 1)) for size in shape]
        return tuple(parts[self.random.randint(0, len(parts)) :]) if self.random.random() < 0.4 else tuple(parts)


def elementary(p):
    name, function = p.random.choice(
        [
            ("sin", F.sin),
            ("cos", F.cos),
            ("tanh", F.tanh),
            ("sigmoid", F.sigmoid),
            ("relu", F.relu),
            ("exp(tanh)", lambda x: F.exp(F.tanh(x))),
            ("log(sin^2 + 1)", lambda x: F.log(F.sin(x) ** 2 + 1)),
            ("leaky_relu", lambda x: F.leaky_relu(x.reshape(-1), 0.1)),
            ("clip", lambda x: F.clip(x, -0.7, 1.1)),
            ("sigmoid_simple", F.sigmoid_simple),
            ("Cube(tanh)", lambda x: Cube()(F.tanh(x))),
            ("-x", lambda x: -x),
            ("x / (x^2 + 1)", lambda x: x / (x * x + 1)),
        ]
    )
    i = p.pick()
    p.add(f"{name}(v{i})", function(p.pool[i]))


def with_number(p):
    c = p.random.choice((2, -1, 0.5, 3.0, 0))
    name, function = p.random.choice(
        [
            ("v + c", lambda v: v + c),
            ("c + v", lambda v: c + v),
            ("v - c", lambda v: v - c),
            ("c - v", lambda v: c - v),
            ("v * c", lambda v: v * c),
            ("c * v", lambda v: c * v),
            ("v / (c^2 + 1)", lambda v: v / (c * c + 1)),
            ("c / (v^2 + 1)", lambda v: c / (v**2 + 1)),
            ("v ** 2", lambda v: v**2),
            ("v ** 3", lambda v: v**3),
        ]
    )
    i = p.pick()
    p.add(f"{name} with v = v{i}, c = {c}", function(p.pool[i]))


def binary(p):
    i = p.pick()
    x = p.pool[i]
    kind = p.random.randint(0, 3)
    if kind == 0:
        j = i
    elif kind == 1:
        p.leaf(p.stretched(x.shape))
        j = len(p.pool) - 1
    else:
        j = p.pick(lambda v: broadcasts(v.shape, x.shape))
    z = p.pool[j]
    name, function = p.random.choice(
        [
            ("+", lambda a, b: a + b),
            ("-", lambda a, b: a - b),
            ("*", lambda a, b: a * b),
            ("/ (1 + ^2)", lambda a, b: a / (b * b + 1)),
            ("array on the left *", lambda a, b: b.data * a),
            ("array on the right -", lambda a, b: a - b.data),
            ("array on the left /", lambda a, b: b.data / (a * a + 2)),
        ]
    )
    p.add(f"v{i} {name} v{j}", function(x, z))


def broadcasts(a, b):
    return all(m == n or m == 1 or n == 1 for m, n in zip(a[::-1], b[::-1]))


def reshaping(p):
    i = p.pick()
    x = p.pool[i]
    kind = p.random.randint(0, 7)
    if kind == 0:
        p.add(f"v{i}.reshape(-1)", x.reshape(-1))
    elif kind == 1:
        shape = (x.size, 1) if p.random.random() < 0.5 else (1, x.size)
        p.add(f"reshape(v{i}, {shape})", F.reshape(x, shape))
    elif kind == 2:
        p.add(f"v{i}.T", x.T)
    elif kind == 3:
        axes = list(range(x.ndim))
        p.random.shuffle(axes)
        p.add(f"v{i}.transpose({axes})", F.transpose(x, tuple(axes)))
    elif kind == 4:
        axis = p.random.randint(0, x.ndim)
        p.add(f"expand_dims(v{i}, {axis})", F.expand_dims(x, axis))
    elif kind == 5:
        shape = (p.random.randint(1, 3),) + tuple(p.random.randint(2, 3) if size == 1 else size for size in x.shape)
        p.add(f"broadcast_to(v{i}, {shape})", F.broadcast_to(x, shape))
    elif kind == 6:
        shape = p.stretched(x.shape)
        p.add(f"sum_to(v{i}, {shape})", F.sum_to(x, shape))
    elif x.ndim >= 2:
        p.add(f"flatten(v{i})", F.flatten(x))


def reducing(p):
    i = p.pick(lambda v: v.ndim > 0)
    if i is None:
        return
    x = p.pool[i]
    keepdims = p.random.random() < 0.5
    kind = p.random.randint(0, 3)
    axis = p.random.choice([None, *range(x.ndim)])
    if kind < 2:
        axis = p.random.choice([axis, -1])
        p.add(f"sum(v{i}, {axis}, {keepdims})", F.sum(x, axis, keepdims))
    else:
        # Equal maxima get the whole gradient each in the original, a share here: there are none.
        x = x + (np.arange(x.size).reshape(x.shape) * 100).astype(p.dtype)
        if kind == 2:
            p.add(f"max(v{i} + ..., {axis}, {keepdims})", F.max(x, axis, keepdims))
        else:
            p.add(f"min(v{i} + ..., {axis}, {keepdims})", x.min(axis, keepdims))


def indexing(p):
    i = p.pick(lambda v: v.ndim > 0)
    if i is None:
        return
    x = p.pool[i]
    n = x.shape[0]
    index = p.random.choice(
        [
            p.random.randint(-n, n - 1),
            slice(None, None, -1),
            slice(0, max(n - 1, 1)),
            slice(None, None, 2),
            Ellipsis,
            (Ellipsis, 0),
            (slice(None),) * x.ndim,
            np.array([p.random.randint(0, n - 1) for _ in range(5)]),
            [0, n - 1, 0],
            np.arange(n) % 2 == 0,
            (None, 0),
            (np.arange(n), Ellipsis),
        ]
    )
    p.add(f"v{i}[{index}]", x[index])


def products(p):
    i = p.pick(lambda v: v.ndim == 2)
    if i is None:
        return
    x = p.pool[i]
    W = p.leaf((x.shape[1], p.random.randint(1, 4)))
    j = len(p.pool) - 1
    kind = p.random.randint(0, 4)
    if kind == 0:
        p.add(f"matmul(v{i}, v{j})", F.matmul(x, W))
    elif kind == 1:
        p.add(f"v{i}.dot(v{j})", x.dot(W))
    elif kind == 2:
        b = p.leaf((W.shape[1],))
        p.add(f"linear(v{i}, v{j}, v{j + 1})", F.linear(x, W, b))
    elif kind == 3:
        p.add(f"linear(v{i}, v{j})", F.linear(x, W))
    else:
        p.add(f"matmul(v{j}.T, v{i}.T)", F.matmul(W.T, x.T))


def classifying(p):
    i = p.pick(lambda v: v.ndim == 2)
    if i is None:
        return
    x = p.pool[i]
    t = np.array([p.random.randint(0, x.shape[1] - 1) for _ in range(x.shape[0])])
    name, function = p.random.choice(
        [
            ("softmax", F.softmax),
            ("softmax axis 0", lambda x: F.softmax(x, axis=0)),
            ("softmax_simple", F.softmax_simple),
            ("log_softmax", F.log_softmax),
            ("log_softmax axis 0", lambda x: F.log_softmax(x, 0)),
            ("softmax_cross_entropy", lambda x: F.softmax_cross_entropy(x, t)),
            ("softmax_cross_entropy_simple", lambda x: F.softmax_cross_entropy_simple(x, t)),
            ("mean_squared_error", lambda x: F.mean_squared_error(x, F.sin(x))),
            ("mean_squared_error_simple", lambda x: F.mean_squared_error_simple(F.cos(x), x)),
            ("sigmoid_cross_entropy", lambda x: F.sigmoid_cross_entropy(x, (x.data > 0.5).astype(int))),
            ("binary_cross_entropy", lambda x: F.binary_cross_entropy(F.sigmoid(x), (x.data > 0.5).astype(int))),
        ]
    )
    p.add(f"{name}(v{i})", function(x))


def own_function(p):
    i = p.pick()
    x = p.pool[i]
    j = p.pick(lambda v: v.shape == x.shape)
    a, b = MulAdd()(x, p.pool[j])
    p.add(f"MulAdd(v{i}, v{j})[0]", a)
    p.kept.append(b)  # the original needs all outputs of a function to be alive
    if p.random.random() < 0.5:
        p.add("and [1]", b)


def dropping(p):
    i = p.pick()
    seed, ratio = p.random.randint(0, 1000), p.random.choice((0.1, 0.5, 0.8))
    np.random.seed(seed)
    p.add(f"dropout(v{i}, {ratio}) with seed {seed}", F.dropout(p.pool[i], ratio))


def convolving(p):
    n, c, h, w = p.random.randint(1, 2), p.random.randint(1, 3), p.random.randint(4, 7), p.random.randint(4, 7)
    fitting = [i for i, v in enumerate(p.pool) if v.ndim == 4 and min(v.shape[2:]) >= 3]
    if fitting and p.random.random() < 0.5:
        i = p.random.choice(fitting)
    else:
        p.leaf((n, c, h, w))
        i = len(p.pool) - 1
    x = p.pool[i]
    c = x.shape[1]
    k, s, pad = p.random.choice((1, 2, 3, (2, 3))), p.random.choice((1, 2, (2, 1))), p.random.choice((0, 1, (0, 1)))
    kh, kw = k if isinstance(k, tuple) else (k, k)
    kind = p.random.randint(0, 6)
    oc = p.random.randint(1, 3)
    text = f"of v{i} {x.shape}, kernel {k}, stride {s}, pad {pad}, to {oc}"
    if kind == 0:
        W, b = p.leaf((oc, c, kh, kw)), p.leaf((oc,))
        p.add(f"conv2d {text}", F.conv2d(x, W, b, s, pad))
    elif kind == 1:
        W = p.leaf((oc, c, kh, kw))
        p.add(f"conv2d_simple {text}", F.conv2d_simple(x, W, None, s, pad))
    elif kind == 2:
        kh, kw = max(kh, 3), max(kw, 3)
        W, b = p.leaf((c, oc, kh, kw)), p.leaf((oc,))
        p.add(f"deconv2d {text}", F.deconv2d(x, W, b, s, pad))
    elif kind == 3:
        p.add(f"pooling {text}", F.pooling(x, k, s, 0))
    elif kind == 4:
        k = max(kh, kw)  # the original takes the width for the height in the backward pass
        pad = pad if k > 1 else 0  # windows that lie in the padding alone are refused
        p.add(f"average_pooling {text}", F.average_pooling(x, k, s, pad))
    elif kind == 5:
        p.add(f"im2col {text}", F.im2col(x, k, s, pad, p.random.random() < 0.5))
    else:
        p.add(f"pooling_simple {text}", F.pooling_simple(x, k, s, 0))


def normalising(p):
    i = p.pick(lambda v: v.ndim in (2, 4) and v.size > 2 * v.shape[1])
    if i is None:
        return
    x = p.pool[i]
    D = x.shape[1]
    gamma, beta = p.leaf((D,)), p.leaf((D,))
    mean, var = np.zeros(D, p.dtype), np.ones(D, p.dtype)
    p.add(
        f"batch_nrom(v{i}, v{len(p.pool) - 2}, v{len(p.pool) - 1})",
        F.batch_nrom(x + F.sin(x * 3), gamma, beta, mean, var),
    )
    p.extra = [mean, var]


SMOOTH = (
    [elementary] * 3
    + [with_number] * 2
    + [binary] * 3
    + [reshaping] * 2
    + [reducing, indexing, products, classifying, own_function, dropping]
)
FIRST_ORDER = SMOOTH + [convolving] * 6 + [normalising] * 2


def integers(p):
    i = p.pick()
    x = p.pool[i]
    name, function = p.random.choice(
        [
            ("v + 2", lambda v: v + 2),
            ("3 - v", lambda v: 3 - v),
            ("-v", lambda v: -v),
            ("v * 2", lambda v: v * 2),
            ("v * v", lambda v: v * v),
            ("v / 2", lambda v: v / 2),
            ("v ** 2", lambda v: v**2),
            ("v * 0.5", lambda v: v * 0.5),
        ]
    )
    p.add(f"{name} with v = v{i}", function(x))


INTEGER = [integers] * 2 + [reshaping, reshaping, reducing, indexing, products]


def weighted(values, seed, dtype):
    """The sum of the elements of ``values`` (by number), each times a weight of its own."""
    total = None
    for i, v in values.items():
        weights = np.random.RandomState(seed + i).uniform(-1, 1, v.shape).astype(np.float32 if dtype == "f4" else np.float64)
        part = F.sum(v * weights)
        total = part if total is None else total + part
    return total


def run(number, results):
    dtype = "f8" if number % 4 else "f4"
    kinds, order = (SMOOTH, 2) if number % 3 else (FIRST_ORDER, 1)
    if number % 10 == 9:
        dtype, kinds, order = "i8", INTEGER, 1
    p = Program(number, dtype)
    try:
        for _ in range(p.random.randint(1, 6)):
            p.random.choice(kinds)(p)
        used = [v for v in p.pool if v.creator is not None]
        last = used[-1:] if p.random.random() < 0.7 else used[-2:]
        values = {f"y{i}": v.data for i, v in enumerate(last)}
        values.update({f"running{i}": a for i, a in enumerate(p.extra)})
        if last and not (dtype == "i8" and p.random.random() < 0.5):
            loss = weighted(dict(enumerate(last)), number, dtype)
            loss.backward(create_graph=order == 2)
        elif last:
            last[0].backward()
        firsts = {}
        for i, x in enumerate(p.leaves):
            if x.grad is not None:
                values[f"g{i}"] = x.grad.data
                firsts[i] = x.grad
            x.cleargrad()
        firsts = {i: g for i, g in firsts.items() if g.creator is not None}  # others are constant
        if order == 2 and firsts:
            total = weighted(firsts, number + 100, dtype)
            total.backward()
            for i, x in enumerate(p.leaves):
                if x.grad is not None:
                    values[f"gg{i}"] = x.grad.data
    except Exception as error:
        values = {"error": np.array(f"{type(error).__name__}: {error}")}
    values["trace"] = np.array(json.dumps([dtype, order, *p.trace]))
    for key, value in values.items():
        results[f"{number}/{key}"] = np.asarray(value)


def train(number, results):
    """A network of layers with its random weights, some steps of an optimizer."""
    choices = random.Random(number)
    np.random.seed(number)
    name = choices.choice(["SGD", "MomentumSGD", "AdaGrad", "AdaDelta", "Adam"])
    optimizer = getattr(dezero.optimizers, name)()
    kind = choices.choice(["mlp", "conv", "rnn", "lstm", "embed"])
    width = choices.randint(1, 6)
    x = np.random.randn(4, 3).astype(np.float32)

    class Net(dezero.Model):
        def __init__(self):
            super().__init__()
            if kind == "mlp":
                self.body = MLP((width, 3), activation=choices.choice([F.relu, F.tanh, F.sigmoid, F.leaky_relu]))
            elif kind == "conv":
                self.conv = L.Conv2d(width, 2, stride=choices.choice([1, 2]), pad=1, nobias=True)  # see the normalisation
                self.bn = L.BatchNorm()  # takes any bias away: its gradient would be noise alone
            elif kind == "rnn":
                self.narrow = choices.random() < 0.5
                self.rnn = L.RNN(width, in_size=width if self.narrow else None)
            elif kind == "lstm":
                self.rnn = L.LSTM(width, in_size=choices.choice([None, 3]))
            else:
                self.embed = L.EmbedID(5, width)
            self.last = L.Linear(2)

        def forward(self, x):
            if kind == "mlp":
                h = F.dropout(self.body(x), 0.3)
            elif kind == "conv":
                h = F.flatten(F.relu(self.bn(self.conv(x.reshape(4, 1, 1, 3) * np.ones((4, 2, 2, 3), np.float32)))))
            elif kind == "embed":
                h = self.embed((abs(x[:, 0]) * 2 % 5).astype(int))
            else:
                inputs = width if kind == "rnn" and self.narrow else 3
                h = self.rnn(x[:, :inputs])
                h = h + self.rnn(F.sin(h)[:, [0] * inputs])
            return self.last(h)

    if kind == "rnn":
        width = min(width, 3)
    model = Net()
    optimizer.setup(model)
    if choices.random() < 0.5:
        optimizer.add_hook(dezero.optimizers.WeightDecay(0.01))
    if choices.random() < 0.3:
        optimizer.add_hook(dezero.optimizers.ClipGrad(0.5))
    losses = []
    try:
        for i in range(5):
            if kind in ("rnn", "lstm"):
                model.rnn.reset_state()
            loss = F.softmax_cross_entropy(model(x), np.arange(4) % 2)
            model.cleargrads()
            loss.backward()
            optimizer.update()
            losses.append(float(loss.data))
        path = os.path.join(sys.argv[1], f"weights{number}.npz")
        model.save_weights(path)
        with np.load(path) as weights:
            for key in weights.files:
                results[f"train{number}/{key}"] = weights[key]
    except Exception as error:
        results[f"train{number}/error"] = np.array(f"{type(error).__name__}: {error}")
    results[f"train{number}/losses"] = np.array(losses, dtype=np.float32)
    results[f"train{number}/trace"] = np.array(json.dumps(["f4", 1, kind, name, f"width {width}"]))


if __name__ == "__main__":
    results = {}
    count = int(sys.argv[2])
    for number in range(count):
        with np.errstate(all="ignore"):
            run(number, results)
    for number in range(count // 10):
        train(number, results)
    np.savez(os.path.join(sys.argv[1], "results.npz"), **results)
