#!/usr/bin/python3
"""A document of OpenAPI has every member of the message tables, required or not, with its values, and no other.

usage: test-openapi.py PROGRAM DOCUMENT [MESSAGES]     PROGRAM [MESSAGES] prints "MESSAGE MEMBER required|optional [VALUE,…]"; a message
                                                       whose unknown members are skipped has a + before its name
"""
import pathlib
import subprocess
import sys

import yaml

program, document, *which = sys.argv[1:]
api = yaml.safe_load(pathlib.Path(document).read_text(encoding='utf-8'))
assert api['openapi'].startswith('3.1'), api['openapi']
schemas = api['components']['schemas']
wrong, seen, is_open = [], {}, set()
for line in subprocess.run([program, *which], check=True, capture_output=True, text=True).stdout.splitlines():
    message, member, needed, values = line.split(' ')
    if message.startswith('+'):
        message = message[1:]
        is_open.add(message)
    seen.setdefault(message, set()).add(member)
    said = schemas[message]['properties'].get(member)
    if said is None:
        wrong.append(f'{message}.{member} is not described')
        continue
    if (member in schemas[message].get('required', [])) != (needed == 'required'):
        wrong.append(f'{message}.{member} is {needed}')
    if values and set(said.get('items', said).get('enum', [])) != set(values.split(',')):
        wrong.append(f'{message}.{member} has the values {values}')
for message, members in seen.items():
    wrong += [f'{message}.{m} is described, and not in the table' for m in schemas[message]['properties'].keys() - members]
    if schemas[message].get('additionalProperties', True) is not (message in is_open):
        wrong.append(f'{message}: unknown members are {"skipped" if message in is_open else "refused"}')


def walk(x):
    """Every reference leads somewhere."""
    if isinstance(x, dict):
        ref = x.get('$ref')
        if ref and ref.startswith('#/'):
            target = api
            for part in ref[2:].split('/'):
                target = target[part]
        elif ref:
            assert (pathlib.Path(document).parent / ref).is_file(), ref
        for v in x.values():
            walk(v)
    elif isinstance(x, list):
        for v in x:
            walk(v)


walk(api)
print('\n'.join(wrong) if wrong else f'{sum(map(len, seen.values()))} members agree')
sys.exit(bool(wrong))
