"""The workloads of README.md in PyTorch."""

import torch
import torch.nn as nn
import torch.nn.functional as F

import peer
from peer import EXTRA, fill, labels, resident, weight, workload


def tensor(array, requires_grad=False):
    return torch.from_numpy(array).requires_grad_(requires_grad)


def draw(module):
    """Gives the module's weights, in their order, the numbers that everybody starts from; biases are zero."""
    k = 0
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.dim() == 1:
                continue
            k += 1
            shape = tuple(parameter.shape)
            # Linear layers keep (out, in) here.
            parameter.copy_(tensor(weight(k, shape[::-1]).T if len(shape) == 2 else weight(k, shape)))
        for layer in module.modules():
            if isinstance(layer, (nn.Linear, nn.Conv2d)) and layer.bias is not None:
                layer.bias.zero_()
    return module


def trainer(module, optimizer, loss):
    """One training step: clear the gradients, forward, backward, update."""

    def step():
        optimizer.zero_grad()
        value = loss(module)
        value.backward()
        optimizer.step()
        return [value]

    return step


# Small graphs: allocation and dispatch.


@workload()
def goldstein_price():
    x = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    y = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)

    def work():
        x.grad = y.grad = None
        z = (1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2)) * (
            30 + (2 * x - 3 * y) ** 2 * (18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2)
        )
        z.backward()
        return [x.grad, y.grad]

    return work


@workload()
def rosenbrock():
    x0 = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)
    x1 = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)

    def work():
        y = 100 * (x1 - x0**2) ** 2 + (x0 - 1) ** 2
        x0.grad = x1.grad = None
        y.backward()
        with torch.no_grad():
            x0.sub_(0.001 * x0.grad)
            x1.sub_(0.001 * x1.grad)
        return [x0, x1]

    return work


@workload()
def tanh_sixth_derivative():
    x = torch.linspace(-7, 7, 200, dtype=torch.float64, requires_grad=True)

    def work():
        y = torch.tanh(x)
        for order in range(1, 7):
            (y,) = torch.autograd.grad(y.sum(), x, create_graph=order < 6)
        return [y]

    return work


@workload()
def spiral_step():
    x, t = tensor(fill(100, (30, 2))), tensor(labels(30, 3))
    model = draw(nn.Sequential(nn.Linear(2, 10), nn.Sigmoid(), nn.Linear(10, 3)))
    return trainer(model, torch.optim.SGD(model.parameters(), 1.0), lambda m: F.cross_entropy(m(x), t))


