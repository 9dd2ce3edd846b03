"""Every classification network of torchvision by its name, with a head for one's own classes.

Lesson 06 replaces a head by hand; here it is found whatever the network calls it.
"""

import re
from collections.abc import Mapping

import torch
from torch import nn
from torchvision import models

NAMES = tuple(models.list_models(module=models))
# Both have further heads in the middle, which we leave out, and their weights want colours between -1 and 1.
INCEPTIONS = {"aux_logits": False, "init_weights": True, "transform_input": True}
AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")
DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.(\d)\.")  # norm.1 in its files is norm1 today


def make_network(name: str, num_classes: int) -> nn.Module:
    """The network of torchvision called `name`, with random weights and a head for `num_classes` classes.

    Input float (n, 3, height, width), normalized as `eval_transform` does (for efficientnet_v2_l alone torchvision says
    a mean and a standard deviation of 0.5); output logits (n, num_classes).

    Raises:
        ValueError: there is no network of that name.
    """
    if name not in NAMES:
        raise ValueError(f"There is no network {name!r}. Choose one of: {', '.join(NAMES)}.")
    settings = INCEPTIONS if name in ("googlenet", "inception_v3") else {}
    return models.get_model(name, weights=None, num_classes=num_classes, **settings)


def find_head(model: nn.Module) -> nn.Module:
    """The last layer that has weights: it turns features into logits, and is replaced for other classes."""
    return [module for module in model.modules() if next(module.parameters(recurse=False), None) is not None][-1]


def input_size(name: str) -> int:
    """Height and width of the pictures that torchvision's weights of a network were made for."""
    return models.get_model_weights(name).DEFAULT.transforms().crop_size[0]


def with_own_head(model: nn.Module, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """`weights` for as many classes as they were trained on, as `model` can load them: with its own head.

    Files of old versions do not count batches, those of DenseNet have names that have changed since, and further heads
    are left out.
    """
    own = model.state_dict(keep_vars=True)
    head = {id(value) for value in find_head(model).parameters()}
    kept = {DENSENET.sub(r"\1\2.", name): weights[name] for name in weights if not name.startswith(AUXILIARY)}
    new = {name: value for name, value in own.items() if id(value) in head or name.endswith("num_batches_tracked")}
    return kept | new
