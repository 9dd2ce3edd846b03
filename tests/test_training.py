"""Checks of fit, evaluate, predict and extract_features: numbers, best weights, resuming bit for bit, refusals."""

import copy
import math
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import build
import needs
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import accuracy_score, log_loss
from tiny_runs import equal
from torch import nn
from torch.optim import SGD, AdamW
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR, ReduceLROnPlateau, StepLR
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from course_utils import (
    evaluate,
    extract_features,
    fit,
    freeze,
    load_checkpoint,
    predict,
    save_checkpoint,
    warmup_cosine,
)
from course_utils.training import loop as training

INPUTS = torch.randn(50, 6, generator=torch.Generator().manual_seed(0))  # 50 examples in batches of 8: the last has 2
LABELS = (INPUTS @ torch.randn(6, 3, generator=torch.Generator().manual_seed(1))).argmax(dim=1)

pytestmark = pytest.mark.usefixtures("seeded")


class Examples(Dataset):
    """The examples above with random noise on them, as augmentation would do; on wish broken off in the middle."""

    def __init__(self) -> None:
        self.read, self.break_off_after = 0, math.inf

    def __len__(self) -> int:
        return len(INPUTS)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        self.read += 1
        if self.read > self.break_off_after:
            raise KeyboardInterrupt
        noise = torch.randn(6) + np.random.rand() + random.random()
        return INPUTS[index] + 0.1 * noise, LABELS[index]


def make_model() -> nn.Sequential:
    """Dropout draws random numbers, BatchNorm keeps running statistics: both must survive an interruption."""
    return nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3))


def loaders() -> tuple[DataLoader, DataLoader]:
    """The plain examples for training, shuffled, and for validation."""
    examples = TensorDataset(INPUTS, LABELS)
    return DataLoader(examples, batch_size=8, shuffle=True), DataLoader(examples, batch_size=8)


def quiet_fit(model: nn.Module, train_loader: DataLoader, val_loader: DataLoader | None = None, **arguments):
    arguments = {"optimizer": SGD(model.parameters(), lr=0.1), "epochs": 2, "progress": False} | arguments
    return fit(model, train_loader, val_loader, **arguments)


# -- evaluate and predict ---------------------------------------------------------------------------------------------


def test_evaluate_equals_scikit_learn_over_a_last_batch_of_another_size() -> None:
    model = make_model().eval()
    probabilities = model(INPUTS).detach().double().softmax(dim=1)
    assert evaluate(model, loaders()[1]) == pytest.approx(
        {"loss": log_loss(LABELS, probabilities), "accuracy": accuracy_score(LABELS, probabilities.argmax(dim=1))}
    )


def test_predict_returns_outputs_and_targets_in_the_order_of_the_loader() -> None:
    model = make_model()
    outputs, targets = predict(model, loaders()[1])
    assert outputs.dtype == torch.float32 and not outputs.requires_grad
    torch.testing.assert_close(outputs, model.eval()(INPUTS).detach())
    assert torch.equal(targets, LABELS)


