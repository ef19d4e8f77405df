#!/usr/bin/python3
"""Files of the local page as C: embed.py OUT.c FILE... index.html is served as /."""
import pathlib
import sys

MEDIA = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}


def main():
    rows, blobs = [], []
    for i, name in enumerate(sys.argv[2:]):
        path = pathlib.Path(name)
        octets = path.read_bytes()
        lines = [", ".join(str(b) for b in octets[at:at + 24]) for at in range(0, len(octets), 24)]
        blobs.append(f"static const unsigned char file{i}[] = {{\n\t" + ",\n\t".join(lines) + "\n};\n")
        served = "/" if path.name == "index.html" else f"/{path.name}"
        rows.append(f'\t{{ "{served}", "{MEDIA[path.suffix]}", file{i}, sizeof(file{i}) }},\n')
    pathlib.Path(sys.argv[1]).write_text('/* Generated from src/agent/web by embed.py. */\n#include "agent/page.h"\n\n' + "".join(blobs) +
                                         "const struct page_file page_files[] = {\n" + "".join(rows) +
                                         "};\nconst size_t page_n_files = sizeof(page_files) / sizeof(page_files[0]);\n")


main()
