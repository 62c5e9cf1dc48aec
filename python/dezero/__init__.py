"""DeZero, the framework of the book *Deep Learning from Scratch 3*, on an engine written in Rust."""

# The original has a switch here to its core of the steps 23 to 32, which is dezero.core_simple.
is_simple_core = False

from dezero.core import (
    Config,
    Function,
    Parameter,
    Variable,
    as_array,
    as_variable,
    from_dlpack,
    no_grad,
    setup_variable,
    test_mode,
    using_config,
)
from dezero import _dezero
from dezero._dezero import grad, hessian, hvp, jacobian, jvp, vjp
from dezero.layers import Layer
from dezero.models import Model
from dezero.datasets import Dataset
from dezero.dataloaders import DataLoader, SeqDataLoader

import dezero.cuda
import dezero.dataloaders
import dezero.datasets
import dezero.functions
import dezero.functions_conv
import dezero.layers
import dezero.models
import dezero.optimizers
import dezero.transforms
import dezero.utils

__version__ = _dezero.__version__
