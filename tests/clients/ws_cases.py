"""The Autobahn cases of kosoku against a server that echoes. Tells what came of each, as JSON.

The arguments behind host and port are kosoku's own: `-i CASE`, `-x CASE`, `-p PARALLELISM`.
"""

import json
import pathlib
import sys
import tempfile

from kosoku import _cli

host, port, *options = sys.argv[1:]
with tempfile.TemporaryDirectory() as folder:
    sys.argv = ["kosoku", *options, "-o", folder, f"{host}:{port}"]
    sys.stdout = sys.stderr
    try:
        _cli.main()
    except SystemExit as end:
        # 1 means that a case failed, of which the report tells.
        if end.code not in (0, 1, None):
            raise
    index = json.loads(pathlib.Path(folder, "index.json").read_text())
(cases,) = index.values()
verdicts = {name: [case["behavior"], case["behaviorClose"]] for name, case in cases.items()}
print(json.dumps(verdicts), file=sys.__stdout__)
