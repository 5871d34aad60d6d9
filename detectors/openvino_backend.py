"""The default backend: OpenVINO on the CPU."""

from __future__ import annotations

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from detectors.errors import ModelError
from detectors.manifest import Manifest
from detectors.network import NetworkDetector


class OpenVinoDetector(NetworkDetector):
    """Runs the network in float32, also where the CPU has bfloat16, so that scores do not depend on the machine."""

    def __init__(self, manifest: Manifest, min_score: float, size: int | None, threads: int | None) -> None:
        super().__init__(manifest, min_score, size)
        config: dict[str, object] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        if threads:
            config["INFERENCE_NUM_THREADS"] = threads
        try:
            model = ov.Core().read_model(manifest.path)
            self.request = ov.compile_model(model, "CPU", config).create_infer_request()
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise ModelError(f"{manifest.path}: OpenVINO cannot read this ({reason}); is it ONNX?") from None
        self.check()

    def infer(self, blob: NDArray[np.float32]) -> NDArray[np.float32]:
        """One synchronous run; the result is a copy."""
        return np.array(self.request.infer([blob])[0])
