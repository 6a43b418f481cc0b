"""Buckets of servers that speak S3."""

import os
import threading

S3_KEY, S3_SECRET = "tests", "of-the-studio"  # of servers that tests start


def new_bucket(url, monkeypatch):
    """Address of an empty bucket, with the environment that leads to it."""
    import boto3

    values = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": S3_KEY,
        "AWS_SECRET_ACCESS_KEY": S3_SECRET,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=url)
    name = f"tests{threading.get_ident()}-{os.urandom(4).hex()}"
    client.create_bucket(Bucket=name)
    client.close()
    return f"s3://{name}/some/prefix"
