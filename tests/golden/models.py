"""Golden logits of VGG16 and ResNets with weights that a formula gives: trained ones are not needed.

Weights. `<model>.keys.txt` lists the parameters, one `name shape` a line, in the order in which they are drawn from
one numpy.random.RandomState(seed), legacy stream: z = randn(*shape) in float64, then

    W         z * sqrt(2 / fan_in), fan_in = in for Linear, in * KH * KW for Conv2d
    b, beta   0.1 z
    gamma     1 + 0.1 z
    avg_mean  0.1 z
    avg_var   |1 + 0.1 z|

and rounded to float32. After the last parameter the input is drawn from the same generator: randn(*x_shape), rounded
to float32. Shapes are DeZero's: Linear W (in, out), Conv2d W (out, in, KH, KW). The network then runs in float64, so
that a float32 implementation is held against the right numbers, not against another rounding.

The architectures are DeZero's for VGG16 and ResNet-50, 101 and 152 (the MSRA ResNet: stride in the first 1x1 of a
stage, max pooling 3x3 stride 2 without padding, a bias in conv1, batch norm eps 2e-5) and torchvision's for ResNet-18
and 34 (pooling padded by 1, no bias, shortcut only where the shape changes, eps 1e-5), with DeZero's kind of names.
DeZero's own networks are run by dezero_models.py. ResNet-56 for CIFAR has shortcuts of zeros (option A).

Keys: `model/seed`, `model/x_shape`, `model/param_sums` (the sum of each parameter in float64: checks the drawing before
the network is blamed), `model/x_sum`, `model/logits` (rounded to float32), `model/<stage>` = (sum, sum of absolute values) of an
intermediate result. Dropout is off. ResNet-18 trains, the others run in test mode: batch norm takes the statistics of the batch,
and in place of the logits there are, for the cross entropy against `labels`, `loss`, `gx_norm` and `grad_norms` (the Euclidean
norm of each parameter's gradient in the order of the list, 0 for avg_mean and avg_var).
"""

import numpy as np
import torch
import torch.nn.functional as F

from cases import FOLDER, Cases

torch.set_num_threads(2)
c = Cases("models", seed=0)


class Network:
    """Declares parameters on the way through: a first run with shapes only, then one with the drawn weights."""

    def __init__(self):
        self.shapes = {}
        self.weights = None
        self.stages = {}
        self.training = False

    def parameter(self, key, *shape):
        if self.weights is None:
            self.shapes[key] = shape
            return torch.zeros(shape, dtype=torch.float64)
        return self.weights[key]

    def linear(self, key, x, out):
        return x @ self.parameter(f"{key}/W", x.shape[1], out) + self.parameter(f"{key}/b", out)

    def conv(self, key, x, out, kernel, stride=1, padding=0, bias=False):
        W = self.parameter(f"{key}/W", out, x.shape[1], kernel, kernel)
        b = self.parameter(f"{key}/b", out) if bias else None
        return F.conv2d(x, W, b, stride, padding)

    def norm(self, key, x, eps):
        mean, var, gamma, beta = (self.parameter(f"{key}/{n}", x.shape[1]) for n in ("avg_mean", "avg_var", "gamma", "beta"))
        if self.training:
            return F.batch_norm(x, None, None, gamma, beta, True, 0.1, eps)
        return F.batch_norm(x, mean, var, gamma, beta, False, 0.1, eps)

    def stage(self, name, x):
        self.stages[name] = x
        return x


def vgg16(n, x):
    for block, (convs, channels) in enumerate(((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)), start=1):
        for i in range(1, convs + 1):
            x = F.relu(n.conv(f"conv{block}_{i}", x, channels, 3, padding=1, bias=True))
        x = n.stage(f"pool{block}", F.max_pool2d(x, 2, 2))
    x = x.reshape(len(x), -1)
    x = n.stage("fc6", F.relu(n.linear("fc6", x, 4096)))
    x = n.stage("fc7", F.relu(n.linear("fc7", x, 4096)))
    return n.linear("fc8", x, 1000)


def bottleneck(n, key, x, middle, out, stride, project):
    h = F.relu(n.norm(f"{key}/bn1", n.conv(f"{key}/conv1", x, middle, 1, stride), 2e-5))
    h = F.relu(n.norm(f"{key}/bn2", n.conv(f"{key}/conv2", h, middle, 3, 1, 1), 2e-5))
    h = n.norm(f"{key}/bn3", n.conv(f"{key}/conv3", h, out, 1), 2e-5)
    if project:
        x = n.norm(f"{key}/bn4", n.conv(f"{key}/conv4", x, out, 1, stride), 2e-5)
    return F.relu(h + x)


def resnet(*blocks):
    def forward(n, x):
        x = F.relu(n.norm("bn1", n.conv("conv1", x, 64, 7, 2, 3, bias=True), 2e-5))
        x = n.stage("pool1", F.max_pool2d(x, 3, 2))
        for stage, (count, middle, stride) in enumerate(zip(blocks, (64, 128, 256, 512), (1, 2, 2, 2)), start=2):
            for i in range(count):
                name = f"res{stage}/a" if i == 0 else f"res{stage}/b{i}"
                x = bottleneck(n, name, x, middle, 4 * middle, stride if i == 0 else 1, i == 0)
            n.stage(f"res{stage}", x)
        return n.linear("fc6", x.mean((2, 3)), 1000)

    return forward


