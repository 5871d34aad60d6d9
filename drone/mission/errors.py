"""What can be wrong with a request for a plan."""


class PlanError(ValueError):
    """No plan can be made of this; `str()` is one line: what, where, what to do."""
