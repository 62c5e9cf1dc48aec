"""Writes the public interface of the installed package to ``FOLDER/interface.json``: ``interface.py FOLDER``.

Found by looking, not by a list: names of every module, methods, arguments with their defaults, attributes of instances.
"""

import importlib
import inspect
import json
import os
import sys

MODULES = [
    "dezero",
    "dezero.core",
    "dezero.core_simple",
    "dezero.functions",
    "dezero.functions_conv",
    "dezero.layers",
    "dezero.models",
    "dezero.optimizers",
    "dezero.dataloaders",
    "dezero.datasets",
    "dezero.transforms",
    "dezero.utils",
    "dezero.cuda",
]

# Objects whose attributes scripts read.
INSTANCES = {
    "Variable": "dezero.Variable(np.ones((2, 3)), 'x')",
    "Parameter": "dezero.Parameter(np.ones(2))",
    "simple Variable": "dezero.core_simple.Variable(np.ones(2))",
    "creator": "(dezero.Variable(np.ones(2)) * 2).creator",
    "Sin": "F.sin(dezero.Variable(np.ones(2))).creator",
    "Pow": "(dezero.Variable(np.ones(2)) ** 3).creator",
    "Softmax": "F.Softmax(0)",
    "Sum": "F.Sum(1, True)",
    "Reshape": "F.Reshape((2, 3))",
    "Transpose": "F.Transpose((1, 0))",
    "BroadcastTo": "F.BroadcastTo((2, 3))",
    "SumTo": "F.SumTo((1,))",
    "GetItem": "F.GetItem(0)",
    "LeakyReLU": "F.LeakyReLU(0.3)",
    "Max": "F.Max(0, True)",
    "Min": "F.Min()",
    "Clip": "F.Clip(0, 1)",
    "LogSoftmax": "F.LogSoftmax(1)",
    "Layer": "dezero.Layer()",
    "Linear": "L.Linear(3)",
    "Linear with in_size": "L.Linear(3, in_size=2, nobias=True)",
    "Conv2d": "L.Conv2d(3, 3, in_channels=2)",
    "Deconv2d": "L.Deconv2d(3, 3)",
    "RNN": "L.RNN(3)",
    "LSTM": "L.LSTM(3, 2)",
    "EmbedID": "L.EmbedID(3, 2)",
    "BatchNorm": "L.BatchNorm()",
    "MLP": "dezero.models.MLP((3, 2))",
    "Sequential": "dezero.models.Sequential(L.Linear(2))",
    "SGD": "dezero.optimizers.SGD()",
    "MomentumSGD": "dezero.optimizers.MomentumSGD()",
    "AdaGrad": "dezero.optimizers.AdaGrad()",
    "AdaDelta": "dezero.optimizers.AdaDelta()",
    "Adam": "dezero.optimizers.Adam()",
    "Optimizer": "dezero.optimizers.Optimizer()",
    "WeightDecay": "dezero.optimizers.WeightDecay(0.1)",
    "ClipGrad": "dezero.optimizers.ClipGrad(1.0)",
    "FreezeParam": "dezero.optimizers.FreezeParam(L.Linear(2))",
    "DataLoader": "dezero.DataLoader(dezero.datasets.Spiral(), 30)",
    "SeqDataLoader": "dezero.SeqDataLoader(dezero.datasets.SinCurve(), 30)",
    "Spiral": "dezero.datasets.Spiral()",
    "SinCurve": "dezero.datasets.SinCurve(train=False)",
    "Normalize": "dezero.transforms.Normalize(0.5, 2)",
    "Compose": "dezero.transforms.Compose([])",
    "Resize": "dezero.transforms.Resize(3)",
    "CenterCrop": "dezero.transforms.CenterCrop((3, 4))",
    "ToInt": "dezero.transforms.ToInt()",
    "Convert": "dezero.transforms.Convert()",
    "ToArray": "dezero.transforms.ToArray()",
}


def plain(value):
    """A default or a constant, in a form that both sides share."""
    if isinstance(value, (bool, str, type(None))):
        return repr(value)
    if isinstance(value, (int, float)):
        return repr(float(value))
    if inspect.isclass(value) or callable(value) and hasattr(value, "__name__"):
        return value.__name__
    if isinstance(value, (list, tuple)):
        return repr([plain(v) for v in value])
    return type(value).__name__


def arguments(thing):
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError) as error:
        return f"no signature: {error}"
    return [
        [p.name, p.kind.name, "" if p.default is p.empty else plain(p.default)] for p in signature.parameters.values()
    ]


def of_class(cls):
    found = {"": arguments(cls)}
    for name in sorted({*dir(cls), *vars(type(cls))}):
        if name.startswith("_") and name not in (
            "__call__",
            "__len__",
            "__repr__",
            "__getitem__",
            "__next__",
            "__iter__",
            "__array_priority__",
        ):
            continue
        if any(name in vars(base) for base in (*cls.__mro__, type(cls)) if base.__module__.startswith(("dezero", "_dezero"))):
            value = vars(type(cls)).get(name) or inspect.getattr_static(cls, name)
            if isinstance(value, property) or inspect.isdatadescriptor(value):
                found[name] = "property"
            elif isinstance(value, staticmethod) or callable(getattr(cls, name)):
                given = arguments(getattr(cls, name))
                found[name] = (
                    given if isinstance(value, staticmethod) or isinstance(given, str) else given[1:]
                )  # less self
            else:
                found[name] = plain(value)
    return found


def of_module(module):
    found = {}
    for name, value in vars(module).items():
        if name.startswith("_") and name != "__version__" or inspect.ismodule(value) and module.__name__ != "dezero":
            continue
        if inspect.ismodule(value):
            if value.__name__.startswith("dezero."):
                found[name] = "module"
        elif inspect.isclass(value):
            if value.__module__.startswith(("dezero", "_dezero")):
                found[name] = of_class(value)
        elif callable(value):
            found[name] = arguments(value)
        else:
            found[name] = "value"
    return found


if __name__ == "__main__":
    modules = {name: of_module(importlib.import_module(name)) for name in MODULES}
    import numpy as np  # noqa: F401

    import dezero  # noqa: F401
    import dezero.functions as F  # noqa: F401
    import dezero.layers as L  # noqa: F401

    instances = {}
    for name, expression in INSTANCES.items():
        try:
            thing = eval(expression)
            names = [a for a in dir(thing) if not a.startswith("__")]
            instances[name] = {
                a: type(getattr(thing, a)).__name__ for a in names if (type(thing).__name__, a) != ("Adam", "lr") and hasattr(thing, a)
            }
        except Exception as error:
            instances[name] = {"error": repr(error)}
    with open(os.path.join(sys.argv[1], "interface.json"), "w") as file:
        json.dump({"modules": modules, "instances": instances}, file, indent=1)
