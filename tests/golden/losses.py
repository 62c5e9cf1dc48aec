"""Golden numbers of the losses, layer normalisation and embedding, by PyTorch in float64.

DeZero divides its losses by the length of the first axis; PyTorch's mean divides by the number of elements. Cases
named `_mean` are PyTorch's, the plain names DeZero's. (DeZero also clips the probabilities: to [1e-15, 1] in
sigmoid_cross_entropy, to [1e-15, 0.999] in binary_cross_entropy. The inputs stay where this has no effect.)
"""

import numpy as np
import torch
import torch.nn.functional as F

from cases import Cases

c = Cases("losses", seed=13)

x0, x1 = c.draw(5, 3), c.draw(5, 3)
c.case("mean_squared_error", lambda x0, x1: ((x0 - x1) ** 2).sum() / len(x0), x0=x0, x1=x1)
c.case("mean_squared_error_1d", lambda x0, x1: ((x0 - x1) ** 2).sum() / len(x0), x0=x0[:, 0], x1=x1[:, 0])

labels = np.array([0, 3, 3, 1, 2])
c.case("softmax_cross_entropy", lambda x, t: F.cross_entropy(x, t), fixed={"t": labels}, x=c.draw(5, 4))
far = np.array([[800.0, -800.0, 0.0, 799.0], [1e4, 1e4, 0.0, -1e4]])
c.case("softmax_cross_entropy_far", lambda x, t: F.cross_entropy(x, t), fixed={"t": np.array([3, 2])}, x=far)

ones = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0], [1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
x = c.draw(4, 3, low=-4, high=4)
bce = F.binary_cross_entropy_with_logits
c.case("sigmoid_cross_entropy", lambda x, t: bce(x, t, reduction="sum") / len(x), fixed={"t": ones}, x=x)
c.case("sigmoid_cross_entropy_mean", lambda x, t: bce(x, t), fixed={"t": ones}, x=x)
far = np.array([[-800.0], [800.0], [40.0], [-40.0]])
c.case("sigmoid_cross_entropy_far", lambda x, t: bce(x, t), fixed={"t": ones[:, :1]}, x=far)

p = c.draw(4, 3, low=0.02, high=0.98)
bce = F.binary_cross_entropy
c.case("binary_cross_entropy", lambda p, t: bce(p, t, reduction="sum") / len(p), fixed={"t": ones}, p=p)
c.case("binary_cross_entropy_mean", lambda p, t: bce(p, t), fixed={"t": ones}, p=p)

for delta in (1.0, 0.7):
    huber = lambda x0, x1, **r: F.huber_loss(x0, x1, delta=delta, **r)
    c.case(f"huber_{delta}", lambda x0, x1: huber(x0, x1, reduction="sum") / len(x0), settings={"delta": delta}, x0=x0, x1=x1)

c.case("huber_mean", lambda x0, x1: F.huber_loss(x0, x1), settings={"delta": 1.0}, x0=x0, x1=x1)

settings = {"eps": 1e-5}
c.case("layer_norm_3d", lambda x, gamma, beta: F.layer_norm(x, (4,), gamma, beta, 1e-5), settings=settings, x=c.draw(2, 3, 4), gamma=c.draw(4), beta=c.draw(4))
c.case("layer_norm_two_axes", lambda x, gamma, beta: F.layer_norm(x, (3, 4), gamma, beta, 1e-5), settings=settings, x=c.draw(2, 3, 4), gamma=c.draw(3, 4), beta=c.draw(3, 4))

# Repeated indices: their gradients add up. Squared, so that there is a second derivative.
c.case("embed_id", lambda W, i: F.embedding(i, W) ** 2, fixed={"i": np.array([[1, 0, 1], [5, 1, 2]])}, W=c.draw(6, 3))

c.write()
