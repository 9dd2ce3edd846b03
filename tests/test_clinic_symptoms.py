"""Lesson 14's reference by symptom: each row's bug shows the symptom, and the cure named does not.

Rows that lead to a case of the lesson, or to its routine, are executed there, and proven.
"""

from argparse import ArgumentParser, BooleanOptionalAction

import numpy as np
import reference
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim import SGD
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, Dataset, TensorDataset
from torchvision.transforms import v2

from course_utils import MLP, evaluate, standard_error
from course_utils.models.resnet import BasicBlock

IMAGES = torch.rand(10, 1, 28, 28, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(10)
TESTS = {}


def symptom(row):
    def note(test):
        TESTS[row] = test
        return test

    return note


@symptom("rows do not add up to 1")
def test_softmax_over_the_batch():
    logits = torch.rand(4, 3)
    assert not torch.allclose(logits.softmax(dim=0).sum(dim=1), torch.ones(4))
    torch.testing.assert_close(logits.softmax(dim=1).sum(dim=1), torch.ones(4))


@symptom("deep network behind a shallow one")
def test_block_without_shortcut():
    class Plain(BasicBlock):
        def forward(self, x):
            return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))

    maps = torch.rand(2, 8, 5, 5)
    for block, expected in [(Plain(8, 8), torch.zeros_like(maps)), (BasicBlock(8, 8), maps)]:
        nn.init.zeros_(block.bn2.weight)
        torch.testing.assert_close(block(maps), expected)


@symptom("rate falls in the log only")
def test_scheduler_of_the_old_optimizer():
    layer = nn.Linear(3, 2)
    old, new = SGD(layer.parameters(), lr=0.1), SGD(layer.parameters(), lr=0.1)
    for optimizer, rate in [(old, 0.1), (new, 0.01)]:
        scheduler = StepLR(optimizer, step_size=1, gamma=0.1)
        optimizer.step()
        scheduler.step()
        assert np.isclose(scheduler.get_last_lr()[0], 0.01) and np.isclose(new.param_groups[0]["lr"], rate)


@symptom("wrong names that look right")
def test_names_by_number():
    names = {str(number): f"flower {number}" for number in range(1, 103)}
    classes = sorted(names)  # the folders, as ImageFolder sorts them
    right = sum(names[str(label + 1)] == names[classes[label]] for label in range(102))
    assert 5 <= right <= 15, f"{right} of 102 are not about a tenth"


@symptom("every epoch crops alike")
def test_copied_generator():
    class Crops(Dataset):
        def __init__(self, own):
            self.rng = np.random.default_rng(0) if own else None

        def __len__(self):
            return 4

        def __getitem__(self, index):
            return float(self.rng.random() if self.rng else torch.rand(1))

    for own in [True, False]:
        loader = DataLoader(Crops(own), 2, num_workers=2)
        epochs = [torch.cat(list(loader)) for _ in range(2)]
        assert torch.equal(*epochs) == own and torch.equal(*epochs[0].split(2)) == own


def nearest(known, answers, asked):
    return answers[torch.cdist(asked, known).argmin(dim=1)]


@symptom("forecast too good")
def test_learning_from_the_future():
    day = torch.arange(400.0).unsqueeze(1)
    walk = torch.randn(400, generator=torch.Generator().manual_seed(0)).cumsum(0)
    before = torch.arange(300)
    drawn = torch.randperm(399, generator=torch.Generator().manual_seed(0))[:300]
    leaky, honest = (
        (nearest(day[known], walk[known], day[300:]) - walk[300:]).abs().mean() for known in (drawn, before)
    )
    assert honest > 3 * leaky


@symptom("validation too good")
def test_copies_on_both_sides():
    generator = torch.Generator().manual_seed(0)
    pictures, coins = torch.rand(60, 20, generator=generator), torch.randint(2, (60,), generator=generator)
    copies = torch.cat([pictures + 0.01 * torch.rand(60, 20, generator=generator) for _ in range(4)])
    order = torch.randperm(240, generator=generator)
    seen, asked = order[:120], order[120:]
    guessed = nearest(copies[seen], coins.repeat(4)[seen], copies[asked])
    assert (guessed == coins.repeat(4)[asked]).float().mean() > 0.8, "copies give coins away"
    guessed = nearest(pictures[:30], coins[:30], pictures[30:])
    assert (guessed == coins[30:]).float().mean() < 0.7, "nobody can guess coins"


