"""Golden numbers of the element-wise operations and activations, by PyTorch in float64."""

import numpy as np
import torch
import torch.nn.functional as F

from cases import Cases

c = Cases("elementwise", seed=11)

# Arithmetic, equal shapes and broadcast ones.
a, b = c.draw(3, 4), c.draw(3, 4, low=0.5, high=3)
c.case("add", lambda x0, x1: x0 + x1, order=1, x0=a, x1=b)
c.case("sub", lambda x0, x1: x0 - x1, order=1, x0=a, x1=b)
c.case("mul", lambda x0, x1: x0 * x1, x0=a, x1=b)
c.case("div", lambda x0, x1: x0 / x1, x0=a, x1=b)
c.case("add_broadcast", lambda x0, x1: x0 + x1, order=1, x0=c.draw(2, 1, 3), x1=c.draw(4, 1))
c.case("mul_broadcast", lambda x0, x1: x0 * x1, x0=c.draw(2, 1, 3), x1=c.draw(4, 1))
c.case("div_broadcast", lambda x0, x1: x0 / x1, x0=c.draw(3), x1=c.draw(2, 1, low=0.5, high=3))
c.case("neg", lambda x: -x, order=1, x=c.draw(2, 3))

for p in (-1.5, -1.0, 0.5, 2.0, 3.0):
    x = c.draw(2, 3) if p in (-1.0, 2.0, 3.0) else c.draw(2, 3, low=0.25, high=3)
    c.case(f"pow_{p}", lambda x: x**p, settings={"p": p}, x=x)
# At zero the derivatives of x**2 and x**1 are finite: 0 * inf must not appear.
c.case("pow_2_at_zero", lambda x: x**2, settings={"p": 2.0}, x=[0.0, -0.0, 1.0])
c.case("pow_variable_exponent", lambda x, p: x**p, x=c.draw(2, 3, low=0.25, high=3), p=c.draw(2, 3))

wide = np.concatenate([c.draw(3, 4, low=-5, high=5).ravel(), [-0.03125, 0.0078125]]).reshape(2, 7)
positive = np.concatenate([c.draw(10, low=0.01, high=4), [1.0, 1e-6]]).reshape(3, 4)
c.case("exp", torch.exp, x=wide)
c.case("log", torch.log, x=positive[:, :3])
c.case("sqrt", torch.sqrt, x=c.draw(3, 4, low=0.05, high=4))
c.case("sin", torch.sin, x=wide)
c.case("cos", torch.cos, x=wide)
c.case("sin_large", torch.sin, x=[[100.0, -1234.5, 31415.9265, 2.0**31]])
c.case("cos_large", torch.cos, x=[[100.0, -1234.5, 31415.9265, 2.0**31]])
c.case("tan", torch.tan, x=c.draw(3, 4, low=-1.4, high=1.4))
c.case("tanh", torch.tanh, x=wide)
c.case("abs", torch.abs, order=1, x=wide)
c.case("maximum", lambda x0, x1: torch.maximum(x0, x1), order=1, x0=a, x1=a[::-1, ::-1].copy() + 1 / 256)
c.case("minimum", lambda x0, x1: torch.minimum(x0, x1), order=1, x0=a, x1=a[::-1, ::-1].copy() + 1 / 256)
c.case("maximum_broadcast", lambda x0, x1: torch.maximum(x0, x1), order=1, x0=c.draw(2, 3), x1=c.draw(3) + 1 / 256)
c.case("clip", lambda x: torch.clamp(x, -1.0, 1.5), order=1, settings={"min": -1.0, "max": 1.5}, x=wide)
c.case("where", lambda mask, x0, x1: torch.where(mask, x0, x1), order=1, fixed={"mask": a > 0.2}, x0=a, x1=b)
c.case(
    "where_broadcast",
    lambda mask, x0, x1: torch.where(mask, x0, x1),
    order=1,
    fixed={"mask": np.array([[True], [False], [True]])},
    x0=c.draw(4),
    x1=c.draw(3, 4),
)

c.case("sigmoid", torch.sigmoid, x=wide)
c.case("relu", torch.relu, order=1, x=wide)
c.case("leaky_relu", lambda x: F.leaky_relu(x, 0.2), order=1, settings={"slope": 0.2}, x=wide)
c.case("elu", lambda x: F.elu(x, 1.0), settings={"alpha": 1.0}, x=wide)
c.case("elu_alpha", lambda x: F.elu(x, 0.7), settings={"alpha": 0.7}, x=wide)
# PyTorch's own softplus turns linear beyond 20, and its logaddexp has NaN for a second derivative far out.
softplus = lambda x: torch.relu(x) + torch.log1p(torch.exp(-torch.abs(x)))
c.case("softplus", softplus, x=wide)
c.case("gelu_erf", lambda x: F.gelu(x), x=wide)
c.case("gelu_tanh", lambda x: F.gelu(x, approximate="tanh"), x=wide)
c.case("silu", lambda x: F.silu(x), x=wide)
for axis in (0, 1):
    c.case(f"softmax_axis{axis}", lambda x: F.softmax(x, axis), settings={"axis": axis}, x=c.draw(2, 3, 2))
    c.case(f"log_softmax_axis{axis}", lambda x: F.log_softmax(x, axis), settings={"axis": axis}, x=c.draw(2, 3, 2))

# Where a naive formula overflows: every value and derivative here is finite.
far = np.array([-800.0, -100.0, -40.0, 40.0, 100.0, 800.0])
c.case("sigmoid_far", torch.sigmoid, x=far)
c.case("tanh_far", torch.tanh, x=far)
c.case("softplus_far", softplus, x=far)
c.case("silu_far", lambda x: F.silu(x), x=far)
c.case("gelu_erf_far", lambda x: F.gelu(x), x=far)
c.case("gelu_tanh_far", lambda x: F.gelu(x, approximate="tanh"), x=far)
c.case("elu_far", lambda x: F.elu(x, 1.0), settings={"alpha": 1.0}, x=far)
c.case("softmax_far", lambda x: F.softmax(x, 1), settings={"axis": 1}, x=far.reshape(2, 3))
c.case("log_softmax_far", lambda x: F.log_softmax(x, 1), settings={"axis": 1}, x=far.reshape(2, 3))

# At a kink or a tie the gradient is a convention; these are PyTorch's.
c.case("relu_at_zero", torch.relu, order=1, x=[-1.0, 0.0, 1.0])
c.case("abs_at_zero", torch.abs, order=1, x=[-1.0, 0.0, 1.0])
c.case("leaky_relu_at_zero", lambda x: F.leaky_relu(x, 0.2), order=1, settings={"slope": 0.2}, x=[-1.0, 0.0, 1.0])
c.case("maximum_tie", lambda x0, x1: torch.maximum(x0, x1), order=1, x0=[1.0, 2.0], x1=[1.0, 3.0])

c.write()
