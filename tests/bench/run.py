#!/usr/bin/env python3
"""How fast a night is closed and each of its bills becomes a table, and the same by DuckDB: by turns, on this machine.

    python3 tests/bench/run.py                                         one night of 1,000,000 orders, five pairs of runs
    python3 tests/bench/run.py --orders 1000000,5000000 --seeds 7,11   nights of two sizes, two of each
    python3 tests/bench/run.py --data ../night                         a night that is there already
    python3 tests/bench/run.py --orders 20000 --runs 1                 whether it all works, in half a minute

Builds the program, makes the nights once (in `bench` in the target folder, where the Python of the peer is, too), and
prints tables of Markdown. `--record NAME` also writes them into RESULTS.md, as its section NAME.

What is timed is the whole of a process, from its start to its exit, with its inputs in the page cache and its outputs
going to the disk; of a bill alone, from opening it to its table on the disk. Peak memory is what the system says of that
process (its maximum resident set).
"""

import argparse
import csv
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
REQUIREMENTS = ["duckdb==2.0.0"]
PROVIDERS = {
    # Format, where its file is, what the contract says.
    "wechat_pay": ("wechat_pay/trade_bill", "wechat_pay/*.csv", '{ percent = "0.60" }'),
    "alipay": ("alipay/trade_detail", "alipay/*.zip", '{ percent = "0.60" }'),
    "stripe": ("stripe/payout_reconciliation", "stripe/*.csv", '{ percent = "2.9", fixed = "0.30" }'),
    "adyen": ("adyen/settlement_detail", "adyen/**/*.csv", '{ percent = "1.1", fixed = "0.12" }'),
}


@dataclass
class Ran:
    """How a process went."""

    seconds: float
    cpu: float
    peak: float  # MB
    out: str
    err: str


def run(*command, folder=ROOT):
    """Runs a process to its end."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        # What an earlier run left for the disk is not this one's to wait for.
        os.sync()
        begin = time.perf_counter()
        process = subprocess.Popen([str(word) for word in command], stdout=out, stderr=err, cwd=folder)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        ran = Ran(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000, out.read(), err.read())
    if process.returncode:
        sys.exit(f"{' '.join(map(str, command))}: exit {process.returncode}\n{ran.err}")
    return ran


class Program:
    """The program, built, and the Python that runs the peer."""

    def __init__(self):
        subprocess.run(["cargo", "build", "--release"], cwd=ROOT, check=True)
        subprocess.run(["cargo", "bench", "--bench", "large", "--no-run"], cwd=ROOT, check=True)
        about = run("cargo", "metadata", "--format-version", "1", "--no-deps", "--offline").out
        target = Path(json.loads(about)["target_directory"])
        self.binary = target / "release" / "tieout"
        self.kept = target / "bench"
        self.python = self.kept / "python" / "bin" / "python"
        if not self.python.exists():
            subprocess.run([sys.executable, "-m", "venv", self.kept / "python"], check=True)
            subprocess.run([self.python, "-m", "pip", "install", "--quiet", *REQUIREMENTS], check=True)

    def asked(self, query):
        """The rows of a query to DuckDB."""
        ask = "import duckdb, json, sys; print(json.dumps(duckdb.sql(sys.argv[1]).fetchall(), default=str))"
        return json.loads(run(self.python, "-c", ask, query).out)


class Night:
    """A night of files, and the job that closes it."""

    def __init__(self, program, data, work):
        self.program, self.data, self.lake, self.out = program, data, work / "lake", work / "peer"
        self.job = work / "job.toml"
        (orders,) = (data / "merchant").glob("orders_*.csv")
        day = orders.stem.removeprefix("orders_")
        self.date = f"{day[:4]}-{day[4:6]}-{day[6:]}"
        self.job.write_text(self.job_text(), encoding="utf-8")
        for file in sorted(file for file in data.rglob("*") if file.is_file()):
            with open(file, "rb") as bytes_of_file:
                while bytes_of_file.read(1 << 24):
                    pass

    def bills(self):
        """The format and the file of each provider's bill."""
        return {name: (form, next(self.data.glob(f"provider/{pattern}"))) for name, (form, pattern, _) in PROVIDERS.items()}

    def job_text(self):
        source = lambda pattern: f"source = {{ files = {json.dumps(str(next(self.data.glob(pattern))))} }}\n"
        text = f'name = "bench"\nlake = {json.dumps(str(self.lake))}\ntimezone = "Asia/Shanghai"\n'
        for name, (form, pattern, fee) in PROVIDERS.items():
            # A bill that names its account is refused for another.
            said = run(self.program.binary, "formats", "recognise", next(self.data.glob(f"provider/{pattern}"))).out
            account = (re.findall(r", account (\S+)", said) or ["bench"])[0]
            text += f'[[provider]]\nname = "{name}"\naccount = "{account}"\nformat = "{form}"\n{source(f"provider/{pattern}")}'
            text += f'settles_in = "1 business day"\nfee = [{fee}]\n'
        for table in ["orders", "attempts", "refunds"]:
            text += f"[merchant.{table}]\n{source(f'merchant/{table}_*.csv')}"
        return text

    def close(self, threads, again=False, limit=None):
        """Closes it: in an empty lake, or once more where nothing has changed; in memory of that size, if given."""
        if not again:
            shutil.rmtree(self.lake, ignore_errors=True)
        more = [] if again else ["--timings"]
        more += ["--memory-limit", limit] if limit else []
        return run(self.program.binary, "run", self.job, "--date", self.date, "--quiet", "--threads", threads, *more)

    def close_with(self, peer, threads):
        """Closes it as the peer does."""
        shutil.rmtree(self.out, ignore_errors=True)
        return run(self.program.python, peer, self.data, self.out, "--threads", threads)

    def manifest(self):
        (path,) = (self.lake / "meta" / "nights" / self.date).glob("*.json")
        return json.loads(path.read_text(encoding="utf-8"))

    def planted(self):
        """How many breaks of each type its answer key holds."""
        answers = self.data / "answers.csv"
        if answers.exists():
            with open(answers, newline="", encoding="utf-8") as file:
                return Counter(row["break_type"] for row in csv.DictReader(file))
        query = f"SELECT break_type, count(*) FROM '{self.data}/truth.parquet' GROUP BY ALL"
        return Counter(dict(self.program.asked(query)))

    def found(self):
        """How many breaks of each type the lake holds."""
        query = f"SELECT break_type, count(*) FROM '{self.lake}/data/breaks/*/*.parquet' GROUP BY ALL"
        return Counter(dict(self.program.asked(query)))


