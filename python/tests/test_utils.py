"""Graph pictures, gradient checks and the arithmetic of shapes."""

import os
import sys

import dezero.functions as F
import numpy as np
import pytest
from conftest import has_dot

from dezero import Variable, utils


def test_graph_of_a_leaf_and_of_quoted_names():
    x = Variable(np.ones(2), 'say "x"\\')
    assert utils.get_dot_graph(x).count("->") == 0
    assert 'label="say \\"x\\"\\\\: (2,) float64"' in utils.get_dot_graph(x)


def test_graph_without_an_output_that_nobody_kept():
    x = Variable(np.ones((2, 3)))
    y = F.sum(F.sin(x) * 2)
    dot = utils.get_dot_graph(y)
    assert dot.count("->") == 7 and dot.count("shape=box") == 3


@pytest.mark.skipif(not has_dot, reason="no Graphviz")
@pytest.mark.parametrize("name", ["graph.png", "with space.svg", "$(touch hacked).pdf", "no_ending"])
def test_plot(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(utils, "cache_dir", str(tmp_path / "cache"))
    y = F.sin(Variable(np.ones(2), "x"))
    utils.plot_dot_graph(y, to_file=name)
    assert os.path.getsize(name) > 100
    assert not os.path.exists("hacked")


def test_plot_without_graphviz(tmp_path, monkeypatch):
    monkeypatch.setattr(utils, "cache_dir", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.warns(UserWarning, match="dot"):
        assert utils.plot_dot_graph(F.sin(Variable(np.ones(2))), to_file=str(tmp_path / "g.png")) is None


@pytest.mark.skipif(not has_dot, reason="no Graphviz")
def test_plot_to_a_place_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setattr(utils, "cache_dir", str(tmp_path))
    with pytest.warns(UserWarning, match="was not drawn"):
        utils.plot_dot_graph(F.sin(Variable(np.ones(2))), to_file=str(tmp_path / "no" / "g.png"))


@pytest.mark.skipif(not has_dot, reason="no Graphviz")
def test_model_plot(tmp_path, monkeypatch):
    from dezero.models import MLP

    monkeypatch.setattr(utils, "cache_dir", str(tmp_path))
    path = tmp_path / "model.png"
    MLP((3, 2)).plot(Variable(np.ones((1, 2), np.float32)), to_file=str(path))
    assert path.stat().st_size > 1000


def test_gradient_check_tells_right_from_wrong(capsys):
    class Wrong(F.Sin):
        def backward(self, gy):
            return gy * 0.5

    x = np.random.RandomState(0).rand(3, 2)
    assert utils.gradient_check(F.sin, x)
    assert utils.gradient_check(F.sin, x.astype(np.float32))
    assert not utils.gradient_check(lambda x: Wrong()(x), x)
    assert "FAILED" in capsys.readouterr().out
    v = Variable(x)
    assert utils.gradient_check(lambda x, c, k=1: F.sum(F.exp(x) ** c * k), v, 2, k=3)
    assert utils.gradient_check(lambda x, c, k=1: F.sum(F.exp(x) ** c * k), v, 2, k=3), (
        "an old gradient does not disturb"
    )


def test_numerical_grad_changes_the_array_and_puts_it_back():
    x = Variable(np.array([1.0, 2.0]))
    before = x.data.copy()
    np.testing.assert_allclose(utils.numerical_grad(lambda _: F.sum(x * x * x), x), [3, 12], rtol=1e-6)
    np.testing.assert_array_equal(x.data, before)
    np.testing.assert_allclose(utils.numerical_grad(lambda a: a**2, np.array(3.0)), 6, rtol=1e-6)


def test_shapes():
    x = np.arange(24.0).reshape(2, 3, 4)
    assert utils.sum_to(x, (3, 1)).tolist() == x.sum((0, 2))[:, None].tolist()
    assert utils.sum_to(x, ()) == x.sum()
    gy = Variable(np.ones((2, 4)))
    assert utils.reshape_sum_backward(gy, (2, 3, 4), 1, False).shape == (2, 1, 4)
    assert utils.reshape_sum_backward(gy, (2, 3, 4), -2, False).shape == (2, 1, 4)
    assert utils.reshape_sum_backward(Variable(np.ones(3)), (2, 3, 4), (0, 2), False).shape == (1, 3, 1)
    assert utils.max_backward_shape(x, -1) == [2, 3, 1] and utils.max_backward_shape(x, (0, 1)) == [1, 1, 4]
    assert utils.max_backward_shape(x, None) == [1, 1, 1]
    assert utils.get_conv_outsize(4, 3, 1, 1) == 4 and utils.get_deconv_outsize(4, 4, 2, 1) == 8
    assert utils.pair(np.int64(3)) == (3, 3)
    for wrong in ((1, 2, 3), 1.5, "x", [1, 2]):
        with pytest.raises(ValueError):
            utils.pair(wrong)


def test_logsumexp():
    x = np.array([[1000.0, 1000.0], [-1000.0, 0.0]])
    np.testing.assert_allclose(utils.logsumexp(x), [[1000 + np.log(2)], [0]])
    assert utils.logsumexp(x.astype(np.float32)).dtype == np.float32
    assert x[0, 0] == 1000


def test_comparing_arrays():
    a = np.array([1.0, 2.0])
    assert utils.array_equal(a, Variable(a)) and not utils.array_equal(a, a[:1]) and not utils.array_equal(a, a + 1e-9)
    assert utils.array_allclose(Variable(a), a + 1e-6) and not utils.array_allclose(a, a + 1e-2)
    assert utils.array_allclose(a, a + 1e-2, atol=0.1)


def test_import_is_light():
    """Nothing of what only some functions need is loaded by the import."""
    import subprocess

    heavy = ["matplotlib", "PIL", "urllib.request", "tarfile", "subprocess", "IPython"]
    code = f"import sys, dezero; print([name for name in {heavy} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    code = code.replace("import sys, dezero", "import sys, numpy")
    assert loaded == subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_no_warnings_at_import():
    import subprocess

    subprocess.run([sys.executable, "-W", "error", "-c", "import dezero"], check=True)
