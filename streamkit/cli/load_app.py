"""From what the user typed to the application: `module:app`, `module`, `path/to/app.py`, `path/to/app.py:app`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType

from streamkit.app import App
from streamkit.errors import ConfigError, StreamkitError

__all__ = ["load_app"]


def load_app(target: str) -> App:
    """The application that `target` names.

    Without a name after the colon, the module's only `App` is taken. The folder of a file, or the current
    folder for a module, is importable from then on.

    Raises:
        ConfigError: no such file or module, no such name, not exactly one app to choose, or its code
            raised: then the message ends with the lines of the user's files that led there.
        StreamkitError: what streamkit told the app's code, as it is.
    """
    place, colon, name = target.rpartition(":")
    if not colon or "/" in name or "\\" in name:
        place, name = target, ""
    looks_like_path = place.endswith(".py") or "/" in place or "\\" in place
    try:
        module = _load_file(place, target) if looks_like_path else _load_module(place, target)
    except StreamkitError:
        raise
    except Exception as error:
        raise ConfigError(f"can't load app {target!r}: {_told(error)}") from error
    return _named(module, name, target) if name else _only(module, target)


def _load_file(place: str, target: str) -> ModuleType:
    path = Path(place)
    if not path.is_file():
        what = "a folder" if path.is_dir() else "no such file"
        raise ConfigError(
            f"can't load app {target!r}: {path} is {what}; give the path of a .py file"
        )
    path = path.resolve()
    _importable(str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"can't load app {target!r}: {path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _load_module(place: str, target: str) -> ModuleType:
    if not all(part.isidentifier() for part in place.split(".")):
        raise ConfigError(
            f"can't load app {target!r}: that is neither a module's name nor the path of a .py file"
        )
    _importable(str(Path.cwd()))
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name is None or not (place == error.name or place.startswith(f"{error.name}.")):
            raise  # the module is there; something that it imports is not
        hint = f"; did you mean {place}.py?" if Path(f"{place}.py").is_file() else ""
        raise ConfigError(
            f"can't load app {target!r}: no module named {error.name!r}{hint} (searched from "
            f"{Path.cwd()}; a file is given as path/to/app.py)"
        ) from error


def _named(module: ModuleType, name: str, target: str) -> App:
    value: object = module
    for part in name.split("."):
        if not hasattr(value, part):
            apps = _apps(module)
            known = f"; it has: {', '.join(apps)}" if apps else "; it has no App"
            raise ConfigError(f"can't load app {target!r}: the module has no {name!r}{known}")
        value = getattr(value, part)
    if not isinstance(value, App):
        raise ConfigError(
            f"can't load app {target!r}: {name!r} is a {type(value).__name__}, not an App"
        )
    return value


def _only(module: ModuleType, target: str) -> App:
    apps = _apps(module)
    if len(apps) == 1:
        return next(iter(apps.values()))
    if not apps:
        raise ConfigError(
            f"can't load app {target!r}: there is no App in it; expected app = App(…)"
        )
    raise ConfigError(
        f"can't load app {target!r}: there are several apps in it ({', '.join(apps)}); "
        f"choose one with {target}:{next(iter(apps))}"
    )


def _apps(module: ModuleType) -> dict[str, App]:
    """Apps by name, each once."""
    found: dict[str, App] = {}
    for name, value in vars(module).items():
        if isinstance(value, App) and not any(value is other for other in found.values()):
            found[name] = value
    return found


def _told(error: Exception) -> str:
    """The error and where it was raised, without the frames of streamkit and the import system."""
    own = str(Path(__file__).parents[1])
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((own, "<frozen", importlib.__file__))
    ]
    last = "".join(traceback.format_exception_only(error)).rstrip()
    what = f"{type(error).__name__}: {error}" if frames else last
    return "\n".join([what, *"".join(traceback.format_list(frames)).rstrip().splitlines()])


def _importable(folder: str) -> None:
    if folder not in sys.path:
        sys.path.insert(0, folder)
