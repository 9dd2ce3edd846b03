"""What the tests of the pretrained backbone share."""

import hashlib
import json
from pathlib import Path

from drawn import DATA
from safetensors import safe_open


def put(folder: Path, content: bytes, ending: str, checksum: str | None = None, network: str = "resnet18") -> Path:
    """Write a file of weights under the name that its checksum gives it, or under another one."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{network}-{checksum or hashlib.sha256(content).hexdigest()[:8]}{ending}"
    path.write_bytes(content)
    return path


def classes_of(path: Path) -> list[str]:
    """The names of the classes, as a file in safetensors format tells them."""
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["classes"])


def sample_weights() -> Path:
    """The backbone that comes with the course."""
    (path,) = (DATA / "weights").glob("resnet18-*.safetensors")
    return path
