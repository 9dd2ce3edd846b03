"""Checks of the serving program: its answers are those of the network, bad requests are told, and it stays up."""

import io
import random
import signal
import socket
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import browser
import needs
import numpy as np
import pytest
import requests
import served
import torch
from flask.testing import FlaskClient
from pictures import noise, with_odd_notes
from PIL import Image
from playwright.sync_api import Browser, Error as PlaywrightError, Page, Route, expect, sync_playwright
from safetensors.torch import save_file
from tiny_runs import write_lists
from torch.utils.data import DataLoader
from werkzeug.test import TestResponse

from course_utils import eval_transform, load_rgb, open_run, predict, serving
from course_utils.data.images import LabelledImages
from course_utils.runs import create_run
from course_utils.serving import MAX_BYTES, create_app
from course_utils.settings import Settings
from course_utils.test import answers

pytestmark = pytest.mark.usefixtures("seeded", "sample_profile")

ANT = served.HYMENOPTERA / "test" / "ants" / "ants_008.jpg"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that knows ants from bees."""
    return served.make_run(tmp_path_factory.mktemp("served") / "run")


@pytest.fixture(scope="module")
def client(run: Path) -> FlaskClient:
    return create_app(run).test_client()


@pytest.fixture(scope="module")
def address(run: Path) -> Iterator[str]:
    """Where the program answers, in a process of its own."""
    with served.serving(run) as address:
        yield address


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A run of a small network that has learned nothing, and knows seven classes with odd names."""
    names = ("<b>bold</b>", "Käfer", "蜂", '"', "five", "six", "seven")
    data = write_lists(tmp_path / "data", {"train": 1, "val": 1}, names)
    made = create_run(tmp_path / "tiny", Settings(str(data), "cnn", size=16))
    for weights in ("best", "epoch-01"):
        save_file(made.new_model().state_dict(), made.folder / f"{weights}.safetensors")
    return made.folder


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def sideways(image: Image.Image) -> dict[str, object]:
    """What to save with `image` so that it is shown turned clockwise by 90 degrees."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return {"exif": exif}


def png_header(width: int, height: int) -> bytes:
    """A PNG that says how large it is, and then ends."""
    header = struct.pack(">4sIIBBBBB", b"IHDR", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"")
    chunks = (struct.pack(">I", len(one) - 4) + one + struct.pack(">I", zlib.crc32(one)) for one in (header, data))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def send(client: FlaskClient, content: bytes, name: str = "picture.jpg", query: str = "") -> TestResponse:
    return client.post(f"/predict{query}", data={"file": (io.BytesIO(content), name)})


def probabilities(content: dict) -> dict[str, float]:
    return {one["class"]: one["probability"] for one in content["predictions"]}


def directly(run: Path, file: Path) -> dict[str, float]:
    """The probability of every class for an image file, without the server."""
    opened = open_run(run)
    dataset = LabelledImages([(file, 0)], opened.classes, eval_transform(opened.settings.size))
    logits, _ = predict(opened.load_model(), DataLoader(dataset))
    return dict(zip(opened.classes, logits[0].softmax(dim=0).tolist()))


def refused(response: TestResponse, status: int) -> str:
    """The message of a response that must be of this status."""
    content = response.get_json()
    assert (response.status_code, response.content_type) == (status, "application/json"), content
    assert list(content) == ["error"] and content["error"].endswith(".")
    return content["error"]


# -- answers ----------------------------------------------------------------------------------------------------------


def grey_16_bit(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(image.convert("L"), dtype=np.uint16) * 257)


def with_hole(image: Image.Image) -> Image.Image:
    image = image.convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 60, 60))
    return image


KINDS: dict[str, Callable[[Image.Image], bytes]] = {
    "rgb.jpg": lambda image: encoded(image, "JPEG"),
    "rgb.png": lambda image: encoded(image, "PNG"),
    "rgb.bmp": lambda image: encoded(image, "BMP"),
    "rgb.webp": lambda image: encoded(image, "WEBP"),
    "rgb.tiff": lambda image: encoded(image, "TIFF", compression="tiff_lzw"),
    "grey.jpg": lambda image: encoded(image.convert("L"), "JPEG"),
    "palette.png": lambda image: encoded(image.quantize(), "PNG"),
    "16 bit.png": lambda image: encoded(grey_16_bit(image), "PNG"),
    "cmyk.jpg": lambda image: encoded(image.convert("CMYK"), "JPEG"),
    "alpha.png": lambda image: encoded(with_hole(image), "PNG"),
    "animated.gif": lambda image: encoded(image, "GIF", save_all=True, append_images=[image.rotate(180)] * 2),
    "turned.jpg": lambda image: encoded(image, "JPEG", **sideways(image)),
    "odd notes.jpg": lambda image: with_odd_notes(image, "maker as a fraction"),
    "wide.png": lambda image: encoded(image.resize((400, 60)), "PNG"),
    "one pixel.png": lambda image: encoded(image.resize((1, 1)), "PNG"),
    "named wrongly.png": lambda image: encoded(image, "JPEG"),
    "large.jpg": lambda image: encoded(image.resize((1600, 1200)), "JPEG"),  # its upload overflows into a file
}


@pytest.mark.parametrize("name", KINDS)
def test_a_picture_of_any_kind_is_answered_as_the_network_answers_it(
    name: str, run: Path, client: FlaskClient, tmp_path: Path
) -> None:
    content = KINDS[name](load_rgb(ANT))
    (tmp_path / name).write_bytes(content)
    response = send(client, content, name)
    assert (response.status_code, response.content_type) == (200, "application/json")
    assert probabilities(response.get_json()) == pytest.approx(directly(run, tmp_path / name), abs=1e-5)


def test_drawn_ants_and_bees_are_told_apart_and_the_likelier_class_comes_first(client: FlaskClient) -> None:
    hits = 0
    for name in ("ants", "bees"):
        for file in sorted((served.HYMENOPTERA / "test" / name).iterdir())[:20]:
            first, second = send(client, file.read_bytes()).get_json()["predictions"]
            assert {first["class"], second["class"]} == {"ants", "bees"}
            assert first["probability"] >= second["probability"]
            assert first["probability"] + second["probability"] == pytest.approx(1)
            hits += first["class"] == name
    assert hits >= 28


def test_a_turned_photograph_is_answered_as_it_is_seen(client: FlaskClient, tmp_path: Path) -> None:
    image = load_rgb(ANT).crop((0, 0, 96, 70))
    turned = encoded(image, "PNG", **sideways(image))
    upright = encoded(image.transpose(Image.Transpose.ROTATE_270), "PNG")
    seen, lying = send(client, upright).get_json(), send(client, encoded(image, "PNG")).get_json()
    assert send(client, turned).get_json() == seen != lying


def test_what_is_transparent_is_answered_as_white(client: FlaskClient) -> None:
    image = with_hole(load_rgb(ANT))
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image.getchannel("A"))
    answer = send(client, encoded(image, "PNG")).get_json()
    assert answer == send(client, encoded(white, "PNG")).get_json() != send(client, ANT.read_bytes()).get_json()


def test_an_animation_is_answered_by_its_first_picture(client: FlaskClient) -> None:
    image = load_rgb(ANT).quantize()
    animated = encoded(image, "GIF", save_all=True, append_images=[image.rotate(180)])
    assert send(client, animated).get_json() == send(client, encoded(image, "GIF")).get_json()


def test_as_many_classes_are_answered_as_are_asked_for_and_there_are(tiny: Path) -> None:
    client, content = create_app(tiny).test_client(), encoded(noise(0), "PNG")
    found = {k: send(client, content, query=f"?top_k={k}").get_json()["predictions"] for k in (1, 3, 7, 8, 10**30)}
    assert {k: len(pairs) for k, pairs in found.items()} == {1: 1, 3: 3, 7: 7, 8: 7, 10**30: 7}
    assert found[1] + found[3][1:] + found[7][3:] == found[7] == found[8]
    assert send(client, content).get_json()["predictions"] == found[7][:5]
    assert {one["class"] for one in found[7]} == set(open_run(tiny).classes)


def test_other_weights_are_used_when_they_are_named(tiny: Path) -> None:
    content = encoded(noise(0), "PNG")
    best, first = (create_app(tiny, weights).test_client() for weights in ("best", "epoch-01"))
    assert send(best, content).get_json() != send(first, content).get_json()
    assert first.get("/health").get_json()["weights"] == "epoch-01"


def test_the_precision_is_that_of_the_run(tiny: Path) -> None:
    config = tiny / "config.json"
    config.write_text(config.read_text(encoding="utf-8").replace('"bfloat16": false', '"bfloat16": true'), "utf-8")
    file = tiny / "picture.png"
    noise(0).save(file)
    opened = open_run(tiny)
    dataset = LabelledImages([(file, 0)] * 2, opened.classes, eval_transform(16))
    logits = answers(opened, dataset, "best", torch.device("cpu"))
    judged = dict(zip(opened.classes, logits[0].softmax(dim=0).tolist()))
    found = probabilities(send(create_app(tiny).test_client(), file.read_bytes(), query="?top_k=7").get_json())
    assert found == pytest.approx(judged, abs=1e-6) != pytest.approx(directly(tiny, file), abs=1e-6)
    with pytest.raises(ValueError, match="trained with bfloat16, which the engine onnx lacks: take the engine torch"):
        create_app(tiny, engine="onnx")


def test_onnx_answers_as_torch_does(tiny: Path) -> None:
    app = create_app(tiny, engine="onnx")
    picture = encoded(noise(0), "PNG")
    theirs, ours = (probabilities(send(one.test_client(), picture).get_json()) for one in (create_app(tiny), app))
    assert ours == pytest.approx(theirs, abs=1e-5)
    assert app.test_client().get("/health").get_json()["engine"] == "onnx"


def test_an_onnx_file_that_computes_something_else_is_not_served(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export, other = torch.onnx.export, open_run(tiny).new_model().eval()  # with weights of its own
    monkeypatch.setattr(torch.onnx, "export", lambda model, *more, **settings: export(other, *more, **settings))
    with pytest.raises(ValueError, match="its logits differ by [0-9.]+. The versions of torch"):
        create_app(tiny, engine="onnx")


def test_health_says_what_is_served(client: FlaskClient) -> None:
    expected = {"status": "ok", "model": "pretrained_resnet18", "weights": "best", "size": 64, "engine": "torch"}
    assert client.get("/health").get_json() == expected | {"classes": ["ants", "bees"]}


def test_the_page_names_the_classes_and_takes_nothing_from_elsewhere(tiny: Path) -> None:
    response = create_app(tiny).test_client().get("/")
    assert (response.status_code, response.mimetype) == (200, "text/html")
    assert "&lt;b&gt;bold&lt;/b&gt;, Käfer, 蜂, &#34;" in response.text and "<b>bold" not in response.text
    assert "http:" not in response.text and "https:" not in response.text
    assert "image/jpeg,image/png,image/gif,image/bmp,image/webp,image/tiff" in response.text


# -- bad requests -----------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def still_answers(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test has sent to the application, it answers as before."""
    client = request.getfixturevalue("client") if "client" in request.fixturenames else None
    before = client and send(client, ANT.read_bytes()).get_json()
    yield
    assert client is None or send(client, ANT.read_bytes()).get_json() == before


