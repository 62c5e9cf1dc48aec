"""What a variable and a function remember of each other: the ground for higher derivatives."""
import numpy as np
from dezero import Variable
from dezero.functions import sin

x = Variable(np.array(1.0), name='x')
y = sin(x)
z = y * x
print(x.creator, type(y.creator).__name__, type(z.creator).__name__)
print(x.generation, y.generation, z.generation)
print(z.creator.generation, y.creator.generation)
print(z.creator.inputs[0] is y, z.creator.inputs[1] is x, len(z.creator.inputs))
print(z.creator.outputs[0]() is z, len(z.creator.outputs))
z.backward(retain_grad=True)
print(x.grad, y.grad, z.grad)
print(x.grad.creator)
z.cleargrad(); y.cleargrad(); x.cleargrad()
z.backward(create_graph=True)
print(x.grad, type(x.grad.creator).__name__, y.grad, z.grad)
