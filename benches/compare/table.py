"""Results as Markdown: a table for each input, and one for the goals."""

from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from engines import DIGESTS, FASTEST, Engine, segprep_title


@dataclass
class Series:
    """The runs of one engine over one input."""

    engine: Engine
    source: Path
    records: int
    costs: list = field(default_factory=list)

    @property
    def megabytes(self):
        return self.source.stat().st_size / 1e6

    def median(self, figure):
        return median(getattr(cost, figure) for cost in self.costs)

    @property
    def rate(self):
        """MB of input per second."""
        return self.megabytes / self.median("wall")


@dataclass(frozen=True)
class Result:
    """All series over one input."""

    shape: str
    form: str
    threads: int
    series: list

    def of(self, title):
        return next((one for one in self.series if one.engine.title == title), None)

    def segprep(self, digest, threads):
        return self.of(segprep_title(digest, threads))


def times(one, other):
    """How many times faster one series is than another."""
    return f"{one.rate / other.rate:.2f}" if one and other else "–"


def rows(header, lines):
    ruler = "|".join(["---", *["---:"] * (len(header) - 1)])
    body = ["| " + " | ".join(cells) + " |" for cells in lines]
    return ["| " + " | ".join(header) + " |", f"|{ruler}|", *body, ""]


def result_table(result):
    """Every engine over one input."""
    whole = max(result.series, key=lambda one: one.records)
    name = "NDJSON" if result.form == "ndjson" else "CSV"
    lines = [f"### {name}, `{result.shape}`: {whole.records:,} records, {whole.megabytes:,.0f} MB"]
    header = ["", "wall in s (least – most)", "MB/s", "MB per CPU-s", "peak in MiB"]
    header += [f"segprep with {digest} is … times as fast" for digest in DIGESTS.values()]
    cells = [series_cells(one, result) for one in result.series]
    lines += ["", *rows(header, cells)]
    partial = [one for one in result.series if one.records < whole.records]
    if partial:
        names = " and ".join(one.engine.title.split(",")[0] for one in partial)
        lines += [f"{names}: the first {partial[0].records:,} records.", ""]
    return lines


def series_cells(one, result):
    walls = [cost.wall for cost in one.costs]
    return [
        one.engine.title,
        f"{one.median('wall'):.2f} ({min(walls):.2f} – {max(walls):.2f})",
        f"{one.rate:,.0f}",
        f"{one.megabytes / one.median('cpu'):,.0f}",
        f"{one.median('peak') / 2**20:,.0f}",
        *(times(result.segprep(digest, result.threads), one) for digest in DIGESTS),
    ]


def goal_table(results):
    """segprep relative to the fastest other engine and to VRL, and all threads relative to one."""
    header = ["", "fastest other engine"]
    for digest in DIGESTS.values():
        header += [f"{digest}: × fastest", "× VRL", "× one thread"]
    lines = []
    for result in results:
        others = [one for one in result.series if one.engine.name in FASTEST]
        fastest = max(others, key=lambda one: one.rate, default=None)
        cells = [f"{result.form} `{result.shape}`", fastest.engine.title if fastest else "–"]
        for digest in DIGESTS:
            one = result.segprep(digest, result.threads)
            cells += [times(one, other) for other in (fastest, result.of("VRL"))]
            cells.append(times(one, result.segprep(digest, 1)))
        lines.append(cells)
    return ["### Compared with the fastest", "", *rows(header, lines)]
