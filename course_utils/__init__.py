"""Helpers of the course. Every one of them is built by hand in a lesson before it is imported from here."""

import sys

try:
    import torch  # noqa: F401
    import torchvision  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"{error.name} is not installed for {sys.executable}.\n"
        "JupyterLab was probably started from another Python. Close it and start it with `make lab`, "
        "or install what is missing with `python -m pip install -r requirements.txt`.",
        name=error.name,
    ) from None

from .annotations import AnnotationDataset
from .checkpoints import load_checkpoint, save_checkpoint
from .datasets import flowers, hymenoptera, load_digits28
from .folders import FolderDataset, split_folder
from .history import History
from .image_cache import CachedImages
from .images import LabelledImages, load_rgb
from .metrics import accuracy, classification_metrics, confusion_matrix, standard_error
from .models import CNN, MLP, freeze, unfreeze
from .plots import plot_confusion, plot_history, show_batch, show_predictions
from .pretrained import backbone_file, pretrained_resnet18
from .resnet import resnet18, resnet34, resnet50
from .runtime import Course, check_environment, setup
from .schedules import warmup_cosine
from .tables import load_temperatures
from .training import evaluate, extract_features, fit, predict
from .transforms import denormalize, eval_transform, train_transform

__all__ = [
    "CNN",
    "MLP",
    "AnnotationDataset",
    "CachedImages",
    "Course",
    "FolderDataset",
    "History",
    "LabelledImages",
    "accuracy",
    "backbone_file",
    "check_environment",
    "classification_metrics",
    "confusion_matrix",
    "denormalize",
    "eval_transform",
    "evaluate",
    "extract_features",
    "fit",
    "flowers",
    "freeze",
    "hymenoptera",
    "load_checkpoint",
    "load_digits28",
    "load_rgb",
    "load_temperatures",
    "plot_confusion",
    "plot_history",
    "predict",
    "pretrained_resnet18",
    "resnet18",
    "resnet34",
    "resnet50",
    "save_checkpoint",
    "setup",
    "show_batch",
    "show_predictions",
    "split_folder",
    "standard_error",
    "train_transform",
    "unfreeze",
    "warmup_cosine",
]
