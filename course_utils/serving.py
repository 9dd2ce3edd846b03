"""A trained network behind a web page and a JSON interface. Lesson 13 builds this program.

    python -m course_utils.serving RUN_FOLDER

GET  /          a page on which a picture is dropped and answered
POST /predict   takes a picture in the form field "file", answers {"predictions": [{"class": …, "probability": …}, …]},
                the likeliest class first; ?top_k=3 asks for at most three classes (default: 5)
GET  /health    says what is served
What cannot be answered, above 10 MB or 30 million pixels for instance, gets a fitting status and {"error": message}.
"""

import argparse
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import waitress
from flask import Flask, abort, json, render_template, request
from PIL import Image, UnidentifiedImageError
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from .basics.cli import described_parser, exit_code
from .data.images import UNREADABLE, heic_hint, to_rgb
from .data.transforms import eval_transform
from .models.export import onnx_network
from .runs import open_run
from .training.inference import predict

MAX_BYTES = 10_000_000  # of a request
MAX_PIXELS = 30_000_000  # a few kilobytes can hold a picture that fills the memory
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF")  # of what Pillow reads; for some it starts other programs
TOP_K = 5
ENGINES = ("torch", "onnx")
USAGE = (
    'GET / is a page to drop a picture on, POST /predict takes one in the form field "file" '
    "(curl -F file=@picture.jpg ADDRESS/predict), GET /health says what is served."
)
MESSAGES = {
    404: f"There is nothing at this address. {USAGE}",
    405: f"This address does not take this method. {USAGE}",
    413: f"The request is larger than {MAX_BYTES / 1e6:g} MB or has very many parts. Send one smaller picture.",
    500: "The server has made a mistake; its log says which. Other pictures may work.",
}


