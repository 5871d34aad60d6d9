"""Making a release: a network's files beside the golden picture, what it finds in that, and a signature over all."""

import base64
import json
import shutil
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import cv2
import msgspec
import numpy as np
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from detectors import load_detector
from detectors.manifest import sha256_of, verified
from edge.care.golden import SCORE_MIN, expected
from edge.care.release import MANIFEST_NAME, SIGNATURE_NAME, Golden, Part, Release, ReleaseRefused, named

SURE = 0.7  # what a new release must find at least as its maker's machine did: things near a threshold come and go


def golden_picture() -> Path:
    """The sample street at its second 200, as it ships (edge/sim, seed 1, 960 x 540)."""
    return Path(str(files("edge.care"))) / "golden.jpg"


def make(
    network: Path, out: Path, key: Ed25519PrivateKey, picture: Path, name: str, backend: str = "openvino"
) -> Release:
    """Write a release into the new folder `out`. Raises ReleaseRefused, DetectorError, OSError."""
    manifest = verified(network)
    parts = [part for part, _ in manifest.files] or [manifest.path.name]
    sources = [*(manifest.path.with_name(part) for part in parts), manifest.path.with_suffix(".json"), picture]
    golden = golden_of(manifest.path, picture, backend)
    out.mkdir(parents=True)
    for source in sources:
        shutil.copyfile(source, out / source.name)
    release = Release(
        name=name or manifest.name,
        network=manifest.path.name,
        files=_parts(out, [source.name for source in sources]),
        golden=golden,
        backend=backend,
    )
    write(out, release, key)
    return release


def golden_of(network: Path, picture: Path, backend: str = "openvino") -> Golden:
    """What a network that is known to be right finds in a picture. Raises ReleaseRefused, DetectorError."""
    image = cv2.imread(str(picture), cv2.IMREAD_COLOR)
    if image is None:
        raise ReleaseRefused(f"{picture}: no picture that can be read; give a JPEG or PNG")
    detector = load_detector(network, backend=backend, min_score=SCORE_MIN, threads=1)
    things = expected(detector, np.asarray(image, np.uint8), SURE)
    if not things:
        raise ReleaseRefused(
            f"{picture}: the network is sure of nothing in it; give a picture that it can be tested on"
        )
    return Golden(picture=picture.name, things=things)


def write(out: Path, release: Release, key: Ed25519PrivateKey) -> str:
    """The manifest and its signature; returns the release's name."""
    body = json.dumps(msgspec.to_builtins(release), indent=1, ensure_ascii=False).encode() + b"\n"
    (out / MANIFEST_NAME).write_bytes(body)
    (out / SIGNATURE_NAME).write_bytes(base64.b64encode(key.sign(body)) + b"\n")
    return named(body)


def new_key(path: Path) -> None:
    """A private key (mode 0600) at `path`, its public half at `path` with .pub; never over one that is there."""
    key = Ed25519PrivateKey.generate()
    form = serialization.PrivateFormat.PKCS8
    pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(pem)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    path.with_suffix(".pub").write_bytes(public)


def read_key(path: Path) -> Ed25519PrivateKey:
    """Raises ReleaseRefused."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise ReleaseRefused(
            f"{path}: no private key that can be read ({error}); make one: zhuomu release key"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ReleaseRefused(f"{path}: not an Ed25519 key; make one: zhuomu release key FILE")
    return key


def _parts(folder: Path, names: Sequence[str]) -> list[Part]:
    return [
        Part(name=name, size_bytes=(folder / name).stat().st_size, sha256=sha256_of(folder / name)) for name in names
    ]