def made(program, orders, seed):
    """The night of so many orders, made where it is not there yet."""
    data = program.kept / "data" / f"{orders}-{seed}"
    if not data.exists():
        making = data.with_suffix(".part")
        shutil.rmtree(making, ignore_errors=True)
        run(program.binary, "sample", making, "--orders", orders, "--nights", 1, "--seed", seed)
        making.rename(data)
    return data


def stages(ran):
    """Seconds by stage, as `--timings` tells them."""
    lines = re.findall(r"^ *(\S.*?) {2,}(\d+\.\d+) +\d+ +\d+\.\d+$", ran.err, re.MULTILINE)
    return {stage: float(seconds) for stage, seconds in lines}


def spread(values, digits=2):
    """The median, and the least and the most."""
    middle, least, most = statistics.median(values), min(values), max(values)
    return f"{middle:.{digits}f} ({least:.{digits}f}–{most:.{digits}f})"


def table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(str(cell) for cell in line) + " |\n" for line in lines) + "\n"


def against_the_peer(night, label, arguments, report):
    """Pairs of runs, ours and the peer's, first the one and then the other."""
    ours, theirs = [], []
    for pair in range(arguments.runs):
        turns = [(ours, lambda: night.close(arguments.threads)), (theirs, lambda: night.close_with(arguments.peer, arguments.threads))]
        for runs, turn in turns if pair % 2 == 0 else reversed(turns):
            runs.append(turn())
            print(".", end="", flush=True, file=sys.stderr)
    print(file=sys.stderr)
    inputs = night.manifest()["inputs"]
    lines, size = sum(file["lines"] for file in inputs), sum(file["bytes"] for file in inputs) / 1e6
    seconds = statistics.median(ran.seconds for ran in ours)
    said = json.loads(theirs[-1].out.splitlines()[-1])
    report["engines"].add(said["engine"])
    pairs = list(zip(ours, theirs))
    report["night"].append([
        label,
        spread([ran.seconds for ran in ours]),
        spread([ran.seconds for ran in theirs]),
        f"**{spread([their.seconds / our.seconds for our, their in pairs])}**",
        f"{statistics.median(ran.peak for ran in ours):.0f}",
        f"{statistics.median(ran.peak for ran in theirs):.0f}",
        f"**{spread([our.peak / their.peak for our, their in pairs])}**",
        f"{size / seconds:.0f}",
        f"{lines / seconds:,.0f}",
    ])
    timed = [stages(ran) for ran in ours]
    for stage in timed[0]:
        took = statistics.median(run[stage] for run in timed)
        report["stages"].append([label, stage, f"{took:.3f}", f"{size / took:.0f}", f"{lines / took:,.0f}"])
    planted, found, peers = night.planted(), night.found(), Counter(said["breaks"])
    for kind in sorted(planted | found | peers):
        report["breaks"].append([label, kind, planted[kind], found[kind], peers[kind]])
    report["wrong"] |= planted != found
    return seconds / lines * 1e6, statistics.median(ran.peak for ran in ours)


