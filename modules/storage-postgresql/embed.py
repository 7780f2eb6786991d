#!/usr/bin/env python3
"""embed.py OUTPUT STEP.sql...: the steps of the schema as a C table, in order of their numbers."""
import sys
from pathlib import Path


def literal(line):
    text = line.replace('\\', '\\\\').replace('"', '\\"').replace('?', '\\?')
    return f'    "{text}\\n"'


def main(output, *steps):
    lines = ['/* Made from schema/postgresql by embed.py. */', '#include "schema.h"', '',
             'const SchemaStep schema_steps[] = {']
    for number, path in enumerate(map(Path, sorted(steps)), 1):
        if int(path.name.split('-')[0]) != number:
            sys.exit(f'{path.name}: step {number} is missing')
        lines.append(f'  {{ "{path.stem}",')
        lines += map(literal, path.read_text().splitlines())
        lines.append('  },')
    lines += ['};', f'const guint schema_wanted = {len(steps)};', '']
    Path(output).write_text('\n'.join(lines))


main(*sys.argv[1:])
