"""The drawings are what their programs draw, small and opaque, and the lessons show only drawings that are there."""

import re
from xml.etree import ElementTree

import build
import draw_diagrams
import pytest
import torch
from diagrams.receptive import STAGE, receptive_fields
from diagrams.recurrent import SENTENCES
from diagrams.style import PAPER

from course_utils import CNN, MLP, resnet18
from course_utils.models.resnet import BasicBlock, Bottleneck, resnet34

DRAWINGS = sorted(draw_diagrams.DRAWINGS)
IMAGE = re.compile(r"!\[([^\]]*)\]\(\s*([^)\s]*figures/[^)\s]*)\s*\)")
SVG = "{http://www.w3.org/2000/svg}"


def images() -> list[tuple[str, str, str]]:
    """What lessons and exercises show: their source, the words in place of the picture, and its path."""
    return [
        (build.describe(source), *found)
        for source in build.sources()
        for cell in build.read_source(source).cells
        if cell.cell_type == "markdown"
        for found in IMAGE.findall(cell.source)
    ]


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawing_again_gives_the_same_bytes(name):
    stored = (draw_diagrams.FIGURES / f"{name}.svg").read_bytes()
    drawn = draw_diagrams.draw(name).encode()
    assert drawn == stored, f"{name}.svg is not what its program draws: run python tools/draw_diagrams.py {name}"
    assert draw_diagrams.draw(name).encode() == drawn, f"{name} is drawn differently each time"
    assert len(stored) < 60_000, f"{name}.svg has {len(stored)} bytes"


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawings_are_opaque_and_say_what_they_show(name):
    root = ElementTree.fromstring(draw_diagrams.draw(name))
    title, paper = list(root)[:2]
    assert title.tag == f"{SVG}title" and len(title.text) > 40, "the title says for screen readers what is drawn"
    size = (root.get("width"), root.get("height"))
    assert paper.tag == f"{SVG}rect" and (paper.get("width"), paper.get("height"), paper.get("fill")) == (*size, PAPER)


@pytest.mark.parametrize("name", DRAWINGS)
def test_texts_lie_inside_the_drawing_and_are_large_enough(name):
    root = ElementTree.fromstring(draw_diagrams.draw(name))
    width, height = float(root.get("width")), float(root.get("height"))
    for text in root.iter(f"{SVG}text"):
        size = float(text.get("font-size") or root.get("font-size"))
        wide = {"start": 0, "middle": 0.5, "end": 1}[text.get("text-anchor", "start")]
        mono = text.get("font-family") is not None  # its letters are 0.6 as wide as high; others 0.5 on average
        length = (0.6 if mono else 0.5) * size * len("".join(text.itertext()))
        left = float(text.get("x")) - wide * length
        assert size >= 13, f"{text.text!r} is written in {size:g} pixels"
        if not text.get("transform"):
            assert 0 <= left and left + length <= width, f"{text.text!r} runs over the edge"
            assert size <= float(text.get("y")) <= height, f"{text.text!r} runs over the edge"


def test_each_drawing_has_its_texts_and_no_other_svg_lies_there():
    texts = draw_diagrams.read_texts()
    assert set(texts) == set(DRAWINGS)
    assert {path.stem for path in draw_diagrams.FIGURES.glob("*.svg")} == set(DRAWINGS)


def test_every_text_is_used():
    class Noting(dict):
        def __getitem__(self, key):
            used.add(key)
            return super().__getitem__(key)

    for name, texts in draw_diagrams.read_texts().items():
        used: set[str] = set()
        draw_diagrams.DRAWINGS[name](Noting(texts))
        assert used == set(texts), f"{name}: never written: {set(texts) - used}"


def test_images_of_the_lessons_exist_and_have_words_in_their_place():
    for source, words, path in images():
        folder = build.NOTEBOOKS / "exercises" if source.startswith("exercises/") else build.NOTEBOOKS
        assert (folder / path).resolve().is_file(), f"{source} shows {path}, which is not there"
        assert len(words.split()) >= 5, f"{source}: say in the brackets of ![…]({path}) what the picture shows"


