"""How variables go to others and come back: NumPy, DLPack, pickle, copy."""

import copy
import pickle

import dezero.functions as F
import dezero.layers as L
import numpy as np
import pytest

import dezero
from dezero import Parameter, Variable

TYPES = [np.float32, np.float64, np.int64]


def there_and_back(x, protocol=None):
    return pickle.loads(pickle.dumps(x, protocol))


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "x",
    [
        Variable(np.arange(6.0).reshape(2, 3), "v"),
        Variable(np.array(3)),
        Variable(np.zeros((0, 2))),
        Parameter(np.ones(2, np.float32), name="W"),
        Parameter(None, "p"),
    ],
    ids=repr,
)
def test_pickling(x, protocol):
    y = there_and_back(x, protocol)
    assert type(y) is type(x) and y.name == x.name and y is not x
    if x.data is None:
        assert y.data is None
    else:
        assert y.shape == x.shape and y.dtype == x.dtype and np.array_equal(y.data, x.data)
        y.data = y.data + 1
        assert not x.size or not np.array_equal(y.data, x.data)


def test_pickled_variables_keep_gradient_and_attributes_and_lose_the_graph():
    x = Variable(np.array([1.0, 2.0]), "x")
    x.note = {"a": 1}
    y = x**3
    y.backward(create_graph=True)
    z = there_and_back(x)
    assert np.array_equal(z.grad.data, [3, 12]) and z.grad.creator is None and z.note == {"a": 1}
    assert there_and_back(y).creator is None
    z.cleargrad()
    (z * 2).backward()
    assert z.grad.data.tolist() == [2, 2] and x.grad.data.tolist() == [3, 12]
    one, other = there_and_back([x, x])
    assert one is other


def test_pickling_views_and_results():
    x = Variable(np.arange(6.0).reshape(2, 3))
    assert there_and_back(x.T).data.tolist() == x.data.T.tolist()
    assert there_and_back(x[:, 1]).data.tolist() == [1, 4]
    assert there_and_back(F.broadcast_to(x[0], (2, 3))).data.tolist() == [[0, 1, 2]] * 2


class Net(dezero.Model):
    def __init__(self):
        super().__init__()
        self.conv = L.Conv2d(2, 3)
        self.bn = L.BatchNorm()
        self.fc = L.Linear(2)

    def forward(self, x):
        return self.fc(F.flatten(self.bn(self.conv(x))))


def test_pickling_models():
    x = np.random.RandomState(0).rand(3, 1, 4, 4).astype(np.float32)
    model = Net()
    F.sum(model(x)).backward()
    again = there_and_back(model)
    with dezero.test_mode():
        assert np.array_equal(again(x).data, model(x).data)
    assert [p.name for p in again.params()] == [p.name for p in model.params()]
    optimizer = dezero.optimizers.SGD(0.5).setup(again)
    before = model.fc.W.data.copy()
    optimizer.update()
    assert np.array_equal(model.fc.W.data, before) and not np.array_equal(again.fc.W.data, before)


def test_copying():
    x = Variable(np.arange(3.0), "x")
    for y in (copy.copy(x), copy.deepcopy(x)):
        assert y.name == "x" and y.data.tolist() == [0, 1, 2]
    y.data[0] = 5
    assert x.data[0] == 0
    model = Net()
    model(np.ones((2, 1, 4, 4), np.float32))
    other = copy.deepcopy(model)
    other.fc.b.data += 1
    assert not model.fc.b.data.any()


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 2)])
def test_dlpack_there_and_back(dtype, shape):
    x = Variable(np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype))
    array = np.from_dlpack(x)
    assert array.dtype == dtype and array.shape == shape and np.array_equal(array, x.data)
    y = dezero.from_dlpack(x)
    assert type(y) is Variable and y.dtype == dtype and y.shape == shape and np.array_equal(y.data, x.data)
    assert x.__dlpack_device__() == (1, 0)


def test_dlpack_shares_memory():
    x = Variable(np.arange(4.0))
    array = np.from_dlpack(x)
    x.data[0] = 7
    assert array[0] == 7
    source = np.arange(4.0)
    y = dezero.from_dlpack(source)
    source[1] = 9
    assert y.data[1] == 9 and (y * 2).data[1] == 18


def test_a_write_through_dlpack_changes_no_graph():
    x = Variable(np.array([1.0, 2.0]))
    y = x**2
    x.data[:] = 100
    y.backward()
    assert x.grad.data.tolist() == [2, 4]
    h = F.exp(Variable(np.zeros(2)))
    handed_out = np.from_dlpack(h)
    z = F.sum(h * h)
    assert handed_out.tolist() == [1, 1] and float(z.data) == 2


def test_dlpack_of_results_that_are_views():
    x = Variable(np.arange(6.0, dtype=np.float32).reshape(2, 3))
    for y in (x.T, x[:, 1:], F.broadcast_to(x[0], (4, 3)), (x * 2).T):
        assert np.array_equal(np.from_dlpack(y), y.data)


def test_dlpack_outlives_its_variable():
    x = Variable(np.arange(1000.0)) * 2
    array = np.from_dlpack(x)
    del x
    others = [Variable(np.ones(1000)) * i for i in range(10)]
    assert np.array_equal(array, np.arange(1000.0) * 2), others


@pytest.mark.parametrize("wrong", [None, 3, [1.0], "no"])
def test_from_dlpack_of_what_does_not_speak_it(wrong):
    with pytest.raises((AttributeError, TypeError, BufferError)):
        dezero.from_dlpack(wrong)
    with pytest.raises((AttributeError, TypeError, BufferError)):
        np.from_dlpack(Variable(None))


def test_numpy_takes_variables():
    x = Variable(np.arange(3.0))
    assert np.asarray(x).tolist() == [0, 1, 2] and np.asarray(x, dtype=np.float32).dtype == np.float32
    assert np.mean(x.data) == 1 and np.allclose(x, [0, 1, 2])
