# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes wheels, also such as nobody should trust."""

import base64
import hashlib
import os
import zipfile

PURE = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def checksum(data):
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"sha256={digest}"


def make(directory, name, version, files, metadata="License: MIT\n", about=PURE, tag="py3-none-any",
         record=None, extra=()):
    """Writes a wheel and returns its path. files: {path: text or bytes}; extra: (ZipInfo or name, bytes)
    behind the others, not in RECORD; record: changes its lines."""
    info = f"{name}-{version}.dist-info"
    contents = {path: data.encode() if isinstance(data, str) else data for path, data in files.items()}
    contents[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{metadata}".encode()
    contents[f"{info}/WHEEL"] = about.encode()
    lines = [f"{path},{checksum(data)},{len(data)}" for path, data in contents.items()]
    lines.append(f"{info}/RECORD,,")
    contents[f"{info}/RECORD"] = ("\n".join(record(lines) if record else lines) + "\n").encode()
    path = os.path.join(directory, f"{name}-{version}-{tag}.whl")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in (*contents.items(), *extra):
            archive.writestr(*entry)
    return path
