"""A variational autoencoder: sampling by reparameterisation, two losses."""
# tolerance: 1e-4
import numpy as np
import dezero
import dezero.functions as F
import dezero.layers as L
from dezero import DataLoader, Model
from dezero.optimizers import Adam

np.random.seed(0)


class Encoder(Model):
    def __init__(self, latent_size):
        super().__init__()
        self.latent_size = latent_size
        self.conv1 = L.Conv2d(4, kernel_size=3, stride=1, pad=1)
        self.conv2 = L.Conv2d(8, kernel_size=3, stride=2, pad=1)
        self.linear1 = L.Linear(16)
        self.linear2 = L.Linear(latent_size)
        self.linear3 = L.Linear(latent_size, in_size=16)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        x = F.relu(self.linear1(F.flatten(x)))
        z_mean = self.linear2(x)
        z_log_var = self.linear3(x)
        return z_mean, z_log_var

    def sampling(self, z_mean, z_log_var):
        batch_size = len(z_mean)
        epsilon = np.random.randn(batch_size, self.latent_size)
        return z_mean + F.exp(z_log_var) * epsilon


class Decoder(Model):
    def __init__(self):
        super().__init__()
        self.to_shape = (8, 4, 4)
        self.linear = L.Linear(np.prod(self.to_shape))
        self.deconv = L.Deconv2d(8, kernel_size=4, stride=2, pad=1)
        self.conv = L.Conv2d(1, kernel_size=3, stride=1, pad=1)

    def forward(self, x):
        x = F.relu(self.linear(x))
        x = F.reshape(x, (-1,) + self.to_shape)
        x = F.relu(self.deconv(x))
        return F.sigmoid(self.conv(x))


class VAE(Model):
    def __init__(self, latent_size):
        super().__init__()
        self.encoder = Encoder(latent_size)
        self.decoder = Decoder()

    def forward(self, x, C=1.0, k=1):
        z_mean, z_log_var = self.encoder(x)
        rec_loss = 0
        for i in range(k):
            z = self.encoder.sampling(z_mean, z_log_var)
            y = self.decoder(z)
            rec_loss += F.binary_cross_entropy(F.flatten(y), F.flatten(x)) / k
        kl_loss = C * (z_mean ** 2 + F.exp(z_log_var) - z_log_var - 1) * 0.5
        kl_loss = F.sum(kl_loss) / len(x)
        return rec_loss + kl_loss


class Patterns(dezero.Dataset):
    def prepare(self):
        self.data = (np.arange(64).reshape(8, 8)[None, None] % np.arange(2, 22)[:, None, None, None] < 1).astype(np.float32)
        self.label = np.arange(20)


loader = DataLoader(Patterns(), 10)
vae = VAE(2)
optimizer = Adam().setup(vae)
for epoch in range(6):
    total = 0
    for x, t in loader:
        loss = vae.forward(x, 1.0, 2)
        vae.cleargrads()
        loss.backward()
        optimizer.update()
        total += float(loss.data)
    print('epoch: {}, loss: {:.4f}'.format(epoch + 1, total))
with dezero.no_grad():
    print(vae.decoder(np.zeros((2, 2), np.float32)).data[0, 0, 0])
