"""The default backend: OpenVINO on the CPU, for float32 networks (.onnx) and quantised ones (.xml with .bin)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino.preprocess import ColorFormat, PrePostProcessor

from detectors.errors import ModelError
from detectors.manifest import Manifest
from detectors.network import NetworkDetector
from detectors.types import Image


class OpenVinoDetector(NetworkDetector):
    """Runs the network in float32, also where the CPU has bfloat16, so that scores do not depend on the machine.

    What a quantised network marks as INT8 runs in INT8 all the same; the hint speaks of the rest.
    """

    def __init__(self, manifest: Manifest, min_score: float, size: int | None, threads: int | None) -> None:
        super().__init__(manifest, min_score, size)
        try:
            model = takes_pictures(ov.Core().read_model(manifest.path))
            self.request = ov.compile_model(model, "CPU", settings(threads)).create_infer_request()
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise ModelError(f"{manifest.path}: OpenVINO cannot read this ({reason}); is it ONNX or IR?") from None
        self.check()

    def infer(self, pictures: Sequence[Image]) -> NDArray[np.float32]:
        """One synchronous run; the result is the request's own memory."""
        batch = pictures[0][None] if len(pictures) == 1 else np.stack(pictures)
        return np.asarray(self.request.infer([batch], share_inputs=True, share_outputs=True)[0])


def settings(threads: int | None) -> dict[str, object]:
    """How OpenVINO is to run a network; None: as many threads as it likes."""
    config: dict[str, object] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    return config | ({"INFERENCE_NUM_THREADS": threads} if threads else {})


def takes_pictures(model: ov.Model) -> ov.Model:
    """The network with (B, H, W, 3) uint8 BGR as its input: swapping, scaling and turning of axes run inside it, which
    saves writing a float32 copy of the picture four times its size."""
    steps = PrePostProcessor(model)
    picture = steps.input()
    picture.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC")).set_color_format(ColorFormat.BGR)
    picture.model().set_layout(ov.Layout("NCHW"))
    picture.preprocess().convert_element_type(ov.Type.f32).convert_color(ColorFormat.RGB).scale(255.0)
    return steps.build()