@pytest.mark.parametrize("training_mode", [True, False])
def test_the_mode_and_the_statistics_of_the_model_are_left_as_they_were(training_mode: bool) -> None:
    model = make_model().train(training_mode)
    before = copy.deepcopy(model.state_dict())
    evaluate(model, loaders()[1])
    assert model.training is training_mode and all(module.training is training_mode for module in model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_the_mode_is_put_back_even_when_the_loader_fails() -> None:
    examples, model = Examples(), make_model()
    examples.break_off_after = 20
    with pytest.raises(KeyboardInterrupt):
        predict(model, DataLoader(examples, batch_size=8))
    assert model.training


def test_evaluate_takes_another_loss_and_gives_no_accuracy_for_float_targets() -> None:
    model, targets = nn.Linear(6, 1), INPUTS.sum(dim=1, keepdim=True)
    scores = evaluate(model, DataLoader(TensorDataset(INPUTS, targets), batch_size=8), loss_fn=F.l1_loss)
    assert scores == pytest.approx({"loss": (model(INPUTS) - targets).abs().mean().item()})


# -- extract_features -------------------------------------------------------------------------------------------------


def make_backbone() -> nn.Sequential:
    return make_model()[:-1]


def test_features_are_what_the_backbone_computes_in_the_order_of_the_loader() -> None:
    backbone = make_backbone()
    features, labels = extract_features(backbone, loaders()[1])
    assert (features.dtype, tuple(features.shape), tuple(labels.shape)) == (torch.float32, (50, 16), (50,))
    torch.testing.assert_close(features, backbone.eval()(INPUTS).detach())
    assert torch.equal(labels, LABELS)


def test_a_linear_head_on_features_is_the_whole_model() -> None:
    model = make_model().eval()
    expected = model(INPUTS)
    features, _ = extract_features(model[:-1], loaders()[1])
    torch.testing.assert_close(model[-1](features), expected)


def test_features_have_no_gradient_and_leave_none_and_can_be_learned_from() -> None:
    backbone, head = make_backbone(), nn.Linear(16, 3)
    features, labels = extract_features(backbone, loaders()[1])
    assert not features.requires_grad and all(weight.grad is None for weight in backbone.parameters())
    F.cross_entropy(head(features), labels).backward()
    assert head.weight.grad.any() and all(weight.grad is None for weight in backbone.parameters())


def test_copies_are_passes_one_after_the_other_each_augmented_anew() -> None:
    loader = DataLoader(Examples(), batch_size=8)
    features, labels = extract_features(make_backbone(), loader, copies=3)
    assert features.shape == (150, 16) and torch.equal(labels, LABELS.repeat(3))
    first, second, third = features.split(50)
    assert not torch.equal(first, second) and not torch.equal(second, third)
    torch.testing.assert_close(first, second, atol=1.0, rtol=0)  # the same examples, with other noise
    assert (first - second).abs().mean() < 0.5 * (first - second.roll(1, 0)).abs().mean()


def test_copies_of_a_loader_that_does_not_augment_are_equal() -> None:
    features, labels = extract_features(make_backbone(), loaders()[1], copies=2)
    assert torch.equal(features[:50], features[50:]) and torch.equal(labels[:50], labels[50:])


def test_spatial_features_are_flattened_in_the_order_of_their_dimensions() -> None:
    images = torch.randn(5, 3, 6, 7)
    backbone = nn.Conv2d(3, 4, 3)
    features, _ = extract_features(backbone, DataLoader(TensorDataset(images, torch.arange(5)), batch_size=2))
    assert features.shape == (5, 4 * 4 * 5)
    torch.testing.assert_close(features, backbone(images).detach().reshape(5, -1))


def test_a_backbone_without_parameters_gives_features_too() -> None:
    loader = DataLoader(TensorDataset(INPUTS.view(50, 2, 3), LABELS), batch_size=8)
    assert torch.equal(extract_features(nn.Flatten(), loader)[0], INPUTS)


@pytest.mark.parametrize("state", ["training", "evaluation", "frozen", "mixed"])
def test_the_mode_and_the_statistics_of_the_backbone_are_left_as_they_were(state: str) -> None:
    backbone = freeze(make_backbone()) if state == "frozen" else make_backbone().train(state == "training")
    if state == "mixed":
        backbone.training = True  # as model[:-1] of a model in evaluation mode: a new container of the old parts
    before, modes = copy.deepcopy(backbone.state_dict()), [module.training for module in backbone.modules()]
    extract_features(backbone, loaders()[1], copies=2)
    assert [module.training for module in backbone.modules()] == modes
    assert equal(backbone.state_dict(), before)


def test_features_of_no_examples_are_refused() -> None:
    with pytest.raises(ValueError, match="The loader yields no batches"):
        extract_features(make_backbone(), DataLoader(TensorDataset(INPUTS[:0], LABELS[:0])))


def test_features_computed_in_bfloat16_are_float32_and_about_the_same() -> None:
    backbone = make_backbone()
    features, _ = extract_features(backbone, loaders()[1], autocast=torch.bfloat16)
    exact, _ = extract_features(backbone, loaders()[1])
    assert features.dtype == torch.float32 and not torch.equal(features, exact)
    torch.testing.assert_close(features, exact, atol=0.05, rtol=0.05)


# -- what fit computes ------------------------------------------------------------------------------------------------


def test_fit_takes_the_steps_that_are_taken_by_hand() -> None:
    model, loader = nn.Linear(6, 3), loaders()[1]
    weight, bias = model.weight.detach().clone().requires_grad_(), model.bias.detach().clone().requires_grad_()
    quiet_fit(model, loader, optimizer=SGD(model.parameters(), lr=0.1), epochs=2)
    for _ in range(2):
        for inputs, labels in loader:
            loss = -(inputs @ weight.T + bias).log_softmax(dim=1)[range(len(labels)), labels].mean()
            gradients = torch.autograd.grad(loss, [weight, bias])
            with torch.no_grad():
                weight -= 0.1 * gradients[0]
                bias -= 0.1 * gradients[1]
    torch.testing.assert_close(model.weight, weight)
    torch.testing.assert_close(model.bias, bias)


def test_gradients_are_shortened_to_the_norm_that_is_given() -> None:
    model, loader = nn.Linear(6, 3), [next(iter(loaders()[1]))]
    before = [weight.detach().clone() for weight in model.parameters()]
    quiet_fit(model, loader, optimizer=SGD(model.parameters(), lr=1.0), epochs=1, clip_norm=0.01)
    moved = torch.cat([(weight - old).flatten() for weight, old in zip(model.parameters(), before)])
    torch.testing.assert_close(moved.norm(), torch.tensor(0.01), rtol=1e-3, atol=0)


def test_train_loss_and_accuracy_weigh_every_example_the_same() -> None:
    model = nn.Linear(6, 3)
    examples = TensorDataset(INPUTS, torch.where(torch.arange(50) < 48, LABELS, (LABELS + 1) % 3))
    loader = DataLoader(examples, batch_size=8)  # the last batch, of 2, is hard
    history = quiet_fit(model, loader, optimizer=SGD(model.parameters(), lr=0.0), epochs=1)
    outputs, labels = model(INPUTS).detach(), examples.tensors[1]
    by_batch = np.mean([F.cross_entropy(model(inputs), targets).item() for inputs, targets in loader])
    assert history["train_loss"] == pytest.approx([F.cross_entropy(outputs, labels).item()])
    assert history["train_loss"] != pytest.approx([by_batch], rel=1e-3)
    assert history["train_accuracy"] == pytest.approx([accuracy_score(labels, outputs.argmax(dim=1))])


def test_the_history_has_its_columns_and_agrees_with_evaluate() -> None:
    model, (train_loader, val_loader) = make_model(), loaders()
    history = quiet_fit(model, train_loader, val_loader, epochs=3)
    assert len(history) == 3 and history.frame().index.tolist() == [1, 2, 3]
    names = ["epoch", "lr", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "seconds"]
    assert [list(row) for row in history.rows] == [names] * 3
    last = evaluate(model, val_loader)
    assert history["val_loss"][-1] == last["loss"] and history["val_accuracy"][-1] == last["accuracy"]
    assert min(history["seconds"]) > 0 and history["lr"] == [0.1] * 3


def test_fit_trains_in_training_mode_and_learns() -> None:
    model, (train_loader, val_loader) = make_model().eval(), loaders()
    history = quiet_fit(model, train_loader, val_loader, optimizer=AdamW(model.parameters(), lr=0.01), epochs=15)
    assert model.training and model[1].num_batches_tracked == 15 * 7
    assert history["val_accuracy"][-1] > 0.9


def test_the_scheduler_steps_after_every_batch() -> None:
    model, (train_loader, _) = make_model(), loaders()
    optimizer = SGD(model.parameters(), lr=1.0)
    history = quiet_fit(model, train_loader, optimizer=optimizer, scheduler=StepLR(optimizer, 7, 0.5), epochs=3)
    assert history["lr"] == [1, 0.5, 0.25]  # 7 batches an epoch


def test_without_a_val_loader_only_training_is_measured() -> None:
    history = quiet_fit(make_model(), loaders()[0])
    assert not [name for name in history.rows[0] if name.startswith("val_")]


def test_regression_on_float_targets_works() -> None:
    weights = torch.arange(1.0, 7).view(6, 1)
    model, loader = nn.Linear(6, 1), DataLoader(TensorDataset(INPUTS, INPUTS @ weights), batch_size=8)
    history = quiet_fit(model, loader, loader, loss_fn=F.mse_loss, epochs=60)
    assert "val_accuracy" not in history.rows[0] and history["val_loss"][-1] < 1e-4
    torch.testing.assert_close(model.weight.detach().T, weights, atol=0.01, rtol=0.01)  # exact solution


def test_autocast_computes_in_bfloat16_on_the_cpu_and_keeps_float32_weights_and_scores() -> None:
    model, (train_loader, val_loader) = make_model(), loaders()
    seen = set()
    model[-1].register_forward_hook(lambda module, inputs, outputs: seen.add(outputs.dtype))
    optimizer = AdamW(model.parameters(), lr=0.01)
    history = quiet_fit(model, train_loader, val_loader, optimizer=optimizer, autocast=torch.bfloat16, epochs=15)
    assert seen == {torch.bfloat16} and {weight.dtype for weight in model.parameters()} == {torch.float32}
    assert predict(model, val_loader, autocast=torch.bfloat16)[0].dtype == torch.float32
    assert history["val_accuracy"][-1] > 0.85
    assert history["val_loss"][-1] == pytest.approx(evaluate(model, val_loader)["loss"], abs=0.02)


# -- the best weights -------------------------------------------------------------------------------------------------

NAN = math.nan


@pytest.mark.parametrize(
    ("monitor", "values", "best"),
    [
        ("val_loss", [3, 1, 2], 2),
        ("val_loss", [1, 2, 1], 1),  # of equal ones the first
        ("val_accuracy", [0.5, 0.7, 0.6], 2),
        ("val_loss", [NAN, 5, NAN], 2),
        ("val_loss", [4, NAN, NAN], 1),
        ("val_accuracy", [NAN, 0.1, 0.2], 3),
    ],
)
def test_restore_best_leaves_the_weights_of_the_best_epoch_and_nan_is_never_best(
    monitor: str, values: list[float], best: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, (train_loader, val_loader), weights = make_model(), loaders(), []

    def scores(model: nn.Module, loader: DataLoader, **arguments: object) -> dict[str, float]:
        weights.append(copy.deepcopy(model.state_dict()))
        return {monitor.removeprefix("val_"): values[len(weights) - 1]}

    monkeypatch.setattr(training, "evaluate", scores)
    history = quiet_fit(model, train_loader, val_loader, epochs=3, restore_best=monitor)
    assert history.best(monitor)["epoch"] == best
    assert equal(model.state_dict(), weights[best - 1]) and not equal(weights[0], weights[1])


def test_without_restore_best_the_weights_are_those_of_the_last_epoch() -> None:
    model, (train_loader, val_loader) = make_model(), loaders()
    history = quiet_fit(model, train_loader, val_loader, optimizer=SGD(model.parameters(), lr=30.0), epochs=3)
    assert history["val_loss"][-1] == evaluate(model, val_loader)["loss"]


def test_restore_best_can_watch_the_training_loss() -> None:
    history = quiet_fit(make_model(), loaders()[0], restore_best="train_loss")
    assert history.best("train_loss")["train_loss"] == min(history["train_loss"])


# -- resuming ---------------------------------------------------------------------------------------------------------


def make_run(seed: int, own_generator: bool = False, workers: int = 0, schedule: str = "none") -> dict:
    """The arguments of a `fit` whose random numbers, of every kind, start from `seed`."""
    for seeding in (torch.manual_seed, np.random.seed, random.seed):
        seeding(seed)
    generator = torch.Generator().manual_seed(seed) if own_generator else None
    model = make_model()
    optimizer = AdamW(model.parameters(), lr=0.05) if schedule != "step" else SGD(model.parameters(), 0.1, momentum=0.9)
    scheduler = {
        "none": lambda: None,
        "step": lambda: StepLR(optimizer, 5, 0.7),
        "cosine": lambda: warmup_cosine(optimizer, 5, 28),
        "one cycle": lambda: OneCycleLR(optimizer, 0.1, 28),
    }[schedule]()
    # forked, because workers that import torch anew take seconds each
    options = {"batch_size": 8, "num_workers": workers, "multiprocessing_context": "fork" if workers else None}
    return {
        "model": model,
        "train_loader": DataLoader(Examples(), shuffle=True, generator=generator, **options),
        "val_loader": DataLoader(Examples(), **options),
        "optimizer": optimizer,
        "scheduler": scheduler,
        "epochs": 4,
        "progress": False,
    }


def outcome(run: dict, history: training.History) -> dict:
    """All that a run leaves, less the seconds."""
    return {
        "history": [{name: value for name, value in row.items() if name != "seconds"} for row in history.rows],
        "model": run["model"].state_dict(),
        "optimizer": run["optimizer"].state_dict(),
        "next random numbers": [torch.rand(1).item(), np.random.rand(), random.random()],
    }


def break_off_in_batch(number: int) -> Callable[..., torch.Tensor]:
    """A loss function that raises in that batch, counted over the run, training and validation."""
    calls = iter(range(1, number + 1))

    def loss_fn(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        if next(calls) == number:
            raise KeyboardInterrupt
        return F.cross_entropy(outputs, targets)

    return loss_fn


@pytest.mark.parametrize("restore_best", [False, True], ids=["last", "best"])
@pytest.mark.parametrize("schedule", ["none", "step", "cosine", "one cycle"])
@pytest.mark.parametrize("own_generator", [False, True], ids=["global", "generator"])
def test_a_run_broken_off_in_the_middle_of_an_epoch_resumes_to_the_same_numbers(
    own_generator: bool, schedule: str, restore_best: bool, tmp_path: Path
) -> None:
    options = {"own_generator": own_generator, "schedule": schedule}
    whole = make_run(0, **options)
    expected = outcome(whole, fit(**whole, restore_best=restore_best))
    broken = make_run(0, **options)
    broken["train_loader"].dataset.break_off_after = 2 * 50 + 30  # in the third epoch
    with pytest.raises(KeyboardInterrupt):
        fit(**broken, restore_best=restore_best, checkpoint=tmp_path / "run.pt")
    assert len(load_checkpoint(tmp_path / "run.pt")["history"]) == 2
    resumed = make_run(99, **options)  # a new process: other weights, other random numbers
    found = outcome(resumed, fit(**resumed, restore_best=restore_best, checkpoint=tmp_path / "run.pt"))
    assert equal(found, expected)


@needs.fork
@pytest.mark.filterwarnings("ignore:This process.*fork:DeprecationWarning")
@pytest.mark.parametrize("own_generator", [False, True], ids=["global", "generator"])
def test_a_run_with_loader_workers_resumes_to_the_same_numbers(own_generator: bool, tmp_path: Path) -> None:
    options = {"own_generator": own_generator, "workers": 2, "schedule": "cosine"}
    whole = make_run(0, **options)
    expected = outcome(whole, fit(**whole))
    broken = make_run(0, **options)
    with pytest.raises(KeyboardInterrupt):
        # an epoch has 7 batches and one evaluation
        fit(**broken, checkpoint=tmp_path / "run.pt", loss_fn=break_off_in_batch(8 + 4))
    resumed = make_run(99, **options)
    assert equal(outcome(resumed, fit(**resumed, checkpoint=tmp_path / "run.pt")), expected)


@pytest.mark.parametrize("batch", [8, 9, 16], ids=["in validation", "in the first batch", "in the second validation"])
def test_the_moment_of_the_interruption_does_not_matter(batch: int, tmp_path: Path) -> None:
    whole = make_run(0)
    expected = outcome(whole, fit(**whole))
    broken = make_run(0)
    with pytest.raises(KeyboardInterrupt):
        fit(**broken, checkpoint=tmp_path / "run.pt", loss_fn=break_off_in_batch(batch))
    resumed = make_run(0)  # broken off in the first epoch, nothing is saved: the same seed starts the same run
    assert equal(outcome(resumed, fit(**resumed, checkpoint=tmp_path / "run.pt")), expected)


def test_saving_checkpoints_changes_no_number(tmp_path: Path) -> None:
    run = make_run(0)
    expected = outcome(run, fit(**run))
    saving = make_run(0)
    assert equal(outcome(saving, fit(**saving, checkpoint=tmp_path / "new" / "run.pt")), expected)


def test_a_run_in_several_sittings_equals_one_in_one_go(tmp_path: Path) -> None:
    whole = make_run(0)
    expected = outcome(whole, fit(**whole))
    for epochs in (1, 2, 4):
        sitting = make_run(epochs if epochs > 1 else 0) | {"epochs": epochs}
        history = fit(**sitting, checkpoint=tmp_path / "run.pt")
        assert history["epoch"] == list(range(1, epochs + 1))
    assert equal(outcome(sitting, history), expected)


def test_resuming_a_finished_run_trains_nothing_and_gives_its_weights_and_history(tmp_path: Path) -> None:
    first = make_run(0)
    history = fit(**first, checkpoint=tmp_path / "run.pt")
    written = (tmp_path / "run.pt").read_bytes()
    again = make_run(99)
    assert fit(**again, checkpoint=tmp_path / "run.pt").rows == history.rows
    assert equal(again["model"].state_dict(), first["model"].state_dict())
    assert again["train_loader"].dataset.read == 0 and (tmp_path / "run.pt").read_bytes() == written


def test_the_best_epoch_of_the_first_sitting_is_restored_after_the_second(tmp_path: Path) -> None:
    run = make_run(0) | {"epochs": 1, "restore_best": "train_loss"}
    fit(**run, checkpoint=tmp_path / "run.pt")
    best = copy.deepcopy(run["model"].state_dict())
    second = make_run(99) | {"epochs": 3, "restore_best": "train_loss"}
    history = fit(**second, checkpoint=tmp_path / "run.pt", loss_fn=lambda *batch: 10 * F.cross_entropy(*batch))
    assert history.best("train_loss")["epoch"] == 1 and equal(second["model"].state_dict(), best)


def test_a_truncated_checkpoint_is_named_and_kept(tmp_path: Path) -> None:
    fit(**make_run(0) | {"epochs": 1}, checkpoint=tmp_path / "run.pt")
    half = (tmp_path / "run.pt").read_bytes()[:2000]
    (tmp_path / "run.pt").write_bytes(half)
    with pytest.raises(ValueError, match="run.pt"):
        fit(**make_run(0), checkpoint=tmp_path / "run.pt")
    assert (tmp_path / "run.pt").read_bytes() == half


def test_a_checkpoint_of_another_model_is_refused_and_model_and_file_are_unchanged(tmp_path: Path) -> None:
    fit(**make_run(0) | {"epochs": 1}, checkpoint=tmp_path / "run.pt")
    written = (tmp_path / "run.pt").read_bytes()
    other = nn.Linear(6, 3)
    before = copy.deepcopy(other.state_dict())
    with pytest.raises(ValueError, match="run.pt belongs to another model than this Linear"):
        quiet_fit(other, loaders()[0], checkpoint=tmp_path / "run.pt")
    assert equal(other.state_dict(), before) and (tmp_path / "run.pt").read_bytes() == written


def test_a_file_that_fit_did_not_write_is_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "run.pt", {"model": {}, "history": []})
    with pytest.raises(ValueError, match="is not a checkpoint of `fit`: it lacks optimizer, scheduler, best, random"):
        fit(**make_run(0), checkpoint=tmp_path / "run.pt")


def test_best_weights_are_not_taken_for_the_best_after_epochs_without_restore_best(tmp_path: Path) -> None:
    arguments = {"checkpoint": tmp_path / "run.pt"}
    fit(**make_run(0) | {"epochs": 2}, **arguments, restore_best=True)
    fit(**make_run(0) | {"epochs": 3}, **arguments)
    assert load_checkpoint(tmp_path / "run.pt")["best"] is None
    with pytest.raises(ValueError, match="written without restore_best: its best weights are not kept"):
        fit(**make_run(0), **arguments, restore_best=True)


def test_best_weights_by_another_monitor_are_refused(tmp_path: Path) -> None:
    fit(**make_run(0) | {"epochs": 2}, checkpoint=tmp_path / "run.pt", restore_best="train_loss")
    best = load_checkpoint(tmp_path / "run.pt")["best"]
    assert (best["monitor"], best["epoch"]) == ("train_loss", 2) and list(best["weights"]) == [
        *make_model().state_dict()
    ]
    with pytest.raises(ValueError, match="with restore_best='train_loss': the best by 'val_loss' are not kept"):
        fit(**make_run(0), checkpoint=tmp_path / "run.pt", restore_best=True)


def resumed_with(tmp_path: Path, make_optimizer: Callable, model: nn.Module | None = None, **arguments) -> str:
    """What is said when a run of SGD goes on with another optimizer; model and file must be as they were."""
    first = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 3))
    optimizer = SGD(first.parameters(), lr=0.1)
    schedule = StepLR(optimizer, 5) if "scheduler" in arguments else None
    quiet_fit(first, loaders()[0], optimizer=optimizer, epochs=1, scheduler=schedule, checkpoint=tmp_path / "run.pt")
    written = (tmp_path / "run.pt").read_bytes()
    model = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 3))
    before, optimizer = copy.deepcopy(model.state_dict()), make_optimizer(model)
    schedule = arguments["scheduler"](optimizer) if "scheduler" in arguments else None
    with pytest.raises(ValueError) as caught:
        quiet_fit(model, loaders()[0], optimizer=optimizer, scheduler=schedule, checkpoint=tmp_path / "run.pt")
    assert equal(model.state_dict(), before) and (tmp_path / "run.pt").read_bytes() == written
    return str(caught.value)


