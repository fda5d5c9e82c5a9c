"""A real S3 API on loopback: moto's server, which product code meets as it would meet any S3 endpoint."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import boto3
import fsspec
import pytest
from moto.server import ThreadedMotoServer

_BUCKETS = itertools.count()


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The server's address; the AWS_* environment of this process, and of its children, points to it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    patch = pytest.MonkeyPatch()
    patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    patch.setenv("AWS_ACCESS_KEY_ID", "test")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    patch.delenv("AWS_PROFILE", raising=False)
    patch.delenv("AWS_SESSION_TOKEN", raising=False)
    yield f"http://{host}:{port}"
    fsspec.filesystem("s3").clear_instance_cache()
    patch.undo()
    server.stop()


@pytest.fixture
def s3_url(s3_endpoint: str) -> str:
    """``s3://`` URL of a fresh, empty bucket."""
    bucket = f"bucket-{next(_BUCKETS)}"
    boto3.client("s3", endpoint_url=s3_endpoint).create_bucket(Bucket=bucket)
    return f"s3://{bucket}"