@pytest.mark.parametrize(
    ("content", "status", "message"),
    [
        (b"", 400, "picture.jpg is empty. Choose a picture."),
        (b"<html>404 not found</html>", 415, "picture.jpg is not a picture in one of the formats JPEG, PNG, GIF, "),
        (ANT.read_bytes()[:3], 415, "is not a picture"),
        (ANT.read_bytes()[:20], 415, "is not a picture"),
        (ANT.read_bytes()[:1500], 422, "picture.jpg cannot be read (image file is truncated"),
        (encoded(noise(0, 60, 60), "PNG")[:900], 422, "picture.jpg cannot be read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", 415, "is not a picture"),
        (encoded(Image.new("F", (20, 20)), "TIFF"), 422, "its pixels are 32-bit numbers"),
        (png_header(6000, 5001), 413, "picture.jpg has more than 30 million pixels. Send a smaller picture."),
        (png_header(6000, 5000), 422, "cannot be read"),
        (png_header(40_000, 40_000), 413, "more than 30 million pixels"),
        (encoded(Image.new("1", (6000, 6000)), "PNG"), 413, "more than 30 million pixels"),
        (encoded(Image.new("1", (20_000, 1)), "PNG"), 422, "cannot be read (20000 x 1 pixels are too narrow, cut"),
        (encoded(Image.new("1", (2, 101)), "PNG"), 422, "2 x 101 pixels are too narrow, cut"),
        (b"\xff" * MAX_BYTES, 413, "The request is larger than 10 MB or has very many parts."),
    ],
    ids=["empty", "text", "three bytes", "header of a header", "truncated jpeg", "truncated png", "eps", "32 bits",
         "pixels above the limit", "pixels at the limit", "bomb", "real bomb", "line", "narrow", "body"],
)  # fmt: skip
def test_a_file_that_is_no_picture_to_be_answered_is_refused_with_a_reason(
    content: bytes, status: int, message: str, client: FlaskClient
) -> None:
    assert message in refused(send(client, content), status)