@workload()
def wgan_gp_penalty():
    critic = draw(nn.Sequential(nn.Linear(64, 256), nn.Tanh(), nn.Linear(256, 256), nn.Tanh(), nn.Linear(256, 1)))
    x = tensor(fill(100, (64, 64)), requires_grad=True)

    def work():
        critic.zero_grad()
        (gx,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
        penalty = ((gx.pow(2).sum(1).sqrt() - 1) ** 2).mean()
        # Only the weights' gradients: x is data here.
        penalty.backward(inputs=[w for w in critic.parameters() if w is not critic[4].bias])
        return [penalty, critic[0].weight.grad, critic[2].weight.grad]

    return work


def lstm_parts(lstm):
    """Inputs and targets (time, batch, feature), a linear layer behind the LSTM and an optimizer for both."""
    xs, ts, out = tensor(fill(100, (30, 30, 1))), tensor(fill(101, (30, 30, 1))), nn.Linear(100, 1)
    with torch.no_grad():
        for parameter in lstm.parameters():
            parameter.zero_()
        # The gates i, f, g, o.
        next(p for name, p in lstm.named_parameters() if "weight_ih" in name).copy_(tensor(weight(1, (1, 400)).T))
        next(p for name, p in lstm.named_parameters() if "weight_hh" in name).copy_(tensor(weight(2, (100, 400)).T))
        out.weight.copy_(tensor(weight(3, (100, 1)).T))
        out.bias.zero_()
    return xs, ts, out, torch.optim.Adam([*lstm.parameters(), *out.parameters()])


@workload()
def lstm_update():
    """A step at a time, as the book does and as a program must that reacts to its own outputs."""
    lstm = nn.LSTMCell(1, 100)
    xs, ts, out, optimizer = lstm_parts(lstm)

    def work():
        state, loss = None, 0
        for x, t in zip(xs, ts):
            state = lstm(x, state)
            loss = loss + F.mse_loss(out(state[0]), t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return [loss]

    return work


@workload()
def lstm_sequence():
    lstm = nn.LSTM(1, 100)
    xs, ts, out, optimizer = lstm_parts(lstm)

    def work():
        optimizer.zero_grad()
        # mean_squared_error at each step, summed over the 30 steps.
        loss = (out(lstm(xs)[0]) - ts).pow(2).mean((1, 2)).sum()
        loss.backward()
        optimizer.step()
        return [loss]

    return work


@workload(size=1_000_000)
def add_chain(size):
    """Times the whole of building the additions and going back through them, dropping the graph included."""
    x = torch.tensor(1.0, requires_grad=True)

    def work():
        x.grad = None
        y = x
        before = resident()
        for _ in range(size):
            y = y + 1.0
        # Only the first run takes fresh memory; later ones reuse what it freed.
        EXTRA.setdefault("bytes_per_node", round((resident() - before) / size))
        y.backward()
        return [y.detach(), x.grad]

    return work


# Products.


@workload(size=100)
def mlp_step(batch):
    x, t = tensor(fill(100, (batch, 784))), tensor(labels(batch, 10))
    model = draw(nn.Sequential(nn.Linear(784, 1000), nn.ReLU(), nn.Linear(1000, 10)))
    return trainer(model, torch.optim.SGD(model.parameters(), 0.01), lambda m: F.cross_entropy(m(x), t))


def matmul(size, dtype):
    a, b = (tensor(fill(k, (size, size), dtype=dtype)) for k in (1, 2))
    return lambda: [a @ b]


@workload(size=1024)
def matmul_f32(size):
    return matmul(size, "float32")


@workload(size=1024)
def matmul_f64(size):
    return matmul(size, "float64")


# Element-wise work and reductions: memory.


@workload()
def tanh_chain():
    x = tensor(fill(100, (4_000_000,)), requires_grad=True)

    def work():
        x.grad = None
        y = (torch.tanh(x) * 2 + 1).sum()
        y.backward()
        return [y.detach(), x.grad]

    return work


@workload(size=1_000_000)
def elementwise_chain(size):
    """GELU as a user writes it."""
    x = tensor(fill(100, (size,)), requires_grad=True)

    def work():
        x.grad = None
        u = (x + x * x * x * 0.044715) * 0.7978845608
        y = (x * 0.5 * (torch.tanh(u) + 1)).sum()
        y.backward()
        return [y.detach(), x.grad]

    return work


@workload()
def softmax_cross_entropy():
    x, t = tensor(fill(100, (1024, 1000)), requires_grad=True), tensor(labels(1024, 1000))

    def work():
        x.grad = None
        loss = F.cross_entropy(x, t)
        loss.backward()
        return [loss.detach(), x.grad]

    return work


# Images.


@workload()
def conv2d():
    x = tensor(fill(100, (16, 64, 56, 56)), requires_grad=True)
    W = tensor(weight(1, (64, 64, 3, 3)), requires_grad=True)
    b = torch.zeros(64, requires_grad=True)
    gy = tensor(fill(101, (16, 64, 56, 56)))

    def work():
        y = F.conv2d(x, W, b, padding=1)
        return [y.detach(), *torch.autograd.grad(y, (x, W, b), gy)]

    return work


def vgg16():
    layers, channels = [], 3
    for width, convs in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(convs):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
    layers += [nn.Flatten(), nn.Linear(512 * 49, 4096), nn.ReLU(), nn.Dropout()]
    return nn.Sequential(*layers, nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 1000))


@workload()
def vgg16_forward():
    model, x = draw(vgg16()).eval(), tensor(fill(100, (1, 3, 224, 224)))

    def work():
        with torch.no_grad():
            return [model(x)]

    return work


class Bottleneck(nn.Module):
    """DeZero's, after MSRA: the stride is in the first 1x1 convolution."""

    def __init__(self, channels, middle, stride, project):
        super().__init__()
        out = 4 * middle
        self.conv1, self.bn1 = nn.Conv2d(channels, middle, 1, stride, bias=False), nn.BatchNorm2d(middle, 2e-5)
        self.conv2, self.bn2 = nn.Conv2d(middle, middle, 3, 1, 1, bias=False), nn.BatchNorm2d(middle, 2e-5)
        self.conv3, self.bn3 = nn.Conv2d(middle, out, 1, bias=False), nn.BatchNorm2d(out, 2e-5)
        self.shortcut = None
        if project:
            self.shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out, 2e-5))

    def forward(self, x):
        h = F.relu(self.bn1(self.conv1(x)))
        h = F.relu(self.bn2(self.conv2(h)))
        h = self.bn3(self.conv3(h))
        return F.relu(h + (self.shortcut(x) if self.shortcut else x))


def resnet50():
    layers = [nn.Conv2d(3, 64, 7, 2, 3), nn.BatchNorm2d(64, 2e-5), nn.ReLU(), nn.MaxPool2d(3, 2)]
    channels = 64
    for blocks, middle, stride in ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2)):
        for i in range(blocks):
            layers.append(Bottleneck(channels, middle, stride if i == 0 else 1, i == 0))
            channels = 4 * middle
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))


@workload()
def resnet50_forward():
    model, x = draw(resnet50()).eval(), tensor(fill(100, (1, 3, 224, 224)))

    def work():
        with torch.no_grad():
            return [model(x)]

    return work


@workload()
def resnet50_step(dtype=torch.float32):
    model, x, t = draw(resnet50()).to(dtype), tensor(fill(100, (8, 3, 224, 224))).to(dtype), tensor(labels(8, 1000))
    return trainer(model, torch.optim.SGD(model.parameters(), 0.001), lambda m: F.cross_entropy(m(x), t))


@workload()
def resnet50_step_f64():
    return resnet50_step(torch.float64)


@workload()
def mnist_cnn_step():
    x, t = tensor(fill(100, (100, 1, 28, 28))), tensor(labels(100, 10))
    model = nn.Sequential(
        *(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(3136, 128), nn.ReLU(), nn.Linear(128, 10)),
    )
    return trainer(draw(model), torch.optim.Adam(model.parameters()), lambda m: F.cross_entropy(m(x), t))


if __name__ == "__main__":
    peer.main(torch.__version__, torch.set_num_threads, lambda x: x.detach().numpy())