def test_a_checkpoint_of_another_optimizer_or_scheduler_is_refused(tmp_path: Path) -> None:
    message = resumed_with(tmp_path / "a", lambda model: AdamW(model.parameters()))
    assert "was written with the optimizer SGD, not AdamW" in message
    message = resumed_with(tmp_path / "b", lambda model: SGD(model[1].parameters(), lr=0.1))
    assert "by a training that changed other weights (4, now 2)" in message
    plain = {"make_optimizer": lambda model: SGD(model.parameters(), lr=0.1)}
    message = resumed_with(tmp_path / "c", **plain, scheduler=lambda optimizer: OneCycleLR(optimizer, 0.1, 14))
    assert "with the scheduler StepLR, not OneCycleLR" in message


def test_a_finished_checkpoint_and_settings_that_are_not_used_are_told(tmp_path: Path, capsys) -> None:
    def again(lr: float, epochs: int, decay: float = 0.0) -> tuple[list[float], str]:
        model = make_model()
        optimizer = SGD(model.parameters(), lr=lr, weight_decay=decay)
        history = quiet_fit(model, loaders()[0], optimizer=optimizer, epochs=epochs, checkpoint=tmp_path / "run.pt")
        return history["lr"], capsys.readouterr().out

    assert again(0.1, 2) == ([0.1, 0.1], "")
    finished = f"{tmp_path / 'run.pt'} holds all 2 epochs: nothing is left to train.\n"
    unused = f"{tmp_path / 'run.pt'} goes on with its own settings. Not used: lr=0.5 (there it is 0.1)"
    assert again(0.1, 2) == ([0.1, 0.1], finished)
    assert again(0.5, 2) == ([0.1, 0.1], f"{unused}.\n{finished}")
    assert again(0.5, 3, decay=0.01) == ([0.1] * 3, f"{unused}, weight_decay=0.01 (there it is 0).\n")
    assert again(0.1, 4) == ([0.1] * 4, "")


