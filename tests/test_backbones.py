"""Checks of the networks of torchvision with heads for one's own classes."""

import hashlib
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn
from torchvision import models
from torchvision.models.regnet import BlockParams

from course_utils import eval_transform, freeze, unfreeze
from course_utils.downloads.manifest import data_sets
from course_utils.models.backbones import NAMES, find_head, input_size, make_network, with_own_head
from course_utils.models.pretrained import make_backbone
from course_utils.runs import create_run
from course_utils.settings import Settings

SMALL = ["googlenet", "inception_v3", "mnasnet0_5", "mobilenet_v3_small", "regnet_x_400mf", "shufflenet_v2_x0_5",
         "squeezenet1_1", "swin_t"]  # fmt: skip


@pytest.fixture
def without_numbers(monkeypatch: pytest.MonkeyPatch):
    """Networks are built with shapes alone, which takes no time; RegNet computes its widths with tensors."""
    widths = BlockParams.from_init_params.__func__

    def real_widths(*arguments: object, **more: object):
        with torch.device("cpu"):
            return widths(*arguments, **more)

    monkeypatch.setattr(BlockParams, "from_init_params", classmethod(real_widths))
    with torch.device("meta"):
        yield


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore:The default weight initialization")
def test_every_network_gets_its_own_head_and_the_rest_of_torchvisions_weights(name: str, without_numbers) -> None:
    model = make_network(name, 5)
    head = find_head(model)
    assert {len(value) for value in head.parameters()} == {5}
    of_torchvision = models.get_model(name, weights=None).state_dict()
    weights, own = with_own_head(model, of_torchvision), model.state_dict()
    assert weights.keys() == own.keys()
    differing = [key for key in own if weights[key].shape != own[key].shape]
    assert differing == []
    taken = [key for key in own if key in of_torchvision and weights[key] is of_torchvision[key]]
    head_size = len(list(head.parameters()))
    assert len(taken) == len([key for key in own if not key.endswith("num_batches_tracked")]) - head_size


@pytest.mark.parametrize("name", SMALL)
def test_it_answers_pictures_of_its_size(name: str) -> None:
    model = make_network(name, 3).eval()
    with torch.inference_mode():
        assert model(torch.zeros(1, 3, input_size(name), input_size(name))).shape == (1, 3)


def test_old_names_of_densenet_are_known() -> None:
    with torch.device("meta"):
        model = make_network("densenet121", 2)
        weights = models.densenet121(weights=None).state_dict()
    old = {key.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): value for key, value in weights.items()}
    assert with_own_head(model, old).keys() == model.state_dict().keys()


def test_pretrained_weights_are_loaded_and_the_head_is_new(full_profile: Path) -> None:
    theirs = models.mobilenet_v3_small(weights=None).state_dict()
    folder = full_profile / "weights"
    folder.mkdir(parents=True)
    torch.save(theirs, folder / "unnamed.pth")
    digest = hashlib.sha256((folder / "unnamed.pth").read_bytes()).hexdigest()[:8]
    (folder / "unnamed.pth").rename(folder / f"mobilenet_v3_small-{digest}.pth")
    model = make_backbone("mobilenet_v3_small", 4, pretrained=True)
    own = model.state_dict()
    assert own.keys() == theirs.keys()
    differing = {key for key in own if not torch.equal(own[key], theirs[key])}
    assert differing == {"classifier.3.weight", "classifier.3.bias"}
    assert find_head(model).out_features == 4


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="no network 'resnet19'"):
        make_backbone("resnet19", 2)


@pytest.mark.parametrize("name", sorted(data_sets().keys() & set(NAMES)))
def test_weights_in_the_manifest_are_torchvisions(name: str) -> None:
    choices = list(models.get_model_weights(name))
    (file,) = data_sets()[name].files
    found = [weights for weights in choices if file.urls == (weights.url,)]
    assert found and file.digest in found[0].url
    assert abs(file.bytes / 2**20 - found[0].meta["_file_size"]) < 0.001
    assert file.path == f"weights/{name}-{file.digest}.pth"


def test_the_program_says_which_size_a_network_needs(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="vit_b_32 cannot take pictures of 64 pixels .*--size 224"):
        create_run(tmp_path / "run", Settings(str(data), "vit_b_32", size=64))


def test_a_misspelt_network_is_answered_with_those_that_resemble_it(data: Path) -> None:
    with pytest.raises(ValueError, match="mobilenet_v3_small") as caught:
        Settings(str(data), "mobilenet_small")
    assert "vgg" not in str(caught.value)


@pytest.mark.parametrize("name", ["squeezenet1_1", "mobilenet_v3_small"])
def test_a_frozen_network_trains_its_head_alone(name: str) -> None:
    model = make_network(name, 2)
    head = unfreeze(find_head(freeze(model)))
    assert {id(value) for value in model.parameters() if value.requires_grad} == {id(v) for v in head.parameters()}
    images = torch.stack([eval_transform(64)(Image.new("RGB", (80, 90), colour)) for colour in ["red", "blue"]])
    before = {key: value.clone() for key, value in model.state_dict().items()}
    nn.functional.cross_entropy(model.train()(images), torch.tensor([0, 1])).backward()
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
