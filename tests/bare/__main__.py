"""Run every command of the README and the documents on a bare Debian: `make test-bare`.

It needs root, debootstrap, and a mirror and an index that this machine can reach: the mirror and
apt's settings are those of this machine, proxies and certificates those of the environment. The
systems are folders that are gone afterwards, and what is started there ends with it.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from documented import REPOSITORY, blocks_for, steps

# What the README says a reader has.
PACKAGES = {
    "developer": ["python3", "git", "make"],
    "user": ["python3", "python3-venv", "make"],
}
SAME_HERE = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT")
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")
CERTIFICATES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
APT_SETTINGS = re.compile(r"Acquire::(https?|Retries|Check-\w+|Check-Valid-Until|Force\w+)\b")
IN_NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
ENTER = """
mount -t proc proc "$0/proc"
mount --rbind /dev "$0/dev"
exec chroot "$0" /bin/bash /root/script
"""


def main() -> None:
    if os.geteuid() or not shutil.which("debootstrap"):
        raise SystemExit("this needs root, and: apt-get install -y debootstrap")
    began = time.monotonic()
    with TemporaryDirectory(prefix="bare-") as folder:
        base = Path(folder, "base")
        say("making a bare system")
        make_system(base)
        for who in sys.argv[1:] or PACKAGES:
            system = Path(folder, who)
            subprocess.run(["cp", "-a", base, system], check=True)
            copy_checkout(system / "root" / "realtime_sync")
            say(f"what a {who} runs, with {', '.join(PACKAGES[who])}")
            run(system, script_for(who))
            shutil.rmtree(system)
    say(f"all commands ran, in {time.monotonic() - began:.0f} s")


def make_system(base: Path) -> None:
    suite, mirror = "stable", []
    wanted = ["--format", "$(ORIGIN) $(CODENAME) $(REPO_URI)", "Created-By: Packages"]
    for line in output("apt-get", "indextargets", *wanted).splitlines():
        origin, codename, address = line.split()
        if origin in ("Debian", "Ubuntu"):
            suite, mirror = codename, [address]
            break
    subprocess.run(
        ["debootstrap", "--variant=minbase", suite, base, *mirror],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    settings = output("apt-config", "dump", "--format", '%F "%v";%n', "Acquire").splitlines()
    ours = [line for line in settings if APT_SETTINGS.match(line) and not line.endswith(' "";')]
    (base / "etc/apt/apt.conf.d/99host").write_text("".join(f"{line}\n" for line in ours))
    shutil.copy("/etc/hosts", base / "etc/hosts")
    for name in CERTIFICATES:
        if os.environ.get(name):
            shutil.copy(os.environ[name], base / "etc" / f"{name}.pem")


def copy_checkout(to: Path) -> None:
    spec = importlib.util.spec_from_file_location("dist", REPOSITORY / "scripts" / "dist.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.copy_tree(to)


def script_for(who: str) -> str:
    packages = " ".join(PACKAGES[who])
    lines = [
        (Path(__file__).parent / "steps.sh").read_text(),
        "run system 'apt-get update' 0 ''",
        f"run system 'apt-get install -y --no-install-recommends {packages}' 0 ''",
        *(line for block in blocks_for(who) for line in steps(block)),
    ]
    return "\n".join(lines)


def run(system: Path, script: str) -> None:
    (system / "root/script").write_text(script)
    command = [*IN_NAMESPACES, "sh", "-ec", ENTER, system]
    if subprocess.run(command, env=environment(), cwd="/").returncode:
        raise SystemExit("test-bare: a command of the documents does not do what they say")


def environment() -> dict[str, str]:
    names = [*SAME_HERE, *PROXIES, *map(str.upper, PROXIES)]
    return {
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "DEBIAN_FRONTEND": "noninteractive",
        "OPENAI_API_KEY": "not used: nobody is asked",
        **{name: os.environ[name] for name in names if name in os.environ},
        **{name: f"/etc/{name}.pem" for name in CERTIFICATES if os.environ.get(name)},
    }


def output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def say(text: str) -> None:
    print(f"test-bare: {text}", flush=True)


if __name__ == "__main__":
    main()