def test_a_scheduler_that_has_moved_on_is_no_other_setting(tmp_path: Path, capsys) -> None:
    for epochs in (2, 4):
        fit(**make_run(0, schedule="step") | {"epochs": epochs}, checkpoint=tmp_path / "run.pt")
    assert capsys.readouterr().out == ""


def test_a_numpy_learning_rate_and_schedule_go_on(tmp_path: Path) -> None:
    for epochs in (1, 2):
        model = make_model()
        optimizer = SGD(model.parameters(), lr=np.logspace(-3, -1, 5)[2])
        schedule = LambdaLR(optimizer, lambda step: np.cos(step / 100))
        arguments = {"optimizer": optimizer, "scheduler": schedule, "checkpoint": tmp_path / "run.pt"}
        assert len(quiet_fit(model, loaders()[0], epochs=epochs, **arguments)) == epochs


@pytest.mark.parametrize("place", ["a folder", "file/run.pt"])
def test_a_checkpoint_that_could_not_be_written_is_found_before_the_first_epoch(place: str, tmp_path: Path) -> None:
    (tmp_path / "a folder").mkdir()
    (tmp_path / "file").write_text("no folder")
    run = make_run(0)
    with pytest.raises(OSError, match=place.split("/")[0]):
        fit(**run, checkpoint=tmp_path / place)
    assert run["train_loader"].dataset.read == 0


