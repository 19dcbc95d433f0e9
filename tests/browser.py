"""A real browser without a window: what a page looks like, and what it complains of."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

NAMES = ("chromium", "chromium-browser", "google-chrome")


def take_screenshot(page: Path, height: int = 4000) -> tuple[np.ndarray, str]:
    """Pixels of the page, [height, width, channels], and the browser's log; skips where there is none."""
    browser = next((found for name in NAMES if (found := shutil.which(name))), None)
    if browser is None:
        pytest.skip(f"no browser on the PATH: {', '.join(NAMES)}")
    picture = page.with_suffix(".png")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]
    options += [f"--user-data-dir={page.parent / 'profile'}", f"--window-size=1200,{height}"]
    log = subprocess.run(
        [browser, *options, "--enable-logging=stderr", f"--screenshot={picture}", page.resolve().as_uri()],
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    ).stderr
    return imread(picture), log


def complaints(log: str) -> list[str]:
    """Lines of the log in which the page, and not the machine, is at fault."""
    signs = ("CONSOLE", "Content Security Policy", "Refused to", "ERR_")
    return [line for line in log.splitlines() if any(sign in line for sign in signs)]
