"""Makes data/photos: free photographs that come with Python packages, made smaller.

    python tools/make_photos.py [--output data/photos]

scikit-image's wheel (13 MB) is downloaded into a temporary folder; nothing is installed. Origin, author and licence of
each photograph are in data/photos/README.md.
"""

import argparse
import io
from pathlib import Path

import sklearn.datasets
import wheels
from PIL import Image

from course_utils.basics.files import replacing
from course_utils.data.images import load_rgb

PACKAGE = "scikit-image==0.26.0"
FROM_PACKAGE = {  # our name -> its name in the wheel
    "astronaut": "skimage/data/astronaut.png",
    "cat": "skimage/data/chelsea.png",
    "coffee": "skimage/data/coffee.png",
    "photographer": "skimage/data/camera.png",
    "rocket": "skimage/data/rocket.jpg",
}
PALACE = Path(sklearn.datasets.__file__).parent / "images" / "china.jpg"
SIDE = 300  # the shorter one, px: the network of lesson 00 looks at 256 of it, and the files stay small


def smaller(picture: Image.Image) -> bytes:
    """A JPEG file with a shorter side of `SIDE` pixels."""
    scale = SIDE / min(picture.size)
    picture = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.LANCZOS)
    content = io.BytesIO()
    picture.save(content, "jpeg", quality=88, optimize=True)
    return content.getvalue()


def originals() -> dict[str, Image.Image]:
    """The photographs as the packages have them, by our names."""
    with wheels.downloaded(PACKAGE) as archive:
        found = {name: load_rgb(io.BytesIO(archive.read(path))) for name, path in FROM_PACKAGE.items()}
    return found | {"palace": load_rgb(PALACE)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parents[1] / "data" / "photos")
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in originals().items():
        with replacing(folder / f"{name}.jpg") as file:
            file.write(smaller(picture))
        print(f"made {name}.jpg, {(folder / f'{name}.jpg').stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