def test_the_narrowest_picture_that_is_taken_is_answered(client: FlaskClient) -> None:
    assert send(client, encoded(Image.new("1", (2, 100)), "PNG")).status_code == 200


@pytest.mark.parametrize(
    "data",
    [{}, {"file": "text"}, {"other": (io.BytesIO(b"x"), "x.jpg")}, {"file": [(io.BytesIO(b"x"), "x.jpg")] * 2}],
    ids=["nothing", "text", "another field", "two files"],
)
def test_a_request_without_one_file_says_how_to_send_one(data: dict, client: FlaskClient) -> None:
    message = refused(client.post("/predict", data=data, content_type="multipart/form-data"), 400)
    assert "it must hold one." in message and 'the form field "file"' in message


@pytest.mark.parametrize("kind", ["image/jpeg", "application/json", "multipart/form-data; boundary=other", ""])
def test_a_body_that_is_no_form_says_how_to_send_one(kind: str, client: FlaskClient) -> None:
    message = refused(client.post("/predict", data=ANT.read_bytes(), content_type=kind), 400)
    assert message.startswith("The request holds 0 pictures") and "curl -F file=@" in message


def test_a_long_text_instead_of_a_file_is_refused(client: FlaskClient) -> None:
    response = client.post("/predict", data={"file": "x" * 600_000}, content_type="multipart/form-data")
    assert refused(response, 413)


