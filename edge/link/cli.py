"""`zhuomu broker`: the embedded MQTT broker as a process."""

import asyncio
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from edge.link.broker import BrokerUnusable, Secure, serve


def broker(
    host: Annotated[str, typer.Option(help="Address to listen on; loopback unless you know better.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 1883,
    secure: Annotated[
        Path | None, typer.Option(help="Folder that `zhuomu gateway acl` wrote: accounts, and TLS on a second port.")
    ] = None,
    tls_host: Annotated[str, typer.Option(help="Address of the port with TLS.")] = "0.0.0.0",
    tls_port: Annotated[int, typer.Option(min=1, max=65535)] = 8883,
    ws_port: Annotated[int, typer.Option(min=0, max=65535, help="For phones, over WebSockets; 0: none.")] = 0,
) -> None:
    """The embedded MQTT 3.1.1 broker, for one machine and tests. 内置消息服务器。"""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    try:
        asyncio.run(serve(host, port, Secure(secure, tls_host, tls_port) if secure else None, ws_port))
    except BrokerUnusable as error:
        sys.stderr.write(f"error: {error}\n")
        raise typer.Exit(2) from error