def bills_alone(night, label, arguments, report):
    """Each bill to a table of typed columns: pairs of runs, ours and the peer's by turns."""
    work = night.job.parent
    for name, (form, file) in night.bills().items():
        told = lambda *command: json.loads(run(*command, "--threads", arguments.threads).out.splitlines()[-1])
        ours = lambda: told("cargo", "bench", "--quiet", "--bench", "large", "--", "bill", file, form, work / "ours.parquet")
        theirs = lambda: told(night.program.python, HERE / "peer_bill.py", file, form, work / "peers.parquet")
        pairs = [(ours(), theirs()) if pair % 2 == 0 else (theirs(), ours())[::-1] for pair in range(arguments.runs)]
        report["wrong"] |= any(our["rows"] != their["rows"] for our, their in pairs)
        rates = [our["bytes"] / our["seconds"] / 1e6 for our, _ in pairs]
        report["bills"].append([
            label,
            name,
            f"{pairs[0][0]['bytes'] / 1e6:.0f}",
            spread([our["seconds"] for our, _ in pairs]),
            spread([their["seconds"] for _, their in pairs]),
            f"**{spread([their['seconds'] / our['seconds'] for our, their in pairs])}**",
            f"{statistics.median(our['peak'] for our, _ in pairs):.0f}",
            f"{statistics.median(their['peak'] for _, their in pairs):.0f}",
            f"{statistics.median(rates):.0f}",
        ])


def alone(night, label, arguments, report):
    """What needs no peer: a night again where nothing has changed, and one thread against two."""
    again = [night.close(arguments.threads, again=True).seconds for _ in range(arguments.runs)]
    pairs = [(night.close(1), night.close(2)) for _ in range(arguments.runs)]
    report["alone"].append([
        label,
        spread(again),
        spread([one.seconds for one, _ in pairs]),
        spread([two.seconds for _, two in pairs]),
        f"**{spread([one.seconds / two.seconds for one, two in pairs])}**",
    ])


def limited(night, label, arguments, report):
    """The night in less memory than it needs: pairs of runs, without the limit and with it, which publish the same bytes."""
    pairs = []
    for _ in range(arguments.runs):
        whole = night.close(arguments.threads)
        published = night.manifest()["outputs"]
        pairs.append((whole, night.close(arguments.threads, limit=arguments.memory_limit)))
        report["wrong"] |= night.manifest()["outputs"] != published
    report["limited"].append([
        label,
        arguments.memory_limit,
        spread([apart.peak for _, apart in pairs], 0),
        spread([apart.seconds for _, apart in pairs]),
        spread([apart.seconds / whole.seconds for whole, apart in pairs]),
    ])


def small_night(program, work, runs):
    """The night of `sample-data`, from start to exit."""
    small = work / "small"
    for folder in ["jobs", "sample-data"]:
        shutil.copytree(ROOT / folder, small / folder)
    ran = []
    for _ in range(runs):
        shutil.rmtree(small / "lake", ignore_errors=True)
        ran.append(run(program.binary, "run", "jobs/nightly.toml", "--date", "2026-11-17", "--quiet", folder=small))
    seconds, cpu, peak = ([getattr(one, name) for one in ran] for name in ["seconds", "cpu", "peak"])
    header = ["ms from start to exit", "ms of processor", "peak MB"]
    return table(header, [[spread([value * 1000 for value in seconds], 0), spread([value * 1000 for value in cpu], 0), spread(peak, 0)]])


def machine(engines):
    """What all this was measured on and with."""
    said = lambda *command: subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        names = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
        model = names[0] if names else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    changed = ", with changes" if said("git", "status", "--porcelain", "--untracked-files=no") else ""
    return (
        f"{model}, {os.cpu_count()} cores, {memory:.0f} GB; {platform.system()} {platform.release()}; "
        f"tieout {said('git', 'rev-parse', '--short', 'HEAD')}{changed}, {said('rustc', '--version')}, {', '.join(sorted(engines))}, "
        f"Python {platform.python_version()}; {time.strftime('%Y-%m-%d')}"
    )