def form(name: bytes, content: bytes) -> dict[str, object]:
    """A request whose file has a name that no library would write."""
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="' + name + b'"\r\n\r\n'
    return {"data": head + content + b"\r\n--x--\r\n", "content_type": "multipart/form-data; boundary=x"}


def test_pictures_of_telephones_are_refused_with_a_way_out(client: FlaskClient) -> None:
    message = refused(client.post("/predict", **form(b"IMG_1.HEIC", b"....ftypheic")), 415)
    assert message.endswith("TIFF (HEIC: save it as JPEG first). Send one.")


@pytest.mark.parametrize(
    "name",
    ["", "Käfer 蜂 🐝.jpg", "../../../etc/passwd", "..\\..\\x.jpg", "/dev/zero", "a\0b.jpg", "x" * 5000, "<b>.jpg"],
)
def test_the_name_of_a_file_does_not_matter_and_is_never_a_path(
    name: str, client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a" / "b" / "c"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    expected = send(client, ANT.read_bytes()).get_json()
    assert client.post("/predict", **form(name.encode(), ANT.read_bytes())).get_json() == expected
    message = refused(client.post("/predict", **form(name.encode(), b"no picture")), 415)
    assert message.startswith("" if name else "The file ") and "is not a picture" in message
    assert len(list(tmp_path.rglob("*"))) == 3


def test_a_form_that_was_sent_before_a_picture_was_chosen_is_told(client: FlaskClient) -> None:
    assert refused(client.post("/predict", **form(b"", b"")), 400) == "No picture was chosen."


@pytest.mark.parametrize("value", ["0", "-1", "", "two", "1.5", "nan", "9" * 5000])
def test_a_top_k_that_makes_no_sense_is_refused_with_its_value(value: str, client: FlaskClient) -> None:
    message = refused(send(client, ANT.read_bytes(), query=f"?top_k={value}"), 400)
    assert message == f"top_k is {value!r}, it must be a whole number, 1 or more."


@pytest.mark.parametrize(("method", "path"), [("GET", "/predict"), ("PUT", "/predict"), ("POST", "/"),
                                              ("DELETE", "/health")])  # fmt: skip
def test_another_method_is_refused_with_those_that_are_taken(method: str, path: str, client: FlaskClient) -> None:
    response = client.open(path, method=method)
    assert "does not take this method" in refused(response, 405)
    assert ("POST" if path == "/predict" else "GET") in response.headers["Allow"]


@pytest.mark.parametrize("path", ["/nowhere", "/predict/", "/static/../serving.py", "/templates/serving.html"])
def test_an_unknown_address_is_told_with_those_there_are(path: str, client: FlaskClient) -> None:
    assert "POST /predict" in refused(client.get(path), 404)


def test_a_mistake_of_the_server_is_told_without_its_inside_and_logged(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = create_app(tiny).test_client()
    monkeypatch.setattr(serving, "predict", lambda *_: 1 / 0)
    message = refused(send(client, ANT.read_bytes()), 500)
    assert "its log says which" in message and "ZeroDivisionError" in caplog.text


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_damaged_pictures_of_all_kinds_never_break_the_server(tiny: Path) -> None:
    client, dice, statuses = create_app(tiny).test_client(), random.Random(0), []
    whole = [KINDS[name](noise(0, 24, 32)) for name in KINDS if name not in ("large.jpg", "one pixel.png")]
    for _ in range(600):
        content = bytearray(dice.choice(whole))
        for _ in range(dice.choice([1, 2, 8])):
            content[dice.randrange(min(len(content), 300))] = dice.randrange(256)
        response = send(client, bytes(content[: dice.choice([len(content), dice.randrange(len(content))])]))
        assert response.is_json
        statuses.append(response.status_code)
    assert {200, 415, 422} <= set(statuses) <= {200, 400, 413, 415, 422}


# -- the program ------------------------------------------------------------------------------------------------------


def post(address: str, file: Path = ANT, **options: object) -> requests.Response:
    return requests.post(f"{address}/predict", files={"file": (file.name, file.read_bytes())}, timeout=60, **options)


def test_a_real_server_answers_as_the_network_does(address: str, run: Path) -> None:
    assert probabilities(post(address).json()) == pytest.approx(directly(run, ANT), abs=1e-5)
    assert "<!doctype html>" in requests.get(address, timeout=60).text
    assert requests.get(f"{address}/health", timeout=60).json()["status"] == "ok"
    assert requests.get(f"{address}/nowhere", timeout=60).json()["error"].startswith("There is nothing")


def test_200_requests_at_once_are_answered_each_with_its_own_answer(address: str, run: Path) -> None:
    files = sorted((served.HYMENOPTERA / "test").rglob("*.jpg"))[::15]
    expected, together = [directly(run, file) for file in files], threading.Barrier(200)

    def ask(number: int) -> dict:
        together.wait(60)
        return probabilities(post(address, files[number % len(files)]).json())

    with ThreadPoolExecutor(200) as pool:
        for number, found in enumerate(pool.map(ask, range(200))):
            assert found == pytest.approx(expected[number % len(files)], abs=1e-5)


def test_a_body_over_the_limit_gets_its_answer_from_a_real_server(address: str) -> None:
    response = requests.post(f"{address}/predict", files={"file": b"\xff" * (MAX_BYTES + 1)}, timeout=60)
    assert (response.status_code, list(response.json())) == (413, ["error"])
    assert post(address).status_code == 200


def connected(address: str, sent: bytes) -> socket.socket:
    host, port = address.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=60)
    connection.sendall(sent)
    return connection


def test_a_body_far_over_the_limit_is_refused_before_it_is_sent(address: str) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000\r\n\r\n"
    with connected(address, head) as connection:
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_clients_that_hang_up_in_the_middle_do_no_harm(address: str, run: Path) -> None:
    prepared = requests.Request("POST", f"{address}/predict", files={"file": ("a.jpg", ANT.read_bytes())}).prepare()
    lines = [f"{name}: {value}" for name, value in prepared.headers.items()]
    whole = "\r\n".join(["POST /predict HTTP/1.1", "Host: x", *lines, "\r\n"]).encode() + prepared.body
    for length in (4, 100, 300, len(whole) // 2, len(whole) - 1, len(whole)):
        for linger in (struct.pack("ii", 0, 0), struct.pack("ii", 1, 0)):  # the usual end, and a reset
            with connected(address, whole[:length]) as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    with connected(address, whole) as connection:
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")
    assert probabilities(post(address).json()) == pytest.approx(directly(run, ANT), abs=1e-5)


def test_clients_that_send_slowly_do_not_keep_others_waiting(address: str) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
    waiting = [connected(address, head) for _ in range(30)]
    assert post(address).status_code == 200
    for connection in waiting:
        connection.close()


@needs.posix
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_or_another_program_ends_it_quietly(by: signal.Signals, run: Path) -> None:
    with served.process(run, "--port", "0", "--threads", "1") as program:
        line = program.stdout.readline()
        assert line.startswith(f"{run}, weights best, at http://127.0.0.1:")
        with requests.Session() as session:  # its connection stays open
            assert session.get(f"{line.split()[-1]}/health", timeout=60).ok
            program.send_signal(by)
            printed, message = program.communicate(timeout=60)
    assert (program.returncode, printed, message) == (130, "", "stopped: the server no longer answers\n")


@pytest.fixture
def told(capfd: pytest.CaptureFixture) -> Callable[..., str]:
    """Run the program in this process; it must fail with one line on stderr, which is returned."""

    def fail(*arguments: str | Path) -> str:
        capfd.readouterr()
        assert serving.main([str(word) for word in arguments]) == 1
        printed, message = capfd.readouterr()
        assert printed == "" and message.startswith("error: ") and message.count("\n") == 1, message
        return message

    return fail


def test_a_port_in_use_is_named(run: Path, told: Callable[..., str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = told(run, "--port", port)
    assert f"Cannot answer at 127.0.0.1, port {port} (Address already in use)." in message and "--port" in message


def test_a_host_that_is_not_this_computer_is_named(run: Path, told: Callable[..., str]) -> None:
    assert "Cannot answer at 192.0.2.1, port 8000" in told(run, "--host", "192.0.2.1")


def test_a_run_that_cannot_be_served_is_named(tiny: Path, tmp_path: Path, told: Callable[..., str]) -> None:
    assert f"{tmp_path} is no run folder" in told(tmp_path, "--port", "0")
    assert "Weights in this run: best, epoch-01." in told(tiny, "--port", "0", "--weights", "epoch-02")
    with pytest.raises(ValueError, match="no engine 'tensorrt', there are torch and onnx"):
        create_app(tiny, engine="tensorrt")
    (tiny / "best.safetensors").write_bytes(b"\x80\x04}.")
    assert "best.safetensors is damaged" in told(tiny, "--port", "0")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "the following arguments are required: RUN_FOLDER"),
        ("run --port 65536", "65536 is no port, choose one from 0 to 65535"),
        ("run --port -1", "-1 is no port"),
        ("run --port http", "http is no port"),
        ("run --threads 0", "0 is no such number, it must be at least 1"),
        ("run --threads two", "two is no such number, it must be at least 1"),
        ("run --device cuda", "unrecognized arguments"),
    ],
)
def test_wrong_usage_is_told(arguments: str, message: str, capfd: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match="2"):
        serving.main(arguments.split())
    assert message in capfd.readouterr().err


def test_help_names_every_flag(capfd: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match="0"):
        serving.main(["--help"])
    shown = capfd.readouterr().out
    flags = ("--weights", "--engine", "--host", "--port", "--threads")
    for word in ("RUN_FOLDER", *flags, "POST /predict", "default: 8000"):
        assert word in shown


# -- the page in a browser --------------------------------------------------------------------------------------------

PHONE, LAPTOP = {"width": 360, "height": 740}, {"width": 1280, "height": 800}
DROP = """([name, content]) => {
    const transfer = new DataTransfer();
    for (const one of name) transfer.items.add(new File([Uint8Array.from(content)], one));
    for (const kind of ["dragover", "drop"]) {
        document.body.dispatchEvent(new DragEvent(kind, {dataTransfer: transfer, bubbles: true, cancelable: true}));
    }
}"""


@pytest.fixture(scope="module")
def chromium(chromium_path: str) -> Iterator[Browser]:
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=chromium_path, args=browser.FLAGS) as chromium,
    ):
        yield chromium


