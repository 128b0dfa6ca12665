"""Counts the addresses in objects: polars_read.py ENDPOINT PATTERN."""

import os
import sys

import polars

endpoint, objects = sys.argv[1:]
records = polars.scan_ndjson(
    objects,
    schema={"Address": polars.String},
    ignore_errors=True,
    storage_options={
        "aws_access_key_id": os.environ["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": os.environ["AWS_SECRET_ACCESS_KEY"],
        "aws_region": "us-east-1",
        "aws_endpoint_url": endpoint,
        "aws_allow_http": "true",
    },
)
print(records.select(polars.col("Address").count()).collect(engine="streaming").item())