# -- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shapes", [((50, 1), (50,)), ((50,), (50, 1)), ((50, 1), (50, 2))])
def test_float_targets_of_another_shape_than_the_outputs_are_refused(shapes: tuple) -> None:
    outputs, targets = shapes
    model = nn.Sequential(nn.Linear(6, 1), nn.Flatten(0) if len(outputs) == 1 else nn.Identity())
    loader, before = DataLoader(TensorDataset(INPUTS, torch.ones(targets)), batch_size=8), model[0].weight.clone()
    for use in (quiet_fit, evaluate):
        with pytest.raises(ValueError, match="would broadcast"):
            use(model, loader, loss_fn=F.mse_loss)
    assert torch.equal(model[0].weight, before)


@pytest.mark.parametrize(
    ("model", "targets", "message"),
    [
        (nn.Linear(6, 1), LABELS, "one column cannot tell classes apart"),
        (nn.Linear(6, 3), LABELS + 1, "labels run from 1 to 3, and there are 3 outputs"),
        (nn.Linear(6, 3), LABELS - 1, "labels run from -1 to 1"),
        (nn.Linear(6, 3), LABELS.unsqueeze(1), r"need the shape \(\d+,\), e.g. targets.squeeze\(1\)"),
        (nn.Linear(6, 3), LABELS.float(), r"Labels of classes must be whole numbers, e.g. targets.long\(\)"),
    ],
    ids=["one output", "from 1", "from -1", "a column", "floats"],
)
def test_labels_that_do_not_fit_the_outputs_are_refused_with_a_cure(
    model: nn.Module, targets: torch.Tensor, message: str
) -> None:
    loader, before = DataLoader(TensorDataset(INPUTS, targets), batch_size=50), copy.deepcopy(model.state_dict())
    for use in (quiet_fit, evaluate):
        with pytest.raises(ValueError, match=message):
            use(model, loader)
    assert equal(model.state_dict(), before)