@pytest.fixture
def page(chromium: Browser, address: str) -> Iterator[Page]:
    """The page, just opened; nothing but the server may be asked for anything, and no script may fail."""
    problems: list[str] = []
    with chromium.new_page(viewport=LAPTOP) as page:
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda one: one.url.startswith((address, "blob:", "data:")) or problems.append(one.url))
        page.goto(address)
        yield page
    assert problems == []


def shown(page: Page) -> dict[str, float]:
    """Classes and probabilities as the page shows them, once it does; the bars must be as long as they say."""
    expect(page.get_by_role("list", name="Answer")).to_be_visible(timeout=60_000)
    found = {}
    for item in page.get_by_role("listitem").all():
        name, percent = item.locator("b").inner_text(), item.locator("span").inner_text()
        bar = item.locator("i")
        length = bar.evaluate("bar => parseFloat(getComputedStyle(bar, '::before').width) / bar.clientWidth")
        found[name] = float(percent.removesuffix(" %")) / 100
        assert length == pytest.approx(found[name], abs=0.01)
    return found


def test_an_ant_that_is_uploaded_is_answered_on_the_page(page: Page, run: Path) -> None:
    page.locator("#file").set_input_files(ANT)
    found = shown(page)
    assert list(found) == ["ants", "bees"] and found == pytest.approx(directly(run, ANT), abs=0.001)
    expect(page.get_by_role("status")).to_have_text("ants_008.jpg: ants")
    preview = page.get_by_role("img", name="your picture ants_008.jpg")
    assert preview.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [96, 96]
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_picture_is_chosen_by_keyboard(page: Page) -> None:
    page.on("filechooser", lambda chooser: chooser.set_files(ANT))
    page.keyboard.press("Tab")
    expect(page.locator("#file")).to_be_focused()
    page.keyboard.press("Enter")
    assert shown(page)["ants"] > 0.9