def basic(n, key, x, out, stride):
    h = F.relu(n.norm(f"{key}/bn1", n.conv(f"{key}/conv1", x, out, 3, stride, 1), 1e-5))
    h = n.norm(f"{key}/bn2", n.conv(f"{key}/conv2", h, out, 3, 1, 1), 1e-5)
    if stride != 1 or x.shape[1] != out:
        x = n.norm(f"{key}/bn3", n.conv(f"{key}/conv3", x, out, 1, stride), 1e-5)
    return F.relu(h + x)


def basic_resnet(*blocks):
    def forward(n, x):
        x = F.relu(n.norm("bn1", n.conv("conv1", x, 64, 7, 2, 3), 1e-5))
        x = n.stage("pool1", F.max_pool2d(x, 3, 2, 1))
        for stage, (count, out, stride) in enumerate(zip(blocks, (64, 128, 256, 512), (1, 2, 2, 2)), start=2):
            for i in range(count):
                x = basic(n, f"res{stage}/a" if i == 0 else f"res{stage}/b{i}", x, out, stride if i == 0 else 1)
            n.stage(f"res{stage}", x)
        return n.linear("fc6", x.mean((2, 3)), 1000)

    return forward


def resnet_cifar56(n, x):
    x = F.relu(n.norm("bn1", n.conv("conv1", x, 16, 3, 1, 1), 1e-5))
    for stage, out in enumerate((16, 32, 64), start=1):
        for i in range(9):
            key, stride = f"layer{stage}/{i}", 2 if i == 0 and stage > 1 else 1
            h = F.relu(n.norm(f"{key}/bn1", n.conv(f"{key}/conv1", x, out, 3, stride, 1), 1e-5))
            h = n.norm(f"{key}/bn2", n.conv(f"{key}/conv2", h, out, 3, 1, 1), 1e-5)
            missing = out - x.shape[1]
            x = F.relu(h + F.pad(x[:, :, ::stride, ::stride], (0, 0, 0, 0, missing // 2, missing - missing // 2)))
        n.stage(f"layer{stage}", x)
    return n.linear("linear", x.mean((2, 3)), 10)


def draw(key, shape, random):
    z = random.randn(*shape)
    kind = key.rsplit("/", 1)[1]
    if kind == "W":
        z *= np.sqrt(2 / (shape[0] if len(shape) == 2 else np.prod(shape[1:])))
    elif kind == "gamma":
        z = 1 + 0.1 * z
    elif kind == "avg_var":
        z = abs(1 + 0.1 * z)
    else:
        z = 0.1 * z
    return torch.tensor(z.astype(np.float32).astype(np.float64))


def record(name, function, seed, x_shape, train=False):
    n = Network()
    n.training = train
    with torch.no_grad():
        function(n, torch.zeros(x_shape, dtype=torch.float64))
    random = np.random.RandomState(seed)
    n.weights = {k: draw(k, shape, random) for k, shape in n.shapes.items()}
    x = torch.tensor(random.randn(*x_shape).astype(np.float32).astype(np.float64))
    c.store(f"{name}/seed", np.int64(seed))
    c.store(f"{name}/x_shape", np.array(x_shape, dtype=np.int64))
    c.store(f"{name}/param_sums", np.array([float(w.sum()) for w in n.weights.values()]))
    c.store(f"{name}/x_sum", np.float64(x.sum()))
    for w in (x, *n.weights.values()):
        w.requires_grad_(train)
    with torch.set_grad_enabled(train):
        logits = function(n, x)
    if not train:
        c.store(f"{name}/logits", logits.detach().numpy().astype(np.float32))
    for k, v in n.stages.items():
        c.store(f"{name}/{k}", np.array([v.sum().item(), v.abs().sum().item()]))
    if train:
        labels = torch.tensor([(37 * i) % 1000 for i in range(len(x))])
        loss = F.cross_entropy(logits, labels)
        gx, *grads = torch.autograd.grad(loss, [x, *n.weights.values()], allow_unused=True)
        c.store(f"{name}/labels", labels.numpy())
        c.store(f"{name}/loss", np.float64(loss.item()))
        c.store(f"{name}/gx_norm", np.float64(gx.norm().item()))
        c.store(f"{name}/grad_norms", np.array([0.0 if g is None else g.norm().item() for g in grads]))
    lines = [f"{k} {' '.join(map(str, s))}\n" for k, s in n.shapes.items()]
    (FOLDER / f"{name}.keys.txt").write_text("".join(lines))
    print(f"{name}: {sum(w.numel() for w in n.weights.values()):,} parameters, logits up to {logits.abs().max():.3g}")


if __name__ == "__main__":
    record("vgg16", vgg16, 100, (1, 3, 32, 64))
    record("resnet50", resnet(3, 4, 6, 3), 101, (1, 3, 64, 48))
    record("resnet18", basic_resnet(2, 2, 2, 2), 102, (2, 3, 48, 64), train=True)
    record("resnet34", basic_resnet(3, 4, 6, 3), 103, (1, 3, 48, 64))
    record("resnet101", resnet(3, 4, 23, 3), 104, (1, 3, 64, 48))
    record("resnet152", resnet(3, 8, 36, 3), 105, (1, 3, 64, 48))
    record("resnet_cifar56", resnet_cifar56, 106, (2, 3, 32, 24))
    c.write()
