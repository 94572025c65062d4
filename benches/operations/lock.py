import json
import pathlib
import subprocess
import sys

from timer import point

SECONDS = 0.3
script = pathlib.Path(__file__).parent.parent / "lock" / "increment.py"
counts = json.loads(subprocess.check_output([sys.executable, "-B", str(script), str(point()), str(SECONDS)]))
print(SECONDS * 1e9 / sum(counts))
