"""`zhuomu release`: networks for kiosks in the field, signed at a desk that is not on the line."""

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from detectors import DetectorError
from detectors.manifest import located
from edge.care import pack
from edge.care.release import MANIFEST_NAME, ReleaseRefused, named, read_release
from edge.care.selftest import self_test
from edge.evidence import KeyUnusable
from edge.evidence.key import read_public

app = typer.Typer(no_args_is_help=True, help="Signed networks for kiosks in the field. 模型发布：签名与自检。")
Folder = Annotated[Path, typer.Argument(help="The release's folder.")]


@app.command()
def key(file: Annotated[Path, typer.Argument(help="Where the private key goes; the public one gets .pub.")]) -> None:
    """A new pair of keys; the public one is named in each kiosk's [care] keys. 生成签名密钥。"""
    try:
        pack.new_key(file)
    except OSError as error:
        _refuse(error)
    sys.stdout.write(f"{file.with_suffix('.pub')}\n")


@app.command()
def make(
    out: Folder,
    model: Annotated[Path, typer.Option(help="The network: a file with its manifest, or the name of one that ships.")],
    key: Annotated[Path, typer.Option(help="The private key.")],
    picture: Annotated[Path | None, typer.Option(help="The golden picture; none: the one that ships.")] = None,
    name: Annotated[str, typer.Option(help="What it is called; none: the network's name.")] = "",
    backend: Annotated[str, typer.Option(help="openvino or onnx")] = "openvino",
) -> None:
    """Put a release together and sign it. 打包并签名。 Prints the name by which it is wished for."""
    try:
        private = pack.read_key(key)
        pack.make(located(model), out, private, picture or pack.golden_picture(), name, backend)
    except (ReleaseRefused, DetectorError, OSError) as error:
        _refuse(error)
    sys.stdout.write(named((out / MANIFEST_NAME).read_bytes()) + "\n")


@app.command()
def check(
    folder: Folder, key: Annotated[Path | None, typer.Option(help="A public key that must have signed it.")] = None
) -> None:
    """Every byte, the signature, and the self-test that a kiosk would run. 核验发布包。"""
    try:
        release = read_release(folder, [read_public(key)] if key else None)
        self_test(folder)
    except (ReleaseRefused, KeyUnusable) as error:
        _refuse(error)
    sys.stdout.write(f"ok: {release.name}, {len(release.files)} files, {release.bytes_total} bytes\n")


def _refuse(error: Exception) -> NoReturn:
    sys.stderr.write(f"error: {error}\n")
    raise typer.Exit(2) from error
