"""Counts the addresses in objects: duckdb_read.py ENDPOINT PATTERN."""

import importlib.resources
import os
import sys

import duckdb

endpoint, objects = sys.argv[1:]
package = importlib.resources.files("duckdb_extension_httpfs")
duckdb.sql(f"load '{package / f'extensions/v{duckdb.__version__}/httpfs.duckdb_extension'}'")
duckdb.sql(f"""
    create secret (
        type s3, region 'us-east-1', url_style 'path', use_ssl false,
        key_id '{os.environ["AWS_ACCESS_KEY_ID"]}', secret '{os.environ["AWS_SECRET_ACCESS_KEY"]}',
        endpoint '{endpoint.removeprefix("http://")}'
    )
""")
count = duckdb.sql(f"""
    select count(Address)
    from read_json('{objects}', format = 'newline_delimited', columns = {{Address: 'VARCHAR'}}, ignore_errors = true)
""")
print(count.fetchone()[0])
