"""What the tests of the drawn pictures share: simple features that must not give the classes away."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

DATA = Path(__file__).parents[2] / "data"
REMAKE = "run `python tools/make_samples.py`, look at what changed with `git diff --stat data`, and commit it if meant"

Features = Callable[[np.ndarray], np.ndarray]


def mean_and_spread(images: np.ndarray) -> np.ndarray:
    return np.concatenate([images.mean((1, 2)), images.std((1, 2))], axis=1)


def colour_histogram(images: np.ndarray) -> np.ndarray:
    """The share of pixels in each of 4 x 4 x 4 boxes of colours."""
    red, green, blue = np.moveaxis(images // 64, -1, 0)
    boxes = (16 * red + 4 * green + blue).reshape(len(images), -1)
    return np.stack([np.bincount(row, minlength=64) for row in boxes]) / boxes.shape[1]


def small_pixels(images: np.ndarray) -> np.ndarray:
    """All pixels of the pictures, reduced to 32 x 32."""
    small = images.reshape(len(images), 32, 3, 32, 3, 3).mean((2, 4))
    return small.reshape(len(images), -1) / 255


def fit_simple_classifier(features: Features, images: np.ndarray, labels: np.ndarray) -> Pipeline:
    """Logistic regression on standardized features of the images."""
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(features(images), labels)
