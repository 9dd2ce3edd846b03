"""Draw the diagrams of the lessons, the same bytes whenever they are drawn.

    python tools/draw_diagrams.py [NAME…] [--output FOLDER]

Each name, such as convolution, becomes notebooks/figures/NAME.svg; without names all are drawn. The words in them stand
in tools/diagrams/texts.toml.
"""

import argparse
import tomllib
from collections.abc import Callable
from pathlib import Path

from diagrams import (
    autograd,
    convolutions,
    course,
    data_sets,
    debugging,
    explain,
    features,
    lightning,
    logs,
    networks,
    pictures,
    receptive,
    recurrent,
    residual,
    runs,
    speed,
    transfer,
    transformer,
)
from diagrams.canvas import Canvas

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "notebooks" / "figures"
TEXTS = Path(__file__).parent / "diagrams" / "texts.toml"
DRAWINGS: dict[str, Callable[[dict[str, str]], Canvas]] = {
    function.__name__: function
    for function in [
        course.course_map,
        pictures.picture_to_tensor,
        autograd.autograd,
        course.train_val_test,
        networks.mlp,
        convolutions.convolution,
        convolutions.stride_padding_pooling,
        receptive.receptive_field,
        receptive.receptive_field_digit,
        networks.small_cnn,
        residual.residual_block,
        residual.basic_bottleneck,
        residual.resnet_strip,
        runs.run_folder,
        runs.two_processes,
        data_sets.dataset_to_batch,
        data_sets.label_id_name,
        features.features_once,
        features.freezing,
        transfer.new_head,
        transfer.six_ways,
        logs.wandb_project,
        lightning.who_calls_whom,
        recurrent.lstm_cell,
        recurrent.unrolled_padding_packing,
        recurrent.recurrence_attention,
        debugging.clinic,
        speed.workers,
        speed.channels_last,
        transformer.vision_transformer,
        transformer.attention,
        transformer.encoder_block,
        explain.class_activation,
        explain.map_scores,
    ]
}


def read_texts() -> dict[str, dict[str, str]]:
    """The words in each drawing."""
    return tomllib.loads(TEXTS.read_text(encoding="utf-8"))


def draw(name: str) -> str:
    """The text of the SVG file."""
    return DRAWINGS[name](read_texts()[name]).svg()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(DRAWINGS))
    parser.add_argument("--output", type=Path, default=FIGURES, metavar="FOLDER", help="instead of notebooks/figures")
    wanted = parser.parse_args()
    if unknown := [name for name in wanted.names if name not in DRAWINGS]:
        parser.error(f"no drawing is called {', '.join(unknown)}: there are {', '.join(DRAWINGS)}")
    wanted.output.mkdir(parents=True, exist_ok=True)
    for name in wanted.names or DRAWINGS:
        path = wanted.output / f"{name}.svg"
        path.write_text(draw(name), encoding="utf-8", newline="\n")
        print(f"{path}: {path.stat().st_size / 1000:.1f} kB")


if __name__ == "__main__":
    main()
