"""What `zhuomu up` starts, in which order, with which files."""

from dataclasses import dataclass
from pathlib import Path

from edge.handset.book import unsent
from edge.link import left
from edge.up.ports import free_port

DEVICE = "kiosk-1"
HANDSETS = 2
# A person's phone, in the crew of the first simulated handset.
PHONE, CREW = "phone-1", "handset-1"
WORK_S = 8.0
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Ports:
    """Loopback ports. The console's is the user's choice, the others are free ones found at the start; the broker may
    be one that runs already. `phones`: MQTT over WebSockets; 0: that of the broker that runs already, 9001."""

    console: int
    registry: int
    street: int
    mqtt: int
    mqtt_host: str = HOST
    phones: int = 0


@dataclass(frozen=True)
class View:
    """What one camera of the kiosk sees: source, and calibration and zones where they are known (the sample street)."""

    name: str
    source: str
    calibration: list[tuple[float, float, float, float]]
    zones: list[tuple[str, str, list[tuple[float, float]]]]


def free_ports(console: int) -> Ports:
    """Four ports that nobody uses now, beside the console's."""
    registry, street, mqtt, phones = (free_port(HOST) for _ in range(4))
    return Ports(console, registry, street, mqtt, phones=phones)


def write_files(folder: Path, ports: Ports, views: list[View], rules: Path, model: Path | None) -> dict[str, Path]:
    """Write the settings of kiosk, gateway and registry; returns their paths by process name."""
    texts = {
        "kiosk": _kiosk(folder, ports, views, rules, model),
        "gateway": _gateway(folder, ports),
        "registry": _registry(folder, ports),
    }
    paths = {name: folder / f"{name}.toml" for name in texts}
    for name, text in texts.items():
        paths[name].write_text(text, encoding="utf-8")
    return paths


def outbox_left(folder: Path) -> int:
    """Messages that devices still hold after they were stopped."""
    handsets = (folder / "handsets" / f"handset-{i + 1}.db" for i in range(HANDSETS))
    return left(folder / "kiosk" / f"{DEVICE}.db") + sum(map(unsent, handsets))


def _kiosk(folder: Path, ports: Ports, views: list[View], rules: Path, model: Path | None) -> str:
    rendered = any(view.zones for view in views)  # nobody's face is in the sample street's packets
    head = [
        f'device = "{DEVICE}"',
        f"data = {_quote(str(folder / 'kiosk'))}",
        f"rules = {_quote(str(rules))}",
        "gone_s = 30.0",
        f'[broker]\nhost = "{ports.mqtt_host}"\nport = {ports.mqtt}',
        f'[upload]\nurl = "http://{HOST}:{ports.console}"\nclips = {"true" if rendered else "false"}',
    ]
    if model is not None:
        head.append(f"[model]\npath = {_quote(str(model))}")
    return "\n".join([*head, *(_camera(v) for v in views)]) + "\n"


def _camera(view: View) -> str:
    lines = ["[[camera]]", f"name = {_quote(view.name)}", f"source = {_quote(view.source)}"]
    for x, y, lat, lon in view.calibration:
        lines += ["[[camera.calibration]]", f"x = {x:.6f}", f"y = {y:.6f}", f"lat = {lat:.9f}", f"lon = {lon:.9f}"]
    for name, kind, polygon in view.zones:
        corners = ", ".join(f"[{x:.5f}, {y:.5f}]" for x, y in polygon)
        lines += ["[[camera.zone]]", f"name = {_quote(name)}", f"kind = {_quote(kind)}", f"polygon = [{corners}]"]
    return "\n".join(lines)


def _gateway(folder: Path, ports: Ports) -> str:
    phones = f'phone_mqtt = "ws://{{host}}:{ports.phones}"\n' if ports.phones else ""
    return (
        f"data = {_quote(str(folder / 'gateway'))}\n"
        f'host = "{HOST}"\nport = {ports.console}\n'
        f'registry_url = "http://{HOST}:{ports.registry}"\n{phones}'
        f'[broker]\nhost = "{ports.mqtt_host}"\nport = {ports.mqtt}\n'
    )


def _registry(folder: Path, ports: Ports) -> str:
    crews = ", ".join(f'"handset-{i + 1}"' for i in range(HANDSETS))
    classes = ", ".join(f'"{name}"' for name in ("stall", "poster", "bike", "litter"))
    return (
        f"data = {_quote(str(folder / 'registry'))}\n"
        f'host = "{HOST}"\nport = {ports.registry}\n'
        f"crews = [{crews}]\nauto_file = [{classes}]\nauto_file_unmeasured = true\nrecheck_s = 5.0\n"
    )


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
