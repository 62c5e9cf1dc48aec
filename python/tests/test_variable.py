"""What scripts rely on in Variable, Function and Config beyond what the scripts beside print."""

import gc
import weakref

import dezero.functions as F
import numpy as np
import pytest

import dezero
from dezero import Function, Parameter, Variable, as_array, as_variable, no_grad, test_mode, using_config


@pytest.mark.parametrize("wrong", [1.0, 3, [1.0, 2.0], (1,), "text", np.float64(2.0), object()])
def test_only_arrays(wrong):
    with pytest.raises(TypeError, match="is not supported"):
        Variable(wrong)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.bool_])
def test_dtypes_are_kept(dtype):
    data = np.array([[0, 1], [1, 1]], dtype=dtype)
    x = Variable(data)
    assert x.dtype == dtype and x.data.dtype == dtype
    np.testing.assert_array_equal(x.data, data)
    assert x.reshape(4).dtype == dtype
    assert x.T.dtype == dtype
    assert x[0].dtype == dtype


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.int32, np.float16])
def test_other_dtypes_keep_their_values(dtype):
    data = np.arange(6).reshape(2, 3).astype(dtype)
    x = Variable(data)
    np.testing.assert_array_equal(x.data, data)
    assert (x * 1.0).data.tolist() == data.tolist()


@pytest.mark.parametrize(
    "data",
    [
        np.arange(6.0).reshape(2, 3).T,
        np.arange(12.0)[::2],
        np.arange(12.0).reshape(3, 4)[:, ::-1],
        np.broadcast_to(np.float32(2.0), (3, 2)),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(3.0).astype(">f8"),
        np.zeros((0, 3)),
        np.array(5.0),
        np.frombuffer(bytes(range(16)), dtype=np.int64),
        np.frombuffer(b"\0" + bytes(16), dtype=np.uint8)[1:].view(np.float64),
    ],
    ids=lambda a: f"{a.dtype.str}{a.shape}{a.strides}",
)
def test_any_layout(data):
    x = Variable(data)
    np.testing.assert_array_equal(x.data, data)
    np.testing.assert_array_equal((x + x).data, data + data)
    assert x.shape == data.shape and x.ndim == data.ndim and x.size == data.size


def test_writes_through_data_take_effect():
    x = Variable(np.array([1.0, 2.0, 3.0]))
    x.data[...] = 5.0
    assert (x * 2).data.tolist() == [10, 10, 10]
    x.data[1] = 0.0
    x.data *= 3
    x.data -= 1
    assert x.data.tolist() == [14, -1, 14]
    assert (x + 0).data.tolist() == [14, -1, 14]
    view = x.data[:2]
    view[0] = 7
    assert x.data[0] == 7 and (x * 1).data[0] == 7
    np.add(x.data, 1, out=x.data)
    assert (x * 1).data.tolist() == [8, 0, 15]
    kept = x.data
    y = x * 2
    kept[0] = 100
    assert x.data[0] == 100 and (x * 1).data[0] == 100
    assert y.data[0] == 16


def test_writes_to_data_without_axes():
    x = Variable(np.array(1.0))
    x.data += 1
    assert float(x.data) == 2.0
    x.data[...] = 9.0
    assert (x + 1).data == 10.0
    x.data[()] = 4.0
    assert (x + 1).data == 5.0


def test_a_later_write_does_not_change_results():
    a = np.array([1.0, 2.0])
    x = Variable(a)
    y = x * 2
    z = x.reshape(2, 1)
    a[0] = 50.0
    assert y.data.tolist() == [2, 4]
    y.backward()
    assert x.grad.data.tolist() == [2, 2]
    y.data[0] = -1
    assert x.data[1] == 2.0
    w = F.exp(Variable(np.zeros(3)))
    w.data[0] = 10.0
    assert w.data[0] == 10.0
    assert z.data.shape == (2, 1)


def test_assigning_data():
    x = Variable(np.array([1.0, 2.0]))
    x.data = np.ones((2, 2), np.float32)
    assert x.shape == (2, 2) and x.dtype == np.float32
    p = Parameter(None)
    assert p.data is None
    p.data = np.arange(3.0)
    assert p.data.tolist() == [0, 1, 2] and isinstance(p, Parameter)
    x.data = None
    assert x.data is None and repr(x) == "variable(None)"


def test_same_array_comes_back():
    x = Variable(np.array([1.0, 2.0]))
    assert x.data is x.data
    y = x * 3
    first, second = y.data, y.data
    assert np.shares_memory(first, second)


