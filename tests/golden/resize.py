"""Images resized by Pillow (bilinear), for src/data/resample.rs: writes resize.npz."""

from pathlib import Path

import numpy as np
from PIL import Image

random = np.random.RandomState(0)
arrays = {}
for i, (height, width, channels, new_height, new_width) in enumerate([
    (7, 5, 1, 3, 4),
    (7, 5, 3, 15, 12),
    (40, 60, 3, 11, 13),
    (13, 17, 3, 13, 5),
    (13, 17, 1, 29, 17),
    (1, 1, 3, 4, 2),
    (50, 3, 1, 1, 1),
]):
    x = random.randint(0, 256, (height, width, channels)).astype(np.uint8)
    x[: height // 2] = np.where(x[: height // 2] > 127, 255, 0)  # edges
    image = Image.fromarray(x.squeeze(2) if channels == 1 else x)
    y = np.asarray(image.resize((new_width, new_height), Image.BILINEAR))
    arrays[f"x{i}"], arrays[f"y{i}"] = x, y.reshape(new_height, new_width, channels)
    gray = np.asarray(image.convert("L"))
    arrays[f"gray{i}"] = gray
np.savez_compressed(Path(__file__).with_name("resize.npz"), **arrays)
