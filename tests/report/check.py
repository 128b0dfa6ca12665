#!/usr/bin/env python3
"""Opens reports and pages of scans in headless Chromium: as a browser shows them, at two widths, light and dark.

usage: check.py PROGRAM [PICTURES]

PROGRAM makes accounts of different kinds. The page of each must not have any violation that axe-core (from
npm) finds, nor be wider than the window, nor make the browser complain, also under its own policy. PICTURES
is a folder for screenshots. Chromium is Debian's.
"""

import base64
import hashlib
import html
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
AXE = "axe-core/-/axe-core-4.14.1.tgz"
AXE_SHA512 = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
WIDTHS = (390, 1280)
# What Chromium calls the two values of `prefers-color-scheme`.
SCHEMES = {"light": 1, "dark": 0}
# Runs in the page, which is in a frame as wide as a phone or a screen.
RUN = """
addEventListener("load", async () => {
  const found = await axe.run(document, { resultTypes: ["violations"] });
  const told = found.violations.map((one) => ({ id: one.id, help: one.help, at: one.nodes.map((node) => node.target + "") }));
  const root = document.documentElement;
  parent.postMessage({ told, rules: found.passes.length, wide: root.scrollWidth, window: root.clientWidth,
    dark: matchMedia("(prefers-color-scheme: dark)").matches }, "*");
});
"""
FRAME = """<!doctype html><html lang="en"><title>wait</title><body style="margin:0">
<iframe src="{page}" width="{width}" height="2000" style="border:0"></iframe><pre id="found"></pre>
<script>addEventListener("message", (event) => {{ document.getElementById("found").textContent = JSON.stringify(event.data); }});</script>
"""


def main() -> None:
    program = Path(sys.argv[1]).resolve()
    pictures = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    chromium = installed_chromium()
    axe = axe_core()
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        for name, page in reports(program, Path(folder)).items():
            text = page.read_text()
            faults += [f"{name}: {line}" for line in complaints(chromium, page)]
            watched = page.with_suffix(".watched.html")
            watched.write_text(with_script(text, axe + RUN))
            for width in WIDTHS:
                for scheme in SCHEMES:
                    place = f"{name} at {width} px, {scheme}"
                    faults += [f"{place}: {fault}" for fault in look(chromium, watched, width, scheme)]
            if pictures:
                shoot(chromium, page, name, pictures)
    if faults:
        sys.exit("\n".join(faults))
    print(f"the reports are fine: {len(WIDTHS)} widths, {len(SCHEMES)} schemes")


def installed_chromium() -> str:
    if not shutil.which("chromium"):
        quietly = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-dejavu-core"]
        print("installing Debian's package `chromium`; this happens once and may take a few minutes", flush=True)
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(quietly, check=True, stdout=subprocess.DEVNULL)
    return "chromium"


def axe_core() -> str:
    with urllib.request.urlopen(f"https://registry.npmjs.org/{AXE}") as answer:
        archive = answer.read()
    digest = base64.b64encode(hashlib.sha512(archive).digest()).decode()
    if digest != AXE_SHA512:
        sys.exit(f"{AXE} has another digest: {digest}")
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        return files.extractfile("package/axe.min.js").read().decode()


def reports(program: Path, folder: Path) -> dict[str, Path]:
    """The pages of runs of all kinds: published, over budget, with every operation, with hostile names."""
    endpoint = (
        '{"ChannelType":"EMAIL","Address":"ada@example.com",'
        '"Attributes":{"Plan":["pro"],"Note":["ask bob@example.com"],"Remark":["or eve@example.com"]}}\n'
    )
    scrub = ["--set", 'fields."Attributes.Note"="keep"', "--set", 'fields."Attributes.Remark"="scrub"']
    hostile = folder / "in"
    hostile.mkdir()
    (hostile / '<img src=x onerror=alert(1)>&"\u202etxt.json').write_text(endpoint * 3 + "{\n")
    (hostile / ("long-" * 45 + ".json")).write_text(endpoint * 20)
    runs = {
        "newsletter": ("newsletter", []),
        "analytics": ("analytics", []),
        "crm": ("crm", []),
        "over-budget": ("newsletter", ["--set", "account.max_reject_ratio=0"]),
        "hostile-names": ("newsletter", ["--set", f"input.from=[{json.dumps(str(hostile))}]", *scrub]),
    }
    pages = {name: report(program, folder / name, *run) for name, run in runs.items()}
    for name, files in {"scan": "samples", "scan-of-hostile-names": hostile}.items():
        scan = [program, "scan", files, "--html", "--quiet"]
        page = folder / f"{name}.html"
        page.write_bytes(subprocess.run(scan, cwd=ROOT, capture_output=True, check=True).stdout)
        pages[name] = page
    return pages


