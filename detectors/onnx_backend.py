"""The second backend: ONNX Runtime on the CPU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from detectors.errors import ModelError
from detectors.letterbox import to_blob
from detectors.manifest import Manifest
from detectors.network import NetworkDetector
from detectors.types import Image

UNREADABLE = (ort_errors.InvalidProtobuf, ort_errors.InvalidGraph, ort_errors.Fail, ort_errors.InvalidArgument)


class OnnxDetector(NetworkDetector):
    """Runs the network in float32 with ONNX Runtime's CPU provider."""

    def __init__(self, manifest: Manifest, min_score: float, size: int | None, threads: int | None) -> None:
        super().__init__(manifest, min_score, size)
        options = ort.SessionOptions()
        options.log_severity_level = 3
        if threads:
            options.intra_op_num_threads = threads
        try:
            self.session = ort.InferenceSession(str(manifest.path), options, providers=["CPUExecutionProvider"])
        except UNREADABLE as error:
            reason = str(error).strip().splitlines()[-1]
            raise ModelError(f"{manifest.path}: ONNX Runtime cannot read this ({reason}); is it ONNX?") from None
        self.input_name = self.session.get_inputs()[0].name
        self.check()

    def infer(self, pictures: Sequence[Image]) -> NDArray[np.float32]:
        """One synchronous run."""
        return np.asarray(self.session.run(None, {self.input_name: to_blob(pictures)})[0])
