"""Bodies out of templates: a table whose texts hold `$name`; values are put in as data, so nothing can break out."""

from collections.abc import Mapping
from string import Template
from typing import Any

from edge.wire import ForbiddenState


class UnknownCode(ForbiddenState):
    """A class code that the target's table does not have."""


def fill(template: Any, values: Mapping[str, Any]) -> Any:
    """A copy with every `$name` replaced. A text that is one name alone keeps the value's type; a name that is not
    known stays as it stands (`$$` is a dollar sign)."""
    if isinstance(template, dict):
        return {key: fill(value, values) for key, value in template.items()}
    if isinstance(template, list):
        return [fill(value, values) for value in template]
    if not isinstance(template, str):
        return template
    if template[:1] == "$" and template[1:] in values:
        return values[template[1:]]
    return Template(template).safe_substitute({name: str(value) for name, value in values.items()})


def mapped(codes: Mapping[str, str], code: str) -> str:
    """Our class code in the target's words; ours when it has no table. Raises UnknownCode."""
    if not codes:
        return code
    if code not in codes:
        raise UnknownCode(f"class code {code} is not in the target's `codes`; add it there and send the letter again")
    return codes[code]


def dug(body: Any, path: str) -> str:
    """The value at a dotted path (`data.id`, `0.id`) of a JSON answer as text; "" when it is not there."""
    for part in path.split("."):
        if isinstance(body, list) and part.isdigit() and int(part) < len(body):
            body = body[int(part)]
        elif isinstance(body, dict) and part in body:
            body = body[part]
        else:
            return ""
    return str(body) if isinstance(body, str | int) and not isinstance(body, bool) else ""
