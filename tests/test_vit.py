"""Checks of the vision transformers against torchvision's: the same names, the same numbers from the same weights."""

from pathlib import Path

import pytest
import torch
import torchvision
from PIL import Image
from torch import nn

from course_utils.models.vit import EncoderBlock, SelfAttention, VisionTransformer, attention_maps, small_vit, vit_b_16
from course_utils.runs import create_run
from course_utils.settings import MODELS, Settings

SIZES = (32, 8, 2, 4, 24, 40, 5)  # of pictures and patches, layers, heads, width, hidden width, classes


@pytest.fixture(scope="module")
def pair() -> tuple[VisionTransformer, nn.Module]:
    """Ours with torchvision's weights, and torchvision's; none of them 0 or 1, which would hide what is forgotten."""
    torch.manual_seed(0)
    names = ("image_size", "patch_size", "num_layers", "num_heads", "hidden_dim", "mlp_dim", "num_classes")
    theirs = torchvision.models.VisionTransformer(**dict(zip(names, SIZES))).eval()
    for weight in theirs.parameters():
        nn.init.normal_(weight, std=0.3)
    ours = VisionTransformer(*SIZES).eval()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    return ours, theirs


def shapes(model: nn.Module) -> list[tuple[str, torch.Size]]:
    return [(name, value.shape) for name, value in model.state_dict().items()]


def test_outputs_and_gradients_are_torchvisions(pair: tuple) -> None:
    images = torch.randn(3, 3, 32, 32)
    answers = [model(images) for model in pair]
    assert answers[1].std() > 0.1
    torch.testing.assert_close(*answers, atol=1e-5, rtol=1e-5)
    for answer in answers:
        answer.square().sum().backward()
    for mine, other in zip(*(model.parameters() for model in pair)):
        torch.testing.assert_close(mine.grad, other.grad, atol=1e-3, rtol=1e-3)


def test_names_and_shapes_are_those_of_torchvisions_vit_b_16_in_the_same_order() -> None:
    with torch.device("meta"):
        ours, theirs = vit_b_16(), torchvision.models.vit_b_16()
    assert shapes(ours) == shapes(theirs)
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in theirs.named_parameters()]


def test_weights_begin_as_torchvisions_do_but_for_the_head() -> None:
    torch.manual_seed(0)
    ours = VisionTransformer(16, 8, 1, 2, 192, 256, 3).state_dict()
    theirs = torchvision.models.VisionTransformer(16, 8, 1, 2, 192, 256, num_classes=3).state_dict()
    for name in ours:
        if not name.startswith("heads"):
            spread, wanted = ours[name].std().item(), theirs[name].std().item()
            assert spread == pytest.approx(wanted, rel=0.12, abs=1e-5), name
            assert ours[name].mean().item() == pytest.approx(theirs[name].mean().item(), abs=0.02), name


def test_attention_and_its_weights_are_those_of_torch() -> None:
    torch.manual_seed(0)
    theirs, ours = nn.MultiheadAttention(24, 4, batch_first=True), SelfAttention(24, 4)
    nn.init.normal_(theirs.in_proj_bias)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    x = torch.randn(2, 7, 24)
    expected, weights = theirs(x, x, x, average_attn_weights=False)
    torch.testing.assert_close(ours(x), expected)
    torch.testing.assert_close(ours.weights(x), weights)


def test_attention_maps_are_those_on_the_way(pair: tuple) -> None:
    model, images = pair[0], torch.randn(2, 3, 32, 32)
    seen = []
    hooks = [
        block.self_attention.register_forward_pre_hook(lambda part, inputs: seen.append(part.weights(*inputs)))
        for block in model.encoder.layers
    ]
    model(images)
    for hook in hooks:
        hook.remove()
    maps = attention_maps(model, images)
    assert maps.shape == (2, 2, 4, 17, 17)
    torch.testing.assert_close(maps, torch.stack(seen, dim=1).detach())
    torch.testing.assert_close(maps.sum(dim=4), torch.ones(2, 2, 4, 17))


def test_a_block_without_its_parts_hands_its_input_on() -> None:
    block, x = EncoderBlock(8, 2, 16), torch.randn(2, 5, 8)
    for layer in (block.self_attention.out_proj, block.mlp[3]):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    torch.testing.assert_close(block(x), x)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: VisionTransformer(30, 8, 1, 1, 8, 8), "image_size is 30, it must be a multiple of patch_size, 8"),
        (lambda: VisionTransformer(32, 8, 1, 3, 8, 8), "hidden_dim is 8, it must be a multiple of num_heads, 3"),
        (lambda: small_vit()(torch.zeros(1, 1, 28, 35)), "28 x 28 pixels, not 28 x 35"),
    ],
)
def test_what_does_not_fit_is_told(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_the_training_program_knows_the_small_one_and_says_which_size_it_takes(tmp_path: Path) -> None:
    for split in ("train", "val"):
        for name in ("one", "two"):
            folder = tmp_path / "data" / split / name
            folder.mkdir(parents=True)
            Image.new("RGB", (40, 30)).save(folder / "a.png")
    run = create_run(tmp_path / "run", Settings(str(tmp_path / "data"), "vit", size=28))
    assert run.new_model()(torch.zeros(2, 3, 28, 28)).shape == (2, 2)
    with pytest.raises(ValueError, match="vit cannot take pictures of 64 pixels .* It was made for 28: --size 28"):
        create_run(tmp_path / "other", Settings(str(tmp_path / "data"), "vit", size=64))
    assert "vit_b_16" in MODELS and "pretrained_vit_b_16" in MODELS