def test_grad_is_a_variable_that_can_be_changed():
    x = Variable(np.array([1.0, 2.0]))
    assert x.grad is None
    (x * x).backward()
    assert isinstance(x.grad, Variable)
    assert x.grad is x.grad
    x.grad.data *= 10
    assert x.grad.data.tolist() == [20, 40]
    x.grad = Variable(np.array([1.0, 1.0]))
    assert x.grad.data.tolist() == [1, 1]
    x.grad = None
    assert x.grad is None
    (x * x).backward()
    (x * x).backward()
    assert x.grad.data.tolist() == [4, 8]
    x.cleargrad()
    assert x.grad is None


def test_a_gradient_given_from_outside():
    x = Variable(np.array([1.0, 2.0]))
    y = x * 3
    y.grad = Variable(np.array([10.0, 100.0]))
    y.backward()
    assert x.grad.data.tolist() == [30, 300]


def test_repr():
    assert repr(Variable(np.array([[1, 2, 3], [4, 5, 6]]))) == "variable([[1 2 3]\n          [4 5 6]])"
    assert str(Variable(np.array(1.0))) == "variable(1.0)"
    assert repr(Parameter(np.array([1.5]))) == "variable([1.5])"
    with np.printoptions(precision=2):
        assert repr(Variable(np.array([1 / 3]))) == "variable([0.33])"


def test_operators_on_either_side():
    x = Variable(np.array([2.0, 4.0]))
    a = np.array([8.0, 16.0])
    for y, expected in [
        (x + a, [10, 20]),
        (a + x, [10, 20]),
        (x - a, [-6, -12]),
        (a - x, [6, 12]),
        (x * a, [16, 64]),
        (a * x, [16, 64]),
        (x / a, [0.25, 0.25]),
        (a / x, [4, 4]),
        (x + 1, [3, 5]),
        (1 + x, [3, 5]),
        (x - 1, [1, 3]),
        (1 - x, [-1, -3]),
        (2 * x, [4, 8]),
        (x / 2, [1, 2]),
        (8 / x, [4, 2]),
        (x**2, [4, 16]),
        (-x, [-2, -4]),
        (np.array(2.0) * x, [4, 8]),
        (np.float64(2) * x, [4, 8]),
        (np.float32(1) + x, [3, 5]),
        (np.int64(3) - x, [1, -1]),
        (True + x, [3, 5]),
    ]:
        assert isinstance(y, Variable), y
        assert y.data.tolist() == expected
    with pytest.raises(TypeError):
        x + [1, 2]
    with pytest.raises(TypeError):
        x * "2"
    with pytest.raises((TypeError, AttributeError)):
        x + None


def test_in_place_operators_make_new_variables():
    x = Variable(np.array([1.0]))
    y = x
    y += 1
    assert x.data.tolist() == [1] and y.data.tolist() == [2]
    loss = 0
    for _ in range(3):
        loss += y * 2
    loss.backward()
    assert x.grad.data.tolist() == [6]


def test_weak_numbers_keep_float32():
    x = Variable(np.ones(3, np.float32))
    for y in (
        x * 2,
        x * 2.5,
        1 / x,
        x - 1,
        x**2,
        x**0.5,
        x + np.float32(1),
        F.sigmoid(x),
        F.sum(x),
        F.dropout(x),
        F.softmax(x.reshape(1, 3)),
    ):
        assert y.dtype == np.float32, y
    (F.sum(x * 2.5)).backward()
    assert x.grad.dtype == np.float32


def test_comparison_and_hash():
    x, y = Variable(np.ones(2)), Variable(np.ones(2))
    assert x == x and x != y
    assert len({x, y, x}) == 2
    assert x in [y, x]


def test_length_and_iteration():
    x = Variable(np.arange(6.0).reshape(3, 2))
    assert len(x) == 3
    assert [v.data.tolist() for v in x] == [[0, 1], [2, 3], [4, 5]]
    with pytest.raises(TypeError):
        len(Variable(np.array(1.0)))
    with pytest.raises(IndexError):
        x[3]


def test_names():
    x = Variable(np.ones(1), name="x")
    assert x.name == "x"
    x.name = "other"
    assert x.name == "other"
    assert Variable(np.ones(1)).name is None
    assert dezero.layers.Linear(2).W.name == "W"


def test_attributes_of_ones_own():
    x = Variable(np.ones(1))
    x.note = "seen"
    assert x.note == "seen"

    class Mine(Variable):
        pass

    m = Mine(np.ones(2))
    assert isinstance(m * 2, Variable) and not isinstance(m * 2, Mine)
    assert isinstance(m, Mine)


def test_methods_can_be_added_to_the_class():
    Variable.twice = lambda self: self * 2
    try:
        assert Variable(np.ones(1)).twice().data.tolist() == [2]
    finally:
        del Variable.twice


