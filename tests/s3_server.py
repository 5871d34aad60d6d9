"""moto's S3 server in a process of its own, which can be killed and started again on the same port."""

import os
import subprocess
import sys
from pathlib import Path

import boto3
from botocore.config import Config
from conftest import free_port, until
from gateway_helpers import _listens

KEY, SECRET, BUCKET = "AKIAEXAMPLE", "a secret", "zhuomu"


class S3Server:
    """In memory: what it held is gone when it dies."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / "s3.err"
        self._process: subprocess.Popen[bytes] | None = None
        self.client = boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
            config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    def start(self) -> None:
        """Start with the bucket in it."""
        command = [sys.executable, "-m", "moto.server", "-p", str(self.port)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=dict(os.environ))
        until(lambda: _listens(self.port), 30.0, "the S3 server")
        self.client.create_bucket(Bucket=BUCKET)

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def held(self) -> list[str]:
        """What the bucket holds."""
        return [one["Key"] for one in self.client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]
