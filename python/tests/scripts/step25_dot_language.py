"""The graph as text: every box, every arrow."""
import re
import numpy as np
from dezero import Variable
from dezero.utils import get_dot_graph


def readable(dot):
    """Names objects by the order in which they appear, not by their address."""
    names = {}
    return re.sub(r'\d{6,}', lambda m: 'n%d' % names.setdefault(m[0], len(names)), dot)


x0 = Variable(np.array(1.0))
x1 = Variable(np.array(1.0))
y = x0 + x1
x0.name, x1.name, y.name = 'x0', 'x1', 'y'
print(readable(get_dot_graph(y, verbose=False)))
print(readable(get_dot_graph(y)))

a = Variable(np.ones((2, 3), dtype=np.float32), 'a')
b = Variable(np.zeros(3), name='b')
c = a * 2 - b / a + a ** 3
print(readable(get_dot_graph(c, verbose=False)))