def measured(arguments):
    """All tables, and whether a break was missed or made up."""
    program = Program()
    report = {"night": [], "stages": [], "breaks": [], "alone": [], "limited": [], "bills": [], "engines": set(), "wrong": False}
    growth = []
    with tempfile.TemporaryDirectory(dir=program.kept, prefix="work-") as work:
        work = Path(work)
        if arguments.data:
            nights = [(data.name, data.resolve()) for data in arguments.data]
        else:
            sizes = [(orders, seed) for orders in arguments.orders for seed in arguments.seeds]
            nights = [(f"{orders:,} orders, seed {seed}", made(program, orders, seed)) for orders, seed in sizes]
        for label, data in nights:
            print(label, end=" ", flush=True, file=sys.stderr)
            night = Night(program, data, work)
            cost, peak = against_the_peer(night, label, arguments, report)
            growth.append([label, f"{cost:.3f}", f"{cost / (growth[0][3] if growth else cost):.2f}", cost, f"{peak:.0f}"])
            alone(night, label, arguments, report)
            if arguments.memory_limit:
                limited(night, label, arguments, report)
            bills_alone(night, label, arguments, report)
        small = small_night(program, work, 4 * arguments.runs)
    text = f"{machine(report['engines'])}.\n\n"
    text += f"    python3 tests/bench/run.py {' '.join(shown(word) for word in sys.argv[1:])}".rstrip() + "\n\n"
    text += f"Median (least–most) of {arguments.runs} pairs of runs, ours and the peer's by turns, {arguments.threads} threads.\n\n"
    header = ["night", "seconds", "peer's", "times faster", "peak MB", "peer's", "of the peer's", "MB/s", "lines/s"]
    text += "### The whole night\n\n" + table(header, report["night"])
    text += "### Its stages\n\n" + table(["night", "stage", "seconds", "MB/s", "lines/s"], report["stages"])
    text += "### Growth\n\n" + table(["night", "µs a line", "to the first", "peak MB"], [[*row[:3], row[4]] for row in growth])
    header = ["night", "again, unchanged, s", "one thread, s", "two threads, s", "times faster with two"]
    text += "### Again, and with one thread\n\n" + table(header, report["alone"])
    if arguments.memory_limit:
        header = ["night", "limit", "peak MB", "seconds", "of the time without"]
        text += "### In less memory than it needs\n\n" + table(header, report["limited"])
    header = ["night", "bill", "MB", "seconds", "peer's", "times faster", "peak MB", "peer's", "MB/s"]
    text += "### A bill to a table\n\n" + table(header, report["bills"])
    text += "### The night of `sample-data`\n\n" + small
    text += "### Breaks\n\n" + table(["night", "break", "planted", "found", "by the peer"], report["breaks"])
    return text, report["wrong"]


def shown(word):
    """An argument as RESULTS.md shows it: a path without the folders above."""
    return Path(word).name if os.sep in word else word


def record(name, text):
    """Puts `text` where RESULTS.md keeps the section `name`, or at its end."""
    path = HERE / "RESULTS.md"
    results = path.read_text(encoding="utf-8")
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    if begin in results:
        head, rest = results.split(begin, 1)
        tail = rest.split(end, 1)[1]
    else:
        head, tail = f"{results.rstrip()}\n\n## {name}\n\n", ""
    path.write_text(f"{head}{begin}\n{text.rstrip()}\n\n{end}{tail}", encoding="utf-8")


def main():
    numbers = lambda text: [int(number) for number in text.split(",")]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=numbers, default=[1_000_000], help="sizes of the nights, with commas between")
    parser.add_argument("--seeds", type=numbers, default=[7], help="a night of each size for each of these")
    parser.add_argument("--runs", type=int, default=5, help="pairs of runs for each night")
    parser.add_argument("--threads", type=int, default=2, help="threads of either")
    parser.add_argument("--memory-limit", metavar="SIZE", help="close each night in so much memory, too")
    parser.add_argument("--data", type=Path, nargs="+", help="folders with a night each, instead of making some")
    parser.add_argument("--peer", type=Path, default=HERE / "peer_duckdb.py", help="a script that takes DATA OUT --threads COUNT")
    parser.add_argument("--record", metavar="NAME", help="the section of RESULTS.md to write")
    arguments = parser.parse_args()
    arguments.peer = arguments.peer.resolve()
    text, wrong = measured(arguments)
    print(text)
    if arguments.record:
        record(arguments.record, text)
    if wrong:
        sys.exit("the breaks found are not those planted, or a bill lost rows")


if __name__ == "__main__":
    main()
