#!/usr/bin/python3
"""doc/openapi.yaml has every path, method and query parameter of the router's table, and no other."""
import subprocess
import sys

import yaml

program, document = sys.argv[1:3]
routes = {}
for line in subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines():
    method, path, params = line.split(' ')
    routes[(path, method)] = set(filter(None, params.split(',')))
with open(document, encoding='utf-8') as f:
    api = yaml.safe_load(f)
assert api['openapi'].startswith('3.1'), api['openapi']


def resolve(x):
    """Follow $ref inside the document; a dangling one is an error here."""
    while '$ref' in x:
        assert x['$ref'].startswith('#/'), x['$ref']
        target = api
        for part in x['$ref'][2:].split('/'):
            target = target[part]
        x = target
    return x


def walk(x):
    if isinstance(x, dict):
        if '$ref' in x:
            resolve(x)
        for v in x.values():
            walk(v)
    elif isinstance(x, list):
        for v in x:
            walk(v)


walk(api)
wrong = []
described = {}
for path, item in api['paths'].items():
    shared = item.get('parameters', [])
    for method, operation in item.items():
        if method == 'parameters':
            continue
        parameters = [resolve(p) for p in shared + operation.get('parameters', [])]
        described[(path, method)] = {p['name'] for p in parameters if p['in'] == 'query'}
        if ('{id}' in path) != any(p['in'] == 'path' and p['name'] == 'id' for p in parameters):
            wrong.append(f'{method} {path}: {{id}} is not described')
        answers = operation['responses']
        if not any(code.startswith('2') for code in answers) or 'default' not in answers:
            wrong.append(f'{method} {path}: needs a 2xx answer and the default error')
        if (method == 'post') != ('requestBody' in operation):
            wrong.append(f'{method} {path}: POST has a body, GET and DELETE have none')
wrong += [f'{m} {p} is served but not described' for p, m in routes.keys() - described.keys()]
wrong += [f'{m} {p} is described but not served' for p, m in described.keys() - routes.keys()]
wrong += [f'{m} {p}: query {described[(p, m)]} described, {routes[(p, m)]} served'
          for p, m in routes.keys() & described.keys() if described[(p, m)] != routes[(p, m)]]
print('\n'.join(wrong) if wrong else f'{len(routes)} routes agree')
sys.exit(bool(wrong))
