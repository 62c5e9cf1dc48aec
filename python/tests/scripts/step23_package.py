"""The package is imported and used; the simple core stands beside it."""
import numpy as np
from dezero import Variable
import dezero

x = Variable(np.array(1.0))
y = (x + 3) ** 2
y.backward()
print(y)
print(x.grad)
print(type(x.grad) is Variable, dezero.is_simple_core)

from dezero.core_simple import Variable as SimpleVariable, setup_variable, using_config, no_grad

setup_variable()
x = SimpleVariable(np.array(1.0))
y = (x + 3) ** 2
y.backward()
print(y)
print(x.grad, type(x.grad).__name__)
with no_grad():
    print((2 * x).creator)
with using_config('enable_backprop', False):
    print((x * x).creator)
