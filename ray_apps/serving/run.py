"""``voxtral serve``: Ray, Serve and the application in one command, until it is interrupted."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException

from cluster.feedback import Feedback
from cluster.profile.ray_book import close_book
from ray_apps.cli_settings import UsageError, readable
from ray_apps.profiled import SERVICE
from ray_apps.ray_session import cluster_address, ray_session, terminated_as_interrupted
from ray_apps.serve_app import APP, build
from ray_apps.serving.settings import ServeSettings

_HTTP = {"host": "127.0.0.1", "port": 8000}
_BEYOND_DEADLINE_S = 100.0
"""Until Serve's own time-out of a request: ours tells it better."""
_LOOK_S, _ANSWER_S = 0.5, 10.0
LOGGING = {"log_level": "WARNING"}
"""As in serve_config.yaml: Serve would write a line for every call of every replica."""


def serve_until_interrupted(
    config: Path | None,
    flags: Mapping[str, Any],
    host: str | None,
    port: int | None,
    address: str | None,
    feedback: Feedback,
) -> None:
    """Serve what the file says, where a flag (named as in ServeSettings) says nothing else.

    Raises:
        UsageError: the file or an argument is not right.
        ConnectionError: no cluster answers at ``address``.
        CheckpointError, UnsupportedPair: what is asked for cannot be served.
    """
    http, args = _from_file(config) if config else ({}, {})
    http = _HTTP | http | {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    args = args | {name: value for name, value in flags.items() if value is not None}
    try:
        settings = ServeSettings.model_validate(args)
    except ValidationError as error:
        raise UsageError(readable(error)) from error
    http |= {"request_timeout_s": _timeout_s(http.get("request_timeout_s"), settings.door.deadline_s)}
    if not settings.keys_file and not _is_loopback(str(http["host"])):
        feedback.warning(f"anybody who reaches {http['host']} may use this service: give it keys (voxtral serve-key)")
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    with ray_session(address), terminated_as_interrupted():
        serve.start(http_options=http, logging_config=LOGGING)
        try:
            serve.run(build(args), name=APP, route_prefix="/", logging_config=LOGGING)
            feedback.info(f"http://{http['host']}:{http['port']} is ready; Ctrl-C ends it")
            threading.Event().wait()
        except KeyboardInterrupt:
            feedback.info("ending, as soon as open requests are answered; Ctrl-C again ends them too")
            with contextlib.suppress(KeyboardInterrupt, RayServeException, RayError, TimeoutError):
                _drain(settings.door.deadline_s)
        finally:
            if cluster_address(address) is None:
                serve.shutdown()  # on a cluster that was there Serve may have applications of others
            close_book(SERVICE)


def _timeout_s(asked: Any, deadline_s: float) -> float:
    """Serve's own, which comes after ours in any case."""
    return max(deadline_s + _BEYOND_DEADLINE_S, float(asked or 0.0))


def _drain(deadline_s: float) -> None:
    """Close the door, and take the application away when what is open is answered.

    Serve ends all replicas of an application together, and its proxies at once: who waits for another window, or for
    the last bytes, would be cut off.
    """
    door = serve.get_app_handle(APP).close_door
    until = time.monotonic() + deadline_s
    while door.remote().result(timeout_s=_ANSWER_S) and time.monotonic() < until:
        time.sleep(_LOOK_S)
    time.sleep(_LOOK_S)  # what is answered is not yet sent
    serve.delete(APP)


def _from_file(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """``http_options`` and the first application's ``args`` of a Serve configuration."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return dict(content.get("http_options") or {}), dict(content["applications"][0].get("args") or {})
    except OSError as error:
        raise UsageError(f"--config {path} cannot be read: {error.strerror or error}") from error
    except (yaml.YAMLError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise UsageError(f"--config {path} is no Serve configuration with an application: {error}") from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