@pytest.mark.parametrize("dtype", [torch.int32, torch.int16, torch.bool], ids=str)
def test_labels_of_a_dtype_that_torch_does_not_take_are_refused_with_a_cure(dtype: torch.dtype) -> None:
    loader = DataLoader(TensorDataset(INPUTS, LABELS.to(dtype)), batch_size=8)
    for use in (quiet_fit, evaluate):
        with pytest.raises(ValueError, match=f"does not take labels of {dtype} .*targets.long()"):
            use(nn.Linear(6, 3), loader)
    converting = evaluate(
        nn.Linear(6, 3), loader, loss_fn=lambda outputs, labels: F.cross_entropy(outputs, labels.long())
    )
    assert converting["loss"] > 0


def test_a_loss_that_is_no_single_number_is_refused() -> None:
    for use in (quiet_fit, evaluate):
        with pytest.raises(ValueError, match=r"gives numbers of shape \(\d+,\), not one .*reduction='none'"):
            use(nn.Linear(6, 3), loaders()[0], loss_fn=nn.CrossEntropyLoss(reduction="none"))


def test_labels_for_every_place_of_a_sequence_have_no_accuracy() -> None:
    model, targets = nn.Sequential(nn.Linear(6, 15), nn.Unflatten(1, (3, 5))), torch.randint(3, (50, 5))
    loader = DataLoader(TensorDataset(INPUTS, targets), batch_size=8)
    history = quiet_fit(model, loader, loader, epochs=1)
    assert list(history.rows[0]) == ["epoch", "lr", "train_loss", "val_loss", "seconds"]


def test_outputs_that_are_no_numbers_are_not_scored() -> None:
    inputs = INPUTS.clone()
    inputs[:2] = math.nan
    with pytest.raises(FloatingPointError, match="says of 2 of 50 examples is no number"):
        evaluate(nn.Linear(6, 3), DataLoader(TensorDataset(inputs, LABELS), batch_size=8))


