"""Ask OSV whether a library that is installed has a known weakness: `make audit`.

pip-audit, which takes the arguments, lists what is installed and asks about each. Where OSV cannot be reached, nothing
is asked, and that is said.
"""

from __future__ import annotations

import subprocess
import sys

import requests

OSV = "https://api.osv.dev/v1/query"
# A release with weaknesses that OSV lists: who does not know them knows none.
KNOWN = {"package": {"name": "jinja2", "ecosystem": "PyPI"}, "version": "2.4.1"}


def trouble_with(service: str) -> str | None:
    """Say why a service cannot be relied on, if it cannot."""
    try:
        answer = requests.post(service, json=KNOWN, timeout=15)
        answer.raise_for_status()
        return None if answer.json().get("vulns") else "it does not know a weakness that is known"
    except (requests.RequestException, ValueError) as error:  # also what is not JSON
        return type(error).__name__


def main(arguments: list[str], service: str = OSV) -> int:
    """Return 0 if nothing was found or nobody could be asked."""
    if trouble := trouble_with(service):
        print(f"audit skipped: {service} cannot be asked about weaknesses ({trouble})")
        return 0
    command = [sys.executable, "-m", "pip_audit", "--vulnerability-service=osv", f"--osv-url={service}"]
    return subprocess.run([*command, "--progress-spinner=off", "--skip-editable", *arguments]).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
