"""Classes that stand for the engine's functions, under the names that the original gives them."""

from __future__ import annotations

import inspect

from dezero._dezero import Function, Variable, is_recording, set_enable_backprop

__all__ = ["EngineFunction", "engine_function"]

#: Classes by the engine's name of the function.
_classes: dict[str, type] = {}

#: What is not defined by a program.
_engine_methods: set = set()


class EngineFunction(Function):
    """A function of the engine.

    The creators of variables that the engine computed are instances; and an instance that was made by hand can be
    called as one of a function that is written in Python.
    """

    _function = None

    def __call__(self, *inputs):
        if self._function is None:
            raise NotImplementedError(f"{type(self).__name__} is a part of derivatives")
        if type(self).forward not in _engine_methods or type(self).backward not in _engine_methods:
            # A class derived from this one does something of its own.
            return super().__call__(*inputs)
        y = self._apply(inputs)
        self._stand_for(y)
        return y

    def _apply(self, inputs):
        return self._function(*inputs, **self._settings())

    def _settings(self):
        return {}

    def forward(self, *xs):
        """NumPy arrays from NumPy arrays."""
        records = is_recording()
        set_enable_backprop(False)
        try:
            inputs = (None if x is None else Variable(x) for x in xs)
            return type(self)._function(*inputs, **self._settings()).data
        finally:
            set_enable_backprop(records)

    def backward(self, *gys):
        """Gradients of the inputs, from those of the outputs."""
        return self._engine_backward(*gys)


def _parameters(names, defaults=()):
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(name, kind) for name in ("self", *names.split())]
    for name, default in defaults:
        parameters.append(inspect.Parameter(name, kind, default=default))
    return inspect.Signature(parameters)


def engine_function(
    name, engine_name, function, inputs, *, base=EngineFunction, required="", doc="", gys="gy", **settings
):
    """The class `name` of what `function` computes from `inputs`.

    `required` and `settings` are the arguments of its instances, which become attributes and keyword arguments of
    `function`.
    """
    signature = _parameters(required, settings.items())
    names = tuple(signature.parameters)[1:]

    def __init__(self, *args, **kwargs):
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        for setting in names:
            setattr(self, setting, bound.arguments[setting])

    def _settings(self):
        return {setting: getattr(self, setting) for setting in names}

    def forward(self, *xs):
        return EngineFunction.forward(self, *xs)

    def backward(self, *grads):
        return self._engine_backward(*grads)

    forward.__doc__, backward.__doc__ = EngineFunction.forward.__doc__, EngineFunction.backward.__doc__
    forward.__signature__, backward.__signature__ = _parameters(inputs), _parameters(gys)
    _engine_methods.update((forward, backward))
    members = {
        "__doc__": doc or (function.__doc__ if function else f"A part of derivatives: {engine_name}."),
        "forward": forward,
        "backward": backward,
        "_function": function and staticmethod(function),
    }
    if names:
        __init__.__signature__ = signature
        members |= {"__init__": __init__, "_settings": _settings}
    cls = type(name, (base,), members)
    cls.__module__ = inspect.currentframe().f_back.f_globals["__name__"]
    _classes.setdefault(engine_name, cls)
    return cls


def class_of(engine_name):
    """The class of the engine's function of this name."""
    cls = _classes.get(engine_name)
    if cls is None:
        name = "".join(part.capitalize() for part in engine_name.split("_"))
        cls = _classes[engine_name] = type(name, (EngineFunction,), {"__module__": "dezero.functions"})
    return cls
