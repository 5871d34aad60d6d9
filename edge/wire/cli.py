"""`zhuomu wire`: the contract's generated files."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from edge.wire.schema import files


def wire(out: Annotated[Path, typer.Option(help="Folder for the generated files.")] = Path("configs/wire")) -> None:
    """Write JSON Schema and AsyncAPI, generated from the channel table. 生成接口描述文件。"""
    out.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (out / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{out / name}\n")
