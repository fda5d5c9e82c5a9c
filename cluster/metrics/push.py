"""The dashboard into a running Grafana, over its HTTP API."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

import requests
from grafana_client import GrafanaApi
from grafana_client.client import GrafanaClientError, GrafanaException

from cluster.metrics import grafana

_TIMEOUT_S = 30


class BadAddress(ValueError):
    """What was given does not tell where and as whom to push."""


class PushError(RuntimeError):
    """Grafana did not take it; the message says why and what to do."""


def push(url: str, token_variable: str) -> str:
    """Make the dashboard there, or write it anew; returns its address. The token never stands on a command line.

    Raises:
        BadAddress: no URL of a Grafana, or no token in the environment variable of that name.
        PushError: Grafana does not answer, or refuses.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadAddress(f"--url {url!r} is no address of a Grafana: give http://host:3000 or https://host")
    if parts.username or parts.password:
        raise BadAddress("--url holds a password, which others on this machine can read: use --token-env")
    token = os.environ.get(token_variable)
    if not token:
        raise BadAddress(
            f"the environment variable {token_variable} is empty: put a Grafana service account token with the role "
            "Editor there"
        )
    try:
        answer = GrafanaApi.from_url(url, credential=token, timeout=_TIMEOUT_S).dashboard.update_dashboard(
            {"dashboard": grafana.dashboard(), "overwrite": True, "message": "voxtral dashboards push"}
        )
    except GrafanaClientError as error:
        raise PushError(f"Grafana at {url} refused it: {error}; the token needs the role Editor") from error
    except (GrafanaException, requests.RequestException) as error:
        raise PushError(f"no Grafana took it at {url}: {error}") from error
    if not isinstance(answer, dict) or "url" not in answer:
        raise PushError(f"what answers at {url} is no Grafana")
    return f"{url.rstrip('/')}{answer['url']}"