def test_a_picture_is_dropped_anywhere_on_the_page(page: Page) -> None:
    page.evaluate(DROP, [["Käfer.jpg"], list(ANT.read_bytes())])
    assert shown(page)["ants"] > 0.9
    expect(page.get_by_role("status")).to_have_text("Käfer.jpg: ants")


def test_what_is_wrong_with_a_file_is_shown_and_goes_away_with_the_next(page: Page, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    page.locator("#file").set_input_files(ANT)
    shown(page)
    page.locator("#file").set_input_files(tmp_path / "text.jpg")
    expect(page.get_by_role("alert")).to_contain_text("text.jpg is not a picture in one of the formats JPEG")
    expect(page.get_by_role("list", name="Answer")).to_be_hidden()
    expect(page.locator("#preview")).to_be_hidden()
    page.locator("#file").set_input_files(ANT)
    assert shown(page)["ants"] > 0.9
    expect(page.get_by_role("alert")).to_be_hidden()


def test_several_files_and_files_that_are_too_large_are_refused_on_the_page(page: Page, tmp_path: Path) -> None:
    page.route("**/predict", lambda route: route.abort())
    page.evaluate(DROP, [["a.jpg", "b.jpg"], [1]])
    expect(page.get_by_role("alert")).to_have_text("Take one picture, a file of its own.")
    page.evaluate(DROP, [[], []])
    expect(page.get_by_role("alert")).to_have_text("Take one picture, a file of its own.")
    (tmp_path / "large.jpg").write_bytes(b"\xff" * MAX_BYTES)
    page.locator("#file").set_input_files(tmp_path / "large.jpg")
    expect(page.get_by_role("alert")).to_have_text("large.jpg is larger than 10 MB. Choose a smaller picture.")


def test_a_server_that_is_gone_or_talks_nonsense_is_told(page: Page) -> None:
    page.route("**/predict", lambda route: route.abort())
    page.locator("#file").set_input_files(ANT)
    expect(page.get_by_role("alert")).to_have_text("The server does not answer. Is it still running?")
    page.unroute_all()
    page.route("**/predict", lambda route: route.fulfill(status=502, body="<html>"))
    page.locator("#file").set_input_files(ANT)
    expect(page.get_by_role("alert")).to_have_text("The server answers 502.")


def test_the_answer_to_an_older_picture_does_not_replace_that_to_a_newer_one(page: Page) -> None:
    held: list[Route] = []
    page.route("**/predict", lambda route: route.continue_() if held else held.append(route))
    page.locator("#file").set_input_files(ANT)
    expect(page.get_by_role("status")).to_have_text("Looking at ants_008.jpg …")
    page.evaluate(DROP, [["newer.jpg"], list(ANT.read_bytes())])
    shown(page)
    with suppress(PlaywrightError):  # the page no longer listens
        held[0].fulfill(json={"predictions": [{"class": "older", "probability": 1}]})
    page.wait_for_timeout(300)
    expect(page.get_by_role("status")).to_have_text("newer.jpg: ants")
    expect(page.get_by_role("alert")).to_be_hidden()


@pytest.mark.parametrize("size", [PHONE, LAPTOP], ids=["phone", "laptop"])
def test_the_page_fits_a_phone_and_a_laptop(size: dict, page: Page, tmp_path: Path) -> None:
    page.set_viewport_size(size)
    load_rgb(ANT).resize((3000, 1500)).save(tmp_path / f"{'a long name ' * 9}.jpg")
    page.locator("#file").set_input_files(tmp_path / f"{'a long name ' * 9}.jpg")
    shown(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for name in ("drop", "preview", "answer"):
        box = page.locator(f"#{name}").bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= size["width"]
    page.screenshot(path=tmp_path / "screenshot.png", full_page=True)


def test_pytorch_still_warns_of_the_files_of_which_lesson_13_does() -> None:
    assert "Never load data from an untrusted source" in torch.export.load.__doc__
