"""Layers, models, optimizers and loaders: what scripts rely on beyond what the scripts beside print."""

import os
import subprocess

import dezero.functions as F
import dezero.layers as L
import numpy as np
import pytest
from dezero.models import MLP, VGG16, ResNet50, Sequential, SqueezeNet

import dezero
from dezero import DataLoader, Layer, Model, Parameter, SeqDataLoader, Variable, optimizers


class Net(Model):
    def __init__(self):
        super().__init__()
        self.conv = L.Conv2d(2, 3, in_channels=1)
        self.bn = L.BatchNorm()
        self.rnn = L.RNN(3)
        self.mlp = MLP((4, 2))
        self.scale = Parameter(np.array(2.0, np.float32))
        self.setting = 3

    def forward(self, x):
        h = F.relu(self.bn(self.conv(x)))
        return self.mlp(self.rnn(F.flatten(h))) * self.scale


X = np.random.RandomState(0).rand(3, 1, 5, 5).astype(np.float32)


def test_parameters_are_found_by_assignment():
    model = Net()
    assert model._params == {"conv", "bn", "rnn", "mlp", "scale"}
    model(X)
    assert len(list(model.params())) == 2 + 4 + 3 + 4 + 1
    assert model.scale in list(model.params())
    model.later = L.Linear(2)
    assert "later" in model._params
    loss = F.sum(model(X))
    loss.backward()
    assert model.conv.W.grad is not None and model.scale.grad is not None
    model.cleargrads()
    assert all(p.grad is None for p in model.params())


def test_inputs_and_outputs_of_a_layer_are_held_weakly():
    layer = L.Linear(2)
    x = Variable(np.ones((1, 3), np.float32))
    y = layer(x)
    assert layer.inputs[0]() is x and layer.outputs[0]() is y
    del y
    assert layer.outputs[0]() is None


def test_an_inner_layer_leads_to_its_output_as_long_as_the_graph_is_there():
    model = MLP((3, 2, 1))
    y = model(np.ones((1, 4), np.float32))
    inner = model.l0.outputs[0]()
    assert inner.shape == (1, 3) and model.l0.outputs[0]() is inner
    y.backward(retain_grad=True)
    assert model.l0.outputs[0]().grad.shape == (1, 3)
    del inner
    assert model.l0.outputs[0]().grad.shape == (1, 3)
    del y
    assert model.l0.outputs[0]() is None


def test_a_layer_of_several_outputs():
    class Two(Layer):
        def forward(self, x, y):
            return x + y, x * y

    a, b = Two()(Variable(np.ones(2)), Variable(np.full(2, 3.0)))
    assert a.data.tolist() == [4, 4] and b.data.tolist() == [3, 3]
    with pytest.raises(NotImplementedError):
        Layer()(Variable(np.ones(1)))


@pytest.mark.parametrize(
    "make, x, shapes",
    [
        (lambda: L.Linear(5), (2, 3), [(3, 5)]),
        (lambda: L.Linear(5, dtype=np.float64), (2, 3), [(3, 5)]),
        (lambda: L.Conv2d(4, (2, 3)), (1, 2, 5, 5), [(4, 2, 2, 3)]),
        (lambda: L.Deconv2d(4, 3), (1, 2, 5, 5), [(2, 4, 3, 3)]),
    ],
)
def test_seeded_weights_are_the_originals_draws(make, x, shapes):
    np.random.seed(7)
    layer = make()
    dtype = layer.dtype
    layer(Variable(np.ones(x, dtype)))
    np.random.seed(7)
    for shape in shapes:
        fan = shape[0] if len(shape) == 2 else np.prod(shape[2:]) * x[1]
        expected = (np.random.randn(*shape).astype(dtype) * dtype(np.sqrt(1 / fan))).astype(dtype)
        np.testing.assert_allclose(layer.W.data, expected, rtol=3e-7)
        assert layer.W.data.dtype == dtype
    assert layer.b.data.tolist() == [0] * len(layer.b.data)


def test_generator_moves_on_as_in_the_original():
    np.random.seed(3)
    L.EmbedID(4, 2)
    L.Linear(3, in_size=2)
    L.LSTM(3, 2)
    F.dropout(np.ones((2, 3)))
    after = np.random.rand()
    np.random.seed(3)
    np.random.randn(4, 2)
    np.random.randn(2, 3)
    for shape in [(2, 3)] * 4 + [(3, 3)] * 4:
        np.random.randn(*shape)
    np.random.rand(2, 3)
    assert np.random.rand() == after


