"""What the figures were measured on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

import psutil

PACKAGES = (
    "Django",
    "channels",
    "djangorestframework",
    "uvicorn",
    "uvloop",
    "websockets",
    "httptools",
    "msgspec",
    "picows",
)


def describe() -> dict[str, str]:
    """Return names and values: the processor, Python, the packages that matter."""
    load, _, _ = os.getloadavg()
    memory = psutil.virtual_memory().total / 2**30
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB",
        "load average before": f"{load:.1f}",
        "system": f"{platform.system()} {platform.release()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        **{name: version(name) for name in PACKAGES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.machine()
