"""Unpacks the files of a wheel that match any of the given patterns: unpack_wheel.py WHEEL FOLDER PATTERN..."""

import fnmatch
import os
import sys
import zipfile

wheel, folder, *patterns = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    members = [member for member in archive.infolist() if not member.is_dir()]
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(member.filename, pattern) for member in members):
            sys.exit(f"{os.path.basename(wheel)} has no {pattern}")
    for member in members:
        if any(fnmatch.fnmatchcase(member.filename, pattern) for pattern in patterns):
            path = archive.extract(member, folder)
            os.chmod(path, member.external_attr >> 16 & 0o777 | 0o644)
            with open(path, "rb") as file:
                os.fsync(file.fileno())
