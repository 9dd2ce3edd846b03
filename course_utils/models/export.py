"""A network as ONNX, computed by ONNX Runtime in the place of PyTorch. Lesson 13 does both by hand."""

from collections.abc import Callable

import torch
from torch import nn

TOLERANCE = 1e-3  # of logits: rounding stays far below, a wrong file lies far above


def onnx_network(model: nn.Module, size: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """The same network, computed by ONNX Runtime on one thread of the CPU, picture by picture.

    Args:
        model: in eval mode, from a float32 tensor (1, 3, size, size) to logits (1, number of classes).

    Returns:
        function of such a tensor; several threads may call it at once.

    Raises:
        ValueError: its logits are not the network's.
    """
    import onnxruntime

    example = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    program = torch.onnx.export(
        model, (example,), dynamo=True, verbose=False, input_names=["images"], output_names=["logits"]
    )
    assert program is not None  # with dynamo=True
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    file = program.model_proto.SerializeToString()
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    def logits(images: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(session.run(["logits"], {"images": images.numpy()})[0])

    with torch.inference_mode():
        difference = (logits(example) - model(example)).abs().max().item()
    if not difference < TOLERANCE:
        raise ValueError(
            f"As ONNX the network answers otherwise: its logits differ by {difference:.3g}. The versions of torch "
            f"({torch.__version__}) and onnxscript do not fit each other: install those in constraints.txt, or do "
            "without ONNX."
        )
    return logits
