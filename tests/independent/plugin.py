"""Runs a plugin by Extism's own library, and prints what each call came to: its output in hexadecimal, or that it failed.

Reads a line of JSON from standard input: {"wasm": path, "config": {...}, "calls": [[function, input in hexadecimal], ...]}.
"""

import json
import sys

import extism

asked = json.loads(sys.stdin.readline())
with open(asked["wasm"], "rb") as file:
    manifest = {"wasm": [{"data": file.read()}], "config": asked["config"]}
plugin = extism.Plugin(manifest)
came = []
for function, given in asked["calls"]:
    try:
        came.append(bytes(plugin.call(function, bytes.fromhex(given))).hex())
    except extism.Error as error:
        came.append(f"failed: {'no' if 'no, thanks' in str(error) else 'trap'}")
print(json.dumps(came))
