"""What the devices' doors answer when they give nothing."""


class Refused(ValueError):
    """No certificate and no password; `status` is HTTP's."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status