def create_app(run_folder: str | Path, weights: str = "best", engine: str = "torch") -> Flask:
    """The web application that answers with the network of a run; several threads may use it at once.

    A picture goes the way it went when the network was judged: same decoding, size, normalization and precision.

    Args:
        weights: "best", or an epoch such as "epoch-03".
        engine: "torch", or "onnx", which answers sooner on a CPU and starts later, see `onnx_network`.

    Raises:
        FileNotFoundError, ValueError: there is no such run, it has no such weights, see `open_run`, `load_model`, or
            it cannot be served by that engine.
    """
    if engine not in ENGINES:
        raise ValueError(f"There is no engine {engine!r}, there are {' and '.join(ENGINES)}.")
    run = open_run(run_folder)
    model, settings = run.load_model(weights), run.settings
    transform, autocast = eval_transform(settings.size), torch.bfloat16 if settings.bfloat16 else None
    if engine == "onnx" and autocast:
        raise ValueError(f"{run_folder} was trained with bfloat16, which the engine onnx lacks: take the engine torch.")
    onnx = onnx_network(model, settings.size) if engine == "onnx" else None
    about = {"model": settings.model, "weights": weights, "size": settings.size, "engine": engine}
    about["classes"] = run.classes
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BYTES
    app.register_error_handler(HTTPException, _as_json)

    @app.get("/")
    def page() -> str:
        return render_template("serving.html", about=about, max_bytes=MAX_BYTES, formats=FORMATS)

    @app.get("/health")
    def health() -> dict[str, Any]:
        return {"status": "ok"} | about

    @app.post("/predict")
    def answer() -> dict[str, Any]:
        top_k = _read_top_k(request.args.get("top_k", TOP_K))
        images = transform(_read_picture(_sent_file())).unsqueeze(0)
        logits = onnx(images) if onnx else predict(model, [(images, torch.zeros(1))], autocast)[0]
        found = logits[0].softmax(dim=0).topk(min(top_k, len(run.classes)))
        pairs = zip(found.indices.tolist(), found.values.tolist())
        return {"predictions": [{"class": run.classes[label], "probability": value} for label, value in pairs]}

    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code: 1 error, 2 wrong usage, 130 stopped (Ctrl-C, SIGTERM), its usual end."""
    flags = _make_parser().parse_args(arguments)

    def work() -> None:
        with _listen(flags.host, flags.port) as listener:  # before the network is loaded: it takes longer
            app = create_app(flags.run, flags.weights, flags.engine)
            torch.set_num_threads(1)  # requests share the cores; with more, their threads wait for one another
            logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # that requests wait is no fault
            host = f"[{flags.host}]" if ":" in flags.host else flags.host
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            print(f"{flags.run}, weights {flags.weights}, at http://{host}:{listener.getsockname()[1]}", flush=True)
            waitress.serve(
                app,
                sockets=[listener],
                threads=flags.threads,
                connection_limit=500,  # some systems wait for 512 at most
                # Up to here a body that is too large is read to its end, for only then will clients read the answer.
                max_request_body_size=10 * MAX_BYTES,
                ident=None,
            )
        raise KeyboardInterrupt  # waitress has caught it

    return exit_code(work, interrupted=lambda: "the server no longer answers")


def _make_parser() -> argparse.ArgumentParser:
    parser = described_parser("serving", __doc__)
    parser.add_argument("run", metavar="RUN_FOLDER", type=Path, help="folder that course_utils.train has written")
    parser.add_argument("--weights", default="best", help='"best" (default), or an epoch such as "epoch-03"')
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default="torch",
        help="what computes (default: %(default)s); onnx answers sooner on a CPU, and starts later",
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="default: %(default)s, this computer alone; 0.0.0.0 lets the whole network in, there is no password",
    )
    parser.add_argument("--port", default=8000, type=_port, help="default: %(default)s; 0 takes a free one")
    parser.add_argument(
        "--threads",
        default=max(4, os.cpu_count() or 1),
        type=_positive,
        help="pictures answered at once (default: %(default)s)",
    )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**16:
        raise argparse.ArgumentTypeError(f"{text} is no port, choose one from 0 to {2**16 - 1}")
    return int(text)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no such number, it must be at least 1")
    return int(text)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]  # the rest repeats host and port
        raise OSError(
            f"Cannot answer at {host}, port {port} ({reason}). Another program may be there: end it, or choose "
            "another --port (0 takes a free one) or --host."
        ) from error


def _read_top_k(value: str | int) -> int:
    try:
        top_k = int(value)
    except ValueError:
        top_k = 0
    if top_k < 1:
        abort(400, f"top_k is {value!r}, it must be a whole number, 1 or more.")
    return top_k


def _sent_file() -> FileStorage:
    """The one file of the request. Its name is for messages; nothing is ever opened or written under it."""
    files = request.files.getlist("file")
    if len(files) != 1:
        abort(400, f"The request holds {len(files)} pictures, it must hold one. {USAGE}")
    return files[0]


def _read_picture(file: FileStorage) -> Image.Image:
    name = file.filename or "The file"
    if not file.stream.read(1):
        abort(400, f"{name} is empty. Choose a picture." if file.filename else "No picture was chosen.")
    try:
        with Image.open(file.stream, formats=FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise Image.DecompressionBombError(f"{width} x {height} pixels")
            return to_rgb(image)
    except Image.DecompressionBombError:
        abort(413, f"{name} has more than {MAX_PIXELS / 1e6:g} million pixels. Send a smaller picture.")
    except UnidentifiedImageError:
        abort(415, f"{name} is not a picture in one of the formats {', '.join(FORMATS)}{heic_hint([name])}. Send one.")
    except UNREADABLE as error:
        abort(422, f"{name} cannot be read ({error}). Send another picture.")


def _as_json(error: HTTPException) -> Response:
    message = error.description
    if message == type(error).description and error.code in MESSAGES:  # nobody has said anything better
        message = MESSAGES[error.code]
    response = error.get_response()
    response.data, response.content_type = json.dumps({"error": message}), "application/json"
    return response


if __name__ == "__main__":
    sys.exit(main())
