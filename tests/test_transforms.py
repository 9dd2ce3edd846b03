"""Checks of the image transforms, against Pillow and plain arithmetic."""

import numpy as np
import pytest
import torch
from PIL import Image

from course_utils import denormalize, eval_transform, train_transform
from course_utils.data.transforms import jitter_transform

# ImageNet's, as torchvision's documentation of its pretrained weights gives them
MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)
STD = np.array([0.229, 0.224, 0.225], dtype=np.float32)


@pytest.fixture
def noise() -> Image.Image:
    """A picture 100 wide and 80 high, every pixel random."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (80, 100, 3), dtype=np.uint8))


def as_arrays(images: torch.Tensor) -> np.ndarray:
    return images.movedim(-3, -1).numpy()


@pytest.mark.parametrize("make", [train_transform, eval_transform, jitter_transform])
@pytest.mark.parametrize("size", [32, 64])
def test_the_result_is_a_float_tensor_of_the_size_asked_for(make, size: int, noise: Image.Image) -> None:
    image = make(size)(noise)
    assert (image.dtype, tuple(image.shape)) == (torch.float32, (3, size, size))


@pytest.mark.parametrize("size", [56, 224])
def test_eval_transform_is_resize_centre_crop_normalize(size: int, noise: Image.Image) -> None:
    short = round(size * 8 / 7)  # 56 -> 64, 224 -> 256
    resized = noise.resize((short * 100 // 80, short), Image.Resampling.BILINEAR)
    left, top = round((resized.width - size) / 2), round((short - size) / 2)
    pixels = np.asarray(resized.crop((left, top, left + size, top + size)), dtype=np.float32) / 255
    np.testing.assert_allclose(as_arrays(eval_transform(size)(noise)), (pixels - MEAN) / STD, atol=1e-5)


def test_eval_transform_has_nothing_random(noise: Image.Image) -> None:
    transform = eval_transform(32)
    assert torch.equal(transform(noise), transform(noise))


@pytest.mark.parametrize("make", [train_transform, jitter_transform])
def test_transforms_for_training_are_random_and_repeat_with_the_seed(make, noise: Image.Image) -> None:
    transform = make(32)
    torch.manual_seed(1)
    first, second = transform(noise), transform(noise)
    torch.manual_seed(1)
    assert torch.equal(transform(noise), first) and not torch.equal(first, second)


def test_train_transform_flips_and_keeps_at_least_half_of_the_area() -> None:
    torch.manual_seed(0)
    place = np.arange(256, dtype=np.uint8)
    # red tells where a pixel lay from left to right, green from top to bottom
    red, green = np.broadcast_to(place, (256, 256)), np.broadcast_to(place[:, None], (256, 256))
    picture = Image.fromarray(np.stack([red, green, 0 * red], axis=-1))
    crops = denormalize(torch.stack([train_transform(64)(picture) for _ in range(100)])) * 255
    width = (crops[:, 0, 32, -1] - crops[:, 0, 32, 0]) * 64 / 63  # negative where flipped
    height = (crops[:, 1, -1, 32] - crops[:, 1, 0, 32]) * 64 / 63
    area = width.abs() * height / 256**2
    assert 0.47 < area.min() < 0.6 and 0.8 < area.max() < 1.03
    assert 30 < (width < 0).sum() < 70
    assert (height > 0).all()


def test_jitter_turns_both_ways_and_flips() -> None:
    torch.manual_seed(0)
    picture = Image.fromarray(np.broadcast_to(np.linspace(60, 180, 256), (256, 256)).astype(np.uint8)).convert("RGB")
    changed = denormalize(torch.stack([jitter_transform(64)(picture) for _ in range(200)]))[:, 0]
    right = changed[:, 16:48, 47].mean(dim=1) - changed[:, 16:48, 16].mean(dim=1)
    down = changed[:, 47, 16:48].mean(dim=1) - changed[:, 16, 16:48].mean(dim=1)
    angle = torch.atan(down / right).rad2deg()
    assert 70 < (right < 0).sum() < 130, "flips"
    assert -46 < angle.min() < -35 and 35 < angle.max() < 46


def test_jitter_changes_brightness_and_colours() -> None:
    torch.manual_seed(0)
    picture = Image.new("RGB", (40, 40), (120, 60, 90))
    changed = denormalize(torch.stack([jitter_transform(32)(picture) for _ in range(200)])).mean(dim=(2, 3))
    brightness, share = changed.mean(dim=1), changed / changed.sum(dim=1, keepdim=True)
    assert 1.3 < brightness.max() / brightness.min() < 2
    assert (share.amax(dim=0) - share.amin(dim=0) > 0.05).all(), share


@pytest.mark.parametrize("size", [8, 33, 64, 224])
def test_jitter_leaves_no_black_corners(size: int) -> None:
    torch.manual_seed(0)
    white = Image.new("RGB", (300, 240), "white")
    for _ in range(100):
        assert denormalize(jitter_transform(size)(white)).min() > 0.7  # of brightness and contrast at most 0.28


@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 3, 4, 5)])
def test_denormalize_undoes_the_normalization(shape: tuple[int, ...]) -> None:
    pixels = torch.rand(shape)
    normalized = (pixels - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    torch.testing.assert_close(denormalize(normalized), pixels)


def test_denormalize_stays_within_0_and_1_and_leaves_its_input_alone() -> None:
    images = torch.full((3, 2, 2), 50.0)
    assert denormalize(images).max() == 1 and denormalize(-images).min() == 0
    assert (images == 50).all()
