"""Sorts a heap of files into directories by their kind, leaves out what is there twice, and packs
the rest: file-operations.

    pysbctl submit -p file-operations examples/file-operations.py

It prints:

    copy of notes.txt is notes.txt
    sorted/data/table.csv 12
    sorted/text/notes.txt 6
    sorted/text/readme.md 8
    sorted.tar.gz has 3 files
"""
import hashlib
import pathlib
import shutil
import tarfile

KINDS = {".txt": "text", ".md": "text", ".csv": "data"}

# Real ones would be files of the request: --file notes.txt, …
heap = pathlib.Path("heap")
heap.mkdir()
for name, text in {"notes.txt": "hello\n", "table.csv": "a,b\n1,2\n3,4\n", "readme.md": "# Hello\n",
                   "copy of notes.txt": "hello\n"}.items():
    (heap / name).write_text(text)

seen = {}
for path in sorted(heap.rglob("*"), key=lambda path: (len(path.name), path.name)):
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest in seen:
        print(f"{path.name} is {seen[digest].name}")
        continue
    seen[digest] = path
    target = pathlib.Path("sorted", KINDS[path.suffix])
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, target)

for path in sorted(pathlib.Path("sorted").rglob("*.*")):
    print(path, path.stat().st_size)

archive = shutil.make_archive("sorted", "gztar", root_dir="sorted")
with tarfile.open(archive) as tar:
    print(f"{pathlib.Path(archive).name} has {sum(member.isfile() for member in tar)} files")