def test_methods_can_be_replaced():
    original = Variable.__add__
    try:
        Variable.__add__ = lambda a, b: "replaced"
        assert Variable(np.ones(1)) + 1 == "replaced"
    finally:
        Variable.__add__ = original
    assert (Variable(np.ones(1)) + 1).data.tolist() == [2]


def test_creator_and_generation():
    x = Variable(np.array(1.0))
    y = F.sin(x)
    z = y * x
    assert x.creator is None and x.generation == 0
    assert isinstance(y.creator, Function) and isinstance(y.creator, F.Sin) and type(z.creator).__name__ == "Mul"
    assert y.generation == 1 and z.generation == 2 and z.creator.generation == 1
    assert z.creator is z.creator
    assert z.creator.inputs[0] is y and z.creator.inputs[1] is x
    assert z.creator.outputs[0]() is z
    assert isinstance(z.creator.outputs[0], weakref.ref)
    assert y.creator.inputs[0] is x
    with no_grad():
        w = F.sin(x)
    assert w.creator is None and w.generation == 0


def test_a_constant_on_the_left_is_the_second_input():
    """As in the original, whose graphs programs walk: `2 * x` has the inputs x and 2, `2 - x` 2 and x."""
    x = Variable(np.array(3.0))
    for y, second in ((2 * x, 2), (2 + x, 2), (np.array(2.0) * x, 2)):
        assert y.creator.inputs[0] is x and float(y.creator.inputs[1].data) == second
    for y in (2 - x, 2 / x):
        assert float(y.creator.inputs[0].data) == 2 and y.creator.inputs[1] is x


def test_functions_as_objects():
    f = F.Sin()
    y = f(np.array([0.5]))
    assert y.creator is f and f.outputs[0]() is y and f.generation == 0
    assert np.allclose(f.forward(np.array([0.5])), np.sin(0.5))
    assert F.Softmax(1)(np.ones((1, 2))).data.tolist() == [[0.5, 0.5]]
    assert F.Linear()(np.ones((1, 2)), np.ones((2, 3)), None).shape == (1, 3)


def test_an_output_lives_as_long_as_it_is_held():
    x = Variable(np.ones(3))
    y = F.exp(x)
    f = y.creator
    watch = weakref.ref(y)
    assert f.outputs[0]() is y
    del y
    gc.collect()
    assert watch() is None and f.outputs[0]() is None


def test_graph_goes_when_its_end_goes():
    x = Variable(np.ones(3))
    y = F.sin(x)
    y.name = "y"
    z = F.sin(y)
    del y
    gc.disable()
    try:
        # The graph holds values and places, not variables: what nobody holds comes back as it was.
        y = z.creator.inputs[0]
        assert y.name == "y" and np.allclose(y.data, np.sin(1)) and y.creator.inputs[0] is x
        watch = weakref.ref(y.creator)
        del y, z
        assert watch() is None, "no cycle: reference counting alone frees the graph"
    finally:
        gc.enable()


def test_retain_grad():
    x = Variable(np.array(2.0))
    y = x * x
    z = y + 1
    z.backward()
    assert y.grad is None and z.grad is None and float(x.grad.data) == 4.0
    x.cleargrad()
    z.backward(retain_grad=True)
    assert float(y.grad.data) == 1.0 and float(z.grad.data) == 1.0
    z.backward(True, False)


def test_create_graph():
    x = Variable(np.array(2.0))
    y = x**3
    y.backward()
    assert x.grad.creator is None
    x.cleargrad()
    y.backward(create_graph=True)
    g = x.grad
    assert g.creator is not None
    x.cleargrad()
    g.backward(create_graph=True)
    gg = x.grad
    x.cleargrad()
    gg.backward()
    assert (float(g.data), float(gg.data), float(x.grad.data)) == (12, 12, 6)


def test_unchain():
    x = Variable(np.array(2.0))
    y = x * x
    z = y * 3
    y.unchain()
    z.backward()
    assert y.creator is None and float(y.grad.data) == 3 and x.grad is None
    a = x * 2
    b = a * 2
    c = b * 2
    c.unchain_backward()
    c.backward()
    assert b.creator is None and a.grad is None and x.grad is None and float(b.grad.data) == 2


def test_config():
    assert dezero.Config.enable_backprop is True and dezero.Config.train is True
    with no_grad():
        assert dezero.Config.enable_backprop is False
        with using_config("enable_backprop", True):
            assert F.sin(Variable(np.ones(1))).creator is not None
        assert F.sin(Variable(np.ones(1))).creator is None
    with pytest.raises(ZeroDivisionError), test_mode():
        assert dezero.Config.train is False
        1 / 0
    assert dezero.Config.train is True
    dezero.Config.train = False
    try:
        assert F.dropout(np.ones(3)).data.tolist() == [1, 1, 1]
    finally:
        dezero.Config.train = True
    dezero.Config.enable_backprop = False
    try:
        assert F.sin(Variable(np.ones(1))).creator is None
    finally:
        dezero.Config.enable_backprop = True
    with pytest.raises(AttributeError):
        with using_config("no_such_setting", 1):
            pass


