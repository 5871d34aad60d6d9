"""Reading and setting single parameters of an ArduPilot: pure machine, one at a time, proven by PARAM_VALUE.

Source: https://mavlink.io/en/services/parameter.html. ArduPilot sends every value as a float whatever its type.
"""

from dataclasses import dataclass

from drone.autopilot.retry import ANSWER_S, Retry
from drone.autopilot.types import Address
from drone.autopilot.wire import Message, mav, source, text

NAME_MAX = 16


@dataclass(frozen=True)
class Value:
    """A parameter as the vehicle holds it."""

    name: str
    value: float


@dataclass(frozen=True)
class Silent:
    """The vehicle did not answer: it has no such parameter (ArduPilot answers nothing then), or the line is bad."""

    name: str


class Parameter:
    """One question (`value` None) or one setting. Done when `outcome` is set; a setting that was not taken ends with
    the Value that the vehicle holds."""

    def __init__(self, name: str, value: float | None, own: Address, to: Address) -> None:
        if not 0 < len(name) <= NAME_MAX:
            raise ValueError(f"parameter {name!r}: a name has 1 to {NAME_MAX} letters")
        self.outcome: Value | Silent | None = None
        self._name = name
        self._value = value
        self._own = own
        self._to = to
        self._retry = Retry(ANSWER_S)

    def tick(self, now_s: float) -> list[Message]:
        """What is due now."""
        if self.outcome is not None or not self._retry.due(now_s):
            return []
        if self._retry.spent:
            self.outcome = Silent(self._name)
            return []
        self._retry.sent(now_s)
        target = (self._to.system, self._to.component, self._name.encode("ascii"))
        if self._value is None:
            return [mav.MAVLink_param_request_read_message(*target, -1)]
        return [mav.MAVLink_param_set_message(*target, self._value, mav.MAV_PARAM_TYPE_REAL32)]

    def receive(self, message: Message, now_s: float) -> list[Message]:
        """A message from the line. A value other than the one set counts once all tries are spent: it may be an
        answer to a question from before."""
        if self.outcome is not None or message.get_type() != "PARAM_VALUE" or source(message) != self._to:
            return []
        if text(message.param_id) != self._name:
            return []
        taken = self._value is None or same(message.param_value, self._value)
        if taken or self._retry.spent:
            self.outcome = Value(self._name, message.param_value)
        return []


def same(held: float, wanted: float) -> bool:
    """Equal as far as a float of 32 bits can be."""
    return abs(held - wanted) <= 1e-6 * max(1.0, abs(wanted))
