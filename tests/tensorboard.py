"""What PyPI's `tensorboard` finds in a folder of event files, as JSON: `python tensorboard.py FOLDER`.

Called by tests/tensorboard.rs. The histogram and the image are given as TensorBoard's own plugins get them.
"""

import io
import json
import struct
import sys

# This file has the name of the package that it asks.
sys.path = [folder for folder in sys.path if not folder.endswith("tests")]
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # noqa: E402

events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0, "histograms": 0, "images": 0})
events.Reload()
tags = events.Tags()


def size(png):
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", png[16:24])


print(json.dumps({
    "scalars": {tag: [[e.step, str(e.value)] for e in events.Scalars(tag)] for tag in tags["scalars"]},
    "histograms": {
        tag: [
            [e.step, h.min, h.max, h.num, h.sum, h.sum_squares, list(h.bucket_limit), list(h.bucket)]
            for e in events.Histograms(tag) for h in [e.histogram_value]
        ]
        for tag in tags["histograms"]
    },
    "images": {
        tag: [[e.step, e.height, e.width, list(size(e.encoded_image_string))] for e in events.Images(tag)]
        for tag in tags["images"]
    },
}))