def test_as_array_and_as_variable():
    assert isinstance(as_array(1.0), np.ndarray) and as_array(1.0).shape == ()
    assert isinstance(as_array(np.float32(1)), np.ndarray) and as_array(np.float32(1)).dtype == np.float32
    a = np.ones(2)
    assert as_array(a) is a
    v = as_variable(a)
    assert as_variable(v) is v
    with pytest.raises(TypeError):
        as_variable([1])


class Sum3(Function):
    def forward(self, a, b, c):
        return a + b + c

    def backward(self, gy):
        return gy, gy, gy


class SplitSign(Function):
    def forward(self, x):
        return np.maximum(x, 0), np.minimum(x, 0)

    def backward(self, gp, gn):
        (x,) = self.inputs
        self.seen = gp, gn
        gx = None
        for g, mask in ((gp, x.data > 0), (gn, x.data <= 0)):
            if g is not None:
                gx = g * mask if gx is None else gx + g * mask
        return gx


def test_own_functions_of_several_inputs_and_outputs():
    a, b, c = (Variable(np.array([v])) for v in (1.0, 2.0, 3.0))
    Sum3()(a, b, c).backward()
    assert [v.grad.data.tolist() for v in (a, b, c)] == [[1], [1], [1]]

    x = Variable(np.array([-1.0, 2.0]))
    p, n = SplitSign()(x)
    assert p.data.tolist() == [0, 2] and n.data.tolist() == [-1, 0]
    (p * 2 + n * 3).backward()
    assert x.grad.data.tolist() == [3, 2]
    assert p.creator is n.creator and p.creator.outputs[1]() is n


def test_own_function_with_an_output_that_nobody_kept():
    x = Variable(np.array([-1.0, 2.0]))
    p = SplitSign()(x)[0]
    gc.collect()
    (p * 2).backward()
    assert x.grad.data.tolist() == [0, 2]
    assert p.creator.seen[1] is None or not p.creator.seen[1].data.any()


def test_own_functions_that_return_numbers_and_none():
    class Mean(Function):
        def forward(self, x):
            return x.mean()

        def backward(self, gy):
            (x,) = self.inputs
            return F.broadcast_to(gy / x.size, x.shape)

    x = Variable(np.arange(4.0))
    y = Mean()(x)
    assert y.shape == () and float(y.data) == 1.5
    y.backward()
    assert x.grad.data.tolist() == [0.25] * 4

    class First(Function):
        def forward(self, x, t):
            return x * t

        def backward(self, gy):
            return gy * self.inputs[1], None

    x, t = Variable(np.ones(2)), Variable(np.full(2, 3.0))
    First()(x, t).backward()
    assert x.grad.data.tolist() == [3, 3] and t.grad is None


def test_errors_in_own_functions_pass_through():
    class Broken(Function):
        def forward(self, x):
            raise KeyError("in forward")

    class BrokenBack(Function):
        def forward(self, x):
            return x

        def backward(self, gy):
            raise KeyError("in backward")

    x = Variable(np.ones(1))
    with pytest.raises(KeyError, match="in forward"):
        Broken()(x)
    y = BrokenBack()(x * 2) + 1
    with pytest.raises(KeyError, match="in backward"):
        y.backward()
    with pytest.raises(NotImplementedError):
        Function()(x)
    assert dezero.Config.enable_backprop is True
    (x * 2).backward()
    assert x.grad.data.tolist() == [2]


def test_own_functions_to_higher_order_among_built_in_ones():
    class Square(Function):
        def forward(self, x):
            return x**2

        def backward(self, gy):
            return 2 * self.inputs[0] * gy

    x = Variable(np.array(0.7))
    y = F.sin(Square()(F.exp(x)))
    y.backward(create_graph=True)
    values = []
    for _ in range(3):
        g = x.grad
        values.append(float(g.data))
        x.cleargrad()
        g.backward(create_graph=True)
    z = Variable(np.array(0.7))
    y = F.sin(F.exp(z) ** 2)
    y.backward(create_graph=True)
    for value in values:
        g = z.grad
        assert value == pytest.approx(float(g.data), rel=1e-12)
        z.cleargrad()
        g.backward(create_graph=True)


def test_dead_ends_are_told():
    with pytest.raises((AttributeError, ValueError, RuntimeError, TypeError)):
        Variable(None).backward()
    x = Variable(np.array(1.0))
    x.backward()  # a variable that nothing computed: its own gradient is one
    assert float(x.grad.data) == 1.0
