"""Which requests of a web server fail, from its log: text-processing.

    pysbctl submit -p text-processing examples/text-processing.py

It prints:

    6 requests, 3 failed
    404 2 /missing
    500 1 /report
    first failure: access.log:2
"""
import collections
import pathlib
import re

from sandbox_utils import grep, wc

LOG = """\
10.0.0.1 - - [02/Jan/2024:10:00:01 +0000] "GET / HTTP/1.1" 200 512
10.0.0.2 - - [02/Jan/2024:10:00:02 +0000] "GET /missing HTTP/1.1" 404 64
10.0.0.1 - - [02/Jan/2024:10:00:03 +0000] "GET /about HTTP/1.1" 200 1024
10.0.0.3 - - [02/Jan/2024:10:00:05 +0000] "POST /report HTTP/1.1" 500 32
10.0.0.2 - - [02/Jan/2024:10:00:08 +0000] "GET /missing HTTP/1.1" 404 64
10.0.0.1 - - [02/Jan/2024:10:00:13 +0000] "GET / HTTP/1.1" 200 512
"""

# A real one would be a file of the request: --file access.log
pathlib.Path("access.log").write_text(LOG)

failures = grep(r'" [45]\d\d ', "access.log")
print(f"{wc('access.log')['lines']} requests, {len(failures)} failed")

pattern = re.compile(r'"\w+ (\S+) [^"]*" (\d+)')
counts = collections.Counter(pattern.search(line).group(2, 1) for _, _, line in failures)
for (status, path), count in sorted(counts.items()):
    print(status, count, path)

file, number, _ = failures[0]
print(f"first failure: {file}:{number}")