def test_the_map_names_every_lesson_once():
    named = re.findall(r"^(\d\d) \w", "\n".join(draw_diagrams.read_texts()["course_map"].values()), re.M)
    lessons = [source.name[:2] for source in build.sources() if not build.is_exercise(source)]
    assert sorted(named) == sorted(lessons)


def test_receptive_fields_are_those_of_the_network():
    model = CNN().eval()
    for stages, (field, step) in enumerate(receptive_fields(3 * STAGE)[2::2], start=1):
        gradient = torch.zeros(64, 64)
        for seed in range(20):  # pooling hands the gradient to one of four, by chance
            image = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(seed), requires_grad=True)
            result = model.stages[:stages](image)
            middle = result.shape[-1] // 2
            result[..., middle, middle].abs().sum().backward()
            gradient += image.grad[0, 0].abs()
        rows = gradient.sum(dim=1).nonzero()[:, 0]
        assert (rows[0], rows[-1]) == (middle * step - (step - 1), middle * step - (step - 1) + field - 1)
        assert result.shape[-1] == 64 // step


def numbers_of_the_code() -> dict[str, list[str]]:
    """What must be written in the drawings, from the networks and the calculations of the lessons."""
    w = torch.tensor(3.0, requires_grad=True)
    loss = (w * 2 - 10) ** 2
    loss.backward()
    shapes: dict[str, list[str]] = {"mlp": ["(64, 1, 28, 28)"], "small_cnn": ["1 × 28 × 28"], "resnet_strip": []}
    batch = torch.rand(64, 1, 28, 28)
    for layer in MLP():
        batch = layer(batch)
        shapes["mlp"].append(str(tuple(batch.shape)))
        if isinstance(layer, torch.nn.Linear):
            shapes["mlp"].append(f"{layer.in_features} × {layer.out_features}")
    maps = torch.rand(2, 1, 28, 28)
    for stage in CNN().stages:
        maps = stage(maps)
        shapes["small_cnn"].append(" × ".join(map(str, maps.shape[1:])))
    network, maps = resnet34(), torch.rand(1, 3, 224, 224)
    for name in ["conv1", "maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool"]:
        part = getattr(network, name)
        maps = part(maps)
        blocks = [f"× {len(part)}"] if name.startswith("layer") else []
        shapes["resnet_strip"] += [name, str(maps.shape[1]), f"{maps.shape[2]} × {maps.shape[3]}", *blocks]
    blocks = [BasicBlock(256, 256), Bottleneck(256, 64)]
    layers = [layer for block in blocks for layer in block.modules() if isinstance(layer, torch.nn.Conv2d)]
    network = resnet18(2)
    of_parts = {name: sum(p.numel() for p in part.parameters()) for name, part in network.named_children()}
    first = sum(of_parts[name] for name in ["conv1", "bn1", "layer1", "layer2"])
    trained = [of_parts["fc"], sum(of_parts.values()), sum(of_parts.values()) - first]
    sentences = [torch.zeros(len(sentence.split()), 1) for sentence in SENTENCES]
    packed = torch.nn.utils.rnn.pack_sequence(sentences, enforce_sorted=False)
    return shapes | {
        "new_head": [str(network.fc.in_features)],
        "six_ways": [f"{count:,}" for count in trained],
        "unrolled_padding_packing": [str(running) for running in packed.batch_sizes.tolist()],
        "autograd": [f"{value:g}".replace("-", "\N{MINUS SIGN}") for value in (w.item(), loss.item(), w.grad.item())],
        "basic_bottleneck": [f"{sum(p.numel() for p in block.parameters()):,} parameters" for block in blocks]
        + [f"{layer.weight.numel():,}" for layer in layers],
    }


def test_the_numbers_are_those_of_the_code():
    for name, numbers in numbers_of_the_code().items():
        root = ElementTree.fromstring(draw_diagrams.draw(name))
        written = ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
        for number in numbers:
            whole = re.compile(rf"(?<!\S){re.escape(number)}(?!\S)")
            assert any(map(whole.search, written)), f"{number} is not written in {name}: {written}"
