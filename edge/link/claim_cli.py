"""`zhuomu claim`: a kiosk, handset or drone gets its certificate for a one-time code."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from edge.link.claim import Code, NotClaimed, renew
from edge.link.claim import claim as claim_for
from edge.link.identity import IdentityUnusable


def claim(
    out: Annotated[Path, typer.Option(help="Folder for key and certificate; name it in [broker.tls] identity")],
    url: Annotated[str, typer.Option(help="The centre's address, https://...")] = "",
    code: Annotated[str, typer.Option(help="What `zhuomu gateway device add` printed; none: read from stdin")] = "",
    again: Annotated[bool, typer.Option("--renew", help="Renew the certificate that is there, without a code")] = False,
) -> None:
    """A certificate for this device. The key is made here and never leaves it. 用一次性认领码领取设备证书。"""
    try:
        if again:
            until = renew(out)
        else:
            if not url:
                raise NotClaimed("give the centre's address with --url")
            until = claim_for(url, Code.parse(code or sys.stdin.readline()), out)
    except (NotClaimed, IdentityUnusable) as error:
        sys.stderr.write(f"error: {error}\n")
        raise typer.Exit(2) from error
    event = "device.renewed" if again else "device.claimed"
    sys.stdout.write(json.dumps({"event": event, "folder": str(out), "until": until.isoformat()}) + "\n")