def report(program: Path, to: Path, pipeline: str, arguments: list[str]) -> Path:
    outputs = (ROOT / f"pipelines/{pipeline}.toml").read_text().count("[[output]]")
    places = [f'output.{at}.to="{to}/out-{at}"' for at in range(outputs)]
    sets = [word for place in [f'account.to="{to}/account"', *places] for word in ("--set", place)]
    command = [program, "run", f"pipelines/{pipeline}.toml", "--quiet", *sets, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode not in (0, 3):
        sys.exit(f"{pipeline}: exit {done.returncode}: {done.stderr}")
    return to / "account/report.html"


def with_script(page: str, script: str) -> str:
    """The page with a script, and without the policy that forbids scripts."""
    page, count = re.subn(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    if count != 1 or "</head>" not in page:
        sys.exit("the page has no policy, or no head")
    return page.replace("</head>", f"<script>{script}</script></head>", 1)


def browse(chromium: str, arguments: list[str], page: Path) -> subprocess.CompletedProcess[str]:
    common = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--allow-file-access-from-files"]
    profile = page.with_suffix(".profile")
    command = [chromium, *common, f"--user-data-dir={profile}", *arguments, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def complaints(chromium: str, page: Path) -> list[str]:
    """What the browser says in its console about a page as it is."""
    said = browse(chromium, ["--enable-logging=stderr", "--dump-dom"], page).stderr
    return [line for line in said.splitlines() if "CONSOLE" in line]


def look(chromium: str, page: Path, width: int, scheme: str) -> list[str]:
    frame = page.with_name(f"{width}.html")
    frame.write_text(FRAME.format(page=page.name, width=width))
    arguments = [
        f"--window-size={max(WIDTHS) + 100},2200",
        f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}",
        "--virtual-time-budget=20000",
        "--dump-dom",
    ]
    dom = browse(chromium, arguments, frame).stdout
    found = re.search(r'<pre id="found">(.+?)</pre>', dom, re.DOTALL)
    if not found:
        return ["the page did not answer"]
    answer = json.loads(html.unescape(found.group(1)))
    faults = [f"{one['id']}: {one['help']}: {', '.join(one['at'][:3])}" for one in answer["told"]]
    if answer["rules"] < 10:
        faults.append("axe-core checked next to nothing")
    if answer["window"] != width or answer["wide"] > width:
        faults.append(f"it is {answer['wide']} px wide in a window of {answer['window']} px")
    if answer["dark"] != (scheme == "dark"):
        faults.append("the page has another scheme")
    return faults


def shoot(chromium: str, page: Path, name: str, pictures: Path) -> None:
    pictures.mkdir(parents=True, exist_ok=True)
    for width in WIDTHS:
        frame = page.with_name(f"picture-{width}.html")
        frame.write_text(f'<body style="margin:0"><iframe src="{page.name}" width="{width}" height="4000" style="border:0">')
        picture = (pictures / f"{name}-{width}.png").resolve()
        browse(chromium, [f"--window-size={max(width, 500)},4000", f"--screenshot={picture}"], frame)
    browse(chromium, [f"--print-to-pdf={(pictures / name).resolve()}.pdf", "--no-pdf-header-footer"], page)


if __name__ == "__main__":
    main()
