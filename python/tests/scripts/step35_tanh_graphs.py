"""The graphs of the derivatives of tanh grow from order to order."""
import numpy as np
from dezero import Variable
from dezero.utils import get_dot_graph
import dezero.functions as F

x = Variable(np.array(1.0))
y = F.tanh(x)
x.name = 'x'
y.name = 'y'
y.backward(create_graph=True)

size = 0
for i in range(5):
    gx = x.grad
    gx.name = 'gx' + str(i + 1)
    dot = get_dot_graph(gx, verbose=False)
    # How large the graphs of derivatives are is a matter of how each is written down; they grow in any case.
    print(gx.name, gx.data, dot.count('label="gx'), dot.count('->') > 2 * size)
    size = dot.count('->')
    x.cleargrad()
    gx.backward(create_graph=True)
print(x.grad)
