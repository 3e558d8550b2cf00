"""Fetches a Chromium that brings its libraries and a font along, as a package of the npm registry, and unpacks it.

python chromium.py FOLDER
"""

from __future__ import annotations

import base64
import hashlib
import io
import subprocess
import sys
import tarfile
from pathlib import Path

import brotli

PACKAGE = "@sparticuz/chromium@153.0.0"
SHA512 = "jiGWqSvPMdu4+P9TilYqAR7yEGPEHINx+lCvE/NqNO/EHYzF/x1hUiI5T6ioVIt7dEy7n88byyT0vk+dnsgQwA=="
# No font of the machine: the same text has the same width everywhere.
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{folder}/fonts</dir><cachedir>{folder}/cache</cachedir></fontconfig>
"""


def fetch(folder: Path) -> bytes:
    """The package, as pinned."""
    call = ["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", str(folder), PACKAGE]
    name = subprocess.run(call, check=True, capture_output=True, text=True).stdout.split()[-1]
    packed = (folder / name).read_bytes()
    (folder / name).unlink()
    if base64.b64encode(hashlib.sha512(packed).digest()).decode() != SHA512:
        raise SystemExit(f"{PACKAGE} is not what was pinned")
    return packed


def unpack(packed: bytes, folder: Path) -> None:
    """The browser, its libraries and its font."""
    with tarfile.open(fileobj=io.BytesIO(packed)) as package:

        def part(name: str) -> bytes:
            member = package.extractfile(f"package/bin/{name}.br")
            if member is None:
                raise SystemExit(f"{PACKAGE} has no {name}")
            return brotli.decompress(member.read())

        (folder / "chromium").write_bytes(part("chromium"))
        (folder / "chromium").chmod(0o755)
        for name in ("al2023.tar", "fonts.tar", "swiftshader.tar"):
            with tarfile.open(fileobj=io.BytesIO(part(name))) as files:
                files.extractall(folder, filter="data")
    (folder / "fonts.conf").write_text(FONTS.format(folder=folder.resolve()))


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    unpack(fetch(target), target)