@pytest.mark.parametrize("name", ["weights.npz", "weights"])
def test_save_and_load(tmp_path, name):
    model = Net()
    model(X)
    model(X)  # the second step of a recurrent layer has weights of its own
    path = tmp_path / name
    model.save_weights(str(path))
    saved = tmp_path / "weights.npz"
    assert os.listdir(tmp_path) == ["weights.npz"]
    with np.load(saved) as file:
        assert {"conv/W", "bn/avg_mean", "rnn/x2h/W", "mlp/l1/b", "scale"} <= set(file.files)
    other = Net()
    other.load_weights(str(saved))
    model.rnn.reset_state()
    with dezero.test_mode():
        np.testing.assert_array_equal(other(X).data, model(X).data)


def test_damaged_weights(tmp_path):
    model = MLP((3, 2))
    model(np.ones((1, 4), np.float32))
    path = tmp_path / "w.npz"
    model.save_weights(path)
    whole = path.read_bytes()
    before = model.l0.W.data.copy()
    for content in (b"", whole[:100], whole[: len(whole) // 2], b"junk" * 100):
        path.write_bytes(content)
        with pytest.raises((ValueError, OSError, EOFError, KeyError)):
            model.load_weights(path)
    np.testing.assert_array_equal(model.l0.W.data, before)
    with pytest.raises(OSError):
        model.load_weights(tmp_path / "absent.npz")
    np.savez(path, **{"l0/W": np.ones((4, 3))})
    with pytest.raises((KeyError, ValueError), match="l"):
        model.load_weights(path)


def test_a_failed_save_leaves_the_old_file(tmp_path):
    model = MLP((3, 2))
    model(np.ones((1, 4), np.float32))
    with pytest.raises(OSError):
        model.save_weights(tmp_path / "no" / "w.npz")


MAKE = """
import sys
import numpy as np
import dezero
import dezero.layers as L
from dezero.models import MLP

class Net(dezero.Model):
    def __init__(self):
        super().__init__()
        self.conv = L.Conv2d(2, 3, in_channels=1)
        self.bn = L.BatchNorm()
        self.mlp = MLP((4, 2))

    def forward(self, x):
        h = self.bn(self.conv(x))
        return self.mlp(h.reshape(len(x), -1))

np.random.seed(5)
model = Net()
x = np.random.rand(2, 1, 5, 5).astype(np.float32)
if sys.argv[1] == 'save':
    model(x)
    model.save_weights(sys.argv[2])
else:
    model.load_weights(sys.argv[2])
with dezero.test_mode():
    np.save(sys.argv[3], model(x).data)
"""


@pytest.mark.parametrize("direction", ["from the original", "to the original"])
def test_weight_files_go_both_ways(reference, tmp_path, direction):
    import sys

    first, second = (reference, sys.executable) if direction == "from the original" else (sys.executable, reference)
    for python, what in ((first, "save"), (second, "load")):
        subprocess.run(
            [python, "-W", "ignore", "-c", MAKE, what, str(tmp_path / "w.npz"), str(tmp_path / f"{what}.npy")],
            check=True,
            cwd=tmp_path,
        )
    np.testing.assert_allclose(np.load(tmp_path / "save.npy"), np.load(tmp_path / "load.npy"), rtol=1e-5, atol=1e-6)


def test_own_optimizer():
    class Half(optimizers.Optimizer):
        def __init__(self, factor):
            super().__init__()
            self.factor = factor

        def update_one(self, param):
            param.data = param.data * self.factor

    model = Sequential(L.Linear(2, in_size=3))
    before = model.l0.W.data.copy()
    optimizer = Half(0.5)
    assert optimizer.setup(model) is optimizer and optimizer.target is model
    F.sum(model(np.ones((1, 3), np.float32))).backward()
    optimizer.update()
    np.testing.assert_array_equal(model.l0.W.data, before * 0.5)
    with pytest.raises(NotImplementedError):
        base = optimizers.Optimizer().setup(model)
        base.update()


def test_hooks_see_the_parameters_with_gradients():
    model = Sequential(L.Linear(2, in_size=3), L.Linear(2, in_size=2))
    seen = []
    optimizer = optimizers.SGD(0.1).setup(model)
    optimizer.add_hook(lambda params: seen.append(len(params)))
    F.sum(model.l0(np.ones((1, 3), np.float32))).backward()
    optimizer.update()
    assert seen == [2]


def test_freeze():
    model = Sequential(L.Linear(2, in_size=3), L.Linear(2, in_size=2), L.Linear(2, in_size=2))
    optimizer = optimizers.SGD(0.1).setup(model)
    optimizer.add_hook(optimizers.FreezeParam(model.l0, model.l1.b))
    before = {name: getattr(model, name).W.data.copy() for name in ("l0", "l1", "l2")}
    bias = model.l1.b.data.copy()
    F.sum(model(np.ones((1, 3), np.float32))).backward()
    optimizer.update()
    np.testing.assert_array_equal(model.l0.W.data, before["l0"])
    np.testing.assert_array_equal(model.l1.b.data, bias)
    assert not np.array_equal(model.l1.W.data, before["l1"]) and not np.array_equal(model.l2.W.data, before["l2"])


def test_weights_are_updated_in_place():
    model = Sequential(L.Linear(2, in_size=3))
    held = model.l0.W.data
    optimizer = optimizers.SGD(0.1).setup(model)
    F.sum(model(np.ones((1, 3), np.float32))).backward()
    optimizer.update()
    np.testing.assert_array_equal(held, model.l0.W.data)


def test_loader_passes():
    loader = DataLoader(dezero.datasets.Spiral(), 70)
    assert [len(x) for x, t in loader] == [70, 70, 70, 70, 20]
    assert [len(x) for x, t in loader] == [70, 70, 70, 70, 20]
    assert loader.next()[0].shape == (70, 2)
    loader.to_gpu()
    with pytest.raises(RuntimeError, match="gpu_enable"):
        next(loader)
    loader.to_cpu()
    assert next(loader)[0].shape == (70, 2)
    rows = SeqDataLoader(list(zip(range(10), range(1, 11))), 2)
    assert [x.tolist() for x, t in rows] == [[0, 5], [1, 6], [2, 7], [3, 8], [4, 9]]


def test_models_that_are_ready(monkeypatch):
    assert len(list(VGG16().params())) == 32
    with pytest.raises(ValueError, match="34"):
        dezero.models.ResNet(34)
    SqueezeNet()
    assert VGG16.WEIGHTS_PATH.endswith("vgg16.npz") and "{}" in ResNet50.WEIGHTS_PATH


def test_rnn_state():
    rnn = L.RNN(3)
    x = np.ones((2, 4), np.float32)
    a = rnn(x)
    b = rnn(x)
    assert rnn.h is b and not np.array_equal(a.data, b.data)
    rnn.reset_state()
    assert rnn.h is None
    np.testing.assert_array_equal(rnn(x).data, a.data)
    lstm = L.LSTM(3)
    h = lstm(x)
    assert lstm.h is h and lstm.c is not None
    F.sum(lstm(x)).backward()
    assert lstm.h2f.W.grad is not None
    lstm.reset_state()
    assert lstm.h is None and lstm.c is None


def test_batch_norm_statistics():
    bn = L.BatchNorm()
    x = np.random.RandomState(0).rand(8, 3).astype(np.float32)
    y = bn(x)
    np.testing.assert_allclose(y.data.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(bn.avg_mean.data, 0.1 * x.mean(0), rtol=1e-5)
    np.testing.assert_allclose(bn.avg_var.data, 0.9 + 0.1 * x.var(0, ddof=1), rtol=1e-5)
    before = bn.avg_mean.data.copy()
    with dezero.test_mode():
        bn(x)
    np.testing.assert_array_equal(bn.avg_mean.data, before)


@pytest.mark.parametrize("shape", [(1, 3), (1, 3, 1, 1)])
def test_batch_norm_of_one_number_for_each_channel(shape):
    """Models find the sizes of their layers by one example: what comes out is beta, and x gets no gradient."""
    bn = L.BatchNorm()
    x = Variable(np.arange(3, dtype=np.float32).reshape(shape) + 5)
    y = bn(x)
    assert y.shape == shape and not y.data.any() and y.dtype == np.float32
    bn.beta.data = np.array([1, 2, 3], np.float32)
    x.cleargrad()
    bn.cleargrads()
    y = bn(x)
    assert y.data.ravel().tolist() == [1, 2, 3]
    F.sum(y * 2).backward()
    assert not x.grad.data.any() and not bn.gamma.grad.data.any()
    assert bn.beta.grad.data.tolist() == [2, 2, 2]
    # Running statistics: decayed twice from 0 towards 5, 6, 7, and from 1 towards 0.
    assert np.allclose(bn.avg_mean.data, 0.19 * np.array([5, 6, 7])) and np.allclose(bn.avg_var.data, 0.81)


@pytest.mark.filterwarnings("error")
def test_dropout_of_everything():
    x = Variable(np.array([[1.0, -2.0, np.float64(3)]]))
    y = F.dropout(x, 1.0)
    y.backward()
    assert not y.data.any() and not x.grad.data.any()
    np.random.seed(0)
    kept = np.random.rand(1, 3) > 0.5
    np.random.seed(0)
    assert np.array_equal(F.dropout(x, 0.5).data, x.data * kept * 2)
    assert np.array_equal(F.dropout(x, 0.0).data, x.data)
