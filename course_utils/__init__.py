"""Helpers of the course: what more than one lesson uses. The rest is imported from its room, such as `data.text`."""

import sys

try:
    import torch
    import torchvision
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"{error.name} is not installed for {sys.executable}.\n"
        "JupyterLab was probably started from another Python. Close it and start it with `make lab`, "
        "or install what is missing with `python -m pip install -r requirements.txt`.",
        name=error.name,
    ) from None

from .basics.checkpoints import load_checkpoint, save_checkpoint
from .data.cache import CachedImages
from .data.datasets import flowers, hymenoptera, load_digits28, open_split
from .data.folders import FolderDataset
from .data.images import load_rgb
from .data.tables import load_temperatures
from .data.transforms import denormalize, eval_transform, train_transform
from .downloads.manifest import locate
from .evaluation.answers import show_answers
from .evaluation.metrics import confusion_matrix, standard_error, wilson_interval
from .evaluation.plots import plot_confusion, show_batch, show_predictions
from .exercises import fresh_inputs, names_used, start_exercise
from .lesson import setup
from .models.imagenet import load_imagenet_network
from .models.pretrained import make_backbone, pretrained_resnet18
from .models.resnet import resnet18
from .models.small import CNN, MLP, freeze, unfreeze
from .runs import open_run
from .solved import progress
from .training.inference import evaluate, extract_features, predict
from .training.loggers import CSVLog
from .training.loop import fit
from .training.schedules import warmup_cosine
