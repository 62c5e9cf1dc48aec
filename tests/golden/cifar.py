"""Two images in the form in which Keras users keep CIFAR-10: bytes, channels last, labels as a column.

Pixel p of image i (channel, row, column) is (i + p) mod 256, as in the tests of src/data/cifar.rs.
"""

import numpy as np

from cases import FOLDER

x = (np.arange(2)[:, None] + np.arange(3 * 32 * 32)).astype(np.uint8).reshape(2, 3, 32, 32)
np.savez_compressed(FOLDER / "cifar10.npz", x_test=np.ascontiguousarray(x.transpose(0, 2, 3, 1)), y_test=np.array([[3], [9]], np.uint8))