@symptom("score changes from call to call")
def test_chance_in_evaluation():
    dropout = nn.Dropout()
    for function, random in [(v2.RandomResizedCrop(28), True), (v2.Resize(28), False), (dropout, True)]:
        assert torch.equal(function(IMAGES), function(IMAGES)) != random
    dropout.eval()
    assert torch.equal(dropout(IMAGES), dropout(IMAGES))


def reports(mean):
    model = MLP()
    found = []
    for size in [3, 5, 10]:
        batches = [
            (F.cross_entropy(model(x), y).item(), len(y)) for x, y in zip(IMAGES.split(size), LABELS.split(size))
        ]
        found.append(mean(*zip(*batches)))
    return np.ptp(found)


@symptom("loss depends on the batch size")
def test_mean_of_batches():
    assert reports(lambda losses, sizes: losses[-1]) > 1e-3
    assert reports(lambda losses, sizes: np.mean(losses)) > 1e-5
    assert reports(lambda losses, sizes: np.average(losses, weights=sizes)) < 1e-6


@symptom("loss far too small")
def test_divided_inside_the_loop():
    total = 0.0
    for loss in [1.0] * 4:
        total = (total + loss) / 4
    assert total < 0.4 and sum([1.0] * 4) / 4 == 1


@symptom("memory grows, `out of memory`")
def test_losses_that_keep_graphs():
    model = MLP()
    assert F.cross_entropy(model(IMAGES), LABELS).grad_fn is not None
    assert isinstance(F.cross_entropy(model(IMAGES), LABELS).item(), float)
    with torch.no_grad():
        assert F.cross_entropy(model(IMAGES), LABELS).grad_fn is None


@symptom("test and validation loss equal to the last digit")
def test_the_same_pictures():
    model = MLP()
    val, test = (DataLoader(TensorDataset(IMAGES[part], LABELS[part]), 5) for part in (slice(5), slice(5, 10)))
    assert evaluate(model, val) == evaluate(model, val)
    assert evaluate(model, val)["loss"] != evaluate(model, test)["loss"]


@symptom("a lead of a point")
def test_luck():
    for n, luck in [(153, True), (20_000, False)]:
        bar = 2 * (standard_error(0.95, n) ** 2 + standard_error(0.96, n) ** 2) ** 0.5
        assert (bar > 0.01) == luck


@symptom("loaded network has another score")
def test_last_months_file(tmp_path):
    batches, scores = [(IMAGES, LABELS)], {}
    for name in ["checkpoint.pth", "best.pt"]:
        model = MLP()
        scores[name] = evaluate(model, batches)["loss"]
        torch.save(model.state_dict(), tmp_path / name)
    log = scores["best.pt"]
    for name in scores:
        model.load_state_dict(torch.load(tmp_path / name))
        loss = evaluate(model, batches)["loss"]
        assert np.isclose(loss, scores[name]), "each file agrees with itself"
        assert np.isclose(loss, log) == (name == "best.pt")


@symptom("`--cuda False` uses the GPU")
def test_false_is_true():
    for settings, words, value in [
        ({"type": bool}, ["--cuda", "False"], True),
        ({"action": BooleanOptionalAction}, ["--no-cuda"], False),
    ]:
        parser = ArgumentParser()
        parser.add_argument("--cuda", **settings)
        assert parser.parse_args(words).cuda is value


def test_every_row_is_executed_and_leads_somewhere():
    rows = reference.table("By symptom")
    assert len(rows) > 20
    for row, targets in rows.items():
        assert reference.leads_somewhere(targets), f"{row} leads to {targets}"
    in_the_lesson = {row for row, targets in rows.items() if any(target[0] == "#" for target in targets)}
    assert set(rows) - in_the_lesson == set(TESTS)
