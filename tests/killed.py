"""Programs that die at a chosen write, and how to start them."""

import sys

# the program, in which every replacement of a file but the first N is the last thing that happens
KILLED_AT_A_WRITE = """
import os, signal, sys
from molweight.cli import main
left, after = int(sys.argv.pop(1)), sys.argv.pop(1) == "after"
replace = os.replace
def deadly(source, target):
    global left
    left -= 1
    if left < 0 and not after:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
os.replace = deadly
main()
"""


RUN = "from molweight.cli import main; main()"


def program(*arguments: object, code: str = RUN) -> list[str]:
    return [sys.executable, "-c", code, *map(str, arguments)]
