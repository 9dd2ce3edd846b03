"""Things other than ants, bees and the ten flowers: what a network may see before it meets those."""

import random
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np

from . import animals, crawlers, more_insects, objects
from .pen import Pen
from .scenery import UPRIGHT, Framing, picture

SEED = 1
ANY_WAY = Framing()
FROM_SIDE = Framing(turn=0.8)

SOURCE_CLASSES: dict[str, tuple[Callable[[Pen], None], Framing]] = {
    "beetle": (more_insects.beetle, ANY_WAY),
    "ladybird": (more_insects.ladybird, ANY_WAY),
    "butterfly": (more_insects.butterfly, ANY_WAY),
    "dragonfly": (more_insects.dragonfly, ANY_WAY),
    "fly": (more_insects.fly, ANY_WAY),
    "grasshopper": (more_insects.grasshopper, FROM_SIDE),
    "water strider": (more_insects.water_strider, ANY_WAY),
    "spider": (crawlers.spider, ANY_WAY),
    "caterpillar": (crawlers.caterpillar, ANY_WAY),
    "snail": (crawlers.snail, FROM_SIDE),
    "scorpion": (crawlers.scorpion, ANY_WAY),
    "centipede": (crawlers.centipede, ANY_WAY),
    "fish": (animals.fish, FROM_SIDE),
    "bird": (animals.bird, FROM_SIDE),
    "frog": (animals.frog, ANY_WAY),
    "turtle": (animals.turtle, ANY_WAY),
    "crab": (animals.crab, ANY_WAY),
    "lizard": (animals.lizard, ANY_WAY),
    "starfish": (animals.starfish, ANY_WAY),
    "mushroom": (objects.mushroom, UPRIGHT),
    "leaf": (objects.single_leaf, ANY_WAY),
    "fern": (objects.fern, ANY_WAY),
    "tree": (objects.tree, UPRIGHT),
    "house": (objects.house, UPRIGHT),
    "strawberry": (objects.strawberry, UPRIGHT),
}


def source_picture(number: int, split: str, size: int) -> tuple[np.ndarray, int]:
    """Picture `number` of a split, as (size, size, 3) bytes, and its label; the classes take turns."""
    index, label = divmod(number, len(SOURCE_CLASSES))
    name = list(SOURCE_CLASSES)[label]
    draw, framing = SOURCE_CLASSES[name]
    rng = random.Random(f"{SEED}/{name}/{split}/{index}")
    return np.asarray(picture(draw, rng, framing, size)), label


def source_pictures(
    count_per_class: int, split: str, size: int, spread: Callable[[Callable, Iterable], Iterable] = map
) -> Iterator[tuple[np.ndarray, int]]:
    """The first pictures of a split, always the same ones, each with its label (place in `SOURCE_CLASSES`).

    Args:
        count_per_class: how many of each class.
        split: any name; pictures of two splits have nothing in common.
        size: width and height, px.
        spread: does the work; `partial(pool.imap, chunksize=50)` shares it out among processes.
    """
    numbers = range(count_per_class * len(SOURCE_CLASSES))
    yield from spread(partial(source_picture, split=split, size=size), numbers)
