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
from .callbacks import Callback
from .checkpoints import load_checkpoint, save_checkpoint
from .datasets import flowers, hymenoptera, load_digits28, open_split
from .docstrings import docstring_sentences, mask_identifiers, prose_sentences
from .folders import FolderDataset, split_folder
from .history import History
from .image_cache import CachedImages
from .images import LabelledImages, load_rgb
from .lesson import setup
from .loaders import seeded_loader
from .loggers import CSVLog, KeepWeights, TensorBoardLog, WandbLog
from .manifest import locate
from .metrics import (
    accuracy,
    calibration_table,
    class_report,
    classification_metrics,
    confusion_matrix,
    standard_error,
    wilson_interval,
)
from .models import CNN, MLP, freeze, unfreeze
from .plots import (
    plot_class_bars,
    plot_confusion,
    plot_curves,
    plot_history,
    show_batch,
    show_predictions,
    use_cjk_font,
)
from .pretrained import backbone_file, pretrained_resnet18, pretrained_resnet50, pretrained_resnet101
from .resnet import resnet18, resnet34, resnet50, resnet101
from .runs import Run, Settings, create_run, open_run
from .runtime import Course, check_environment
from .schedules import warmup_cosine
from .tables import load_temperatures
from .text import (
    LSTMClassifier,
    TextDataset,
    Vocabulary,
    build_vocabulary,
    pad_batch,
    read_texts,
    text_loader,
    tokenize,
)
from .training import evaluate, extract_features, fit, predict
from .transforms import denormalize, eval_transform, train_transform

__all__ = [
    "CNN",
    "MLP",
    "AnnotationDataset",
    "CSVLog",
    "CachedImages",
    "Callback",
    "Course",
    "FolderDataset",
    "History",
    "KeepWeights",
    "LSTMClassifier",
    "LabelledImages",
    "Run",
    "Settings",
    "TensorBoardLog",
    "TextDataset",
    "Vocabulary",
    "WandbLog",
    "accuracy",
    "backbone_file",
    "build_vocabulary",
    "calibration_table",
    "check_environment",
    "class_report",
    "classification_metrics",
    "confusion_matrix",
    "create_run",
    "denormalize",
    "docstring_sentences",
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
    "locate",
    "mask_identifiers",
    "open_run",
    "open_split",
    "pad_batch",
    "plot_class_bars",
    "plot_confusion",
    "plot_curves",
    "plot_history",
    "predict",
    "pretrained_resnet18",
    "pretrained_resnet50",
    "pretrained_resnet101",
    "prose_sentences",
    "read_texts",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "save_checkpoint",
    "seeded_loader",
    "setup",
    "show_batch",
    "show_predictions",
    "split_folder",
    "standard_error",
    "text_loader",
    "tokenize",
    "train_transform",
    "unfreeze",
    "use_cjk_font",
    "warmup_cosine",
    "wilson_interval",
]
