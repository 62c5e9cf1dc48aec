"""Two networks against each other: transposed convolutions, batch normalisation, binary cross entropy."""
# tolerance: 1e-3
import numpy as np
import dezero
import dezero.functions as F
import dezero.layers as L
from dezero.models import Sequential
from dezero.optimizers import Adam

np.random.seed(0)
fc_channel, fc_height, fc_width = 8, 3, 3
z_size, batch_size = 6, 10


class Generator(dezero.Model):
    def __init__(self):
        super().__init__()
        self.fc = L.Linear(fc_channel * fc_height * fc_width)
        self.bn = L.BatchNorm()
        self.deconv = L.Deconv2d(1, kernel_size=4, stride=2, pad=1)

    def forward(self, z):
        h = F.relu(self.bn(self.fc(z)))
        h = F.reshape(h, (h.shape[0], fc_channel, fc_height, fc_width))
        return F.sigmoid(self.deconv(h))


class Discriminator(dezero.Model):
    def __init__(self):
        super().__init__()
        self.conv = L.Conv2d(8, kernel_size=3, stride=2, pad=1)
        self.fc = L.Linear(1)

    def forward(self, x):
        return self.fc(F.flatten(F.leaky_relu(self.conv(x))))


G, D = Generator(), Discriminator()
opt_g, opt_d = Adam(1e-3, beta1=0.5).setup(G), Adam(alpha=1e-3, beta1=0.5).setup(D)
opt_g.add_hook(dezero.optimizers.WeightDecay(1e-4))
label_real = np.ones((batch_size, 1)).astype(np.int64)
label_fake = np.zeros((batch_size, 1)).astype(np.int64)
images = np.random.rand(batch_size, 1, 6, 6).astype(np.float32)

for i in range(8):
    z = np.random.uniform(-1, 1, (batch_size, z_size)).astype(np.float32)
    y_real = D(images)
    loss_d = F.binary_cross_entropy(F.sigmoid(y_real), label_real)
    fake = G(z)
    y_fake = D(fake)
    loss_d += F.sigmoid_cross_entropy(y_fake, label_fake)
    loss_g = F.sigmoid_cross_entropy(y_fake, label_real)
    G.cleargrads()
    D.cleargrads()
    loss_g.backward()
    opt_g.update()
    D.cleargrads()
    loss_d.backward()
    opt_d.update()
    print('%.5f %.5f' % (float(loss_g.data), float(loss_d.data)))
with dezero.test_mode():
    print(G(z).shape, G(z).data[0, 0, 0, :3])
