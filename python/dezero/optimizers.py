"""Optimizers, which update parameters by their gradients, and hooks that change gradients before."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from dezero import _dezero
from dezero.core import Parameter, Variable

__all__ = [
    "AdaDelta",
    "AdaGrad",
    "Adam",
    "ClipGrad",
    "FreezeParam",
    "MomentumSGD",
    "Optimizer",
    "SGD",
    "WeightDecay",
]


class Optimizer:
    """What updates the parameters of a target; `update_one` says how."""

    def __init__(self) -> None:
        self.target: Any = None
        self.hooks: list[Callable[[list[Parameter]], Any]] = []

    def setup(self, target: Any) -> Any:
        """Takes the layer or model whose parameters are to be updated; gives itself back."""
        self.target = target
        return self

    def update(self) -> None:
        """Updates each parameter that has a gradient, after the hooks."""
        params = [p for p in self.target.params() if p.has_grad]
        for hook in self.hooks:
            hook(params)
        for param in params:
            # A hook may have taken the gradient away.
            if param.has_grad:
                self.update_one(param)

    def update_one(self, param: Parameter) -> None:
        """Updates one parameter; optimizers define it."""
        raise NotImplementedError()

    def add_hook(self, f: Callable[..., Any]) -> None:
        """Calls `f(params)` before each update."""
        self.hooks.append(f)


class WeightDecay:
    """Adds `rate` times each parameter to its gradient."""

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def __call__(self, params: Iterable[Parameter]) -> None:
        for param in params:
            _dezero.decay_step(param, self.rate)


class ClipGrad:
    """Scales all gradients down to a common norm of `max_norm` where it is larger."""

    def __init__(self, max_norm: float) -> None:
        self.max_norm = max_norm

    def __call__(self, params: Iterable[Parameter]) -> None:
        norm = math.sqrt(sum(_dezero.squared_norm(param.grad) for param in params))
        rate = self.max_norm / (norm + 1e-6)
        if rate < 1:
            for param in params:
                _dezero.scale_step(param.grad, rate)


class FreezeParam:
    """Takes the gradients of parameters, or of all parameters of layers, away."""

    def __init__(self, *layers: Any) -> None:
        self.freeze_params = []
        for layer in layers:
            if isinstance(layer, Parameter):
                self.freeze_params.append(layer)
            else:
                self.freeze_params.extend(layer.params())

    def __call__(self, params: Iterable[Parameter]) -> None:
        for param in self.freeze_params:
            param.cleargrad()


class SGD(Optimizer):
    """x -= lr * grad"""

    def __init__(self, lr: float = 0.01) -> None:
        super().__init__()
        self.lr = lr

    def update_one(self, param: Parameter) -> None:
        _dezero.sgd_step(param, self.lr)


class MomentumSGD(Optimizer):
    """v = momentum * v - lr * grad, x += v"""

    def __init__(self, lr: float = 0.01, momentum: float = 0.9) -> None:
        super().__init__()
        self.lr = lr
        self.momentum = momentum
        self.vs: dict[int, Variable] = {}

    def update_one(self, param: Parameter) -> None:
        v = self.vs.get(id(param))
        if v is None:
            v = self.vs[id(param)] = _dezero.zeros_like(param)
        _dezero.momentum_step(param, v, self.lr, self.momentum)


class AdaGrad(Optimizer):
    """h += grad², x -= lr * grad / (√h + eps)"""

    def __init__(self, lr: float = 0.001, eps: float = 1e-8) -> None:
        super().__init__()
        self.lr = lr
        self.eps = eps
        self.hs: dict[int, Variable] = {}

    def update_one(self, param: Parameter) -> None:
        h = self.hs.get(id(param))
        if h is None:
            h = self.hs[id(param)] = _dezero.zeros_like(param)
        _dezero.adagrad_step(param, h, self.lr, self.eps)


class AdaDelta(Optimizer):
    """Steps by the ratio of running means of squared steps and gradients."""

    def __init__(self, rho: float = 0.95, eps: float = 1e-6) -> None:
        super().__init__()
        self.rho = rho
        self.eps = eps
        self.msg: dict[int, Variable] = {}
        self.msdx: dict[int, Variable] = {}

    def update_one(self, param: Parameter) -> None:
        key = id(param)
        if key not in self.msg:
            self.msg[key] = _dezero.zeros_like(param)
            self.msdx[key] = _dezero.zeros_like(param)
        _dezero.adadelta_step(param, self.msg[key], self.msdx[key], self.rho, self.eps)


class Adam(Optimizer):
    """Steps by running means of gradients, over the root of those of their squares."""

    def __init__(self, alpha: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8) -> None:
        super().__init__()
        self.t = 0
        self.alpha = alpha
        self.beta1 = beta1
        self.beta2 = beta2
        self.eps = eps
        self.ms: dict[int, Variable] = {}
        self.vs: dict[int, Variable] = {}

    def update(self, *args: Any, **kwargs: Any) -> None:
        self.t += 1
        super().update(*args, **kwargs)

    @property
    def lr(self) -> float:
        """alpha, corrected for the means having started from zero."""
        rest1 = 1.0 - math.pow(self.beta1, self.t)
        rest2 = 1.0 - math.pow(self.beta2, self.t)
        return self.alpha * math.sqrt(rest2) / rest1

    def update_one(self, param: Parameter) -> None:
        key = id(param)
        if key not in self.ms:
            self.ms[key] = _dezero.zeros_like(param)
            self.vs[key] = _dezero.zeros_like(param)
        _dezero.adam_step(
            param, self.ms[key], self.vs[key], self.lr, self.beta1, self.beta2, self.eps
        )
