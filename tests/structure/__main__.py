"""Print what the package has that it must not have; 1 if there is anything."""

import sys
from pathlib import Path

from tests.structure.package import circles, read


def main() -> int:
    """Look at the package beside the tests."""
    modules = read(Path(__file__).parents[2] / "partyrooms")
    findings = {
        "Import circles": [" <-> ".join(one) for one in circles(modules)],
        "Private names of other modules": [
            name for module in modules for name in module.foreign_private_names()
        ],
        "Modules over 300 lines": [
            text for module in modules for text in module.excess()
        ],
        "Functions over 45 lines": [
            text for module in modules for text in module.long_functions()
        ],
    }
    for what, found in findings.items():
        print(f"{what}: {len(found)}")  # noqa: T201
        for one in found:
            print(f"    {one}")  # noqa: T201
    return int(any(findings.values()))


if __name__ == "__main__":
    sys.exit(main())