@pytest.mark.parametrize(
    ("loader", "message"),
    [
        (DataLoader(TensorDataset(INPUTS), 8), "yields 1 thing per batch.*put zeros"),
        (DataLoader(INPUTS, 8), "yields a Tensor alone per batch"),
        ([(INPUTS, LABELS, ["1.jpg"] * 50)], "yields 3 things per batch.*Leave out what is more"),
        (
            DataLoader([(example, "ant") for example in INPUTS], 8),
            r"targets of a batch are a tuple.*class_to_idx\[name\]",
        ),
    ],
    ids=["one", "bare", "three", "names"],
)
def test_batches_that_are_not_inputs_and_targets_are_refused_with_a_cure(loader: DataLoader, message: str) -> None:
    for use in (quiet_fit, predict):
        with pytest.raises(ValueError, match=message):
            use(nn.Linear(6, 3), loader)


def test_a_model_that_drops_the_dimension_of_the_examples_is_refused() -> None:
    class Squeezed(nn.Linear):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return super().forward(inputs).squeeze()

    with pytest.raises(ValueError, match=r"shape \(\) for 1 examples.*squeeze\(\) without a dimension"):
        predict(Squeezed(6, 1), DataLoader(TensorDataset(INPUTS[:9], LABELS[:9]), 4))


def test_a_last_batch_of_one_and_batchnorm_are_explained() -> None:
    with pytest.raises(ValueError, match="A batch holds one example.*drop_last=True.*larger batch size"):
        quiet_fit(make_model(), DataLoader(TensorDataset(INPUTS[:9], LABELS[:9]), 4))


def test_the_optimizer_and_scheduler_of_something_else_are_refused() -> None:
    model, replaced = make_model(), make_model()
    with pytest.raises(ValueError, match="6 of the 6 weights that the optimizer changes are not the model's"):
        quiet_fit(model, loaders()[0], optimizer=SGD(make_model().parameters(), lr=0.1))
    optimizer = SGD(replaced.parameters(), lr=0.1)
    replaced[-1] = nn.Linear(16, 3)
    with pytest.raises(ValueError, match="2 of the 6 weights .* before a part of this one was replaced. Make it anew"):
        quiet_fit(replaced, loaders()[0], optimizer=optimizer)
    with pytest.raises(ValueError, match="All weights that the optimizer changes are frozen. Unfreeze some"):
        quiet_fit(freeze(make_model()), loaders()[0])
    optimizer, other = (SGD(model.parameters(), lr=0.1) for _ in range(2))
    with pytest.raises(ValueError, match="scheduler belongs to another optimizer"):
        quiet_fit(model, loaders()[0], optimizer=optimizer, scheduler=StepLR(other, 1))
    with pytest.raises(ValueError, match="ReduceLROnPlateau waits for a score after every epoch"):
        quiet_fit(model, loaders()[0], optimizer=optimizer, scheduler=ReduceLROnPlateau(optimizer))


def test_an_optimizer_may_change_a_part_of_the_model_and_weights_of_the_loss() -> None:
    class Weighted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            return F.cross_entropy(self.scale * outputs, labels)

    model, loss_fn = make_model(), Weighted()
    optimizer = SGD([*model[-1].parameters(), *loss_fn.parameters()], lr=0.1)
    quiet_fit(model, loaders()[0], optimizer=optimizer, loss_fn=loss_fn, epochs=1)
    assert loss_fn.scale != 1


def test_half_precision_that_loses_small_gradients_is_refused() -> None:
    with pytest.raises(ValueError, match="float16 loses small gradients to 0. Choose torch.bfloat16"):
        quiet_fit(make_model(), loaders()[0], autocast=torch.float16)


def test_a_loader_without_a_length_is_explained() -> None:
    class Stream(IterableDataset):
        def __iter__(self) -> Iterator:
            return iter(zip(INPUTS, LABELS))

    stream = DataLoader(Stream(), 8)
    with pytest.raises(ValueError, match="train_loader cannot tell its number of batches"):
        quiet_fit(make_model(), stream)
    assert len(quiet_fit(make_model(), loaders()[0], stream)) == 2, "validation needs no length"


def test_what_a_data_set_keeps_while_it_is_judged_can_be_trained_on() -> None:
    class Cached(TensorDataset):
        kept = {}

        def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
            inputs, labels = super().__getitem__(index)
            return self.kept.setdefault(index, 2 * inputs), labels

    model = nn.Linear(6, 3)
    loader = DataLoader(Cached(INPUTS, LABELS), batch_size=1, collate_fn=lambda pairs: [of[None] for of in pairs[0]])
    evaluate(model, loader)
    assert len(quiet_fit(model, loader, epochs=1)) == 1


def test_empty_loaders_are_refused() -> None:
    few = TensorDataset(INPUTS[:3], LABELS[:3])
    for empty in (DataLoader([], batch_size=8), DataLoader(few, batch_size=8, drop_last=True)):
        with pytest.raises(ValueError, match="train_loader yields no batches"):
            quiet_fit(make_model(), empty)
        with pytest.raises(ValueError, match="yields no batches"):
            evaluate(make_model(), empty)
        with pytest.raises(ValueError, match="val_loader yields no batches"):
            quiet_fit(make_model(), loaders()[0], empty)


def test_a_monitor_that_is_not_measured_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="monitor='val_acuracy' is not measured.*val_accuracy"):
        quiet_fit(make_model(), *loaders(), restore_best="val_acuracy", checkpoint=tmp_path / "run.pt")
    assert not list(tmp_path.iterdir())


def test_restore_best_without_a_val_loader_is_refused_before_training() -> None:
    model = make_model()
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match="monitor='val_loss' is not measured without a val_loader"):
        quiet_fit(model, loaders()[0], restore_best=True)
    assert equal(model.state_dict(), before)


