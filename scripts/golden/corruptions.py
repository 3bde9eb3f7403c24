"""Runs the published corruptions of Hendrycks and Dietterich on images, with mtard's random numbers in place of NumPy's.

    python corruptions.py make_cifar_c.py IMAGES.bin 32 OUT.json [STRIDE]

IMAGES.bin has RGB images, one byte a value, row by row; `-` is the one picture of test/corruptions/corruptions.test.ts, whose golden files
were made with `-` and a STRIDE of 7 (32x32) and 29 (64x64). make_cifar_c.py or make_tinyimagenet_c.py is the authors' file, of which the
functions alone are run. It needs numpy<2, scipy, scikit-image, opencv-python-headless<5, pillow, wand and ImageMagick 6.
OUT.json has what each corruption makes of each image at each severity, in base64; with STRIDE, every STRIDE-th byte of it.
"""

import base64
import hashlib
import json
import math
import struct
import sys
import types
import warnings

import numpy as np
import skimage
from PIL import Image
from scipy.stats import poisson

warnings.simplefilter("ignore")
WORD = 0xFFFFFFFF


class Generator:
    """xoshiro128** from the state that mtard gives a corruption of an image."""

    def __init__(self, seed, name, severity, index):
        text = json.dumps([seed, name, severity, index], separators=(",", ":"))
        self.words = list(struct.unpack("<4I", hashlib.sha256(text.encode()).digest()[:16]))

    def uint32(self):
        a, b, c, d = self.words
        product = (b * 5) & WORD
        result = (((product << 7) | (product >> 25)) * 9) & WORD
        shifted = (b << 9) & WORD
        c ^= a
        d ^= b
        b ^= c
        a ^= d
        c ^= shifted
        d = ((d << 11) | (d >> 21)) & WORD
        self.words = [a, b, c, d]
        return result

    def uniform(self):
        high = self.uint32() >> 5
        return (high * 67108864 + (self.uint32() >> 6)) / 9007199254740992

    def below(self, bound):
        limit = 2**32 - 2**32 % bound
        while (value := self.uint32()) >= limit:
            pass
        return value % bound

    def normal(self):
        radius = math.sqrt(-2 * math.log(1 - self.uniform()))
        return radius * math.cos(2 * math.pi * self.uniform())

    def many(self, draw, size):
        if size is None:
            return draw()
        return np.array([draw() for _ in range(int(np.prod(size)))]).reshape(size)


generator = None


def uniform(low=0.0, high=1.0, size=None):
    return low + (high - low) * generator.many(generator.uniform, size)


def normal(loc=0.0, scale=1.0, size=None):
    return loc + scale * generator.many(generator.normal, size)


def randint(low, high, size=None):
    return low + generator.many(lambda: generator.below(high - low), size)


def poisson_counts(mean):
    return poisson.ppf(generator.many(generator.uniform, mean.shape), mean)


def published(path, side):
    source = open(path, encoding="utf8").read()
    start = source.index("def disk(")
    end = source.index("# /////////////// End Distortions")
    head = """
import ctypes
from io import BytesIO
import cv2
import numpy as real
import skimage as sk
import skimage.filters
from PIL import Image as PILImage
from scipy.ndimage import map_coordinates, zoom as scizoom
from wand.api import library as wandlibrary
from wand.image import Image as WandImage
def gaussian(*values, multichannel=False, **named):
    return skimage.filters.gaussian(*values, channel_axis=-1 if multichannel else None, **named)
"""
    numpy = types.ModuleType("numpy")
    numpy.__dict__.update(np.__dict__)
    numpy.random = types.SimpleNamespace(uniform=uniform, normal=normal, randint=randint, poisson=poisson_counts)
    numpy.fromstring = np.frombuffer
    scope = {"np": numpy}
    exec(compile(head + source[start:end], path, "exec"), scope)
    drawn = types.SimpleNamespace(random=lambda size=None: generator.many(generator.uniform, size))
    skimage.util.noise.np = types.ModuleType("numpy")
    skimage.util.noise.np.__dict__.update(np.__dict__)
    skimage.util.noise.np.random = types.SimpleNamespace(default_rng=lambda _: drawn)
    return scope


def pattern(side):
    y, x, channel = np.meshgrid(np.arange(side), np.arange(side), np.arange(3), indexing="ij")
    value = (96 * x + 64 * y) // side + 40 * channel
    inside = (2 * x - side) ** 2 + (2 * y - side) ** 2 < side * side // 2
    stripe = (5 * x + 3 * y) % 11 == 0
    return np.where(inside != stripe, 255 - value, value).astype(np.uint8)


def main(path, images, side, out, stride=1):
    global generator
    side, stride = int(side), int(stride)
    scope = published(path, side)
    bytes = pattern(side) if images == "-" else np.fromfile(images, np.uint8)
    pictures = bytes.reshape(-1, side, side, 3)
    names = """gaussian_noise shot_noise impulse_noise defocus_blur glass_blur motion_blur zoom_blur snow fog brightness
    contrast elastic_transform pixelate jpeg_compression speckle_noise gaussian_blur spatter saturate""".split()
    found = {}
    for name in names:
        id = name.replace("_", "-")
        found[id] = []
        for severity in range(1, 6):
            made = []
            for index, picture in enumerate(pictures):
                generator = Generator(0, id, severity, index)
                image = np.uint8(np.array(scope[name](Image.fromarray(picture), severity)))
                made.append(image.reshape(-1)[::stride])
            found[id].append(base64.b64encode(np.concatenate(made).tobytes()).decode())
    with open(out, "w", encoding="utf8") as file:
        file.write(json.dumps({"side": side, "images": len(pictures), "stride": stride, "made": found}) + "\n")


main(*sys.argv[1:])
