#!/usr/bin/python3
"""Turn numbered migrations (NNNN-name.sql, without gaps) into a C table: embed.py SYMBOL FIRST OUT.c FILE...

FIRST is the first one's number: a database that was added later begins where the others were then."""
import os
import re
import sys


def quote(line):
    return '\t"' + line.replace('\\', '\\\\').replace('"', '\\"') + '\\n"'


def main():
    symbol, first, out, files = sys.argv[1], int(sys.argv[2]), sys.argv[3], sorted(sys.argv[4:], key=os.path.basename)
    rows = []
    for expected, path in enumerate(files, first):
        name = os.path.basename(path)
        match = re.fullmatch(r'(\d{4})-([a-z0-9-]+)\.sql', name)
        if not match or int(match.group(1)) != expected:
            sys.exit(f'{path}: expected a migration called {expected:04}-name.sql')
        with open(path, encoding='ascii') as f:
            text = '\n'.join(quote(line.rstrip('\n')) for line in f)
        rows.append(f'\t{{ {expected}, "{match.group(2)}",\n{text} }},')
    with open(out, 'w', encoding='ascii') as f:
        f.write('/* Generated from sql/ by sql/embed.py. */\n#include "store/migration.h"\n\n'
                f'const struct mst_migration {symbol}[] = {{\n' + '\n'.join(rows) + '\n};\n'
                f'const int {symbol}_n = {len(rows)};\n')


main()
