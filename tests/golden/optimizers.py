"""Golden trajectories of the optimizers: PyTorch's own, and DeZero's own where DeZero has the optimizer.

The problem: minimise f(x) = sum(a * (x - b)^2) / 2 + sum(sin(x)) from `problem/x0`; its gradient is
a * (x - b) + cos(x). `case/torch` and `case/dezero` hold x after each of 5 steps, shape (5, 2, 3).

Where the two differ:
- momentum: DeZero keeps v = m v - lr g and adds it; PyTorch keeps v = m v + g and subtracts lr v. The same
  numbers while lr is constant.
- Adam: DeZero's step is lr sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + eps), eps added before the bias
  correction, as in the first version of the paper; PyTorch adds it after: m^ / (sqrt(v^) + eps). `adam_large_eps`
  makes the difference visible.
- AdaGrad: the same formula, eps beside the root; DeZero's default eps is 1e-8, PyTorch's 1e-10, lr 0.001 and 0.01.
- AdaDelta: DeZero's takes sqrt((d + eps) / (g + eps)) and has no lr (it is 1); rho is 0.95 by default, PyTorch's
  0.9. The same numbers for equal settings.
- ClipGrad: both scale by max_norm / (norm + 1e-6) where that is below 1.
- RMSprop, Nesterov and AdamW: PyTorch only.
"""

import types

import numpy as np
import torch

np.int = int  # the DeZero on PyPI was written for NumPy 1
import dezero  # noqa: E402
import dezero.optimizers  # noqa: E402

from cases import Cases

c = Cases("optimizers", seed=14)
a, b, x0 = c.draw(2, 3, low=0.25, high=2), c.draw(2, 3), c.draw(2, 3)
c.store("problem/a", a)
c.store("problem/b", b)
c.store("problem/x0", x0)
STEPS = 5


def torch_trajectory(make, before_step=None):
    x = torch.tensor(x0, requires_grad=True)
    optimizer = make([x])
    rows = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = (torch.tensor(a) * (x - torch.tensor(b)) ** 2).sum() / 2 + torch.sin(x).sum()
        loss.backward()
        if before_step:
            before_step([x])
        optimizer.step()
        rows.append(x.detach().numpy().copy())
    return np.stack(rows)


def dezero_trajectory(optimizer, *hooks):
    x = dezero.Parameter(x0.copy())
    optimizer.setup(types.SimpleNamespace(params=lambda: [x]))
    for hook in hooks:
        optimizer.add_hook(hook)
    rows = []
    for _ in range(STEPS):
        x.cleargrad()
        loss = dezero.functions.sum(a * (x - b) ** 2) / 2 + dezero.functions.sum(dezero.functions.sin(x))
        loss.backward()
        optimizer.update()
        rows.append(x.data.copy())
    return np.stack(rows)


def record(name, make, original=None, hooks=(), before_step=None, **settings):
    for k, v in settings.items():
        c.store(f"{name}/{k}", np.float64(v))
    c.store(f"{name}/torch", torch_trajectory(make, before_step))
    if original:
        c.store(f"{name}/dezero", dezero_trajectory(original, *hooks))


t, d = torch.optim, dezero.optimizers
record("sgd", lambda p: t.SGD(p, 0.1), d.SGD(0.1), lr=0.1)
record("momentum", lambda p: t.SGD(p, 0.1, momentum=0.9), d.MomentumSGD(0.1, 0.9), lr=0.1, momentum=0.9)
record("nesterov", lambda p: t.SGD(p, 0.1, momentum=0.9, nesterov=True), lr=0.1, momentum=0.9)
record("adagrad", lambda p: t.Adagrad(p, 0.1, eps=1e-8), d.AdaGrad(0.1, 1e-8), lr=0.1, eps=1e-8)
record("adadelta", lambda p: t.Adadelta(p, 1.0, rho=0.95, eps=1e-6), d.AdaDelta(0.95, 1e-6), rho=0.95, eps=1e-6, lr=1.0)
record("rmsprop", lambda p: t.RMSprop(p, 0.05, alpha=0.99, eps=1e-8), lr=0.05, alpha=0.99, eps=1e-8)
record("rmsprop_momentum", lambda p: t.RMSprop(p, 0.05, alpha=0.9, eps=1e-8, momentum=0.5), lr=0.05, alpha=0.9, eps=1e-8, momentum=0.5)
record("rmsprop_centered", lambda p: t.RMSprop(p, 0.05, alpha=0.9, eps=1e-8, centered=True), lr=0.05, alpha=0.9, eps=1e-8)
record("adam", lambda p: t.Adam(p, 0.1, (0.9, 0.999), 1e-8), d.Adam(0.1, 0.9, 0.999, 1e-8), lr=0.1, beta1=0.9, beta2=0.999, eps=1e-8)
record("adam_large_eps", lambda p: t.Adam(p, 0.1, (0.8, 0.95), 0.1), d.Adam(0.1, 0.8, 0.95, 0.1), lr=0.1, beta1=0.8, beta2=0.95, eps=0.1)
record("adamw", lambda p: t.AdamW(p, 0.1, (0.9, 0.999), 1e-8, weight_decay=0.05), lr=0.1, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.05)

# Hooks. Weight decay as a hook is the L2 term g + rate * x, which is also PyTorch's weight_decay of SGD and Adam.
record("sgd_weight_decay", lambda p: t.SGD(p, 0.1, weight_decay=0.05), d.SGD(0.1), [d.WeightDecay(0.05)], lr=0.1, weight_decay=0.05)
record(
    "sgd_clip_grad",
    lambda p: t.SGD(p, 0.1),
    d.SGD(0.1),
    [d.ClipGrad(0.5)],
    before_step=lambda p: torch.nn.utils.clip_grad_norm_(p, 0.5),
    lr=0.1,
    max_norm=0.5,
)


# Schedules: `case/lr` holds the learning rate in force during epochs 0 to 11, from a base of 0.1.
def schedule(name, make, **settings):
    optimizer = t.SGD([torch.zeros(1, requires_grad=True)], 0.1)
    scheduler = make(optimizer)
    rates = []
    for _ in range(12):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    for k, v in settings.items():
        c.store(f"{name}/{k}", np.float64(v))
    c.store(f"{name}/lr", np.array(rates))


s = torch.optim.lr_scheduler
schedule("step_schedule", lambda o: s.StepLR(o, 4, 0.5), step_size=4, gamma=0.5)
schedule("exponential_schedule", lambda o: s.ExponentialLR(o, 0.9), gamma=0.9)
schedule("cosine_schedule", lambda o: s.CosineAnnealingLR(o, 10, 0.01), t_max=10, minimum=0.01)
schedule("warmup_schedule", lambda o: s.LinearLR(o, 0.2, 1.0, 5), start_factor=0.2, steps=5)

c.write()
for name in ("sgd", "momentum", "adagrad", "adadelta", "adam", "adam_large_eps", "sgd_weight_decay", "sgd_clip_grad"):
    print(f"  {name}: largest difference between the two {abs(c.entries[name + '/torch'] - c.entries[name + '/dezero']).max():.1e}")
