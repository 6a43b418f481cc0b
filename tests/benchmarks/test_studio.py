"""benchmarks/studio.py: people look, wait and order, and all is answered."""

import re
import subprocess
import sys


def test_a_few_people_are_answered_and_the_studio_is_whole_afterwards(root):
    script = str(root / "benchmarks/studio.py")
    flags = ["--people=4", "--orders=3", "--minutes=0.1", "--workers=1"]
    command = [sys.executable, script, *flags]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    (statuses,) = re.findall(r"statuses: \{(.*)\}; unanswered: 0", done.stdout)
    assert all(each.strip().startswith("2") for each in statuses.split(","))
    orders = re.search(r"order +(\d+)", done.stdout)
    assert int(orders[1]) > 5
    assert "0 broken of" in done.stdout
