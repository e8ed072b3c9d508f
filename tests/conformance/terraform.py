"""What Terraform's users write, applied to a lab by OpenTofu and its OpenStack provider:
`make conformance-terraform`. Needs root.

A plan that is made after something was applied must be empty: then each attribute came back as it
was given.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from polpo.lab.layout import Lab

HERE = Path(__file__).parent
PROGRAMS = HERE.parents[1] / "tools/terraform/programs"
CERTIFICATE = "req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=blue.example"
CHANGES = {"note": "second", "weight": "5", "allowed": "10.20.0.0/25"}
SETTINGS = """
provider_installation {{
  dev_overrides {{ "terraform-provider-openstack/openstack" = "{provider}" }}
  direct {{}}
}}
"""


class Tofu:
    """In a folder of its own, as the lab's tenant."""

    def __init__(self, program: str, provider: str, lab: Lab, folder: Path) -> None:
        self._program, self._folder = program, folder
        shutil.copy(HERE / "terraform" / "main.tf", folder)
        settings = folder / "tofurc"
        settings.write_text(SETTINGS.format(provider=provider))
        files = ("-keyout", "server.key", "-out", "server.crt")
        command = ["openssl", *CERTIFICATE.split(), *files]
        subprocess.run(command, cwd=folder, capture_output=True, check=True)
        self._environment = os.environ | {
            "TF_CLI_CONFIG_FILE": str(settings),
            "OS_CLIENT_CONFIG_FILE": str(lab.clouds),
            "OS_CLOUD": "polpo",
            "TF_VAR_external": "outside",
        }

    def run(self, *words: str, **variables: str) -> None:
        """CalledProcessError if it fails; its words go to standard output."""
        changed = {f"TF_VAR_{name}": value for name, value in variables.items()}
        print(f"tofu {' '.join(words)} {variables or ''}", flush=True)
        subprocess.run(
            [self._program, *words, "-no-color", "-input=false"],
            cwd=self._folder,
            env=self._environment | changed,
            check=True,
        )


def prove(tofu: Tofu) -> None:
    tofu.run("apply", "-auto-approve")
    tofu.run("plan", "-detailed-exitcode")
    tofu.run("apply", "-auto-approve", **CHANGES)
    tofu.run("plan", "-detailed-exitcode", **CHANGES)
    tofu.run("destroy", "-auto-approve", **CHANGES)


def main() -> int:
    found = subprocess.run([PROGRAMS], capture_output=True, text=True, check=True)
    program, provider = found.stdout.splitlines()
    with tempfile.TemporaryDirectory(prefix="pt-terraform-") as name:
        lab, folder = Lab(folder=Path(name) / "lab"), Path(name) / "plan"
        folder.mkdir()
        polpo = (sys.executable, "-m", "polpo.cli.main", "lab")
        where = ("--folder", str(lab.folder))
        subprocess.run([*polpo, "up", *where], check=True)
        try:
            prove(Tofu(program, provider, lab, folder))
        except subprocess.CalledProcessError as error:
            print(f"terraform: {error}", file=sys.stderr)
            return 1
        finally:
            subprocess.run([*polpo, "down", *where], check=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
