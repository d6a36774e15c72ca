"""A real S3-protocol server on loopback: moto's, which keeps rights (IAM) and conditional writes as S3 does.

with s3_server() as store:
    store.allow("s3:GetObject", "s3:PutObject", ...)   credentials of a user with these rights, in os.environ
"""

import contextlib
import json
import logging
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

ALL = ("s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject")
BUCKET = "heron"
REGION = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "1", "AWS_EC2_METADATA_DISABLED": "true"}


@dataclass(slots=True)
class Store:
    """A server, its root's S3 and IAM clients, and the credentials of the user that the code under test is."""

    url: str
    s3: Any
    iam: Any
    key: str = ""
    secret: str = ""

    def environment(self) -> dict[str, str]:
        """What the code under test is given."""
        return REGION | {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
        }

    def allow(self, *actions: str) -> None:
        """Give the user these rights on everything, and no others."""
        statement = {"Effect": "Allow", "Action": list(actions) or ["s3:ListAllMyBuckets"], "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.iam.put_user_policy(UserName="heron", PolicyName="rights", PolicyDocument=document)

    def names(self, prefix: str = "") -> set[str]:
        """The objects in the bucket."""
        found = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return {row["Key"].removeprefix(prefix).lstrip("/") for row in found}

    def read(self, key: str) -> bytes:
        """The content of an object."""
        return bytes(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())

    def write(self, key: str, data: bytes) -> None:
        """Write an object."""
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=data)

    def empty(self) -> None:
        """Remove every object, and give the user all rights."""
        for key in self.names():
            self.s3.delete_object(Bucket=BUCKET, Key=key)
        self.allow(*ALL)


@contextlib.contextmanager
def s3_server() -> Iterator[Store]:
    """Serve a bucket to a user with all rights; rights are enforced from then on."""
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    root = {"endpoint_url": url, "region_name": "us-east-1", "aws_access_key_id": "root", "aws_secret_access_key": "r"}
    store = Store(url, boto3.client("s3", **root), boto3.client("iam", **root))
    try:
        store.s3.create_bucket(Bucket=BUCKET)
        rooted = as_user(store, "root", "s3:*", "iam:*")
        store.key, store.secret = as_user(store, "heron", *ALL)
        own = root | {"aws_access_key_id": rooted[0], "aws_secret_access_key": rooted[1]}
        store.s3, store.iam = boto3.client("s3", **own), boto3.client("iam", **own)
        plain = {"Content-Type": "text/plain"}
        enforce = urllib.request.Request(f"{url}/moto-api/reset-auth", data=b"0", headers=plain, method="POST")
        urllib.request.urlopen(enforce).close()
        yield store
    finally:
        server.stop()


def as_user(store: Store, name: str, *actions: str) -> tuple[str, str]:
    """Create a user with rights; return key and secret."""
    store.iam.create_user(UserName=name)
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    store.iam.put_user_policy(UserName=name, PolicyName="rights", PolicyDocument=document)
    made = store.iam.create_access_key(UserName=name)["AccessKey"]
    return str(made["AccessKeyId"]), str(made["SecretAccessKey"])


def forget_connections() -> None:
    """Let the next use of S3 read its credentials anew."""
    import fsspec

    fsspec.get_filesystem_class("s3").clear_instance_cache()