# -- what is printed --------------------------------------------------------------------------------------------------


def test_a_bar_and_a_line_per_epoch_are_printed(capsys: pytest.CaptureFixture) -> None:
    history = quiet_fit(make_model(), *loaders(), epochs=12, progress=True)
    printed = capsys.readouterr()
    assert "%|" in printed.out and "/84" in printed.out and printed.err == ""  # 12 epochs of 7 batches
    lines = re.findall(r"epoch +(\d+)/12   (train loss .*)", printed.out)
    assert [int(epoch) for epoch, _ in lines] == history["epoch"]
    for (_, scores), row in zip(lines, history.rows):
        names = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
        assert scores.strip() == "   ".join(f"{name.replace('_', ' ')} {row[name]:.4f}" for name in names)
    assert "epoch  1/12" in printed.out, "the columns do not line up"


def test_of_the_bar_alone_nothing_is_left(capsys: pytest.CaptureFixture) -> None:
    quiet_fit(make_model(), *loaders(), progress="bar")
    printed = capsys.readouterr()
    assert "/14" in printed.out and build.BAR.sub("", printed.out) == printed.err == ""


def test_nothing_is_printed_without_progress(capfd: pytest.CaptureFixture) -> None:
    quiet_fit(make_model(), *loaders(), progress=False)
    assert capfd.readouterr() == ("", "")


@needs.gpu
def test_data_moves_to_the_device_of_the_model() -> None:
    model = make_model().cuda()
    history = quiet_fit(model, *loaders(), restore_best=True)
    assert len(history) == 2 and predict(model, loaders()[1])[0].device.type == "cpu"
    assert {value.device.type for value in model.state_dict().values()} == {"cuda"}


@pytest.mark.parametrize("use", [quiet_fit, predict])
def test_data_is_moved_to_wherever_the_model_is(use: Callable) -> None:
    # the device "meta" computes shapes alone: inputs or targets left on the CPU raise there too
    model, devices = nn.Linear(6, 3, device="meta"), []
    model.register_forward_pre_hook(lambda module, inputs: devices.append(inputs[0].device.type))
    with pytest.raises((NotImplementedError, RuntimeError), match="meta"):
        use(model, loaders()[1])  # where the results are to leave "meta", there are none
    assert set(devices) == {"meta"} and len(devices) == (7 if use is quiet_fit else 1)


def test_a_sampler_with_its_own_generator_resumes_to_the_same_numbers(tmp_path: Path) -> None:
    def run(epochs: int, checkpoint: Path) -> list[float]:
        torch.manual_seed(0)
        sampler = WeightedRandomSampler([1.0] * 25 + [2.0] * 25, 50, generator=torch.Generator().manual_seed(3))
        loader = DataLoader(TensorDataset(INPUTS, LABELS), batch_size=8, sampler=sampler)
        return quiet_fit(make_model(), loader, epochs=epochs, checkpoint=checkpoint)["train_loss"]

    whole = run(4, tmp_path / "whole.pt")
    run(2, tmp_path / "halves.pt")
    assert run(4, tmp_path / "halves.pt") == whole


@pytest.mark.parametrize("nested", [False, True], ids=["batch sampler", "in another one"])
def test_the_generator_of_a_sampler_within_a_batch_sampler_resumes_to_the_same_numbers(
    nested: bool, tmp_path: Path
) -> None:
    class Around(BatchSampler):
        def __init__(self, batches: BatchSampler) -> None:
            self.sampler, self.batch_size, self.drop_last = batches, 8, False

        def __iter__(self) -> Iterator:
            return iter(self.sampler)

        def __len__(self) -> int:
            return len(self.sampler)

    def run(epochs: int, checkpoint: Path) -> list[float]:
        torch.manual_seed(0)
        order = RandomSampler(INPUTS, generator=torch.Generator().manual_seed(3))
        batches = BatchSampler(order, 8, drop_last=False)
        loader = DataLoader(TensorDataset(INPUTS, LABELS), batch_sampler=Around(batches) if nested else batches)
        return quiet_fit(make_model(), loader, epochs=epochs, checkpoint=checkpoint)["train_loss"]

    whole = run(4, tmp_path / "whole.pt")
    run(2, tmp_path / "halves.pt")
    assert run(4, tmp_path / "halves.pt") == whole


def test_resuming_with_other_settings_is_refused(tmp_path: Path) -> None:
    checkpoint = tmp_path / "run.pt"
    train_loader, val_loader = loaders()
    quiet_fit(make_model(), train_loader, val_loader, checkpoint=checkpoint)
    model = make_model()
    optimizer = SGD(model.parameters(), lr=0.1)
    with pytest.raises(ValueError, match="without a scheduler"):
        quiet_fit(model, train_loader, optimizer=optimizer, scheduler=StepLR(optimizer, 1), checkpoint=checkpoint)
    seeded = DataLoader(TensorDataset(INPUTS, LABELS), batch_size=8, shuffle=True, generator=torch.Generator())
    with pytest.raises(ValueError, match="without a loader with a generator"):
        quiet_fit(make_model(), seeded, checkpoint=checkpoint)
    with pytest.raises(ValueError, match="without restore_best"):
        quiet_fit(make_model(), train_loader, val_loader, restore_best=True, checkpoint=checkpoint)


def test_a_misspelt_monitor_is_refused_before_training() -> None:
    with pytest.raises(ValueError, match="val_acc.*val_accuracy"):
        quiet_fit(make_model(), *loaders(), restore_best="val_acc", epochs=10**6)
